"""Makes the dashboards' JSON: `python -m monitoring.grafana`."""

import json
from pathlib import Path
from typing import Any

from monitoring.grafana.panels import ANNOTATIONS, DASHBOARDS, Panel

FOLDER = Path(__file__).parent / "dashboards"

_DATASOURCE = {"type": "prometheus", "uid": "prometheus"}
_COLUMNS = 24
_HEIGHTS = {"stat": 5}
_HEIGHT = 8


def dashboard(name: str) -> dict[str, Any]:
    """As Grafana takes it."""
    title, panels = DASHBOARDS[name]
    return {
        "uid": f"mlplatform-{name}",
        "title": title,
        "tags": ["ml-platform"],
        "schemaVersion": 41,
        "editable": False,
        "refresh": "10s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "utc",
        "links": [{"type": "dashboards", "tags": ["ml-platform"], "title": "Dashboards", "asDropdown": False}],
        "annotations": {"list": [_annotation(*annotation) for annotation in ANNOTATIONS.items()]},
        "panels": _placed(panels),
    }


def as_text(name: str) -> str:
    return json.dumps(dashboard(name), indent=1) + "\n"


def _annotation(name: str, query: tuple[str, str, str]) -> dict[str, Any]:
    expression, text, colour = query
    return {
        "name": name,
        "datasource": _DATASOURCE,
        "enable": True,
        "expr": expression,
        "step": "30s",
        "titleFormat": name,
        "textFormat": text,
        "iconColor": colour,
    }


def _placed(panels: tuple[Panel, ...]) -> list[dict[str, Any]]:
    """From left to right, row by row."""
    placed: list[dict[str, Any]] = []
    x = y = height = 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > _COLUMNS:
            x, y, height = 0, y + height, 0
        own_height = _HEIGHTS.get(panel.kind, _HEIGHT)
        placed.append(_panel(number, panel, {"x": x, "y": y, "w": panel.width, "h": own_height}))
        x, height = x + panel.width, max(height, own_height)
    return placed


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    targets = [
        {"refId": chr(ord("A") + index), "datasource": _DATASOURCE, "expr": expression, "legendFormat": legend}
        for index, (expression, legend) in enumerate(panel.queries)
    ]
    if panel.kind == "heatmap":
        targets = [{**target, "format": "heatmap"} for target in targets]
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": _DATASOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": targets,
    }


if __name__ == "__main__":
    for dashboard_name in DASHBOARDS:
        (FOLDER / f"{dashboard_name}.json").write_text(as_text(dashboard_name))
