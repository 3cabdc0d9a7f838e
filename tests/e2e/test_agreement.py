"""What clients get is what the registered scikit-learn pipeline says."""

from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from mlplatform.contracts import HOUSING, IRIS, Contract
from tests.e2e.conftest import Platform

ROWS = 1_000


@pytest.fixture(autouse=True)
def _mlflow(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", platform.settings.url("mlflow"))


def holdout_rows(platform: Platform, contract: Contract) -> pd.DataFrame:
    holdout = pd.read_csv(platform.processed / contract.model / "holdout.csv")
    features = holdout[list(contract.feature_names)]
    return features.sample(ROWS, replace=len(features) < ROWS, random_state=7)


def answers(client: httpx.Client, contract: Contract, rows: pd.DataFrame) -> dict[str, Any]:
    response = client.post(f"/predict/{contract.model}", json={"instances": rows.to_dict("records")})
    assert response.status_code == httpx.codes.OK
    return dict(response.json())


def registered_pipeline(contract: Contract, version: str) -> Any:  # noqa: ANN401 # scikit-learn ships no types
    import mlflow.sklearn

    return mlflow.sklearn.load_model(f"models:/{contract.registered_model}/{version}")


def test_prices_equal_those_of_the_registered_pipeline(platform: Platform, client: httpx.Client) -> None:
    rows = holdout_rows(platform, HOUSING)
    got = answers(client, HOUSING, rows)
    expected = registered_pipeline(HOUSING, got["version"]).predict(rows)
    np.testing.assert_allclose(np.array(got["predictions"]), expected, rtol=0, atol=1e-5)


def test_species_and_probabilities_equal_those_of_the_registered_pipeline(
    platform: Platform, client: httpx.Client
) -> None:
    rows = holdout_rows(platform, IRIS)
    got = answers(client, IRIS, rows)
    pipeline = registered_pipeline(IRIS, got["version"])
    assert got["predictions"] == pipeline.predict(rows).tolist()
    probabilities = pd.DataFrame(got["probabilities"])[list(IRIS.labels)].to_numpy()
    expected = pipeline.predict_proba(rows)
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-5)
