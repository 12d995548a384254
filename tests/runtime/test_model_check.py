"""Which models are refused, and what the refusal says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from contract_model import build_model, model_info
from onnx import TensorProto, helper, numpy_helper

from annapalm import load_model
from annapalm.contract import MAY_BE_MISSING
from annapalm.errors import AnnaPalmError
from annapalm.model import inspect_model
from annapalm.model.check import MAX_MODEL_BYTES, OPERATORS, check_model
from annapalm.model.errors import (
    ModelContractError,
    ModelError,
    NotAModelError,
    UnknownContractError,
    UnsafeModelError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LABEL = "some/model.onnx"
CURVES = {"per_um2": [1.0, 2.0], "0.9": [3.0, 2.0]}


def curves(wrong: dict[str, Any]) -> dict[str, Any]:
    return {"microtubule": {"plain": CURVES, "widefield": wrong}}


def refusal(data: bytes, kind: type[ModelError]) -> str:
    with pytest.raises(kind) as caught:
        check_model(data, LABEL)
    assert LABEL in str(caught.value)
    return str(caught.value)


def changed(change: Callable[[onnx.ModelProto], Any]) -> bytes:
    model = build_model()
    change(model)
    return bytes(model.SerializeToString())


def with_metadata(key: str, text: str | None) -> bytes:
    def change(model: onnx.ModelProto) -> None:
        kept = [(p.key, p.value) for p in model.metadata_props if p.key != key]
        del model.metadata_props[:]
        for name, value in kept if text is None else [*kept, (key, text)]:
            model.metadata_props.add(key=name, value=value)

    return changed(change)


def test_a_model_of_the_contract_passes_and_says_what_it_is() -> None:
    assert check_model(build_model().SerializeToString(), LABEL) == model_info()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"frame,x [nm],y [nm]\n1,2,3\n", "wire type 6 at byte 1 is not used by ONNX"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "is not an ONNX model"),
        (build_model().SerializeToString()[:-500], "it ends in the middle"),
    ],
)
def test_what_is_no_model_is_refused(data: bytes, reason: str) -> None:
    text = refusal(data, NotAModelError)
    assert text.startswith(f"{LABEL} is not an ONNX model: ")
    assert reason in text
    assert "`annapalm models` lists them" in text


def test_a_model_of_another_contract_is_refused_by_its_name() -> None:
    text = refusal(with_metadata("contract", '"annapalm-2"'), UnknownContractError)
    assert "follows the contract 'annapalm-2'; this runtime knows 'annapalm-1'" in text


def test_a_model_without_a_contract_is_refused() -> None:
    text = refusal(with_metadata("contract", None), UnknownContractError)
    assert "follows no annapalm contract" in text


@pytest.mark.parametrize(
    "key", [k for k in model_info().to_metadata() if k not in ("contract", *MAY_BE_MISSING)]
)
def test_each_missing_metadata_key_is_named(key: str) -> None:
    assert f"its metadata lack '{key}'" in refusal(with_metadata(key, None), ModelContractError)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", ""),
        ("name", 5),
        ("version", None),
        ("pixel_nm", "20"),
        ("pixel_nm", -1),
        ("pixel_nm", True),
        ("pixel_nm", float("nan")),
        ("pixel_nm", 1e9),
        ("stride", 16.0),
        ("stride", "16"),
        ("stride", 6),
        ("stride", 0),
        ("stride", 4096),
        ("halo_px", -16),
        ("halo_px", 70),
        ("halo_px", 2**20),
        ("structures", []),
        ("structures", "microtubule"),
        ("structures", ["a", "a"]),
        ("structures", [""]),
        ("structures", [1]),
        ("structures", 7),
        ("psf_sigma_nm", 0),
        ("psf_sigma_nm", float("inf")),
        ("intervals", []),
        ("intervals_widefield", {"0.9": -1}),
        ("intervals", {"ninety": 1.0}),
        ("intervals", {"0.9": 0}),
        ("intervals", {"1.5": 1.0}),
        ("structure_intervals", []),
        ("structure_intervals", {"pores": {"plain": {"0.9": 1}, "widefield": {"0.9": 1}}}),
        ("structure_intervals", {"microtubule": {"plain": {"0.9": 1}}}),
        ("structure_intervals", {"microtubule": {"plain": {"0.9": 1}, "widefield": {"0.9": 0}}}),
        ("structure_intervals", {"microtubule": 2.0}),
        ("density_intervals", []),
        ("density_intervals", {"pores": {"plain": CURVES, "widefield": CURVES}}),
        ("density_intervals", {"microtubule": {"plain": CURVES}}),
        ("density_intervals", curves({"0.9": [1, 2]})),
        ("density_intervals", curves({"per_um2": [1, 2]})),
        ("density_intervals", curves({"per_um2": [1, 2], "0.9": [1]})),
        ("density_intervals", curves({"per_um2": [2, 1], "0.9": [1, 1]})),
        ("density_intervals", curves({"per_um2": [0, 1], "0.9": [1, 1]})),
        ("density_intervals", curves({"per_um2": [], "0.9": []})),
        ("density_intervals", curves({"per_um2": [1], "0.9": 1})),
        ("density_intervals", curves({"per_um2": [1], "ninety": [1]})),
        ("density_range_per_um2", [1]),
        ("density_range_per_um2", [5, 1]),
        ("density_range_per_um2", ["a", "b"]),
        ("density_range_per_um2", 4),
        ("units", {}),
        ("units", {"dense": 1}),
        ("training", 3),
        ("licence", None),
        ("weights_sha256", []),
    ],
)
def test_metadata_of_the_wrong_kind_are_refused(key: str, value: Any) -> None:
    refusal(with_metadata(key, json.dumps(value)), ModelContractError)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("20 nm", "its metadata cannot be read"),
        ("[" * 60_000, "its metadata cannot be read"),
        ("1" * 70_000, "its metadata 'pixel_nm' is too long"),
    ],
)
def test_metadata_that_are_no_json_are_refused(text: str, reason: str) -> None:
    assert reason in refusal(with_metadata("pixel_nm", text), ModelContractError)


def test_metadata_given_twice_are_refused() -> None:
    data = changed(lambda model: model.metadata_props.add(key="stride", value="32"))
    assert "a key of its metadata is given twice" in refusal(data, ModelContractError)


def _external(model: onnx.ModelProto) -> None:
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="../../secret")


def _branch(model: onnx.ModelProto) -> None:
    inner = helper.make_graph([helper.make_node("Relu", ["counts"], ["y"])], "inner", [], [])
    model.graph.node.append(
        helper.make_node("If", ["c"], ["o"], then_branch=inner, else_branch=inner)
    )


def _large(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(TensorProto(name="large", data_type=1, dims=[2**16 + 1]))


def _negative(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(TensorProto(name="odd", data_type=1, dims=[-(2**20)]))


def _node(*arguments: Any, **attributes: Any) -> Callable[[onnx.ModelProto], Any]:
    node = helper.make_node(*arguments, **attributes)
    return lambda model: model.graph.node.append(node)


SPARSE = onnx.SparseTensorProto(
    values=numpy_helper.from_array(np.ones(1, np.float32), "s"),
    indices=numpy_helper.from_array(np.zeros(1, np.int64)),
    dims=[4],
)


@pytest.mark.parametrize(
    ("change", "content"),
    [
        (_external, "data in other files (tensor 'w0')"),
        (_branch, "subgraphs (conditions or loops)"),
        (lambda model: model.functions.add(name="f", domain="local"), "local functions"),
        (lambda model: model.training_info.add(), "training graphs"),
        (lambda model: model.graph.sparse_initializer.append(SPARSE), "sparse tensors"),
        (_node("Relu", ["counts"], ["y"], domain="org.evil"), "operators of the domain 'org.evil'"),
        (_node("InstanceNormalization", ["a", "b", "c"], ["y"]), "'InstanceNormalization'"),
        (_node("ReduceMean", ["counts"], ["y"]), "the operator 'ReduceMean'"),
        (_node("RandomNormalLike", ["counts"], ["y"]), "the operator 'RandomNormalLike'"),
        (lambda model: [_node("Relu", ["x"], ["y"])(model) for _ in range(5001)], "nodes, more"),
        (_large, "a tensor of 65537 along one axis"),
        (_negative, "a tensor of -1048576 along one axis"),
    ],
)
def test_a_model_with_more_than_plain_layers_is_refused(
    change: Callable[[onnx.ModelProto], Any], content: str
) -> None:
    text = refusal(changed(change), UnsafeModelError)
    assert text.startswith(f"The model tiny 0.0.1 ({LABEL}) was refused before it was loaded")
    assert content in text


def _value(kind: str, name: str, shape: Any, elem_type: int = 1) -> Callable[..., Any]:
    def change(model: onnx.ModelProto) -> None:
        for value in getattr(model.graph, kind):
            if value.name == name:
                value.CopyFrom(helper.make_tensor_value_info(name, elem_type, shape))

    return change


def _rename(kind: str, index: int, name: str) -> Callable[..., Any]:
    return lambda model: setattr(getattr(model.graph, kind)[index], "name", name)


@pytest.mark.parametrize(
    ("change", "breach"),
    [
        (_rename("input", 0, "image"), "its inputs are image, widefield, widefield_scale"),
        (_rename("output", 1, "sigma"), "its outputs are dense, sigma, background"),
        (lambda m: m.graph.input.pop(), "its inputs are counts, widefield, widefield_scale, expo"),
        (lambda m: m.graph.output.append(m.graph.output[0]), "its outputs are dense, error"),
        (_value("input", "counts", ["N", 1, "H", "W"], 11), "its input 'counts' is not float32"),
        (_value("output", "error", ["N", 1, "H", "W"], 16), "its output 'error' is not float32"),
        (_value("input", "counts", ["N", 3, "H", "W"]), "'counts' has the shape [N, 3, H, W]"),
        (_value("input", "counts", ["N", 1, 512, 512]), "'counts' has the shape [N, 1, 512, 512]"),
        (_value("input", "counts", ["N", 1, "H", "H"]), "but must have [N, 1, H, W]"),
        (_value("input", "counts", ["b", 1, "h", "w"]), "'counts' has the shape [b, 1, h, w]"),
        (_value("input", "counts", ["N", 1, None, "W"]), "'counts' has the shape [N, 1, ?, W]"),
        (_value("input", "counts", None), "'counts' has the shape unknown"),
        (_value("input", "exposure", ["N"]), "'exposure' has the shape [N]"),
        (_value("input", "structure", ["N", 3]), "'structure' has the shape [N, 3]"),
        (_value("output", "dense", ["N", 1, "H", 64]), "'dense' has the shape [N, 1, H, 64]"),
        (_value("output", "dense", ["N", 2, "H", "W"]), "'dense' has the shape [N, 2, H, W]"),
    ],
)
def test_wrong_names_types_and_shapes_are_refused(
    change: Callable[[onnx.ModelProto], Any], breach: str
) -> None:
    assert breach in refusal(changed(change), ModelContractError)


@pytest.mark.parametrize("opset", [17, 20])
def test_another_opset_is_refused(opset: int) -> None:
    def change(model: onnx.ModelProto) -> None:
        model.opset_import[0].version = opset

    text = refusal(changed(change), ModelContractError)
    assert f"its opset is {opset}, but the contract says 18" in text


def test_an_output_may_leave_free_sizes_unnamed_and_structures_may_be_fixed() -> None:
    def change(model: onnx.ModelProto) -> None:
        _value("output", "dense", [None, 1, "anything", None])(model)
        _value("input", "structure", ["N", 1])(model)

    assert check_model(changed(change), LABEL).name == "tiny"


def test_the_list_of_layers_holds_no_statistics_and_no_code() -> None:
    forbidden = {"If", "Loop", "Scan", "GlobalAveragePool", "Softmax", "LayerNormalization"}
    assert not OPERATORS & forbidden
    assert all(onnx.defs.has(name, 18) or name == "Gelu" for name in OPERATORS)


def test_a_file_that_is_too_large_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "huge.onnx"
    with path.open("wb") as stream:
        stream.truncate(MAX_MODEL_BYTES + 10)  # sparse: takes no room on the disk
    with pytest.raises(NotAModelError, match="it is larger than 256 MB"):
        inspect_model(path)


def test_a_graph_that_onnx_runtime_refuses_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(changed(_node("Relu", ["nobody"], ["y"])))
    with pytest.raises(NotAModelError, match="ONNX Runtime refuses it: "):
        load_model(path, "cpu")


def _between(model: onnx.ModelProto, output: str, kind: str, other: Any) -> None:
    """Put one more node before an output."""
    graph = model.graph
    for node in graph.node:
        node.output[:] = [f"{o}_raw" if o == output else o for o in node.output]
        node.input[:] = [f"{i}_raw" if i == output else i for i in node.input]
    graph.initializer.append(numpy_helper.from_array(np.array(other), "other"))
    graph.node.append(helper.make_node(kind, [f"{output}_raw", "other"], [output]))


@pytest.mark.parametrize("output", ["dense", "error", "background", "widefield_estimate"])
@pytest.mark.parametrize("factor", [float("nan"), float("inf"), -1.0])
def test_a_model_with_impossible_results_is_refused_when_it_is_loaded(
    output: str, factor: float, tmp_path: Path
) -> None:
    path = tmp_path / "impossible.onnx"
    path.write_bytes(changed(lambda model: _between(model, output, "Mul", np.float32(factor))))
    with pytest.raises(ModelContractError, match=f"'{output}' is not finite and >= 0"):
        load_model(path, "cpu")


def test_a_model_that_fails_on_a_test_field_is_refused_when_it_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "failing.onnx"
    path.write_bytes(changed(lambda model: _between(model, "dense", "Gather", 10**6)))
    with pytest.raises(ModelContractError, match="a test field fails in it: "):
        load_model(path, "cpu")


def test_every_refusal_is_one_family() -> None:
    for kind in (NotAModelError, UnknownContractError, ModelContractError, UnsafeModelError):
        assert issubclass(kind, ModelError)
        assert issubclass(kind, AnnaPalmError)
        assert issubclass(kind, ValueError)
