"""ONNX Runtime as the platform sets it up, for environments that do not have the platform."""

import os

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray


class OnnxSession:
    """The file named by the variable HOUSING_MODEL, on one thread."""

    def __init__(self) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = ort.InferenceSession(os.environ["HOUSING_MODEL"], options, providers=["CPUExecutionProvider"])

    def predict(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rows (n, features) to predictions (n,)."""
        (predictions,) = self._session.run(["prediction"], {"features": rows})
        return np.asarray(predictions, dtype=np.float64).reshape(-1)
