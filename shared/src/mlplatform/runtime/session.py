"""One ONNX file as a model that answers rows of a contract."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from os import sched_yield
from struct import Struct
from threading import Lock
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from mlplatform.contracts import Contract
from mlplatform.errors import SignatureMismatch, UnloadableModel

INPUT = "features"
REGRESSION_OUTPUTS = ["prediction"]
CLASSIFICATION_OUTPUTS = ["label", "probabilities"]

RUNTIME = f"onnxruntime {ort.__version__}"
"""With what a version is loaded."""

FEW = 32
"""As many rows as `run_few` is made for: it keeps a tensor of each number of rows."""

_AT_ONCE = 256  # rows of one run: less than a millisecond

Rows = NDArray[np.float64]
RunFew = Callable[[Sequence[Sequence[float]]], tuple[list[float], None] | tuple[list[str], list[list[float]]]]
_BoundRows = tuple[Callable[..., None], Callable[[], None], Callable[[], list[float]]]

_DTYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64}


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

        self.run_few = _few(contract, self._session)
        """Up to `FEW` rows to a prediction each and, for a classification, their probabilities."""

    def run(self, rows: Rows) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Rows (n, features) to predictions (n,) and, for a classification, probabilities (n, labels).

        Many rows go piece by piece. Between two the core is offered to whoever waits for it: a busy event loop on the
        same core would otherwise get it back at the next tick of the scheduler, which is milliseconds away.
        """
        if len(rows) <= _AT_ONCE:
            return self._run(rows)
        pieces = []
        for start in range(0, len(rows), _AT_ONCE):
            pieces.append(self._run(rows[start : start + _AT_ONCE]))
            sched_yield()
        predictions, probabilities = zip(*pieces, strict=True)
        return np.concatenate(predictions), None if probabilities[0] is None else np.concatenate(probabilities)

    def _run(self, rows: Rows) -> tuple[NDArray[Any], NDArray[Any] | None]:
        first, *rest = self._session.run(self._outputs, {INPUT: rows})
        return first.reshape(-1), rest[0] if rest else None

    def predict(self, rows: Rows) -> Answer:
        """The same as plain lists."""
        predictions, probabilities = self.run(rows)
        return Answer(predictions.tolist(), [] if probabilities is None else probabilities.tolist())


def _few(contract: Contract, session: ort.InferenceSession) -> RunFew:
    """The call for a few rows: their tensor stays bound to the session, which saves a third of the time of `run`."""
    width, lock = len(contract.feature_names), Lock()  # the tensors are the same for all threads
    if contract.is_classification:

        def labels_of(rows: Sequence[Sequence[float]]) -> tuple[list[str], list[list[float]]]:
            labels, probabilities = session.run(CLASSIFICATION_OUTPUTS, {INPUT: np.array(rows, dtype=np.float64)})
            return labels.tolist(), probabilities.tolist()

        return labels_of
    bound: dict[int, _BoundRows] = {}

    def numbers_of(rows: Sequence[Sequence[float]]) -> tuple[list[float], None]:
        count = len(rows)
        with lock:
            if count not in bound:
                bound[count] = _bound_rows(session, count, width)
            fill, run, answers = bound[count]
            fill(*chain.from_iterable(rows))
            run()
            return answers(), None

    return numbers_of


def _bound_rows(session: ort.InferenceSession, count: int, width: int) -> _BoundRows:
    """Fill in the rows, run the session, read the answers."""
    [output] = REGRESSION_OUTPUTS
    dtype = _DTYPES[next(node.type for node in session.get_outputs() if node.name == output)]
    rows, predictions = np.zeros((count, width)), np.zeros((count, 1), dtype)
    run_options = ort.RunOptions()
    run_options.add_run_config_entry("disable_synchronize_execution_providers", "1")  # there is no device to wait for
    binding = session.io_binding()
    binding.bind_ortvalue_input(INPUT, ort.OrtValue.ortvalue_from_numpy(rows))
    binding.bind_ortvalue_output(output, ort.OrtValue.ortvalue_from_numpy(predictions))
    # Not the method around it: for graphs on a GPU that asks for an option which is not there, with a C++ exception
    # each time, thrice what the trees take.
    run = partial(session._sess.run_with_iobinding, binding._iobinding, run_options)  # noqa: SLF001
    fill = partial(Struct(f"{rows.size}d").pack_into, rows.data.cast("B"), 0)
    return fill, run, predictions.reshape(-1).tolist


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
