"""Each process of the trainer at its worst moment: before it has a log."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

MODULES = ["trainer.api", "trainer.worker", "trainer.beat", "trainer.db"]


def end_of(module: str, **environment: str) -> tuple[int, list[dict[str, Any]]]:
    ended = subprocess.run(
        [sys.executable, "-m", "mlplatform.process", module],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stderr == ""
    return ended.returncode, [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.mark.parametrize("module", MODULES)
def test_a_library_that_cannot_be_imported_is_one_line(module: str, tmp_path: Path) -> None:
    for library in ("celery", "sqlalchemy"):
        (tmp_path / f"{library}.py").write_text("raise ImportError('the disk is bad')")
    status, (line,) = end_of(module, PYTHONPATH=str(tmp_path))
    assert (status, line["level"]) == (1, "critical")
    assert "ImportError: the disk is bad" in line["exception"]


@pytest.mark.parametrize("module", MODULES)
def test_each_setting_that_is_wrong_is_one_line(module: str) -> None:
    status, lines = end_of(module, MLPLATFORM_PORT="none", MLPLATFORM_LOG_LEVEL="LOUD")
    assert status == 2
    assert {line["level"] for line in lines} == {"critical"}
    named = sorted(line["event"].split("=")[0] for line in lines)
    assert named == ["bad configuration: MLPLATFORM_LOG_LEVEL", "bad configuration: MLPLATFORM_PORT"]


def test_a_migration_without_its_database_is_one_line_with_the_service(tmp_path: Path) -> None:
    status, (line,) = end_of("trainer.db", MLPLATFORM_DATABASE_URL=f"sqlite:///{tmp_path}/nowhere/trainer.db")
    assert (status, line["level"], line["service"]) == (1, "critical", "trainer-migration")
    assert "unable to open database file" in line["exception"]
