from shared.tests.conftest import regression_onnx

from mlplatform.contracts import HOUSING
from mlplatform.runtime import LiveModel, OnnxModel, TrainingRange, VersionTable

MODEL = OnnxModel(HOUSING, regression_onnx())


def table(*versions: str, most: int = 10, most_bytes: int = 1_000) -> VersionTable:
    table = VersionTable(most, most_bytes)
    for version in versions:
        add(table, version)
    return table


def add(table: VersionTable, version: str, size: int = 10) -> None:
    table.add(LiveModel(version, MODEL, TrainingRange((), (), ()), size=size))


def test_a_version_is_found_by_its_number_and_is_then_pinned() -> None:
    live = table("9", "10").get("10")
    assert live is not None
    assert (live.version, live.variant) == ("10", "pinned")
    assert table("9").get("10") is None


def test_the_one_least_recently_asked_for_goes_first() -> None:
    versions = table("1", "2", "3", most=3)
    versions.get("1")
    add(versions, "4")
    assert versions.versions == ["1", "3", "4"]


def test_those_with_a_role_stay_even_if_there_are_too_many() -> None:
    versions = table("1", "2", "3", most=3)
    versions.keep({"1", "2", "3"})
    add(versions, "4")
    assert versions.versions == ["1", "2", "3", "4"]
    add(versions, "5")
    assert versions.versions == ["1", "2", "3", "5"]


def test_their_bytes_are_bounded_too() -> None:
    versions = table("1", "2", "3", most_bytes=100)
    add(versions, "4", size=85)
    assert versions.versions == ["3", "4"]
    assert versions.size == 95


def test_without_a_role_the_surplus_goes_at_once() -> None:
    versions = table("1", "2", "3", most=2)
    versions.keep({"1", "2", "3"})
    versions.keep({"3"})
    assert versions.versions == ["2", "3"]
