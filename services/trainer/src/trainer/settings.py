"""Settings of the trainer's processes: API, worker, beat, migration."""

from pathlib import Path

from mlplatform.settings import HttpSettings


class TrainerSettings(HttpSettings):
    """What the trainer can be told, beyond what every service can."""

    database_url: str = "sqlite:///trainer.db"
    """SQLAlchemy URL of the database that holds the jobs."""

    redis_url: str = "redis://127.0.0.1:6379/0"
    """URL of the broker."""

    data_dir: Path = Path("data")
    """Where the raw datasets and their checksums lie."""

    processed_dir: Path = Path("data/processed")
    """Where train and hold-out sets are written."""

    beat_schedule: Path = Path("beat-schedule")
    """File in which beat remembers when it last ran what."""

    code_revision: str = "unknown"
    """The commit that an image was built from; kept with what it trains."""

    heartbeat_file: Path | None = None
    """File that the worker and beat touch while they do their work, for a health check to look at."""
