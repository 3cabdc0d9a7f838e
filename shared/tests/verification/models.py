"""ONNX files that nobody would want to load."""

from onnx import ModelProto, TensorProto, helper
from shared.tests.conftest import regression_onnx

from mlplatform.contracts import HOUSING


def endless_onnx() -> bytes:
    """Loads well, and never answers: the sum of the features, after 2**62 rounds of a loop."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go_in"], ["go_out"]),
            helper.make_node("Identity", ["sum_in"], ["sum_out"]),
        ],
        "round",
        [
            helper.make_tensor_value_info("number", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_in", TensorProto.BOOL, []),
            helper.make_tensor_value_info("sum_in", TensorProto.DOUBLE, [None, 1]),
        ],
        [
            helper.make_tensor_value_info("go_out", TensorProto.BOOL, []),
            helper.make_tensor_value_info("sum_out", TensorProto.DOUBLE, [None, 1]),
        ],
    )
    model = ModelProto.FromString(regression_onnx())
    model.graph.node[0].output[0] = "sum"
    model.graph.node.append(helper.make_node("Loop", ["rounds", "go", "sum"], ["prediction"], body=body))
    model.graph.initializer.append(helper.make_tensor("rounds", TensorProto.INT64, [], [2**62]))
    model.graph.initializer.append(helper.make_tensor("go", TensorProto.BOOL, [], [True]))
    return bytes(model.SerializeToString())


def external_onnx(location: str = "../../secret", *, inside_subgraph: bool = False) -> bytes:
    """Its weights are said to lie in another file."""
    model = ModelProto.FromString(regression_onnx())
    weights = model.graph.initializer[0]
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value=location)
    del weights.double_data[:]
    if inside_subgraph:
        branch = helper.make_graph([], "branch", [], [], [weights])
        model.graph.node.append(helper.make_node("If", ["condition"], [], then_branch=branch, else_branch=branch))
        del model.graph.initializer[:]
    return bytes(model.SerializeToString())


def greedy_onnx() -> bytes:
    """A tensor of 8 terabytes, made when the session is."""
    model = ModelProto.FromString(regression_onnx())
    model.graph.node[0].output[0] = "sum"
    model.graph.node.extend(
        [
            helper.make_node("ConstantOfShape", ["shape"], ["zeros"]),
            helper.make_node("ReduceSum", ["zeros"], ["zero"], keepdims=0),
            helper.make_node("Cast", ["zero"], ["zero_as_double"], to=TensorProto.DOUBLE),
            helper.make_node("Add", ["sum", "zero_as_double"], ["prediction"]),
        ]
    )
    model.graph.initializer.append(helper.make_tensor("shape", TensorProto.INT64, [1], [2**40]))
    return bytes(model.SerializeToString())


def slow_onnx(rounds_per_year: int = 2**40) -> bytes:
    """Good at its golden row; for every year that a house is older or younger it goes many times round a loop first."""
    wanted = HOUSING.example["HouseAge"]
    model = ModelProto.FromString(endless_onnx())
    loop = model.graph.node[-1]
    kept = [tensor for tensor in model.graph.initializer if tensor.name != "rounds"]
    del model.graph.initializer[:]
    model.graph.initializer.extend(
        [
            *kept,
            helper.make_tensor("age", TensorProto.INT64, [1], [list(HOUSING.feature_names).index("HouseAge")]),
            helper.make_tensor("wanted", TensorProto.DOUBLE, [1], [wanted]),
            helper.make_tensor("each", TensorProto.INT64, [], [rounds_per_year]),
        ]
    )
    del model.graph.node[-1]
    model.graph.node.extend(
        [
            helper.make_node("Gather", ["features", "age"], ["ages"], axis=1),
            helper.make_node("Sub", ["ages", "wanted"], ["offsets"]),
            helper.make_node("Abs", ["offsets"], ["distances"]),
            helper.make_node("ReduceMax", ["distances"], ["distance"], keepdims=0),
            helper.make_node("Cast", ["distance"], ["years"], to=TensorProto.INT64),
            helper.make_node("Mul", ["years", "each"], ["rounds"]),
            loop,
        ]
    )
    return bytes(model.SerializeToString())
