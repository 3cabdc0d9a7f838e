"""Settings of the trainer's processes: API, worker, beat, migration."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from mlplatform.settings import HttpSettings

WorkerQueue = Literal["training", "upkeep"]

SOFT_SHUTDOWN_SECONDS = 5.0
"""So long a worker that has to stop waits for what it is at, before it hands that back."""


class TrainerSettings(HttpSettings):
    """What the trainer can be told, beyond what every service can."""

    database_url: str = "sqlite:///trainer.db"
    """SQLAlchemy URL of the database that holds the jobs."""

    redis_url: str = "redis://127.0.0.1:6379/0"
    """URL of the broker."""

    predictor_urls: Mapping[str, str] = {}
    """Where the predictors of each model are: a URL whose host may stand for several replicas."""

    data_dir: Path = Path("data")
    """Where the raw datasets and their checksums lie."""

    processed_dir: Path = Path("data/processed")
    """Where train and hold-out sets are written."""

    queue: WorkerQueue = "training"
    """What a worker does: it trains, or it does the short tasks that never wait behind a training."""

    soft_limit_seconds: float = Field(default=30 * 60, gt=0)
    """After this time a training is told to end."""

    hard_limit_seconds: float = Field(default=31 * 60, gt=0)
    """After this time it is ended."""

    visibility_timeout_seconds: float = Field(default=2 * 60 * 60, gt=0)
    """After this time the broker hands a message out again that nobody has acknowledged."""

    beat_schedule: Path = Path("beat-schedule")
    """File in which beat remembers when it last ran what."""

    code_revision: str = "unknown"
    """The commit that an image was built from; kept with what it trains."""

    heartbeat_file: Path | None = None
    """File that the worker and beat touch while they do their work, for a health check to look at."""

    @model_validator(mode="after")
    def _limits_fit(self) -> Self:
        """A task that is still running at the visibility timeout would be delivered again, and run twice."""
        longest = self.hard_limit_seconds + SOFT_SHUTDOWN_SECONDS
        if not (self.soft_limit_seconds < self.hard_limit_seconds and longest < self.visibility_timeout_seconds):
            raise ValueError(
                f"soft limit {self.soft_limit_seconds:g} s, hard limit {self.hard_limit_seconds:g} s and visibility "
                f"timeout {self.visibility_timeout_seconds:g} s have to rise in this order, the last by more than the "
                f"{SOFT_SHUTDOWN_SECONDS:g} s that a worker may take to stop"
            )
        return self
