"""Is a file a model that may be run? Decided on its bytes, before ONNX Runtime sees them."""

from __future__ import annotations

import itertools
import json
import math
from typing import TYPE_CHECKING, Any

from annapalm.contract import CONTRACT_VERSION, INPUTS, OPSET, OUTPUTS, ModelInfo
from annapalm.model.errors import (
    ModelContractError,
    NotAModelError,
    UnknownContractError,
    UnsafeModelError,
)
from annapalm.model.wire import WireError, read_onnx

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from annapalm.model.wire import OnnxFile, Value

MAX_MODEL_BYTES = 256 * 2**20
"""Released models stay below 8 MB; the original's network, the largest of its kind, has 157 MB."""
MAX_NODES = 5_000
MAX_DIMENSION = 2**16
MAX_METADATA = 2**16
"""Characters in one metadata value."""

# fmt: off
OPERATORS = frozenset({
    "Abs", "Add", "And", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat",
    "Constant", "ConstantOfShape", "Conv", "ConvTranspose", "DepthToSpace",
    "DequantizeLinear", "Div", "Elu", "Equal", "Erf", "Exp", "Expand", "Flatten", "Gather",
    "Gemm", "Gelu", "Greater", "GreaterOrEqual", "HardSigmoid", "HardSwish", "Identity",
    "LeakyRelu", "Less", "LessOrEqual", "Log", "MatMul", "Max", "MaxPool", "Min", "Mul",
    "Neg", "Not", "Or", "PRelu", "Pad", "Pow", "QuantizeLinear", "Reciprocal", "Relu",
    "Reshape", "Resize", "Shape", "Sigmoid", "Sign", "Slice", "Softplus", "SpaceToDepth",
    "Split", "Sqrt", "Squeeze", "Sub", "Sum", "Tanh", "Transpose", "Unsqueeze", "Where", "Xor",
})
# fmt: on
"""What a network of this contract is made of. Not in it, and why: instance, group and layer
normalisation, global pooling, reductions and softmax (statistics over the tile: tiled and whole
would differ), random operators (not reproducible), loops and conditions, strings, sequences."""

_FLOAT32 = 1


def check_model(data: bytes, label: str) -> ModelInfo:
    """Check a model's bytes against everything that can be known without running it.

    `label` names the model in messages. Returns what the model says of itself. Raises
    `NotAModelError`, `UnknownContractError`, `UnsafeModelError` or `ModelContractError`.
    """
    if len(data) > MAX_MODEL_BYTES:
        raise NotAModelError(label, f"it is larger than {MAX_MODEL_BYTES // 2**20} MB")
    if not data:
        raise NotAModelError(label, "the file is empty")
    try:
        file = read_onnx(data)
    except WireError as error:
        raise NotAModelError(label, str(error)) from error
    info = _read_info(file, label)
    label = f"The model {info.name} {info.version} ({label})"
    _check_content(file, label)
    _check_opset(file, label)
    _check_values("input", file.inputs, INPUTS, info, label)
    _check_values("output", file.outputs, OUTPUTS, info, label)
    return info


def _read_info(file: OnnxFile, label: str) -> ModelInfo:
    """Read the metadata; the contract's name first, for everything else depends on it."""
    props = dict(file.metadata)
    if len(props) != len(file.metadata):
        raise ModelContractError(label, "a key of its metadata is given twice")
    too_long = [key for key, value in props.items() if len(value) > MAX_METADATA]
    if too_long:
        raise ModelContractError(label, f"its metadata '{too_long[0][:50]}' is too long")
    contract = props.get("contract")
    if contract != json.dumps(CONTRACT_VERSION):
        shown = None if contract is None else contract.strip('"')[:50]
        raise UnknownContractError(label, shown, CONTRACT_VERSION)
    try:
        info = ModelInfo.from_metadata(props)
    except KeyError as error:
        raise ModelContractError(label, f"its metadata lack '{error.args[0]}'") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise ModelContractError(label, f"its metadata cannot be read: {error}") from error
    if not props["structures"].lstrip().startswith("["):
        raise ModelContractError(label, "in its metadata, 'structures' is not a list")
    breach = _breach(info)
    if breach is not None:
        raise ModelContractError(label, f"in its metadata, {breach}")
    return info


def _breach(info: ModelInfo) -> str | None:
    """Say what is wrong with the values of the metadata; JSON may have brought any type."""
    texts = ("name", "version", "training", "licence", "weights_sha256")
    checks = {
        **{key: isinstance(getattr(info, key), str) for key in texts},
        "name": isinstance(info.name, str) and bool(info.name.strip()),
        "version": isinstance(info.version, str) and bool(info.version.strip()),
        "pixel_nm": _is_number(info.pixel_nm) and 0.1 <= info.pixel_nm <= 10_000,
        "stride": _is_whole(info.stride) and info.stride <= 1024,
        "halo_px": _is_whole(info.halo_px) and 0 <= info.halo_px <= 8192,
        "structures": _is_list_of_names(info.structures),
        "psf_sigma_nm": _is_number(info.psf_sigma_nm) and info.psf_sigma_nm <= 10_000,
        "intervals": _is_intervals(info.intervals),
        "intervals_widefield": _is_intervals(info.intervals_widefield),
        "density_range_per_um2": _is_range(info.density_range_per_um2),
        "units": _is_units(info.units),
        "structure_intervals": _for_each(info.structure_intervals, info.structures, _is_intervals),
        "density_intervals": _for_each(info.density_intervals, info.structures, _are_curves),
    }
    wrong = [key for key, right in checks.items() if not right]
    return f"'{wrong[0]}' is {_short(getattr(info, wrong[0]))}" if wrong else None


