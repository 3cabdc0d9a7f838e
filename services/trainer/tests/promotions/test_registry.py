"""What an answer of MLflow's means."""

from contextlib import closing

import httpx
import pytest

from mlplatform.errors import ModelVersionNotFound, PlatformError, RegistryUnavailable
from trainer.errors import RegistryRefused
from trainer.promotions.registry import MlflowRegistry


def answering(status: int, text: str = "{}") -> MlflowRegistry:
    return MlflowRegistry("http://mlflow", httpx.MockTransport(lambda _: httpx.Response(status, text=text)))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (302, RegistryUnavailable),
        (400, RegistryRefused),
        (403, RegistryRefused),
        (404, ModelVersionNotFound),
        (408, RegistryUnavailable),
        (429, RegistryUnavailable),
        (500, RegistryUnavailable),
        (503, RegistryUnavailable),
    ],
)
def test_only_what_may_go_better_later_is_worth_another_try(status: int, error: type[PlatformError]) -> None:
    with closing(answering(status)) as registry, pytest.raises(error):
        registry.set_alias("IrisBestModel", "champion", "3")


def test_a_refusal_says_what_the_registry_said() -> None:
    said = '{"error_code": "INVALID_PARAMETER_VALUE", "message": "alias is too long"}'
    with closing(answering(400, said)) as registry, pytest.raises(RegistryRefused, match="alias is too long"):
        registry.set_alias("IrisBestModel", "champion", "3")


def test_a_page_instead_of_an_answer_is_none() -> None:
    with closing(answering(200, "<html>sign in</html>")) as registry, pytest.raises(RegistryUnavailable, match="JSON"):
        registry.aliases("IrisBestModel")


@pytest.mark.parametrize(
    "version", ["latest", "0", "-1", "01", "1.0", "1e3", "1" * 10, "7" * 400, "7" * 5_000, "٣", ""]
)
def test_what_is_no_number_is_a_version_that_is_not_there(version: str) -> None:
    """And is not asked for: MLflow would speak of a bad request, or its database of a bug."""
    with closing(answering(500)) as registry:
        with pytest.raises(ModelVersionNotFound):
            registry.version("IrisBestModel", version)
        with pytest.raises(ModelVersionNotFound):
            registry.file("IrisBestModel", version, "card.json")
