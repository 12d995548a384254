"""The strict ONNX reader, compared with `onnx` itself."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import onnx
import pytest
from contract_model import build_model
from google.protobuf.message import DecodeError  # type: ignore[import-untyped] # has no stubs
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from annapalm.model.wire import OnnxFile, Value, WireError, read_onnx


@cache
def tiny() -> bytes:
    return bytes(build_model().SerializeToString())


@cache
def tiny_without_weights() -> bytes:
    """Make the tiny model small, so that a change at random hits structure and not numbers."""
    model = build_model()
    for weight in model.graph.initializer:
        weight.raw_data = weight.raw_data[:4]
    return bytes(model.SerializeToString())


def by_onnx(data: bytes) -> OnnxFile:
    """Read with the reference parser what `read_onnx` reads."""
    model = onnx.load_from_string(data)
    graph = model.graph
    nodes = Counter((_domain(n.domain), n.op_type) for n in graph.node)
    attributes = [a for n in graph.node for a in n.attribute]
    sparse = [*graph.sparse_initializer]
    for a in attributes:
        sparse += [*([a.sparse_tensor] if a.HasField("sparse_tensor") else []), *a.sparse_tensors]
    tensors = [*graph.initializer]
    for a in attributes:
        tensors += [*([a.t] if a.HasField("t") else []), *a.tensors]
    for s in sparse:
        tensors += [t for name in ("values", "indices") if s.HasField(name)
                    for t in (getattr(s, name),)]  # fmt: skip
    return OnnxFile(
        ir_version=model.ir_version,
        opsets=tuple((_domain(o.domain), o.version) for o in model.opset_import),
        metadata=tuple((p.key, p.value) for p in model.metadata_props),
        inputs=tuple(_value(v) for v in graph.input),
        outputs=tuple(_value(v) for v in graph.output),
        operators=nodes,
        initializers=tuple(t.name for t in graph.initializer),
        external=tuple(t.name for t in tensors if t.data_location or t.external_data),
        subgraphs=sum(a.HasField("g") + len(a.graphs) for a in attributes),
        functions=len(model.functions),
        training=len(model.training_info),
        sparse=len(sparse),
        largest_dimension=max((d for t in (*tensors, *sparse) for d in t.dims), key=abs, default=0),
    )


def _domain(name: str) -> str:
    return "" if name == "ai.onnx" else name


def _value(value: onnx.ValueInfoProto) -> Value:
    if value.type.WhichOneof("value") != "tensor_type":
        return Value(value.name, None, None)
    tensor = value.type.tensor_type
    shape = None
    if tensor.HasField("shape"):
        shape = tuple(
            d.dim_value if d.WhichOneof("value") == "dim_value" else d.dim_param or None
            for d in tensor.shape.dim
        )
    return Value(value.name, tensor.elem_type, shape)


def model_with(*nodes: onnx.NodeProto, **fields: Any) -> onnx.ModelProto:
    """Make a small model, not a valid one, with these nodes and repeated fields of its graph."""
    model = helper.make_model(helper.make_graph(list(nodes), "g", [], []))
    for name, values in fields.items():
        getattr(model.graph, name).extend(values)
    return model


def read(model: onnx.ModelProto) -> OnnxFile:
    data = model.SerializeToString()
    found = read_onnx(data)
    assert found == by_onnx(data)
    return found


def test_the_tiny_model_is_read_as_onnx_reads_it() -> None:
    found = read_onnx(tiny())
    assert found == by_onnx(tiny())
    assert found.node_count == len(build_model().graph.node)
    assert found.inputs[0] == Value("counts", 1, ("N", 1, "H", "W"))


def _external(name: str) -> onnx.TensorProto:
    tensor = TensorProto(name=name, data_type=1, dims=[2])
    tensor.external_data.add(key="location", value="/etc/passwd")
    tensor.data_location = TensorProto.EXTERNAL
    return tensor


def _located(name: str) -> onnx.TensorProto:
    return TensorProto(name=name, data_type=1, dims=[2], data_location=TensorProto.EXTERNAL)


def _sparse(tensor: onnx.TensorProto) -> onnx.SparseTensorProto:
    return onnx.SparseTensorProto(values=tensor, indices=numpy_helper.from_array(INDICES), dims=[9])


INDICES = numpy_helper.to_array(helper.make_tensor("i", TensorProto.INT64, [1], [0]))
EXTERNAL_EVERYWHERE = {
    "initializer": lambda: model_with(initializer=[_external("e")]),
    "location only": lambda: model_with(initializer=[_located("e")]),
    "attribute": lambda: model_with(helper.make_node("Constant", [], ["c"], value=_external("e"))),
    "attribute list": lambda: model_with(
        helper.make_node("X", [], ["c"], values=[_external("e"), _external("e")])
    ),
    "sparse initializer": lambda: model_with(sparse_initializer=[_sparse(_external("e"))]),
    "sparse attribute": lambda: model_with(
        helper.make_node("Constant", [], ["c"], sparse_value=_sparse(_external("e")))
    ),
}


@pytest.mark.parametrize("place", EXTERNAL_EVERYWHERE)
def test_external_data_is_found_wherever_it_hides(place: str) -> None:
    assert set(read(EXTERNAL_EVERYWHERE[place]()).external) == {"e"}


def test_subgraphs_functions_training_and_foreign_operators_are_counted() -> None:
    inner = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "inner", [], [])
    model = model_with(
        helper.make_node("If", ["c"], ["o"], then_branch=inner, else_branch=inner),
        helper.make_node("Odd", ["c"], ["o"], domain="org.example", bodies=[inner, inner]),
    )
    model.functions.add(name="f", domain="local")
    model.training_info.add()
    found = read(model)
    assert found.subgraphs == 4
    assert found.functions == found.training == 1
    assert found.operators == {("", "If"): 1, ("org.example", "Odd"): 1}


def test_values_that_are_no_tensors_are_told_apart() -> None:
    sequence = helper.make_tensor_sequence_value_info("s", 1, None)
    bare = onnx.ValueInfoProto(name="bare")
    shapeless = helper.make_tensor_value_info("t", 1, None)
    found = read(model_with(input=[sequence, bare, shapeless]))
    assert found.inputs == (Value("s", None, None), Value("bare", None, None), Value("t", 1, None))


@given(
    position=st.integers(0, len(tiny_without_weights()) - 1),
    change=st.sampled_from(["flip", "cut", "insert", "drop", "double"]),
    byte=st.integers(0, 255),
    length=st.integers(1, 40),
)
@settings(max_examples=100, deadline=None)
def test_a_damaged_file_is_refused_or_read_as_onnx_reads_it(
    position: int, change: str, byte: int, length: int
) -> None:
    data = tiny_without_weights()
    damaged = {
        "flip": data[:position] + bytes([data[position] ^ (byte or 1)]) + data[position + 1 :],
        "cut": data[:position],
        "insert": data[:position] + bytes([byte]) + data[position:],
        "drop": data[:position] + data[position + length :],
        "double": data[: position + length] + data[position:],
    }[change]
    assert_refused_or_read_alike(damaged)


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_random_bytes_are_refused_or_read_as_onnx_reads_them(data: bytes) -> None:
    assert_refused_or_read_alike(data)


def assert_refused_or_read_alike(data: bytes) -> None:
    try:
        found = read_onnx(data)
    except WireError:
        return
    try:
        expected = by_onnx(data)
    except (DecodeError, UnicodeDecodeError):  # by type: protobuf words a refusal in several ways
        return
    assert found == expected


def field(number: int, payload: bytes) -> bytes:
    """Encode a length-delimited field."""
    assert number < 16
    assert len(payload) < 128
    return bytes([number << 3 | 2, len(payload)]) + payload


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it holds no graph"),
        (b"\x08\x0a", "it holds no graph"),
        (b"\x08", "it ends in the middle"),
        (field(7, b"")[:-1], "it ends in the middle"),
        (b"\x3a\x05\x0a", "it ends in the middle"),
        (field(7, b"") * 2, "the field 'graph' of its model is given twice"),
        (b"\x00\x00", "starts no field"),
        (b"\x3b\x3c", "wire type 3 at byte 1 is not used by ONNX"),
        (field(13, b""), "field 13 of its model is unknown"),
        (b"\x38\x00", "the field 'graph' has the wrong type"),
        (field(1, b"abc"), "the field 'ir_version' has the wrong type"),
        (b"\x0d\x00\x00\x00\x00", "the field 'ir_version' has the wrong type"),
        (b"\x08" + b"\xff" * 11, "is too long"),
        (b"\x08" + b"\xff" * 9 + b"\x7f", "is too long"),
        (field(7, field(2, b"\xff")), "the field 'name' is not text"),
        (
            field(7, field(11, field(2, field(1, field(2, field(1, b"\x08\x01\x12\x01N")))))),
            "a dimension has a size and a symbol",
        ),
    ],
)
def test_what_is_no_model_is_refused_with_its_reason(data: bytes, message: str) -> None:
    with pytest.raises(WireError, match=r"^") as caught:
        read_onnx(data)
    assert message in str(caught.value)


def test_a_file_of_millions_of_fields_is_given_up_early() -> None:
    with pytest.raises(WireError, match="more than 500,000 fields"):
        read_onnx(field(14, b"") * 600_000)


def test_packed_and_single_dimensions_are_read_alike() -> None:
    single = b"".join(b"\x08" + bytes([n]) for n in (3, 4))
    packed = field(1, b"\x03\x04")
    for dims in (single, packed):
        assert read_onnx(field(7, field(5, dims))).largest_dimension == 4


def test_a_negative_dimension_stays_negative() -> None:
    negative = b"\x08" + b"\xff" * 9 + b"\x01"
    assert read_onnx(field(7, field(5, negative))).largest_dimension == -1