def _check_content(file: OnnxFile, label: str) -> None:
    """Refuse what a self-contained network of plain layers does not hold."""
    foreign = sorted({domain for domain, _ in file.operators if domain})
    unknown = sorted(name for domain, name in file.operators if name not in OPERATORS)
    findings = {
        f"data in other files (tensor '{_clip(''.join(file.external[:1]))}')": bool(file.external),
        "subgraphs (conditions or loops)": file.subgraphs > 0,
        "local functions": file.functions > 0,
        "training graphs": file.training > 0,
        "sparse tensors": file.sparse > 0,
        f"operators of the domain '{_clip(''.join(foreign[:1]))}'": bool(foreign),
        f"the operator '{_clip(''.join(unknown[:1]))}', which is not on the list of layers": bool(
            unknown
        ),
        f"{file.node_count:,} nodes, more than {MAX_NODES:,}": file.node_count > MAX_NODES,
        f"a tensor of {file.largest_dimension} along one axis": not (
            0 <= file.largest_dimension <= MAX_DIMENSION
        ),
    }
    for content, found in findings.items():
        if found:
            raise UnsafeModelError(label, content)


def _check_opset(file: OnnxFile, label: str) -> None:
    standard = [version for domain, version in file.opsets if domain == ""]
    if standard != [OPSET]:
        given = ", ".join(map(str, standard)) or "none"
        raise ModelContractError(label, f"its opset is {given}, but the contract says {OPSET}")


def _check_values(
    kind: str,
    values: tuple[Value, ...],
    contract: Mapping[str, tuple[str | int, ...]],
    info: ModelInfo,
    label: str,
) -> None:
    """Compare names, types and shapes with the contract's."""
    names = [value.name for value in values]
    if sorted(names) != sorted(contract):
        wanted = ", ".join(contract)
        given = _clip(", ".join(names)) or "none"
        raise ModelContractError(label, f"its {kind}s are {given}, but must be {wanted}")
    for value in values:
        if value.elem_type != _FLOAT32:
            raise ModelContractError(label, f"its {kind} '{value.name}' is not float32")
        wanted_shape = contract[value.name]
        if not _fits(value.shape, wanted_shape, len(info.structures), named=kind == "input"):
            breach = (
                f"its {kind} '{value.name}' has the shape {_show(value.shape)}, "
                f"but must have {_show(wanted_shape)}"
            )
            raise ModelContractError(label, breach)


def _fits(
    shape: tuple[int | str | None, ...] | None,
    wanted: tuple[str | int, ...],
    structures: int,
    *,
    named: bool,
) -> bool:
    """Compare a shape with the contract's.

    Inputs carry the contract's own symbols (a GPU session fixes them by name); outputs may leave
    a free size unnamed, and the run checks it. Only the number of structures may be fixed.
    """
    if shape is None or len(shape) != len(wanted):
        return False
    for size, want in zip(shape, wanted, strict=True):
        if want == "S" and size == structures:
            continue
        if isinstance(want, int) or named:
            if size != want:
                return False
        elif isinstance(size, int):
            return False
    return True


def _is_number(value: Any) -> bool:  # noqa: ANN401 - anything that JSON can hold
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, int) and not isinstance(value, bool)


def _is_list_of_names(value: Any) -> bool:  # noqa: ANN401
    return (
        0 < len(value) <= 64
        and all(isinstance(name, str) and name.strip() for name in value)
        and len(set(value)) == len(value)
    )


def _is_intervals(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, dict) and all(
        _is_share(nominal) and _is_number(factor) and factor > 0
        for nominal, factor in value.items()
    )


def _for_each(value: Any, structures: tuple[str, ...], is_right: Callable[[Any], bool]) -> bool:  # noqa: ANN401
    """Whether nothing is given, or what is right without and with widefield image for each."""
    if not isinstance(value, dict):
        return False
    return not value or (
        value.keys() == set(structures)
        and all(
            isinstance(own, dict)
            and own.keys() == {"plain", "widefield"}
            and all(is_right(one) for one in own.values())
            for own in value.values()
        )
    )


def _are_curves(value: Any) -> bool:  # noqa: ANN401
    """Whether factors are given at densities that ascend, as many as there are densities."""
    if not isinstance(value, dict) or len(value) < 2 or "per_um2" not in value:
        return False
    rows = list(value.values())
    if not all(isinstance(row, list) and all(_is_number(v) and v > 0 for v in row) for row in rows):
        return False
    known = value["per_um2"]
    return (
        bool(known)
        and all(len(row) == len(known) for row in rows)
        and all(low < high for low, high in itertools.pairwise(known))
        and all(_is_share(nominal) for nominal in value if nominal != "per_um2")
    )


def _is_share(text: str) -> bool:
    """Whether a text is a number between 0 and 1, as a nominal coverage is."""
    try:
        return 0 < float(text) < 1
    except ValueError:
        return False


def _is_range(value: Any) -> bool:  # noqa: ANN401
    return len(value) == 2 and all(_is_number(v) for v in value) and 0 <= value[0] < value[1]


def _is_units(value: Any) -> bool:  # noqa: ANN401
    return (
        isinstance(value, dict)
        and value.keys() == OUTPUTS.keys()
        and all(isinstance(unit, str) for unit in value.values())
    )


def _show(shape: tuple[int | str | None, ...] | None) -> str:
    if shape is None:
        return "unknown"
    return _clip("[" + ", ".join("?" if size is None else str(size) for size in shape) + "]")


def _short(value: object) -> str:
    return _clip(repr(value))


def _clip(text: str) -> str:
    """Keep a text from a file short and on one line."""
    line = "".join(c if c.isprintable() else "?" for c in text)
    return line if len(line) <= 80 else line[:77] + "..."
