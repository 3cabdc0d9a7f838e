"""One ONNX file as a model that answers rows of a contract."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from mlplatform.contracts import Contract
from mlplatform.errors import SignatureMismatch, UnloadableModel

INPUT = "features"
REGRESSION_OUTPUTS = ["prediction"]
CLASSIFICATION_OUTPUTS = ["label", "probabilities"]

Rows = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says of n rows: n numbers or labels and, for a classification, (n, labels) probabilities."""

    predictions: list[float] | list[str]
    probabilities: list[list[float]]


class OnnxModel:
    """A session on one thread: threads of its own would only fight the other replicas for the same cores.

    Safe to call from many threads at once; the call releases the interpreter lock.

    Raises:
        UnloadableModel: ONNX Runtime refuses the file.
        SignatureMismatch: the inputs or outputs are not those of the contract.
    """

    def __init__(self, contract: Contract, data: bytes) -> None:
        self._outputs = CLASSIFICATION_OUTPUTS if contract.is_classification else REGRESSION_OUTPUTS
        try:
            self._session = ort.InferenceSession(data, _options(), providers=["CPUExecutionProvider"])
        except Exception as error:  # its exceptions share no base but Exception
            raise UnloadableModel(f"ONNX Runtime refuses the file: {error}") from error
        _check_signature(contract, self._session, self._outputs)

    def run(self, rows: Rows) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Rows (n, features) to predictions (n,) and, for a classification, probabilities (n, labels)."""
        first, *rest = self._session.run(self._outputs, {INPUT: rows})
        return first.reshape(-1), rest[0] if rest else None

    def predict(self, rows: Rows) -> Answer:
        """The same as plain lists, ready to be serialised."""
        predictions, probabilities = self.run(rows)
        return Answer(predictions.tolist(), [] if probabilities is None else probabilities.tolist())


def _options() -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # what goes wrong is raised
    return options


def _check_signature(contract: Contract, session: ort.InferenceSession, outputs: list[str]) -> None:
    inputs = {node.name: (node.type, node.shape[1:]) for node in session.get_inputs()}
    expected: Mapping[str, Any] = {INPUT: ("tensor(double)", [len(contract.feature_names)])}
    if inputs != expected:
        raise SignatureMismatch(f"inputs are {inputs}, the contract {contract.model!r} wants {dict(expected)}")
    missing = set(outputs) - {node.name for node in session.get_outputs()}
    if missing:
        raise SignatureMismatch(f"outputs {sorted(missing)} are missing")
