"""The dashboards are what their source says, and such that Grafana takes them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring.grafana.__main__ import FOLDER, as_text
from monitoring.grafana.panels import DASHBOARDS, Panel

GRAFANA = Path(__file__).parents[2] / "monitoring" / "grafana"
KINDS = {"timeseries", "stat", "heatmap"}

dashboards = pytest.mark.parametrize("name", DASHBOARDS)


def loaded(name: str) -> dict[str, Any]:
    return dict(json.loads((FOLDER / f"{name}.json").read_text()))


@dashboards
def test_a_dashboard_is_what_its_source_says(name: str) -> None:
    assert (FOLDER / f"{name}.json").read_text() == as_text(name), "run: python -m monitoring.grafana"


def test_there_are_no_others() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(DASHBOARDS)
    assert len({loaded(name)["uid"] for name in DASHBOARDS}) == len(DASHBOARDS)


@dashboards
def test_everything_reads_the_one_datasource_that_is_provisioned(name: str) -> None:
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())["datasources"]
    dashboard = loaded(name)
    readers = [*dashboard["panels"], *(target for panel in dashboard["panels"] for target in panel["targets"])]
    for reader in [*readers, *dashboard["annotations"]["list"]]:
        assert reader["datasource"] == {"type": source["type"], "uid": source["uid"]}


@dashboards
def test_panels_have_a_title_a_unit_queries_with_legends_and_a_place_of_their_own(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    panels = loaded(name)["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["type"] in KINDS
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert [target["refId"] for target in panel["targets"]] == [*"ABCDE"][: len(panel["targets"])]
        assert all(target["expr"] and target["legendFormat"] for target in panel["targets"])
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells


PANELS = [panel for _, panels in DASHBOARDS.values() for panel in panels]
OTHER_UNITS = {
    "Processor": "seconds in a second are cores",
    "Redis: commands and clients": "two small numbers side by side, named in the legend",
}


def fits(unit: str, expression: str) -> bool:
    """Whether what an expression makes can have the unit, as far as the names of its metrics tell."""
    per_second = unit.endswith("ps")
    is_rate = bool(re.fullmatch(r"[^/]*\brate\([^/]*|[a-z_:]+:rate5m", expression)) and "quantile" not in expression
    is_bytes = bool(re.search(r"_bytes\b", expression)) and "/" not in expression
    return ("_seconds" in expression, is_rate, is_bytes) == (unit == "s", per_second, unit == "bytes")


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.title)
def test_whatever_is_in_a_panel_has_its_unit(panel: Panel) -> None:
    wrong = [expression for expression, _ in panel.queries if not fits(panel.unit, expression)]
    assert bool(wrong) is (panel.title in OTHER_UNITS), wrong


@dashboards
def test_promotions_and_starts_are_marked(name: str) -> None:
    assert len(loaded(name)["annotations"]["list"]) == 2


def test_nobody_gets_in_without_a_password_of_their_own() -> None:
    compose = yaml.safe_load((GRAFANA.parents[1] / "docker-compose.yml").read_text())
    environment = compose["services"]["grafana"]["environment"]
    assert environment["GF_SECURITY_ADMIN_PASSWORD__FILE"].startswith("/run/secrets/")
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == environment["GF_USERS_ALLOW_SIGN_UP"] == "false"
    assert "GF_SECURITY_ADMIN_PASSWORD" not in environment
