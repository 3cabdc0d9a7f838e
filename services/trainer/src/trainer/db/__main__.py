"""`python -m trainer.db` migrates the database of the settings."""

from mlplatform.settings import load_settings
from mlplatform.telemetry.logging import configure_logging
from trainer.db.engine import connect
from trainer.db.migrate import migrate
from trainer.settings import TrainerSettings


def main() -> None:
    """Migrate, then end."""
    settings = load_settings(TrainerSettings)
    configure_logging("trainer-migration", settings.log_format, settings.log_level)
    migrate(connect(settings.database_url, is_patient=True))


if __name__ == "__main__":
    main()
