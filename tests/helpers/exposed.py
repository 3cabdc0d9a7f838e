"""What is exposed and what is documented, in one form."""

import re
from collections.abc import Iterable
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"
PREFIX = "mlplatform_"

_ROW = re.compile(r"^\| `(mlplatform_\w+)` \| (\w+) \| ([\w, ]*) ?\| (.+) \|$", re.MULTILINE)

Described = dict[str, tuple[str, frozenset[str]]]
"""The type and the labels of each metric; counters under the name that their samples have."""


def documented() -> Described:
    """What docs/metrics.md lists."""
    rows = _ROW.findall(DOCUMENT.read_text())
    return {name: (kind, frozenset(re.findall(r"\w+", labels))) for name, kind, labels, _ in rows}


def exposed(texts: Iterable[str]) -> Described:
    """What the platform's own metrics are in what processes expose."""
    found: Described = {}
    for text in texts:
        for family in text_string_to_metric_families(text):
            if family.name.startswith(PREFIX) and family.samples:
                name = f"{family.name}_total" if family.type == "counter" else family.name
                labels = frozenset(name for sample in family.samples for name in sample.labels) - {"le"}
                found[name] = (family.type, labels)
    return found
