"""Every PromQL expression of rules, dashboards and runbooks, and the metrics that they name."""

import re
from collections.abc import Iterator

import yaml

from monitoring.grafana.panels import ANNOTATIONS, DASHBOARDS
from tests.helpers.promtool import ROOT, RULES

RUNBOOKS = ROOT / "docs" / "runbooks.md"

_METRIC = re.compile(r"\b(?:mlplatform|process|python|redis|nginx|prometheus|alertmanager)_[a-z0-9_]+")
_SELECTOR = re.compile(rf"(?:{_METRIC.pattern}|\b[a-z]+:[a-z_]+:[a-z0-9_]+|\bup\b)(?:\{{[^}}]*\}})?")
_OF_HISTOGRAMS = re.compile(r"_(bucket|sum|count)$")


def of_rules() -> Iterator[tuple[str, str]]:
    """The name and the expression of each."""
    for file in sorted(RULES.glob("*.yml")):
        for group in yaml.safe_load(file.read_text())["groups"]:
            for rule in group["rules"]:
                yield rule.get("record") or rule["alert"], rule["expr"]


def of_dashboards() -> Iterator[tuple[str, str]]:
    """The panel and the expression of each, with an interval as Grafana would choose it."""
    for title, panels in DASHBOARDS.values():
        for panel in panels:
            for expression, _ in panel.queries:
                yield f"{title} / {panel.title}", expression.replace("$__rate_interval", "1m")
    for name, (expression, _, _) in ANNOTATIONS.items():
        yield f"annotation / {name}", expression


def of_runbooks() -> Iterator[tuple[str, str]]:
    """The section and the expression of each command that asks Prometheus."""
    for section in re.split(r"^### ", RUNBOOKS.read_text(), flags=re.MULTILINE)[1:]:
        for expression in re.findall(r"--data-urlencode 'query=([^']+)'", section):
            yield f"runbook / {section.split()[0]}", expression


def metrics_in(expression: str) -> set[str]:
    """Under the names that docs/metrics.md has for ours."""
    found = set(_METRIC.findall(expression))
    return {_OF_HISTOGRAMS.sub("", name) if name.startswith("mlplatform_") else name for name in found}


def selectors_in(expression: str) -> set[str]:
    """What is looked up: names of series with the labels that they must have."""
    return set(_SELECTOR.findall(expression))
