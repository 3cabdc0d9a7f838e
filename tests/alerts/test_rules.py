"""What Prometheus and Alertmanager are told is valid, and every alert fires when it should and only then."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.alerts.cases import CASES, Case, Series
from tests.helpers.promtool import ROOT, RULES, check

MONITORING = ROOT / "monitoring"
RECORDED = ["traffic", "comparison", "errors", "slow"]


def alerts() -> Iterator[dict[str, Any]]:
    for file in RULES.glob("*.yml"):
        for group in yaml.safe_load(file.read_text())["groups"]:
            yield from (rule for rule in group["rules"] if "alert" in rule)


def test_prometheus_takes_its_configuration(tmp_path: Path) -> None:
    """Its rules are checked below: where they lie in the container is not where they lie here."""
    (tmp_path / "prometheus.yml").write_text((MONITORING / "prometheus" / "prometheus.yml").read_text())
    is_good, said = check("promtool", "check", "config", "--syntax-only", "prometheus.yml", folder=tmp_path)
    assert is_good, said


def test_prometheus_takes_its_rules() -> None:
    names = sorted(path.name for path in RULES.glob("*.yml"))
    is_good, said = check("promtool", "check", "rules", "--lint=all", "--lint-fatal", *names, folder=RULES)
    assert is_good, said


def test_alertmanager_takes_its_configuration() -> None:
    is_good, said = check("amtool", "check-config", "alertmanager.yml", folder=MONITORING / "alertmanager")
    assert is_good, said


def test_every_alert_has_a_case() -> None:
    assert {case.alert for case in CASES} == {rule["alert"] for rule in alerts()}


def test_every_alert_fires_at_its_bound_is_silent_just_below_and_without_traffic_and_resolves(tmp_path: Path) -> None:
    for rules in RULES.glob("*.yml"):
        (tmp_path / rules.name).write_text(rules.read_text())
    by_interval = defaultdict(list)
    for case in CASES:
        by_interval[case.interval].append(case)
    files = []
    for interval, cases in by_interval.items():
        files.append(f"cases-{interval}.yml")
        (tmp_path / files[-1]).write_text(yaml.safe_dump(as_promtool_takes_it(interval, cases)))
    is_good, said = check("promtool", "test", "rules", *files, folder=tmp_path)
    assert is_good, said


def as_promtool_takes_it(interval: str, cases: list[Case]) -> dict[str, Any]:
    tests = [test for case in cases for test in cases_of(case)]
    files = sorted(RULES.glob("*.yml"))
    groups = [group["name"] for file in files for group in yaml.safe_load(file.read_text())["groups"]]
    return {
        "rule_files": [file.name for file in files],
        # Alerts see what was recorded at the same moment.
        "group_eval_order": [*RECORDED, *(name for name in groups if name not in RECORDED)],
        "evaluation_interval": interval,
        "tests": tests,
    }


def cases_of(case: Case) -> Iterator[dict[str, Any]]:
    fired = {case.at: case.count}
    yield one_test(case, "fires", case.fires, {**fired, **({case.before: 0} if case.before else {})})
    yield one_test(
        case, "without data", {}, {case.at: case.count if case.without_data else 0}, at_least=case.without_data
    )
    for why, series in case.silent.items():
        yield one_test(case, why, series, {case.at: 0})
    if case.resolves:
        yield one_test(case, "resolves", case.resolves, {case.over: 0})


def one_test(
    case: Case, name: str, series: Series, firing: dict[str, int], *, at_least: bool = False
) -> dict[str, Any]:
    """How many alerts of the name fire at each moment."""
    alerts = f'count(ALERTS{{alertname="{case.alert}",alertstate="firing"}}) or vector(0)'
    expression = f"({alerts}) >= bool 1" if at_least else alerts
    return {
        "name": f"{case.alert}: {name}",
        "interval": case.interval,
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": expression,
                "eval_time": at,
                "exp_samples": [{"labels": "{}", "value": min(count, 1) if at_least else count}],
            }
            for at, count in firing.items()
        ],
    }


def test_every_alert_has_a_runbook_with_commands_and_a_way_to_mend() -> None:
    runbooks = (ROOT / "docs" / "runbooks.md").read_text()
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^#|\Z)", runbooks, re.MULTILINE | re.DOTALL))
    assert sections.keys() == {rule["alert"] for rule in alerts()}
    for name, text in sections.items():
        (commands,) = re.findall(r"```\n(.*?)```", text, re.DOTALL)
        assert len(commands.strip().splitlines()) == 3, f"{name}: the first three commands"
        meaning, mending = text.split(f"```\n{commands}```")
        assert len(meaning.split()) >= 8, name
        assert len(mending.split()) >= 8, name


def test_every_alert_says_how_urgent_it_is_and_leads_to_its_runbook() -> None:
    for rule in alerts():
        assert rule["labels"]["severity"] in {"page", "ticket", "none"}, rule["alert"]
        assert rule["annotations"]["runbook"] == f"docs/runbooks.md#{rule['alert'].lower()}"
        assert rule["annotations"]["summary"].endswith(".")
