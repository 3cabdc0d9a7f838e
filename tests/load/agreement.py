"""Whether a contender answers what the model says, asked once before it is measured."""

import re

import httpx
import numpy as np
from numpy.typing import NDArray

from mlplatform.contracts import HOUSING
from mlplatform.runtime import OnnxModel
from tests.load.figures import FailedRequests
from tests.load.model import Model
from tests.load.targets import Target

_TOLERANCE = 1e-4
_ARRAY = re.compile(r'"?(?:predictions?|data)"?: ?\[([^\]]+)\]|^\s*\[([^\]]+)\]|"prediction": ?([-\d.e]+)')


def refuse_wrong_answers(name: str, target: Target, model: Model, rows: int) -> None:
    """Send the first body and compare with the session.

    Raises:
        FailedRequests: another status than 200, or other numbers.
    """
    headers = dict(target.headers)
    response = httpx.post(target.url, content=target.bodies[0], headers=headers, trust_env=False, timeout=30)
    if response.status_code != httpx.codes.OK:
        raise FailedRequests(f"{name} answers {response.status_code}: {response.text[:300]}")
    said, right = predictions_in(response.text), _expected(model, rows)
    if said.shape != right.shape or not np.allclose(said, right, rtol=_TOLERANCE, atol=_TOLERANCE):
        raise FailedRequests(f"{name} does not answer what the model says: {response.text[:300]}")


def predictions_in(answer: str) -> NDArray[np.float64]:
    """The numbers under the name that each of these protocols has for them, or of a bare array."""
    found = _ARRAY.search(answer)
    numbers = next((group for group in found.groups() if group), "") if found else ""
    return np.array([float(number) for number in numbers.split(",") if number.strip()])


def _expected(model: Model, rows: int) -> NDArray[np.float64]:
    predictions, _ = OnnxModel(HOUSING, model.onnx.read_bytes()).run(model.rows(rows))
    return np.asarray(predictions, dtype=np.float64)
