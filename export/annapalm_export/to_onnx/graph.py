"""Write the graph: batch norm folded, shapes dynamic, names and metadata of the contract."""

from __future__ import annotations

import copy
import hashlib
import logging
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import onnx
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from annapalm.contract import INPUTS, OPSET, OUTPUTS, QUARTER, ModelInfo
from annapalm.errors import InvalidValueError
from annapalm_export.train.network import CountsStem, Student

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from annapalm_export.train.network import Network

STRIDE = Student.stride
MAX_IR_VERSION = 10
"""Newest IR that the oldest supported runtime reads."""


def inference_copy(model: Network) -> Student:
    """Copy a student in evaluation mode, batch norm folded into the convolutions.

    Every operation then gives the same bits wherever in an image, and in an image of whatever
    size, it is computed. Weights below 1e-30 become 0: denormal numbers are slow on every CPU.
    Raises `InvalidValueError` for another kind of network: what an A-net draws depends on the
    whole image, which the contract forbids.
    """
    if not isinstance(model, Student):
        raise InvalidValueError("network.kind", model.config.kind, "student to become a model file")
    folded = copy.deepcopy(model).cpu().eval()
    for block in folded.modules():
        if isinstance(block, nn.Sequential) and len(block) > 1:
            conv, norm = block[0], block[1]
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                block[0] = fuse_conv_bn_eval(conv, norm)
                block[1] = nn.Identity()
    folded.exact = True
    _fold_enter(folded)
    if isinstance(folded.stem, CountsStem):
        folded.stem = folded.stem.as_strided()
    with torch.no_grad():
        for weight in folded.parameters():
            weight[weight.abs() < 1e-30] = 0
    return folded.requires_grad_(requires_grad=False)


def _fold_enter(model: Student) -> None:
    """Fold the norm after the sum of the two first convolutions into both of them."""
    norm = model.enter_norm
    if not isinstance(norm, nn.BatchNorm2d) or not isinstance(model.stem, CountsStem):
        return
    with torch.no_grad():
        factor = norm.weight / torch.sqrt(norm.get_buffer("running_var") + norm.eps)
        for conv in (model.stem.conv, model.side):
            conv.weight.mul_(factor[:, None, None, None])
        bias = model.side.get_parameter("bias")
        bias.copy_((bias - norm.get_buffer("running_mean")) * factor + norm.bias)
    model.enter_norm = nn.Identity()


def weights_sha256(model: nn.Module) -> str:
    """Hash all weights and buffers, the calibration among them, in the order of their names."""
    digest = hashlib.sha256()
    values = dict(model.named_parameters()) | dict(model.named_buffers())
    for name, value in sorted(values.items()):
        digest.update(name.encode() + value.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()


def export_onnx(model: Student, info: ModelInfo, path: Path) -> None:
    """Write `model` (from `inference_copy`) as one self-contained file with `info` as metadata.

    Raises `onnx.checker.ValidationError` or `ValueError` for a graph that breaks the contract.
    """
    example = example_inputs(model, batch=2, rows=4, columns=6)
    row, column = torch.export.Dim("rows", min=1), torch.export.Dim("columns", min=1)
    batch = torch.export.Dim("batch", min=1)
    shapes = (
        {0: batch, 2: STRIDE * row, 3: STRIDE * column},
        {0: batch, 2: STRIDE // QUARTER * row, 3: STRIDE // QUARTER * column},
        {0: batch},
        {0: batch},
        {0: batch},
    )
    with _hushed():
        program = torch.onnx.export(
            model,
            example,
            dynamo=True,
            external_data=False,
            opset_version=OPSET,
            input_names=list(INPUTS),
            output_names=list(OUTPUTS),
            dynamic_shapes=shapes,
            verbose=False,
        )
    if program is None:
        message = "torch.onnx.export returned nothing"
        raise ValueError(message)
    proto = program.model_proto
    _finish(proto, info)
    onnx.checker.check_model(proto, full_check=True)
    path.write_bytes(proto.SerializeToString(deterministic=True))


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep the exporter's deprecations, and what it misses and we do not need, from the user.

    The checks that follow decide whether the file is right.
    """
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def example_inputs(
    model: Student, batch: int, rows: int, columns: int, seed: int = 0
) -> tuple[torch.Tensor, ...]:
    """Make plausible random inputs of `rows` x `columns` strides, in the contract's order."""
    generator = torch.Generator().manual_seed(seed)
    height, width = rows * STRIDE, columns * STRIDE
    density = torch.rand((batch, 1, height, width), generator=generator) * 0.1
    widefield = torch.rand((batch, 1, height // QUARTER, width // QUARTER), generator=generator)
    return (
        torch.poisson(density, generator=generator),
        widefield * 100,
        torch.linspace(0, 50, batch)[:, None] if batch > 1 else torch.full((1, 1), 50.0),
        torch.linspace(1, 2, batch)[:, None],
        torch.ones((batch, model.config.structures)),
    )


def _finish(proto: onnx.ModelProto, info: ModelInfo) -> None:
    """Give the dimensions the contract's names, and write the metadata."""
    graph = proto.graph
    for values, wanted in ((graph.input, INPUTS), (graph.output, OUTPUTS)):
        if [v.name for v in values] != list(wanted):
            message = f"the graph has {[v.name for v in values]}, the contract {list(wanted)}"
            raise ValueError(message)
        for value in values:
            _name_dimensions(value, wanted[value.name], len(info.structures))
    # Names of inner shapes would contradict the new ones.
    del graph.value_info[:]
    proto.ir_version = min(proto.ir_version, MAX_IR_VERSION)
    proto.producer_name, proto.doc_string = "annapalm-export", ""
    for node in graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    del proto.metadata_props[:]
    for key, text in info.to_metadata().items():
        proto.metadata_props.add(key=key, value=text)


def _name_dimensions(
    value: onnx.ValueInfoProto, shape: tuple[str | int, ...], structures: int
) -> None:
    dims = value.type.tensor_type.shape.dim
    if len(dims) != len(shape):
        message = f"'{value.name}' has {len(dims)} dimensions, the contract {len(shape)}"
        raise ValueError(message)
    for dim, name in zip(dims, shape, strict=True):
        if isinstance(name, int) or name == "S":
            fixed = structures if name == "S" else name
            if dim.HasField("dim_value") and dim.dim_value != fixed:
                message = f"'{value.name}' has {dim.dim_value} where the contract has {name}"
                raise ValueError(message)
            dim.dim_value = int(fixed)
        else:
            dim.dim_param = name
