from pathlib import Path

from mlplatform.telemetry.metrics import ReadingsCollector
from trainer.db.engine import connect
from trainer.db.statistics import FIGURES, of_server


def test_a_database_that_is_a_file_has_none(tmp_path: Path) -> None:
    """What Postgres answers is seen where there is one: tests/containers."""
    with connect(f"sqlite:///{tmp_path}/trainer.db").connect() as connection:
        assert of_server(connection) == {}


def test_figures_have_names_of_their_own() -> None:
    assert len({family.name for family in ReadingsCollector(FIGURES, dict).describe()}) == len(FIGURES)
