"""BentoML's service with ONNX Runtime, as its documentation has one write it; async, which is its faster way."""

import bentoml  # type: ignore[import-not-found] # in an environment of its own
import numpy as np
from onnx_session import OnnxSession  # type: ignore[import-not-found] # beside this folder, on PYTHONPATH


@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class Housing:
    """One array in, one array out."""

    def __init__(self) -> None:
        self._session = OnnxSession()

    @bentoml.api  # type: ignore[untyped-decorator] # as above
    async def predict(self, rows: np.ndarray) -> np.ndarray:
        predictions: np.ndarray = self._session.predict(rows.astype(np.float64, copy=False))
        return predictions
