"""The model registry as a predictor sees it, and MLflow's REST API as one.

Source: MLflow's REST API reference; `mlflow-artifacts:/` is the scheme of its artifact proxy.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import httpx

from mlplatform.errors import ModelVersionNotFound, RegistryUnavailable

_API = "/api/2.0/mlflow"
_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
_SCHEME = "mlflow-artifacts:/"


class Registry(Protocol):
    """Each call raises `RegistryUnavailable` when there is no answer, `ModelVersionNotFound` when it is no."""

    async def aliases(self, registered_model: str) -> Mapping[str, str]:
        """Alias to version number."""
        ...

    async def tags(self, registered_model: str, version: str) -> Mapping[str, str]:
        """The tags of a version."""
        ...

    async def fetch(self, registered_model: str, version: str, file: str) -> bytes:
        """A file of a version."""
        ...


class MlflowRegistry:
    """MLflow over a client whose base URL is the tracking server's."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def aliases(self, registered_model: str) -> Mapping[str, str]:
        body = await self._ask("registered-models/get", name=registered_model)
        return {entry["alias"]: entry["version"] for entry in body["registered_model"].get("aliases", [])}

    async def tags(self, registered_model: str, version: str) -> Mapping[str, str]:
        body = await self._ask("model-versions/get", name=registered_model, version=version)
        return {entry["key"]: entry["value"] for entry in body["model_version"].get("tags", [])}

    async def fetch(self, registered_model: str, version: str, file: str) -> bytes:
        body = await self._ask("model-versions/get-download-uri", name=registered_model, version=version)
        uri = body["artifact_uri"]
        if not uri.startswith(_SCHEME):
            raise ModelVersionNotFound(f"{registered_model} {version} lies at {uri}, not behind the artifact proxy")
        path = uri.removeprefix(_SCHEME).strip("/")
        return (await self._get(f"{_ARTIFACTS}/{path}/{file}", {})).content

    async def _ask(self, call: str, **parameters: str) -> dict[str, Any]:
        response = await self._get(f"{_API}/{call}", parameters)
        try:
            body: dict[str, Any] = response.json()
        except ValueError as error:
            raise RegistryUnavailable(f"{call} did not answer in JSON") from error
        return body

    async def _get(self, path: str, parameters: dict[str, str]) -> httpx.Response:
        try:
            response = await self._client.get(path, params=parameters)
        except httpx.HTTPError as error:
            raise RegistryUnavailable(f"{type(error).__name__} at {self._client.base_url}") from error
        if response.status_code == httpx.codes.NOT_FOUND:
            raise ModelVersionNotFound(f"the registry has no {parameters or path}")
        if response.is_error or response.is_redirect:
            raise RegistryUnavailable(f"{path} answered {response.status_code}")
        return response
