"""What the runner tells a person to paste."""

import json
import shlex

import pytest

from deploy.local.announcement import curl, example, welcome
from deploy.local.settings import Settings
from mlplatform.contracts import CONTRACTS


@pytest.mark.parametrize("model", list(CONTRACTS))
def test_the_line_to_paste_is_a_request_that_the_contract_accepts(model: str) -> None:
    command, url, *_, body = shlex.split(curl(Settings(gateway_port=9000), model))

    assert (command, url) == ("curl", f"http://127.0.0.1:9000/predict/{model}")
    CONTRACTS[model].features.model_validate(json.loads(body))


def test_an_example_names_every_feature() -> None:
    for contract in CONTRACTS.values():
        assert tuple(example(contract)) == contract.feature_names


def test_the_welcome_has_a_line_for_each_model() -> None:
    text = welcome(Settings(gateway_port=9000), starting=[])

    for model in CONTRACTS:
        assert f"\ncurl http://127.0.0.1:9000/predict/{model} " in text


def test_the_welcome_names_what_is_still_starting_and_only_then() -> None:
    settings = Settings(gateway_port=9000)

    assert "\nStill starting: mlflow, trainer.\n" in welcome(settings, starting=["mlflow", "trainer"])
    assert "Still starting" not in welcome(settings, starting=[])
