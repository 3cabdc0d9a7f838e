"""Versions that are known to be bad, and when each may be tried again."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from mlplatform.errors import ArtifactRejected
from mlplatform.serving.backoff import Backoff, Pause

_FIRST_SECONDS = 60.0
_LONGEST_SECONDS = 3600.0
_MOST = 100


@dataclass(frozen=True)
class _Refusal:
    kind: type[ArtifactRejected]
    detail: str
    pause: Pause


class Refusals:
    """Each time a version is refused it is left alone for twice as long, give or take, up to an hour."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._backoff = Backoff(_FIRST_SECONDS, _LONGEST_SECONDS, now)
        self._refusals: dict[str, _Refusal] = {}

    def __len__(self) -> int:
        return len(self._refusals)

    def note(self, version: str, error: ArtifactRejected) -> None:
        """A version was refused."""
        before = self._refusals.pop(version, None)
        # Not the error itself: its traceback holds the version's bytes, and grows each time it is raised.
        self._refusals[version] = _Refusal(
            type(error), str(error), self._backoff.after(before.pause if before else None)
        )
        if len(self._refusals) > _MOST:
            del self._refusals[next(iter(self._refusals))]

    def forget(self, version: str) -> None:
        """A version proved good after all."""
        self._refusals.pop(version, None)

    def check(self, version: str) -> None:
        """Let a version be tried.

        Raises:
            ArtifactRejected: as it was refused before, and it is not time yet.
        """
        refusal = self._refusals.get(version)
        if refusal and self._backoff.left(refusal.pause):
            raise refusal.kind(refusal.detail)

    def told(self) -> dict[str, dict[str, object]]:
        """All of them, for the health endpoint."""
        return {
            version: {
                "reason": refusal.kind.reason,
                "detail": refusal.detail,
                "attempts": refusal.pause.attempts,
                "again_in_seconds": round(self._backoff.left(refusal.pause), 1),
            }
            for version, refusal in self._refusals.items()
        }
