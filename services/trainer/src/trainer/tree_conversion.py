"""scikit-learn's tree regressors to ONNX in double precision.

skl2onnx 1.20 writes every threshold as float32. A value beside a threshold then takes the other branch, and the
answer is off by a leaf, not by a rounding error. These converters write doubles (ai.onnx.ml 3 has them).
"""

# ruff: noqa: ANN401 # skl2onnx and the trees have no types

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import TensorProto, numpy_helper
from skl2onnx.common._apply_operation import apply_cast
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor, RandomForestRegressor

_DOMAIN_VERSION = 3


@dataclass(frozen=True)
class Node:
    """A node of a tree: `value` is what a leaf adds, `threshold` what a branch goes left (true) up to."""

    is_leaf: bool
    feature: int = 0
    threshold: float = 0.0
    left: int = 0
    right: int = 0
    value: float = 0.0


@dataclass
class _Attributes:
    """The columns of ONNX's TreeEnsembleRegressor."""

    columns: dict[str, list[Any]] = field(default_factory=dict)

    def add(self, **values: object) -> None:
        for name, value in values.items():
            self.columns.setdefault(name, []).append(value)

    def add_tree(self, tree: int, nodes: Iterator[Node]) -> None:
        for index, node in enumerate(nodes):
            self.add(
                nodes_treeids=tree,
                nodes_nodeids=index,
                nodes_featureids=node.feature,
                nodes_modes="LEAF" if node.is_leaf else "BRANCH_LEQ",
                nodes_values=node.threshold,
                nodes_truenodeids=node.left,
                nodes_falsenodeids=node.right,
            )
            if node.is_leaf:
                self.add(target_treeids=tree, target_nodeids=index, target_ids=0, target_weights=node.value)

    def as_doubles(self) -> dict[str, Any]:
        attributes = dict(self.columns)
        for name in ("nodes_values", "target_weights", "base_values"):
            values = np.asarray(attributes.pop(name, [0.0]), dtype=np.float64)
            attributes[f"{name}_as_tensor"] = numpy_helper.from_array(values, name)
        return attributes


def _convert_boosting(scope: Any, operator: Any, container: Any) -> None:
    model = operator.raw_operator
    attributes = _Attributes()
    for index, (tree,) in enumerate(model._predictors):  # noqa: SLF001 # the trees have no public name
        attributes.add_tree(index, _boosting_nodes(tree))
    for base in np.ravel(model._baseline_prediction):  # noqa: SLF001 # nor has what they start from
        attributes.add(base_values=float(base))
    _add_ensemble(scope, operator, container, operator.inputs[0].full_name, attributes)


def _convert_forest(scope: Any, operator: Any, container: Any) -> None:
    model = operator.raw_operator
    attributes = _Attributes()
    for index, estimator in enumerate(model.estimators_):
        attributes.add_tree(index, _forest_nodes(estimator.tree_, share=1.0 / len(model.estimators_)))
    # A forest rounds its input to float32 and then compares it with doubles; so does this.
    rounded = scope.get_unique_variable_name("rounded")
    widened = scope.get_unique_variable_name("widened")
    apply_cast(scope, operator.inputs[0].full_name, rounded, container, to=TensorProto.FLOAT)
    apply_cast(scope, rounded, widened, container, to=TensorProto.DOUBLE)
    _add_ensemble(scope, operator, container, widened, attributes)


def _boosting_nodes(tree: Any) -> Iterator[Node]:
    for node in tree.nodes:
        if node["is_leaf"]:
            yield Node(is_leaf=True, value=float(node["value"]))
        else:
            yield Node(
                is_leaf=False,
                feature=int(node["feature_idx"]),
                threshold=float(node["num_threshold"]),
                left=int(node["left"]),
                right=int(node["right"]),
            )


def _forest_nodes(tree: Any, *, share: float) -> Iterator[Node]:
    for index in range(tree.node_count):
        if tree.children_left[index] < 0:
            yield Node(is_leaf=True, value=float(tree.value[index].item()) * share)
        else:
            yield Node(
                is_leaf=False,
                feature=int(tree.feature[index]),
                threshold=float(tree.threshold[index]),
                left=int(tree.children_left[index]),
                right=int(tree.children_right[index]),
            )


def _add_ensemble(scope: Any, operator: Any, container: Any, rows: str, attributes: _Attributes) -> None:
    container.add_node(
        "TreeEnsembleRegressor",
        rows,
        operator.outputs[0].full_name,
        op_domain="ai.onnx.ml",
        op_version=_DOMAIN_VERSION,
        name=scope.get_unique_operator_name("TreeEnsembleRegressor"),
        n_targets=1,
        **attributes.as_doubles(),
    )


def _shape_of_prediction(operator: Any) -> None:
    # The operator adds in double and answers in float32, whatever its input is.
    operator.outputs[0].type = FloatTensorType([operator.inputs[0].get_first_dimension(), 1])


CONVERTERS = {
    HistGradientBoostingRegressor: _convert_boosting,
    RandomForestRegressor: _convert_forest,
    ExtraTreesRegressor: _convert_forest,
}
SHAPES = dict.fromkeys(CONVERTERS, _shape_of_prediction)
