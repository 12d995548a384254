"""A small, strict reader of ONNX files (protobuf wire format), for looking before loading.

The runtime may not import `onnx`, and a model from outside must be judged before ONNX Runtime's
parser sees it. Stricter than protobuf on purpose: what could be read in two ways (a single field
given twice, groups, fields newer than this table, a wrong wire type) is refused. There is no
recursion: subgraphs are counted, never entered. Fields of onnx.proto of onnx 1.23 (IR version 14).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_FIELDS = 500_000
"""A released model has about a thousand fields, weights being one field each; a file of millions
of tiny ones only keeps the reader busy."""


class WireError(ValueError):
    """Bytes are not an ONNX model; internal, turned into `NotAModelError` by the caller."""


_Kind: TypeAlias = "str | Mapping[int, _Field]"
_Field: TypeAlias = "tuple[str, _Kind, bool]"
"""Name; kind: "int", "text", "opaque", or the table of a message; whether it may be repeated."""

_ENTRY: dict[int, _Field] = {1: ("key", "text", False), 2: ("value", "text", False)}
_TENSOR: dict[int, _Field] = {
    1: ("dims", "ints", True),
    2: ("data_type", "int", False),
    3: ("segment", "opaque", False),
    **{n: (f"data{n}", "opaque", True) for n in (4, 5, 6, 7, 10, 11)},
    8: ("name", "text", False),
    9: ("raw_data", "opaque", False),
    12: ("doc_string", "opaque", False),
    13: ("external_data", "opaque", True),
    14: ("data_location", "int", False),
    16: ("metadata_props", "opaque", True),
}
_SPARSE: dict[int, _Field] = {
    1: ("values", _TENSOR, False),
    2: ("indices", _TENSOR, False),
    3: ("dims", "ints", True),
}
_ATTRIBUTE: dict[int, _Field] = {
    1: ("name", "text", False),
    **{n: (f"scalar{n}", "opaque", False) for n in (2, 3, 4, 13, 20)},
    5: ("tensor", _TENSOR, False),
    6: ("graph", "opaque", False),
    **{n: (f"list{n}", "opaque", True) for n in (7, 8, 9)},
    10: ("tensors", _TENSOR, True),
    11: ("graphs", "opaque", True),
    14: ("type", "opaque", False),
    15: ("types", "opaque", True),
    21: ("reference", "opaque", False),
    22: ("sparse", _SPARSE, False),
    23: ("sparses", _SPARSE, True),
}
_NODE: dict[int, _Field] = {
    1: ("input", "opaque", True),
    2: ("output", "opaque", True),
    3: ("name", "text", False),
    4: ("op_type", "text", False),
    5: ("attribute", _ATTRIBUTE, True),
    6: ("doc_string", "opaque", False),
    7: ("domain", "text", False),
    8: ("overload", "text", False),
    9: ("metadata_props", "opaque", True),
    10: ("device_configurations", "opaque", True),
}
_DIMENSION: dict[int, _Field] = {
    1: ("value", "int", False),
    2: ("symbol", "text", False),
    3: ("denotation", "opaque", False),
}
_SHAPE: dict[int, _Field] = {1: ("dim", _DIMENSION, True)}
_TENSOR_TYPE: dict[int, _Field] = {1: ("elem_type", "int", False), 2: ("shape", _SHAPE, False)}
_TYPE: dict[int, _Field] = {
    1: ("tensor", _TENSOR_TYPE, False),
    **{n: (f"other{n}", "opaque", False) for n in (4, 5, 7, 8, 9)},
    6: ("denotation", "opaque", False),
}
_VALUE: dict[int, _Field] = {
    1: ("name", "text", False),
    2: ("type", _TYPE, False),
    3: ("doc_string", "opaque", False),
    4: ("metadata_props", "opaque", True),
}
_GRAPH: dict[int, _Field] = {
    1: ("node", _NODE, True),
    2: ("name", "text", False),
    5: ("initializer", _TENSOR, True),
    10: ("doc_string", "opaque", False),
    11: ("input", _VALUE, True),
    12: ("output", _VALUE, True),
    13: ("value_info", "opaque", True),
    14: ("quantization_annotation", "opaque", True),
    15: ("sparse_initializer", _SPARSE, True),
    16: ("metadata_props", "opaque", True),
}
_OPSET: dict[int, _Field] = {1: ("domain", "text", False), 2: ("version", "int", False)}
_MODEL: dict[int, _Field] = {
    1: ("ir_version", "int", False),
    **{n: (f"text{n}", "opaque", False) for n in (2, 3, 4, 6)},
    5: ("model_version", "int", False),
    7: ("graph", _GRAPH, False),
    8: ("opset_import", _OPSET, True),
    14: ("metadata_props", _ENTRY, True),
    20: ("training_info", "opaque", True),
    25: ("functions", "opaque", True),
    26: ("configuration", "opaque", True),
}


@dataclass(frozen=True, slots=True)
class Value:
    """An input or output of a graph."""

    name: str
    elem_type: int | None
    """TensorProto.DataType (1 = float32); None where it is no tensor."""
    shape: tuple[int | str | None, ...] | None
    """Fixed size, symbol, or None for each unknown; None where no shape is given."""


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """What a model file says before anything of it is run."""

    ir_version: int
    opsets: tuple[tuple[str, int], ...]
    """(domain, version) in file order; "" is the standard domain."""
    metadata: tuple[tuple[str, str], ...]
    """`metadata_props` in file order; a key may be there twice."""
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    operators: Mapping[tuple[str, str], int]
    """(domain, operator) to how often it is used."""
    initializers: tuple[str, ...]
    external: tuple[str, ...]
    """Names of tensors, wherever they are, whose data lies in another file."""
    subgraphs: int
    functions: int
    training: int
    sparse: int
    """Sparse tensors, as initializers or attributes."""
    largest_dimension: int
    """Of all tensors in the file."""

    @property
    def node_count(self) -> int:
        """How many nodes the graph has."""
        return sum(self.operators.values())


def read_onnx(data: bytes) -> OnnxFile:
    """Read what `OnnxFile` holds; weights are passed over. Raises `WireError`."""
    model = _Reader().message(memoryview(data), _MODEL, "model")
    if not model.get("graph"):
        message = "it holds no graph"
        raise WireError(message)
    graph = model["graph"][0]
    nodes = graph.get("node", [])
    attributes = [a for node in nodes for a in node.get("attribute", [])]
    sparse = [
        *graph.get("sparse_initializer", []),
        *(s for a in attributes for s in (*a.get("sparse", []), *a.get("sparses", []))),
    ]
    tensors = [
        *graph.get("initializer", []),
        *(t for a in attributes for t in (*a.get("tensor", []), *a.get("tensors", []))),
        *(t for s in sparse for t in (*s.get("values", []), *s.get("indices", []))),
    ]
    return OnnxFile(
        ir_version=_first(model, "ir_version", 0),
        opsets=tuple(
            (_domain(_first(o, "domain", "")), _first(o, "version", 0))
            for o in model.get("opset_import", [])
        ),
        metadata=tuple(
            (_first(p, "key", ""), _first(p, "value", "")) for p in model.get("metadata_props", [])
        ),
        inputs=tuple(_value(v) for v in graph.get("input", [])),
        outputs=tuple(_value(v) for v in graph.get("output", [])),
        operators=Counter(
            (_domain(_first(n, "domain", "")), _first(n, "op_type", "")) for n in nodes
        ),
        initializers=tuple(_first(t, "name", "") for t in graph.get("initializer", [])),
        external=tuple(_first(t, "name", "") for t in tensors if _is_external(t)),
        subgraphs=sum(len(a.get("graph", [])) + len(a.get("graphs", [])) for a in attributes),
        functions=len(model.get("functions", [])),
        training=len(model.get("training_info", [])),
        sparse=len(sparse),
        largest_dimension=max(
            (d for t in (*tensors, *sparse) for d in t.get("dims", [])), key=abs, default=0
        ),
    )


class _Reader:
    """Reads messages by their tables, and counts the fields read."""

    def __init__(self) -> None:
        self._fields = 0

    def message(
        self, data: memoryview, table: Mapping[int, _Field], where: str
    ) -> dict[str, list[Any]]:
        """Read one message into lists by field name."""
        found: dict[str, list[Any]] = {}
        for number, wire, value in self._walk(data):
            if number not in table:
                message = f"field {number} of its {where} is unknown"
                raise WireError(message)
            name, kind, repeated = table[number]
            if not repeated and name in found:
                message = f"the field '{name}' of its {where} is given twice"
                raise WireError(message)
            found.setdefault(name, []).extend(self._values(kind, wire, value, name))
        return found

    def _values(self, kind: _Kind, wire: int, value: int | memoryview, name: str) -> list[Any]:
        if kind == "opaque":
            return [None]
        if kind in ("int", "ints") and isinstance(value, int) and wire == 0:
            return [_signed(value)]
        if isinstance(value, memoryview):
            if kind == "text":
                return [_text(value, name)]
            if kind == "ints":
                return [_signed(v) for v in self._packed(value)]
            if not isinstance(kind, str):
                return [self.message(value, kind, name)]
        message = f"the field '{name}' has the wrong type"
        raise WireError(message)

    def _walk(self, data: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
        """Yield (field number, wire type, value) of each field of one message."""
        at = 0
        while at < len(data):
            self._count()
            tag, at = _varint(data, at)
            number, wire = tag >> 3, tag & 7
            if not 0 < number < 2**29:
                message = f"byte {at} starts no field"
                raise WireError(message)
            value: int | memoryview
            if wire == 0:
                value, at = _varint(data, at)
            elif wire in (1, 2, 5):
                length, at = (8, at) if wire == 1 else (4, at) if wire == 5 else _varint(data, at)
                if length > len(data) - at:
                    message = "it ends in the middle (truncated, or not an ONNX file)"
                    raise WireError(message)
                value, at = data[at : at + length], at + length
                if wire != 2:
                    value = int.from_bytes(value, "little")
            else:
                message = f"wire type {wire} at byte {at} is not used by ONNX"
                raise WireError(message)
            yield number, wire, value

    def _packed(self, data: memoryview) -> Iterator[int]:
        at = 0
        while at < len(data):
            self._count()
            value, at = _varint(data, at)
            yield value

    def _count(self) -> None:
        self._fields += 1
        if self._fields > MAX_FIELDS:
            message = f"it has more than {MAX_FIELDS:,} fields"
            raise WireError(message)


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """Read a number of at most 64 bits; returns it and where the next byte is."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            message = "it ends in the middle (truncated, or not an ONNX file)"
            raise WireError(message)
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >= 2**64:
                break
            return value, at
    message = f"the number before byte {at} is too long"
    raise WireError(message)


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def _text(data: memoryview, name: str) -> str:
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError as error:
        message = f"the field '{name}' is not text"
        raise WireError(message) from error


