"""The cases of alerts as promtool takes them: a file with the rules of one alert, and one with what they must do."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from tests.alerts.case import Case, Series
from tests.alerts.cases import CASES
from tests.helpers.promtool import RULES, check

Rule = dict[str, Any]
Variants = Mapping[str, list[Rule]]
"""The rules of an alert by the name under which they are tried: its own, or that of one with a fault."""

_RECORDED = re.compile(r"\b[a-z]+:[a-z_]+:[a-z0-9_]+\b")


def rules() -> Iterator[Rule]:
    for file in sorted(RULES.glob("*.yml")):
        for group in yaml.safe_load(file.read_text())["groups"]:
            yield from group["rules"]


def alerts() -> Iterator[Rule]:
    return (rule for rule in rules() if "alert" in rule)


def by_name() -> dict[str, list[Rule]]:
    """The rules of each alert."""
    ordered = sorted(alerts(), key=lambda rule: str(rule["alert"]))
    return {name: list(group) for name, group in groupby(ordered, lambda rule: str(rule["alert"]))}


def failures(tried: Iterable[Variants], folder: Path, labels: Collection[str] = ()) -> str:
    """What promtool says of expectations that are not met, with the name of the variant in each; nothing if all are.
    What fires counts only with a value for each of the labels.
    """
    files = [_written(variants, folder, labels) for variants in tried]
    is_good, said = check("promtool", "test", "rules", *files, folder=folder)
    return "" if is_good else said


def _written(variants: Variants, folder: Path, labels: Collection[str]) -> str:
    alert = next(iter(variants))
    expressions = " ".join(rule["expr"] for rules_of in variants.values() for rule in rules_of)
    used = set(_RECORDED.findall(expressions))
    recorded = [rule for rule in rules() if rule.get("record") in used]
    tried = [{**rule, "alert": name} for name, rules_of in variants.items() for rule in rules_of]
    groups = [{"name": "recorded", "rules": recorded}, {"name": "tried", "rules": tried}]
    (folder / f"{alert}-rules.yml").write_text(
        yaml.safe_dump({"groups": [group for group in groups if group["rules"]]})
    )
    (case,) = [case for case in CASES if case.alert == alert]
    tests = {
        "rule_files": [f"{alert}-rules.yml"],
        "group_eval_order": ["recorded", "tried"] if recorded else ["tried"],  # alerts see what was just recorded
        "evaluation_interval": case.interval,
        "tests": list(_tests(case, {name: _count(name, labels) for name in variants})),
    }
    (folder / f"{alert}.yml").write_text(yaml.safe_dump(tests))
    return f"{alert}.yml"


def _tests(case: Case, counts: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    fired = {case.at: case.count}
    yield _test(case, counts, "fires", case.fires, {**fired, **({case.before: 0} if case.before else {})})
    if case.without_data:
        yield _test(case, counts, "without data", {}, fired, at_least=True)
    else:
        yield _test(case, counts, "without data", {}, {case.at: 0})
    for what, series in case.also.items():
        yield _test(case, counts, what, series, fired)
    for why, series in case.silent.items():
        yield _test(case, counts, why, series, {case.at: 0})
    if case.resolves:
        yield _test(case, counts, "resolves", case.resolves, {case.over: 0})


def _test(
    case: Case,
    counts: Mapping[str, str],
    what: str,
    series: Series,
    firing: Mapping[str, int],
    *,
    at_least: bool = False,
) -> dict[str, Any]:
    """How many alerts of each name fire at each moment."""
    return {
        "name": f"{case.alert}: {what}",
        "interval": case.interval,
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f"({count}) >= bool 1" if at_least else count,
                "eval_time": at,
                "exp_samples": [{"labels": "{}", "value": min(number, 1) if at_least else number}],
            }
            for count in counts.values()
            for at, number in firing.items()
        ],
    }


def _count(name: str, labels: Collection[str]) -> str:
    present = "".join(f',{label}!=""' for label in sorted(labels))
    return f'count(ALERTS{{alertname="{name}",alertstate="firing"{present}}}) or vector(0)'
