"""The model registry as promotions and the API see it: MLflow's REST API, with seconds of patience.

Source: MLflow's REST API reference. The client library would cost the API's process two seconds and 100 MB.
"""

import re
from collections.abc import Mapping
from typing import Any, Protocol

import httpx

from mlplatform.errors import ModelVersionNotFound, RegistryUnavailable
from mlplatform.registry.manifest import VERSION_NUMBER
from trainer.errors import RegistryRefused

GATE_FILE = "gate.json"
"""Lies beside a version's model: what the gate decided and why."""

CARD_FILE = "card.json"
"""Lies there, too: all that is known of the version."""

CARD_TAG = "card_sha256"
METRIC_TAG = "metric."
VERDICT_TAG = "gate"
"""Tags of a version: its card's checksum, what it scores on the hold-out, what the gate said."""

REJECTED = "reject"
"""What the gate said of a version that is not good enough."""

_API = "/api/2.0/mlflow"
_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
_SCHEME = "mlflow-artifacts:/"
_PATIENCE = httpx.Timeout(5.0, connect=2.0)
_MOST_VERSIONS = 200
_MOST_TEXT = 300
_ASK_AGAIN = {httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS}

Version = Mapping[str, Any]


class Registry(Protocol):
    """Every call raises `RegistryUnavailable` when there is no answer, `RegistryRefused` when it is no and stays no."""

    def aliases(self, registered_model: str) -> dict[str, str]:
        """Alias to version; empty where the model is not registered yet."""
        ...

    def set_alias(self, registered_model: str, alias: str, version: str) -> None:
        """Point an alias at a version."""
        ...

    def drop_alias(self, registered_model: str, alias: str) -> None:
        """Let an alias go; nothing happens where there is none."""
        ...

    def tags(self, registered_model: str) -> dict[str, str]:
        """The tags of the registered model itself; empty where it is not registered yet."""
        ...

    def set_tag(self, registered_model: str, key: str, value: str) -> None:
        """Write a tag of the registered model itself."""
        ...

    def drop_tag(self, registered_model: str, key: str) -> None:
        """Let a tag of the registered model go; nothing happens where there is none."""
        ...

    def version(self, registered_model: str, version: str) -> Version:
        """A version as MLflow describes it, its tags as a mapping.

        Raises:
            ModelVersionNotFound: there is none of that number.
        """
        ...

    def versions(self, registered_model: str) -> list[Version]:
        """The latest versions, newest first."""
        ...

    def metrics(self, run_id: str) -> dict[str, float]:
        """What was measured in a run."""
        ...

    def file(self, registered_model: str, version: str, name: str) -> bytes:
        """A file of a version.

        Raises:
            ModelVersionNotFound: there is no such version or file.
        """
        ...


class MlflowRegistry:
    """MLflow at a URL; to be closed after use."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self._client = httpx.Client(base_url=url, timeout=_PATIENCE, transport=transport)

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def aliases(self, registered_model: str) -> dict[str, str]:
        try:
            body = self._ask("GET", "registered-models/get", name=registered_model)
        except ModelVersionNotFound:
            return {}
        return {entry["alias"]: entry["version"] for entry in body["registered_model"].get("aliases", [])}

    def set_alias(self, registered_model: str, alias: str, version: str) -> None:
        self._ask("POST", "registered-models/alias", name=registered_model, alias=alias, version=version)

    def drop_alias(self, registered_model: str, alias: str) -> None:
        try:
            self._ask("DELETE", "registered-models/alias", name=registered_model, alias=alias)
        except ModelVersionNotFound:
            return

    def tags(self, registered_model: str) -> dict[str, str]:
        try:
            body = self._ask("GET", "registered-models/get", name=registered_model)
        except ModelVersionNotFound:
            return {}
        return {tag["key"]: tag["value"] for tag in body["registered_model"].get("tags", [])}

    def set_tag(self, registered_model: str, key: str, value: str) -> None:
        self._ask("POST", "registered-models/set-tag", name=registered_model, key=key, value=value)

    def drop_tag(self, registered_model: str, key: str) -> None:
        try:
            self._ask("DELETE", "registered-models/delete-tag", name=registered_model, key=key)
        except ModelVersionNotFound:
            return

    def version(self, registered_model: str, version: str) -> Version:
        _check_number(registered_model, version)
        try:
            body = self._ask("GET", "model-versions/get", name=registered_model, version=version)
        except ModelVersionNotFound:
            raise _missing(registered_model, version) from None
        return _with_tags(body["model_version"])

    def versions(self, registered_model: str) -> list[Version]:
        body = self._ask(
            "GET",
            "model-versions/search",
            filter=f"name='{registered_model}'",
            order_by="version_number DESC",
            max_results=str(_MOST_VERSIONS),
        )
        return [_with_tags(version) for version in body.get("model_versions", [])]

    def metrics(self, run_id: str) -> dict[str, float]:
        body = self._ask("GET", "runs/get", run_id=run_id)
        return {entry["key"]: entry["value"] for entry in body["run"]["data"].get("metrics", [])}

    def file(self, registered_model: str, version: str, name: str) -> bytes:
        _check_number(registered_model, version)
        body = self._ask("GET", "model-versions/get-download-uri", name=registered_model, version=version)
        uri: str = body["artifact_uri"]
        if not uri.startswith(_SCHEME):
            raise ModelVersionNotFound(f"{registered_model} {version} lies at {uri}, not behind the artifact proxy")
        return self._send("GET", f"{_ARTIFACTS}/{uri.removeprefix(_SCHEME).strip('/')}/{name}").content

    def _ask(self, method: str, call: str, **parameters: str) -> dict[str, Any]:
        how: dict[str, Any] = {"params": parameters} if method == "GET" else {"json": parameters}
        response = self._send(method, f"{_API}/{call}", **how)
        try:
            body: dict[str, Any] = response.json()
        except ValueError as error:
            raise RegistryUnavailable(f"{call} did not answer in JSON") from error
        return body

    def _send(self, method: str, path: str, **how: Any) -> httpx.Response:  # noqa: ANN401 # as httpx takes it
        try:
            response = self._client.request(method, path, **how)
        except httpx.HTTPError as error:
            raise RegistryUnavailable(f"{type(error).__name__} at {self._client.base_url}") from error
        if response.status_code == httpx.codes.NOT_FOUND:
            raise ModelVersionNotFound(f"the registry has no {how.get('params') or how.get('json') or path}")
        if response.is_client_error and response.status_code not in _ASK_AGAIN:
            raise RegistryRefused(f"{path} answered {response.status_code}: {response.text[:_MOST_TEXT]}")
        if response.is_error or response.is_redirect:
            raise RegistryUnavailable(f"{path} answered {response.status_code}")
        return response


def _check_number(registered_model: str, version: str) -> None:
    """What is no number is a version that is not there, where MLflow would speak of a bad request."""
    if not re.fullmatch(VERSION_NUMBER, version):
        raise _missing(registered_model, version)


def _missing(registered_model: str, version: str) -> ModelVersionNotFound:
    return ModelVersionNotFound(f"{registered_model} has no version {version}")


def _with_tags(version: dict[str, Any]) -> Version:
    return {**version, "tags": {tag["key"]: tag["value"] for tag in version.get("tags", [])}}
