import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from mlplatform.contracts import HOUSING, IRIS, Contract
from mlplatform.telemetry.answers import AnswerTally


@pytest.fixture
def loaded() -> set[str]:
    """The versions that are in memory."""
    return {"1", "2"}


class Counted:
    """A tally of a contract's answers and what it exposes."""

    def __init__(self, contract: Contract, clients: tuple[str, ...] = ()) -> None:
        self.time = 0.0
        self._model = contract.model
        self._registry = CollectorRegistry()
        self.tally = AnswerTally(
            contract.model,
            labels=contract.labels,
            bounds=contract.scale,
            features=contract.feature_names,
            clients=clients,
            now=lambda: self.time,
        )
        self._registry.register(self.tally)

    def value(self, name: str, **labels: str) -> float | None:
        return self._registry.get_sample_value(f"mlplatform_{name}", {"model": self._model, **labels})

    def versions(self) -> set[str]:
        """Those that any series names."""
        samples = [sample for family in self._registry.collect() for sample in family.samples]
        return {sample.labels["version"] for sample in samples if "version" in sample.labels}

    def of(self, name: str, version: str, **labels: str) -> float | None:
        return self.value(name, version=version, variant="champion", **labels)


def test_a_version_begins_at_zero_before_it_has_answered() -> None:
    iris = Counted(IRIS, clients=("shop",))
    iris.tally.expect("1", "champion")
    assert iris.of("predictions_total", "1") == 0
    assert iris.of("prediction_failures_total", "1") == 0
    assert iris.of("prediction_confidence_ratio_count", "1") == 0
    assert {iris.of("predicted_classes_total", "1", **{"class": label}) for label in IRIS.labels} == {0}
    assert {iris.value("client_predictions_total", client=client) for client in ("shop", "other")} == {0}
    assert {iris.value("prediction_warnings_total", feature=name) for name in IRIS.feature_names} == {0}


def test_rows_are_counted_by_the_version_that_answered() -> None:
    housing = Counted(HOUSING)
    housing.tally.note("1", "champion", [2.0], None, [], None)
    housing.tally.note("2", "champion", np.array([1.0, 2.0, 3.0]), None, [], None)
    assert (housing.of("predictions_total", "1"), housing.of("predictions_total", "2")) == (1, 3)


def test_a_value_belongs_to_the_least_bound_that_holds_it_alone_or_among_many() -> None:
    housing = Counted(HOUSING)
    housing.tally.note("1", "champion", [0.5], None, [], None)
    housing.tally.note("1", "champion", np.array([0.5, 0.6, 9.0]), None, [], None)
    counts = {bound: housing.of("prediction_value_bucket", "1", le=bound) for bound in ("0.5", "1.0", "5.0", "+Inf")}
    assert counts == {"0.5": 2, "1.0": 3, "5.0": 3, "+Inf": 4}
    assert housing.of("prediction_value_sum", "1") == pytest.approx(10.6)


def test_classes_and_how_sure_of_them_it_was_are_counted() -> None:
    iris = Counted(IRIS)
    iris.tally.note("1", "champion", ["setosa"], [[0.97, 0.02, 0.01]], [], None)
    labels = np.array(["setosa", "virginica"], dtype=object)
    iris.tally.note("1", "champion", labels, np.array([[0.6, 0.3, 0.1], [0.2, 0.3, 0.5]]), [], None)
    classes = {label: iris.of("predicted_classes_total", "1", **{"class": label}) for label in IRIS.labels}
    assert classes == {"setosa": 2, "versicolor": 0, "virginica": 1}
    assert iris.of("prediction_confidence_ratio_sum", "1") == pytest.approx(2.07)
    assert iris.of("prediction_confidence_ratio_bucket", "1", le="0.5") == 1


def test_clients_are_counted_by_name_only_if_they_are_configured() -> None:
    housing = Counted(HOUSING, clients=("shop",))
    for client in (b"shop", b"somebody", b"x" * 500, None):
        housing.tally.note("1", "champion", np.array([1.0, 2.0]), None, [], client)
    counts = {client: housing.value("client_predictions_total", client=client) for client in ("shop", "other")}
    assert counts == {"shop": 2, "other": 6}


def test_warnings_are_counted_by_feature() -> None:
    housing = Counted(HOUSING)
    housing.tally.note("1", "champion", [2.0], None, [{"field": "MedInc"}, {"field": "Latitude"}], None)
    assert housing.value("prediction_warnings_total", feature="MedInc") == 1
    assert housing.value("prediction_warnings_total", feature="Longitude") == 0


def test_an_unloaded_version_is_told_of_for_ten_minutes(loaded: set[str]) -> None:
    housing = Counted(HOUSING)
    housing.tally.watch_loaded(lambda: loaded)
    for version in ("1", "2"):
        housing.tally.note(version, "champion", [2.0], None, [], None)
    loaded.remove("1")
    housing.time = 5000.0  # nobody has asked for long: the last of it was not seen yet
    assert housing.of("predictions_total", "1") == 1
    housing.time += 599.0
    assert housing.versions() == {"1", "2"}
    housing.time += 1.0
    assert housing.versions() == {"2"}


def test_a_version_that_is_loaded_again_in_time_goes_on_as_before(loaded: set[str]) -> None:
    housing = Counted(HOUSING)
    housing.tally.watch_loaded(lambda: loaded)
    housing.tally.note("1", "champion", [2.0], None, [], None)
    loaded.remove("1")
    assert housing.versions() == {"1"}
    housing.time += 599.0
    loaded.add("1")
    assert housing.versions() == {"1"}
    housing.time += 599.0
    loaded.remove("1")
    housing.tally.note("1", "champion", [2.0], None, [], None)
    assert housing.of("predictions_total", "1") == 2


def test_many_promotions_leave_few_series_and_take_nothing_from_what_was_predicted_in_all(loaded: set[str]) -> None:
    housing = Counted(HOUSING)
    housing.tally.watch_loaded(lambda: loaded)
    for promoted in range(1, 51):
        loaded.clear()
        loaded.add(str(promoted))
        housing.tally.note(str(promoted), "champion", np.array([1.0, 2.0]), None, [], None)
        assert len(housing.versions()) <= 3
        assert housing.value("client_predictions_total", client="other") == 2 * promoted
        housing.time += 300.0
