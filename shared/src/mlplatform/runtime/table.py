"""The versions that are loaded, by number."""

from collections import OrderedDict
from collections.abc import Collection

from mlplatform.runtime.slot import PINNED, LiveModel


class VersionTable:
    """Those that have a role stay. The others go, the one least recently asked for first, where there are more than
    `most` or their files have more than `most_bytes`. Whoever holds a model that goes may finish with it.
    """

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._loaded: OrderedDict[str, LiveModel] = OrderedDict()
        self._staying: Collection[str] = ()

    @property
    def versions(self) -> list[str]:
        """Which are loaded, by number."""
        return sorted(self._loaded, key=int)

    @property
    def size(self) -> int:
        """The bytes of all their files."""
        return sum(live.size for live in self._loaded.values())

    def get(self, version: str) -> LiveModel | None:
        """A loaded version as whoever names it gets it; none if it is not loaded."""
        live = self._loaded.get(version)
        if live is not None:
            self._loaded.move_to_end(version)
        return live

    def add(self, live: LiveModel) -> LiveModel:
        """Take a version in, and return it as `get` will."""
        pinned = self._loaded[live.version] = live.as_variant(PINNED)
        self._loaded.move_to_end(live.version)
        self._let_go(live.version)
        return pinned

    def keep(self, versions: Collection[str]) -> None:
        """Which have a role from now on."""
        self._staying = versions
        self._let_go()

    def _let_go(self, newest: str | None = None) -> None:
        for version in [version for version in self._loaded if version != newest and version not in self._staying]:
            if len(self._loaded) <= self._most and self.size <= self._most_bytes:
                return
            del self._loaded[version]
