from pathlib import Path

import pytest

from tests.load.options import ROOT, parse

SCENARIOS = ("single", "bulk")


@pytest.fixture(autouse=True)
def _nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROUNDS", "SECONDS", "SCENARIOS", "BENCH_DIR"):
        monkeypatch.delenv(name, raising=False)


def test_by_default_everything_runs_five_times() -> None:
    options = parse([], SCENARIOS)
    assert (options.rounds, options.seconds, options.scenarios) == (5, 3, SCENARIOS)
    assert options.folder == ROOT / ".local" / "bench"


def test_the_environment_chooses_and_a_flag_beats_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ROUNDS", "7")
    monkeypatch.setenv("SCENARIOS", "bulk")
    monkeypatch.setenv("BENCH_DIR", str(tmp_path))
    options = parse(["--rounds", "2"], SCENARIOS)
    assert (options.rounds, options.scenarios, options.folder) == (2, ("bulk",), tmp_path)
    assert options.is_quick


@pytest.mark.parametrize("wrong", [["--scenarios", "none"], ["--rounds", "0"], ["--seconds", "x"]])
def test_what_makes_no_sense_is_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit):
        parse(wrong, SCENARIOS)
