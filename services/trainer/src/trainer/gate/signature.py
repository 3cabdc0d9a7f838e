"""What a version takes and answers, as its files declare it and as the contract promises it."""

from dataclasses import dataclass, fields

import onnx

from mlplatform.contracts import Contract
from mlplatform.errors import UnloadableModel
from mlplatform.registry.manifest import Manifest
from mlplatform.runtime.session import CLASSIFICATION_OUTPUTS, INPUT, REGRESSION_OUTPUTS

_ANY_PRECISION = {"float": "number", "double": "number"}  # answers leave the platform as JSON numbers


@dataclass(frozen=True)
class Signature:
    """Features and labels in their order; inputs and outputs such as `features: double [?, 8]`."""

    features: tuple[str, ...]
    labels: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def differences(self, wanted: "Signature", whose: str) -> tuple[str, ...]:
        """In words, where this is not what is wanted."""
        return tuple(
            f"its {field.name} are ({', '.join(mine)}), those of {whose} ({', '.join(theirs)})"
            for field in fields(self)
            if (mine := getattr(self, field.name)) != (theirs := getattr(wanted, field.name))
        )


def promised(contract: Contract) -> Signature:
    """The signature that clients and predictors rely on."""
    width = len(contract.feature_names)
    if contract.is_classification:
        label, probabilities = CLASSIFICATION_OUTPUTS
        outputs: tuple[str, ...] = (f"{label}: string [?]", f"{probabilities}: number [?, {len(contract.labels)}]")
    else:
        outputs = tuple(f"{name}: number [?, 1]" for name in REGRESSION_OUTPUTS)
    return Signature(contract.feature_names, contract.labels, (f"{INPUT}: double [?, {width}]",), outputs)


def declared(manifest: Manifest, data: bytes) -> Signature:
    """The signature of a version's manifest and ONNX file.

    Raises:
        UnloadableModel: the file is no ONNX model.
    """
    try:
        graph = onnx.load_from_string(data).graph
    except Exception as error:  # the parser's own, of a module without a public name
        raise UnloadableModel(f"the file is no ONNX model: {error}") from error
    return Signature(
        features=tuple(manifest.features),
        labels=tuple(manifest.labels),
        inputs=tuple(_value(value, {}) for value in graph.input),
        outputs=tuple(_value(value, _ANY_PRECISION) for value in graph.output),
    )


def _value(value: onnx.ValueInfoProto, names: dict[str, str]) -> str:
    tensor = value.type.tensor_type
    kind = onnx.TensorProto.DataType.Name(tensor.elem_type).lower()
    shape = ", ".join(str(axis.dim_value) if axis.HasField("dim_value") else "?" for axis in tensor.shape.dim)
    return f"{value.name}: {names.get(kind, kind)} [{shape}]"
