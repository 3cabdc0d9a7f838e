"""A cause hushes what follows from it, and nothing else."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest
import yaml

from tests.alerts.trial import by_name, failures
from tests.helpers.promtool import ROOT

_MATCHER = re.compile(r'(\w+) (=~|=) "?([^"]+)"?')

Labels = Mapping[str, str]


class Inhibition(NamedTuple):
    """A rule of Alertmanager's; matchers are patterns by label."""

    sources: Labels
    targets: Labels
    equal: frozenset[str]

    def hushes(self, target: Labels, source: Labels) -> bool:
        alike = all(source.get(label, "") == target.get(label, "") for label in self.equal)
        return alike and _matches(self.sources, source) and _matches(self.targets, target)


def _matches(patterns: Labels, labels: Labels) -> bool:
    return all(re.fullmatch(pattern, labels.get(name, "")) for name, pattern in patterns.items())


def _inhibitions() -> Iterator[Inhibition]:
    config = yaml.safe_load((ROOT / "monitoring" / "alertmanager" / "alertmanager.yml").read_text())
    for rule in config["inhibit_rules"]:
        yield Inhibition(
            _patterns(rule["source_matchers"]), _patterns(rule["target_matchers"]), frozenset(rule.get("equal", ()))
        )


def _patterns(matchers: list[str]) -> Labels:
    found: dict[str, Any] = {}
    for matcher in matchers:
        parts = _MATCHER.fullmatch(matcher)
        assert parts, matcher
        found[parts[1]] = parts[3] if parts[2] == "=~" else re.escape(parts[3])
    return found


INHIBITIONS = list(_inhibitions())


@pytest.mark.parametrize("inhibition", INHIBITIONS, ids=lambda rule: f"{rule.sources['alertname']}")
def test_both_sides_name_alerts_that_there_are(inhibition: Inhibition) -> None:
    for patterns in (inhibition.sources, inhibition.targets):
        for part in _alternatives(patterns["alertname"]):
            assert [name for name in by_name() if re.fullmatch(part, name)], part


def _alternatives(pattern: str) -> list[str]:
    """The parts of a pattern on its outermost level."""
    return re.split(r"\|(?![^()]*\))", pattern)


def test_whatever_is_compared_or_asked_for_is_a_label_of_the_alerts(tmp_path_factory: pytest.TempPathFactory) -> None:
    """With labels that neither side has, everything is alike; with one that one side has, nothing ever is."""
    rules = by_name()
    wanted: dict[str, set[str]] = {}
    for inhibition in INHIBITIONS:
        for patterns in (inhibition.sources, inhibition.targets):
            labels = {*patterns, *inhibition.equal} - {"alertname"}
            for name in rules:
                if labels and re.fullmatch(patterns["alertname"], name):
                    wanted.setdefault(name, set()).update(labels)
    assert wanted["ReplicaDown"] == {"job", "model"}
    said = [failures([{name: rules[name]}], tmp_path_factory.mktemp(name), labels) for name, labels in wanted.items()]
    assert "".join(said) == ""


GATEWAY_DOWN = {"alertname": "GatewayDown"}
IRIS_DOWN = {"alertname": "PredictorDown", "model": "iris"}
IRIS_NOT_TAKEN_UP = {"alertname": "RoleNotTakenUp", "model": "iris", "role": "challenger"}
REGISTRY_GONE = {"alertname": "RegistryUnreachable", "model": "iris"}


def alert(name: str, **labels: str) -> Labels:
    return {"alertname": name, **labels}


@pytest.mark.parametrize(
    ("source", "target", "is_hushed"),
    [
        (GATEWAY_DOWN, alert("AvailabilityBudgetBurns", model="iris"), True),
        (GATEWAY_DOWN, alert("LatencyBudgetBurns", model="housing"), True),
        (GATEWAY_DOWN, alert("ReplicaDown", job="gateway"), True),
        (GATEWAY_DOWN, alert("ReplicaDown", job="iris-predictor", model="iris"), False),
        (GATEWAY_DOWN, IRIS_DOWN, False),
        (IRIS_DOWN, alert("AvailabilityBudgetBurns", model="iris"), True),
        (IRIS_DOWN, alert("AvailabilityBudgetBurns", model="housing"), False),
        (IRIS_DOWN, alert("LatencyBudgetBurns", model="housing"), False),
        (IRIS_DOWN, alert("TrafficStopped", model="housing"), False),
        (IRIS_DOWN, alert("ReplicaDown", job="iris-predictor", model="iris"), True),
        (IRIS_DOWN, alert("ReplicaDown", job="housing-predictor", model="housing"), False),
        (IRIS_DOWN, alert("ReplicaDown", job="gateway"), False),
        (IRIS_DOWN, alert("PredictorWithoutModel", model="iris"), True),
        (alert("AvailabilityBudgetBurns", model="iris"), alert("AvailabilityBudgetLeaks", model="iris"), True),
        (alert("AvailabilityBudgetBurns", model="iris"), alert("AvailabilityBudgetLeaks", model="housing"), False),
        (alert("AvailabilityBudgetBurns", model="iris"), alert("LatencyBudgetLeaks", model="iris"), False),
        (IRIS_NOT_TAKEN_UP, alert("ChallengerFallsBack", model="iris", reason="not_loaded"), True),
        (IRIS_NOT_TAKEN_UP, alert("ChallengerFallsBack", model="iris", reason="failed"), False),
        ({**IRIS_NOT_TAKEN_UP, "role": "previous"}, alert("ChallengerFallsBack", model="iris"), False),
        (REGISTRY_GONE, alert("RegistryKnowledgeOld", model="iris"), True),
        (REGISTRY_GONE, alert("RegistryKnowledgeOld", model="housing"), False),
        (REGISTRY_GONE, alert("RegistryFails", job="iris-predictor", model="iris"), True),
        (REGISTRY_GONE, alert("RegistryFails", job="housing-predictor", model="housing"), False),
        (REGISTRY_GONE, alert("RegistryFails", job="trainer-worker"), True),
        (alert("WorkerGone"), alert("UpkeepStale"), False),
        (alert("WorkerGone"), alert("JobsWaitTooLong", model="iris"), True),
        (alert("BeatGone"), alert("UpkeepStale"), True),
        (alert("TrainerDown"), alert("UpkeepStale"), True),
        (alert("RedisDown"), alert("WorkerGone"), True),
        (alert("RedisDown"), alert("ScrapeFails", job="redis"), False),
        (alert("DatabaseUnreachable"), alert("UpkeepStale"), True),
    ],
    ids=lambda value: " ".join(value.values()) if isinstance(value, dict) else str(value),
)
def test_a_cause_hushes_what_follows_from_it_and_nothing_else(
    source: Labels, target: Labels, *, is_hushed: bool
) -> None:
    assert any(inhibition.hushes(target, source) for inhibition in INHIBITIONS) is is_hushed
