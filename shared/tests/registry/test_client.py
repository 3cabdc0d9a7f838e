import httpx
import pytest

from mlplatform.errors import ModelVersionNotFound, RegistryUnavailable, TooLarge
from mlplatform.registry import MlflowRegistry, RegisteredModel

pytestmark = pytest.mark.anyio

ANSWERS = {
    "/api/2.0/mlflow/registered-models/get?name=M": {
        "registered_model": {
            "name": "M",
            "aliases": [{"alias": "champion", "version": "4"}],
            "tags": [{"key": "owner", "value": "us"}],
        }
    },
    "/api/2.0/mlflow/registered-models/get?name=Bare": {"registered_model": {"name": "Bare"}},
    "/api/2.0/mlflow/model-versions/get?name=M&version=4": {
        "model_version": {"tags": [{"key": "manifest_sha256", "value": "abc"}]}
    },
    "/api/2.0/mlflow/model-versions/get-download-uri?name=M&version=4": {
        "artifact_uri": "mlflow-artifacts:/1/models/m-2"
    },
    "/api/2.0/mlflow/model-versions/get-download-uri?name=M&version=5": {"artifact_uri": "runs:/abc/model"},
    "/api/2.0/mlflow-artifacts/artifacts/1/models/m-2/model.onnx": {"the": "bytes"},
}


def mlflow(request: httpx.Request) -> httpx.Response:
    body = ANSWERS.get(request.url.raw_path.decode())
    return (
        httpx.Response(200, json=body) if body else httpx.Response(404, json={"error_code": "RESOURCE_DOES_NOT_EXIST"})
    )


def registry_over(transport: httpx.AsyncBaseTransport) -> MlflowRegistry:
    return MlflowRegistry(httpx.AsyncClient(base_url="http://mlflow", transport=transport))


@pytest.fixture
def registry() -> MlflowRegistry:
    return registry_over(httpx.MockTransport(mlflow))


async def test_aliases_and_tags_come_with_one_call(registry: MlflowRegistry) -> None:
    assert await registry.describe("M") == RegisteredModel({"champion": "4"}, {"owner": "us"})


async def test_a_model_without_aliases_has_none(registry: MlflowRegistry) -> None:
    assert await registry.describe("Bare") == RegisteredModel({}, {})


async def test_tags_of_a_version_come_as_names_and_values(registry: MlflowRegistry) -> None:
    assert await registry.tags("M", "4") == {"manifest_sha256": "abc"}


async def test_a_file_is_fetched_through_the_artifact_proxy(registry: MlflowRegistry) -> None:
    assert await registry.fetch("M", "4", "model.onnx", 100) == b'{"the":"bytes"}'


async def test_of_a_file_with_more_bytes_than_agreed_no_more_are_read(registry: MlflowRegistry) -> None:
    with pytest.raises(TooLarge):
        await registry.fetch("M", "4", "model.onnx", 10)


async def test_an_unknown_model_is_not_an_outage(registry: MlflowRegistry) -> None:
    with pytest.raises(ModelVersionNotFound):
        await registry.describe("Unknown")


async def test_a_version_outside_the_artifact_proxy_is_not_followed(registry: MlflowRegistry) -> None:
    with pytest.raises(ModelVersionNotFound, match="runs:/abc"):
        await registry.fetch("M", "5", "model.onnx", 100)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(403, text="Invalid Host header"),
        httpx.Response(302, headers={"Location": "http://elsewhere"}),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=["no", "object"]),
        httpx.Response(200, content=b"[" * (4 * 1024 * 1024 + 1)),
    ],
    ids=["500", "403", "redirect", "HTML", "other JSON", "endless"],
)
async def test_an_answer_that_is_not_as_agreed_is_an_outage(answer: httpx.Response) -> None:
    registry = registry_over(httpx.MockTransport(lambda _request: answer))
    with pytest.raises(RegistryUnavailable):
        await registry.describe("M")


async def test_an_alias_that_names_no_version_is_an_outage() -> None:
    body = {"registered_model": {"aliases": [{"alias": "champion", "version": "latest"}]}}
    registry = registry_over(httpx.MockTransport(lambda _: httpx.Response(200, json=body)))
    with pytest.raises(RegistryUnavailable, match="latest"):
        await registry.describe("M")


async def test_no_answer_is_an_outage() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(RegistryUnavailable, match="ConnectError"):
        await registry_over(httpx.MockTransport(refuse)).describe("M")
