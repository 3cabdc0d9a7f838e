"""Small real models: exact linear arithmetic as ONNX files, so that every answer can be worked out by hand."""

import json
from collections.abc import Callable

import numpy as np
import pytest
from onnx import GraphProto, TensorProto, helper

from mlplatform.contracts import HOUSING, IRIS, Contract
from mlplatform.registry.cache import sha256
from mlplatform.testing import InMemoryRegistry

SUM_OF_EXAMPLE = sum(HOUSING.example.values())


def regression_onnx(weight: float = 1.0, features: int = 8, name: str = "features") -> bytes:
    """Prediction = weight * sum of the features."""
    weights = helper.make_tensor("w", TensorProto.DOUBLE, [features, 1], [weight] * features)
    graph = helper.make_graph(
        [helper.make_node("MatMul", [name, "w"], ["prediction"])],
        "sum",
        [helper.make_tensor_value_info(name, TensorProto.DOUBLE, [None, features])],
        [helper.make_tensor_value_info("prediction", TensorProto.DOUBLE, [None, 1])],
        [weights],
    )
    return _model(graph)


def classification_onnx(label: str = "setosa") -> bytes:
    """Always the same label, with probabilities 0.5, 0.3, 0.2."""
    return _model(
        helper.make_graph(
            [
                helper.make_node("MatMul", ["features", "zeros"], ["nothing"]),
                helper.make_node("Add", ["nothing", "p"], ["probabilities"]),
                helper.make_node("Shape", ["features"], ["rows"], end=1),
                helper.make_node("Expand", ["l", "rows"], ["label"]),
            ],
            "constant",
            [helper.make_tensor_value_info("features", TensorProto.DOUBLE, [None, 4])],
            [
                helper.make_tensor_value_info("label", TensorProto.STRING, [None]),
                helper.make_tensor_value_info("probabilities", TensorProto.DOUBLE, [None, 3]),
            ],
            [
                helper.make_tensor("zeros", TensorProto.DOUBLE, [4, 3], [0.0] * 12),
                helper.make_tensor("p", TensorProto.DOUBLE, [3], [0.5, 0.3, 0.2]),
                helper.make_tensor("l", TensorProto.STRING, [1], np.array([label])),
            ],
        )
    )


def _model(graph: GraphProto) -> bytes:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return bytes(model.SerializeToString())


Publish = Callable[..., None]


@pytest.fixture
def registry() -> InMemoryRegistry:
    return InMemoryRegistry()


@pytest.fixture
def publish(registry: InMemoryRegistry) -> Publish:
    """Register a version whose prediction is weight * sum of the features, and make it champion."""

    def publish_version(
        version: str,
        *,
        weight: float = 1.0,
        contract: Contract = HOUSING,
        onnx: bytes | None = None,
        **manifest: object,
    ) -> None:
        model = onnx or (classification_onnx() if contract is IRIS else regression_onnx(weight))
        row = list(contract.example.values())
        golden: dict[str, object] = {"rows": [row], "predictions": [weight * sum(row)]}
        if contract is IRIS:
            golden = {"rows": [row], "predictions": ["setosa"], "probabilities": [[0.5, 0.3, 0.2]]}
        document = {
            "model": contract.model,
            "features": list(contract.feature_names),
            "labels": list(contract.labels),
            "onnx_sha256": sha256(model),
            "onnx_bytes": len(model),
            "training_range": {name: [value - 1, value + 1] for name, value in contract.example.items()},
            "golden": golden,
            **manifest,
        }
        data = json.dumps(document).encode()
        registry.files[version, "model.onnx"] = model
        registry.files[version, "manifest.json"] = data
        registry.version_tags[version] = {"manifest_sha256": sha256(data)}
        registry.champion = version

    return publish_version
