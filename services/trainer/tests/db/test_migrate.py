from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from trainer.db.engine import connect
from trainer.db.migrate import migrate
from trainer.db.tables import metadata


def test_the_migrations_lead_to_the_declared_tables(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path}/trainer.db")
    migrate(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
