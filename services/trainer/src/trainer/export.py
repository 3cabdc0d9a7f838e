"""A fitted scikit-learn pipeline as ONNX bytes with the platform's fixed signature.

Input `features`, tensor(double) [None, n]. A regression answers `prediction` [None, 1]; a classification `label`,
tensor(string) [None], and `probabilities` [None, k].
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import onnx
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType
from sklearn.base import BaseEstimator, is_classifier

from mlplatform.contracts import Contract
from trainer.errors import ExportFailed
from trainer.tree_conversion import CONVERTERS, SHAPES

_INPUT = "features"
_REGRESSION_OUTPUTS = ("prediction",)
_CLASSIFICATION_OUTPUTS = ("label", "probabilities")
_OPSETS = {"": 21, "ai.onnx.ml": 3}


def to_onnx(contract: Contract, estimator: BaseEstimator) -> bytes:
    """The fitted estimator in ONNX; the same estimator always gives the same bytes.

    Raises:
        ExportFailed: ONNX cannot express the estimator, or it does not fit the contract.
    """
    if is_classifier(estimator) != contract.is_classification:
        raise ExportFailed(f"a {type(estimator).__name__} does not answer what {contract.model!r} promises")
    if contract.is_classification and tuple(estimator.classes_) != contract.labels:
        raise ExportFailed(f"the labels are {tuple(estimator.classes_)}, the contract says {contract.labels}")
    try:
        with _known_warnings_ignored():
            model = _convert(contract, estimator)
        onnx.checker.check_model(model)
    except Exception as error:  # converters raise whatever they stumble over
        first_line = next(iter(str(error).splitlines()), "")[:300]
        raise ExportFailed(f"ONNX cannot express the estimator: {type(error).__name__}: {first_line}") from error
    return bytes(model.SerializeToString(deterministic=True))


def _convert(contract: Contract, estimator: BaseEstimator) -> onnx.ModelProto:
    model: onnx.ModelProto = convert_sklearn(
        estimator,
        name=contract.model,
        initial_types=[(_INPUT, DoubleTensorType([None, len(contract.feature_names)]))],
        options={id(estimator): {"zipmap": False}} if contract.is_classification else None,
        target_opset=_OPSETS,
        custom_conversion_functions=CONVERTERS,
        custom_shape_calculators=SHAPES,
    )
    wanted = _CLASSIFICATION_OUTPUTS if contract.is_classification else _REGRESSION_OUTPUTS
    if len(model.graph.output) != len(wanted):
        raise ValueError(f"{len(model.graph.output)} outputs instead of {len(wanted)}")
    for output, name in zip(model.graph.output, wanted, strict=True):
        _rename(model.graph, output.name, name)
    # skl2onnx keeps the opsets in a set, whose order changes from process to process.
    opsets = sorted(model.opset_import, key=lambda opset: opset.domain)
    del model.opset_import[:]
    model.opset_import.extend(opsets)
    return model


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    for node in graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]
    for output in graph.output:
        if output.name == old:
            output.name = new


@contextmanager
def _known_warnings_ignored() -> Iterator[None]:
    with warnings.catch_warnings():
        # skl2onnx 1.20 asks every SVC for the probabilities that scikit-learn 1.9 deprecates.
        warnings.filterwarnings("ignore", message="Attribute `probA_` was deprecated", category=FutureWarning)
        warnings.filterwarnings("ignore", message="Attribute `probB_` was deprecated", category=FutureWarning)
        yield
