"""The cases notice whatever is missing in a rule: each fault that can be made mechanically makes one of them fail."""

from pathlib import Path

import pytest
import yaml

from tests.alerts.mutants import mutants
from tests.alerts.trial import Rule, Variants, by_name, failures
from tests.helpers.promtool import RULES


def _alerts_in(file: Path) -> set[str]:
    groups = yaml.safe_load(file.read_text())["groups"]
    return {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}


def _with_faults(alert: str, rules: list[Rule]) -> tuple[Variants, dict[str, str]]:
    """The alert beside those with one fault each; and what is wrong with each, by its name."""
    variants, faults = {alert: rules}, {}
    for place, rule in enumerate(rules):
        for fault, faulty in mutants(rule):
            name = f"{alert}_{len(variants)}"
            variants[name] = [*rules[:place], faulty, *rules[place + 1 :]]
            faults[name] = f"{alert} {fault}"
    return variants, faults


WITH_ALERTS = [file for file in sorted(RULES.glob("*.yml")) if _alerts_in(file)]


@pytest.mark.parametrize("file", WITH_ALERTS, ids=lambda file: file.stem)
def test_a_rule_without_a_condition_or_its_patience_or_with_another_bound_fails_a_case(
    file: Path, tmp_path: Path
) -> None:
    rules = by_name()
    tried = [_with_faults(alert, rules[alert]) for alert in sorted(_alerts_in(file))]
    faults = {name: fault for _, those in tried for name, fault in those.items()}
    said = failures([variants for variants, _ in tried], tmp_path)
    assert "SUCCESS" in said or "FAILED" in said, said
    assert [fault for name, fault in faults.items() if f'alertname=\\"{name}\\"' not in said] == []


def test_conditions_are_found_wherever_they_are_and_bounds_are_halved_and_doubled() -> None:
    rule = {
        "expr": 'f(a > 4 or b{c="x or y"} unless d, "e and f") and on (m) absent(g > time() - 60)',
        "for": "1m",
        "keep_firing_for": "2m",
    }
    assert [fault for fault, _ in mutants(rule)] == [
        'without f(a > 4 or b{c="x or y"} unless d, "e and f")',
        "without absent(g > time() - 60)",
        "without a > 4",
        'without b{c="x or y"}',
        "without d",
        "2 for 4",
        "8 for 4",
        "30 for 60",
        "120 for 60",
        "without patience",
        "over at once",
        "over early",
    ]
    assert [faulty["expr"] for _, faulty in mutants(rule)][:3] == [
        " absent(g > time() - 60)",
        'f(a > 4 or b{c="x or y"} unless d, "e and f") ',
        'f( b{c="x or y"} unless d, "e and f") and on (m) absent(g > time() - 60)',
    ]
