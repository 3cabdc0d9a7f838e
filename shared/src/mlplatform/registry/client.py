"""The model registry as a predictor sees it, and MLflow's REST API as one.

Source: MLflow's REST API reference; `mlflow-artifacts:/` is the scheme of its artifact proxy.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
import orjson

from mlplatform.errors import ModelVersionNotFound, RegistryUnavailable, TooLarge
from mlplatform.registry.manifest import VERSION_NUMBER

_API = "/api/2.0/mlflow"
_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
_SCHEME = "mlflow-artifacts:/"
_MOST_ANSWER_BYTES = 4 * 1024 * 1024
_ANSWER_SECONDS = 10.0
_FILE_SECONDS = 120.0


@dataclass(frozen=True)
class RegisteredModel:
    """Where the aliases of a registered model point, and its own tags."""

    aliases: Mapping[str, str]
    tags: Mapping[str, str]


class Registry(Protocol):
    """Each call raises `RegistryUnavailable` when there is no answer, `ModelVersionNotFound` when it is no."""

    async def describe(self, registered_model: str) -> RegisteredModel:
        """All that a predictor follows, as of one moment."""
        ...

    async def tags(self, registered_model: str, version: str) -> Mapping[str, str]:
        """The tags of a version."""
        ...

    async def fetch(self, registered_model: str, version: str, file: str, most_bytes: int) -> bytes:
        """A file of a version.

        Raises:
            TooLarge: it has more bytes than that; no more are read.
        """
        ...


class MlflowRegistry:
    """MLflow over a client whose base URL is the tracking server's.

    The client's timeouts are for each step of an answer; a whole answer has a deadline of its own, so that a server
    that sends a byte now and then holds nobody up.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def describe(self, registered_model: str) -> RegisteredModel:
        body = await self._ask("registered-models/get", "registered_model", name=registered_model)
        aliases = {entry["alias"]: entry["version"] for entry in body.get("aliases", [])}
        if not all(re.fullmatch(VERSION_NUMBER, version) for version in aliases.values()):
            raise RegistryUnavailable(f"aliases that name no version: {aliases}")
        return RegisteredModel(aliases=aliases, tags=_tags(body))

    async def tags(self, registered_model: str, version: str) -> Mapping[str, str]:
        return _tags(await self._ask("model-versions/get", "model_version", name=registered_model, version=version))

    async def fetch(self, registered_model: str, version: str, file: str, most_bytes: int) -> bytes:
        call = "model-versions/get-download-uri"
        uri = await self._ask(call, "artifact_uri", name=registered_model, version=version)
        if not uri.startswith(_SCHEME):
            raise ModelVersionNotFound(f"{registered_model} {version} lies at {uri}, not behind the artifact proxy")
        path = uri.removeprefix(_SCHEME).strip("/")
        return await self._get(f"{_ARTIFACTS}/{path}/{file}", {}, most_bytes, _FILE_SECONDS)

    async def _ask(self, call: str, member: str, **parameters: str) -> Any:  # noqa: ANN401 # as MLflow says
        try:
            content = await self._get(f"{_API}/{call}", parameters, _MOST_ANSWER_BYTES, _ANSWER_SECONDS)
            return orjson.loads(content)[member]
        except (ValueError, KeyError, TypeError, TooLarge) as error:
            raise RegistryUnavailable(f"{call} did not answer as agreed: {type(error).__name__}") from error

    async def _get(self, path: str, parameters: dict[str, str], most_bytes: int, seconds: float) -> bytes:
        try:
            async with asyncio.timeout(seconds), self._client.stream("GET", path, params=parameters) as response:
                if response.status_code == httpx.codes.NOT_FOUND:
                    raise ModelVersionNotFound(f"the registry has no {parameters or path}")
                if response.is_error or response.is_redirect:
                    raise RegistryUnavailable(f"{path} answered {response.status_code}")
                content = bytearray()
                async for piece in response.aiter_bytes():
                    content += piece
                    if len(content) > most_bytes:
                        raise TooLarge(f"{path} has more than {most_bytes} bytes")
                return bytes(content)
        except httpx.HTTPError as error:
            raise RegistryUnavailable(f"{type(error).__name__} at {self._client.base_url}") from error
        except TimeoutError:
            raise RegistryUnavailable(f"{path} was not answered whole within {seconds:g} seconds") from None


def _tags(body: Mapping[str, Any]) -> dict[str, str]:
    return {entry["key"]: entry["value"] for entry in body.get("tags", [])}
