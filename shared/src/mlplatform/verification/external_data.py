"""Whether an ONNX file reaches for files beside it: ONNX Runtime would open them, wherever their paths lead.

Source: onnx.proto3 of ONNX. Only the messages on the way to a tensor are walked; their numbers have never changed.
"""

from collections.abc import Iterator, Mapping

from mlplatform.errors import ExternalData, UnloadableModel

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14

# For each message, the fields that lead to tensors, by number.
_INSIDE: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        6: "graph",
        10: "tensor",
        11: "graph",
        22: "sparse tensor",
        23: "sparse tensor",
    },
    "sparse tensor": {1: "tensor", 2: "tensor"},
}


def refuse_external_data(model: bytes) -> None:
    """Walk every tensor of an ONNX file.

    Raises:
        ExternalData: one lies outside the file.
        UnloadableModel: it is no ONNX file.
    """
    waiting = [("model", memoryview(model))]  # no recursion: a file may be nested as deep as it likes
    try:
        while waiting:
            message, data = waiting.pop()
            inside = _INSIDE.get(message, {})
            for number, value in _fields(data):
                if message == "tensor" and (number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value)):
                    raise ExternalData("the model keeps weights in a file of their own")
                if number in inside and isinstance(value, memoryview):
                    waiting.append((inside[number], value))
    except (IndexError, ValueError) as error:
        raise UnloadableModel(f"the model is no ONNX file: {error}") from error


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, place = _varint(data, place)
            yield number, value
        elif kind == _BYTES:
            length, place = _varint(data, place)
            if place + length > len(data):
                raise ValueError("it ends too early")
            yield number, data[place : place + length]
            place += length
        elif kind in {_FIXED64, _FIXED32}:
            place += 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"there is no wire type {kind}")


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 # the bit that says that more follow
            return value, place
        shift += 7
