"""The composition root of the beat: it keeps time and publishes. Exactly one runs."""

from mlplatform.settings import load_settings
from mlplatform.telemetry.exposition import Exposition
from mlplatform.telemetry.logging import configure_logging
from mlplatform.telemetry.metrics import process_registry
from mlplatform.telemetry.processes import BeatMetrics
from trainer.settings import TrainerSettings
from trainer.tasks import KEEP_UP, create_celery, show_beat_life
from trainer.watching import watch_beat


def main() -> None:
    """Publish what is due, until told to stop."""
    settings = load_settings(TrainerSettings)
    configure_logging("trainer-beat", settings.log_format, settings.log_level)
    if settings.heartbeat_file:
        show_beat_life(settings.heartbeat_file)
    collectors = process_registry()
    watch_beat(BeatMetrics(collectors, [KEEP_UP]))
    Exposition(collectors, settings.host, settings.port)
    create_celery(settings).Beat(quiet=True).run()


if __name__ == "__main__":
    main()