def _first(message: Mapping[str, list[Any]], name: str, default: Any) -> Any:  # noqa: ANN401
    """Value of a field that is there at most once, or protobuf's default."""
    return message.get(name, [default])[0]


def _domain(name: str) -> str:
    """Both spellings of the standard domain as one."""
    return "" if name == "ai.onnx" else name


def _is_external(tensor: Mapping[str, list[Any]]) -> bool:
    return "external_data" in tensor or _first(tensor, "data_location", 0) != 0


def _value(value: Mapping[str, list[Any]]) -> Value:
    kinds = _first(value, "type", {})
    tensor = _first(kinds, "tensor", None)
    if tensor is None or kinds.keys() - {"tensor", "denotation"}:
        return Value(_first(value, "name", ""), None, None)
    shape = None
    if "shape" in tensor:
        shape = tuple(_dimension(d) for d in tensor["shape"][0].get("dim", []))
    return Value(_first(value, "name", ""), _first(tensor, "elem_type", 0), shape)


def _dimension(dimension: Mapping[str, list[Any]]) -> int | str | None:
    """Give size, symbol or None; both at once are refused (protobuf would keep the last)."""
    if "value" in dimension and "symbol" in dimension:
        message = "a dimension has a size and a symbol"
        raise WireError(message)
    if "value" in dimension:
        return int(dimension["value"][0])
    return _first(dimension, "symbol", "") or None
