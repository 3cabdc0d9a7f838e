"""What a predictor's process has loaded once it is composed, the libraries of its libraries included."""

import json
import subprocess
import sys

import pytest

from mlplatform.contracts import CONTRACTS

FORBIDDEN = {"mlflow", "sklearn", "pandas", "celery", "kombu", "sqlalchemy", "joblib", "skops", "onnx", "trainer"}

REPORT = """
import json, sys
import {package}.app
from mlplatform.contracts import CONTRACTS
from mlplatform.serving.app import create_app
from mlplatform.settings import PredictorSettings
create_app(CONTRACTS["{model}"], PredictorSettings())
print(json.dumps(sorted({{name.partition(".")[0] for name in sys.modules}})))
"""


@pytest.mark.parametrize("model", CONTRACTS)
def test_a_predictor_loads_nothing_that_trains_or_unpickles(model: str) -> None:
    code = REPORT.format(package=f"{model}_predictor", model=model)
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not FORBIDDEN & set(json.loads(loaded))
