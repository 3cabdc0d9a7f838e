"""What Prometheus and Alertmanager are told is valid, and every alert fires when it should and only then."""

import re
from pathlib import Path

from tests.alerts.cases import CASES
from tests.alerts.trial import alerts, by_name, failures
from tests.helpers.promtool import ROOT, RULES, check

MONITORING = ROOT / "monitoring"


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
    said = failures(({alert: rules} for alert, rules in by_name().items()), tmp_path)
    assert not said, said


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
        assert rule["annotations"]["summary"].removesuffix("{{ end }}").endswith(".")
