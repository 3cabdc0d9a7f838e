"""The predictors of a model, asked one by one what they do: for people, and for whoever judges a ramp."""

import socket
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Protocol

import httpx
from pydantic import BaseModel, Field, ValidationError

from mlplatform.registry.evidence import Evidence
from mlplatform.registry.manifest import CHAMPION
from mlplatform.registry.traffic import Traffic

_STEP_SECONDS = 1.0
_SECONDS = 2.0
_AT_ONCE = 16


class Replica(BaseModel):
    """One predictor, as its `/health` tells; `trouble` is why it does not, if so."""

    address: str
    version: str | None = Field(default=None, description="The version that answers as champion.")
    wanted: dict[str, str] = Field(default={}, description="By alias, as far as the replica knows.")
    loaded: list[str] = []
    refused: dict[str, Any] = Field(default={}, description="Versions that it found bad, and why.")
    evidence: Evidence | None = None
    trouble: str | None = None

    def actual(self) -> dict[str, str]:
        """The versions that it has, by role."""
        roles = {role: version for role, version in self.wanted.items() if version in self.loaded}
        return {**roles, **({CHAMPION: self.version} if self.version else {})}

    def silence(self, traffic: Traffic) -> str | None:
        """Why it does not tell yet of a challenger under a traffic, if so."""
        if self.trouble:
            return self.trouble
        if traffic.challenger not in self.loaded:
            return f"version {traffic.challenger} is not loaded"
        if self.evidence is None or self.evidence.mark != traffic.mark:
            return "it follows other traffic"
        return None


class Replicas(Protocol):
    """Where the predictors of a model can be asked."""

    def of(self, model: str) -> list[Replica]:
        """All of them, in the order of their addresses; takes seconds at most, and never fails."""
        ...


class HttpReplicas:
    """Every address that a host name stands for, asked at once; to be closed after use.

    Args:
        urls: the URL of each model's predictors.
    """

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = urls
        self._client = httpx.Client(timeout=_STEP_SECONDS, trust_env=False)

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def of(self, model: str) -> list[Replica]:
        if model not in self._urls:
            return []
        url = httpx.URL(self._urls[model])
        pool = ThreadPoolExecutor(_AT_ONCE)
        try:
            found = pool.submit(_hosts, url).result(_SECONDS)
            asked = {host: pool.submit(self._ask, url.copy_with(host=host, path="/health")) for host in found}
            wait(asked.values(), _SECONDS)
            return [_answer(url.copy_with(host=host), future) for host, future in asked.items()]
        except (OSError, TimeoutError):  # a name that stands for nobody
            return []
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, url: httpx.URL) -> Any:  # noqa: ANN401 # JSON, to be validated
        return self._client.get(url).json()  # with 503, too, it tells what it has


def _hosts(url: httpx.URL) -> list[str]:
    found = socket.getaddrinfo(url.host, url.port or 80, type=socket.SOCK_STREAM)
    return sorted({str(address[0]) for *_, address in found})


def _answer(url: httpx.URL, future: "Future[Any]") -> Replica:
    address = url.netloc.decode()
    try:
        return Replica.model_validate({**future.result(0), "address": address})
    except (httpx.HTTPError, TimeoutError, TypeError, ValueError, ValidationError) as error:
        return Replica(address=address, trouble=type(error).__name__)
