"""Grafana takes the dashboards and what is provisioned, as far as can be told without one.

Each dashboard goes through the types that Grafana publishes for the version that is run: what they do not know is lost
on the way. Every expression is parsed by Prometheus's own tool.
"""

import json
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from monitoring.grafana.__main__ import FOLDER, dashboard
from monitoring.grafana.panels import ANNOTATIONS, DASHBOARDS
from tests.helpers.exposed import documented
from tests.helpers.expressions import of_dashboards, of_rules, of_runbooks
from tests.helpers.promtool import ROOT, check

GRAFANA = ROOT / "monitoring" / "grafana"
VARIABLES = {"__rate_interval"}  # Grafana's own; the dashboards declare none
OF_TARGETS = {"job", "instance"}
# Fields of an annotation that the Prometheus datasource reads, and the dashboard's types leave to it.
OF_THE_DATASOURCE = {"step", "titleFormat", "textFormat"}

dashboards = pytest.mark.parametrize("name", DASHBOARDS)


def compose(service: str) -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"][service])


def provisioned(file: str) -> dict[str, Any]:
    return dict(yaml.safe_load((GRAFANA / "provisioning" / file).read_text()))


def lost(before: object, after: object, where: str = "") -> Iterator[str]:
    """What of the first is not in the second."""
    if isinstance(before, dict):
        inside = after if isinstance(after, dict) else {}
        for key, value in before.items():
            yield from lost(value, inside[key], f"{where}/{key}") if key in inside else [f"{where}/{key}"]
    elif isinstance(before, list):
        inside_list = after if isinstance(after, list) else []
        for index, value in enumerate(before):
            yield from lost(value, inside_list[index] if index < len(inside_list) else None, f"{where}/{index}")
    elif before != after:
        yield where


def test_the_types_are_of_the_grafana_that_is_run() -> None:
    assert compose("grafana")["image"].split(":")[1] == version("grafana-foundation-sdk").split("!")[1]


@dashboards
def test_grafanas_own_types_know_everything_in_a_dashboard(name: str) -> None:
    register_default_plugins()
    written = json.loads((FOLDER / f"{name}.json").read_text())
    read = json.loads(JSONEncoder().encode(Dashboard.from_json(written)))
    unknown = [place for place in lost(written, read) if place.rsplit("/")[-1] not in OF_THE_DATASOURCE]
    assert unknown == []


def test_what_grafanas_types_do_not_know_would_be_seen() -> None:
    register_default_plugins()
    wrong = dashboard("overview")
    wrong["panels"][0]["targets"][0]["expression"] = wrong["panels"][0]["targets"][0].pop("expr")
    wrong["refreshes"] = "10s"
    read = json.loads(JSONEncoder().encode(Dashboard.from_json(wrong)))
    assert {"/panels/0/targets/0/expression", "/refreshes"} <= set(lost(wrong, read))


def test_every_expression_parses(tmp_path: Path) -> None:
    """Those of the runbooks, too."""
    expressions = (*of_dashboards(), *of_runbooks())
    rules = [{"record": f"expression:{index}", "expr": expression} for index, (_, expression) in enumerate(expressions)]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "expressions", "rules": rules}]}))
    is_good, said = check("promtool", "check", "rules", "--lint=none", "rules.yml", folder=tmp_path)
    assert is_good, said


@dashboards
def test_every_variable_is_one_of_grafanas_own(name: str) -> None:
    assert set(re.findall(r"\$\{?(\w+)", (FOLDER / f"{name}.json").read_text())) <= VARIABLES


@pytest.mark.parametrize(
    ("expression", "legend"),
    [
        *(query for _, panels in DASHBOARDS.values() for panel in panels for query in panel.queries),
        *((expression, text) for expression, text, _ in ANNOTATIONS.values()),
    ],
)
def test_a_legend_names_only_labels_that_its_series_have(expression: str, legend: str) -> None:
    assert set(re.findall(r"{{(\w+)}}", legend)) <= labels_of(expression)


def labels_of(expression: str) -> set[str]:
    """The labels that are left; those that a recording rule leaves, if it reads one."""
    for name, recorded in of_rules():
        expression = expression.replace(name, recorded) if ":" in name else expression
    kept = [set(re.findall(r"\w+", names)) for names in re.findall(r"\bby \(([^)]*)\)", expression)]
    if kept:
        return set.union(*kept)
    named = [labels for name, (_, labels) in documented().items() if name in expression]
    return OF_TARGETS.union(*named)


def test_the_datasource_has_the_fields_that_grafana_reads() -> None:
    file = provisioned("datasources/prometheus.yml")
    (source,) = file["datasources"]
    assert file.keys() == {"apiVersion", "datasources"}
    assert source.keys() <= {"name", "uid", "type", "access", "url", "isDefault", "editable", "jsonData", "orgId"}
    assert source["url"] == "http://prometheus:9090"
    assert "operations" in set(compose("grafana")["networks"]) & set(compose("prometheus")["networks"])
    prometheus = yaml.safe_load((ROOT / "monitoring/prometheus/prometheus.yml").read_text())
    assert source["jsonData"] == {"timeInterval": prometheus["global"]["scrape_interval"]}


def test_the_dashboards_are_looked_for_where_they_are_mounted() -> None:
    file = provisioned("dashboards/platform.yml")
    (provider,) = file["providers"]
    assert file.keys() == {"apiVersion", "providers"}
    assert provider.keys() <= {"name", "folder", "type", "allowUiUpdates", "disableDeletion", "options", "orgId"}
    mounted = dict(volume.split(":")[:2] for volume in compose("grafana")["volumes"])
    assert mounted["./monitoring/grafana/dashboards"] == provider["options"]["path"]
    assert mounted["./monitoring/grafana/provisioning"] == "/etc/grafana/provisioning"
    home = compose("grafana")["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{provider['options']['path']}/overview.json"
