"""How full the disk is that a process writes to."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector


class DiskCollector(Collector):
    """Looked up when Prometheus asks; a folder that is not there yet stands for the one it will be made in."""

    def __init__(self, volume: str, folder: Path) -> None:
        self._volume = volume
        self._folder = folder.absolute()

    def collect(self) -> Iterable[Metric]:
        usage = shutil.disk_usage(next(place for place in (self._folder, *self._folder.parents) if place.exists()))
        for name, documentation, value in (
            ("mlplatform_disk_free_bytes", "Free on the disk of a volume.", usage.free),
            ("mlplatform_disk_size_bytes", "Size of the disk of a volume.", usage.total),
        ):
            family = GaugeMetricFamily(name, documentation, labels=["volume"])
            family.add_metric([self._volume], value)
            yield family
