"""How far a pixel of the output looks: measured on the weights, by their gradients."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import nn

from annapalm.contract import QUARTER
from annapalm_export.to_onnx.graph import STRIDE

if TYPE_CHECKING:
    from annapalm_export.train.network import Student


def measure_reach_px(model: Student, side_strides: int | None = None) -> int:
    """Return the largest distance, in px, over which an input pixel can change an output pixel.

    `model` is an inference copy. Every weight is made non-negative, biases positive and
    max-pooling a mean in a copy, so that no path through the network is closed by chance: what has
    no gradient there cannot have any influence with the real signs. All phases of the stride are
    tried, both image inputs, all outputs. Each axis is measured by itself, on a strip of one
    stride, with kernels summed across it. The strip is as long as the network's shape asks for, or
    `side_strides`; raises `ValueError` if the reach touches its ends, or if the gradient was lost
    on the way.
    """
    strides = side_strides or 2 * _margin(model) + 1
    opened = _open_paths(model)
    return max(_reach_along(_summed_across(opened, axis), strides) for axis in (3, 2))


def halo_for(reach_px: int) -> int:
    """Round a reach up to a multiple of the stride."""
    return -(-reach_px // STRIDE) * STRIDE


def _reach_along(strip: Student, strides: int) -> int:
    """Reach along y of a network that has no width across it."""
    side, middle = strides * STRIDE, strides // 2 * STRIDE
    images = [
        torch.ones((1, 1, side // n, STRIDE // n), dtype=torch.float64, requires_grad=True)
        for n in (1, QUARTER)
    ]
    one = torch.ones((1, 1), dtype=torch.float64)
    structure = torch.ones((1, strip.config.structures), dtype=torch.float64)
    outputs = strip(*images, one, one, structure)
    reach = 0
    for output, factor in zip(outputs, (1, 1, QUARTER, QUARTER), strict=True):
        # One stride of output pixels, so that all phases are in it.
        total = output[:, :, middle // factor : (middle + STRIDE) // factor].sum()
        gradients = torch.autograd.grad(total, images, retain_graph=True)
        for gradient, pixel in zip(gradients, (1, QUARTER), strict=True):
            reach = max(reach, _distance(gradient, middle, side, pixel))
    return reach


def _margin(model: Student) -> int:
    """Strides to each side that suffice for a reach, by the shape of the network alone.

    A 3 x 3 convolution adds a pixel of its own scale to each side. What poolings and upsamplings
    add by their phases is less than a stride each.
    """
    config = model.config
    quarter = 1 + config.enter_convs + config.up_full_convs
    eighth = 2 + config.up_half_convs
    sixteenth = 1 + 2 * config.deep_blocks
    convolutions = QUARTER * quarter + 2 * QUARTER * eighth + 4 * QUARTER * sixteenth
    blurs = QUARTER * max(model.smooth.shape[-1], model.psf.shape[-1]) // 2
    return halo_for(convolutions + blurs) // STRIDE + 4


def _distance(gradient: torch.Tensor, middle: int, side: int, pixel: int) -> int:
    rows = torch.nonzero((gradient[0, 0] != 0).any(1)).flatten()
    if not bool(torch.isfinite(gradient).all()) or not len(rows):
        message = "the gradient by which the reach is measured overflowed or vanished"
        raise ValueError(message)
    first, last = int(rows[0]) * pixel, (int(rows[-1]) + 1) * pixel
    if first == 0 or last == side:
        message = "the reach is larger than the image it was measured on"
        raise ValueError(message)
    return max(middle - first, last - (middle + STRIDE))


def _open_paths(model: Student) -> Student:
    """Copy the network so that no path is closed by the sign or the order of values."""
    opened = copy.deepcopy(model).double().requires_grad_(requires_grad=False)
    opened.eval()
    for parent in list(opened.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.MaxPool2d):
                setattr(parent, name, nn.AvgPool2d(2))
            if isinstance(child, nn.Conv2d | nn.Linear):
                child.weight.abs_()
                # No output above the largest input: residual blocks at most double it.
                rows = child.weight.flatten(1).sum(1)
                child.weight.div_(rows.max().clamp_min(1e-12))
                if child.bias is not None:
                    child.bias.fill_(0.1)
    opened.error_apart = False  # the error's reach counts like any other
    return opened


def _summed_across(opened: Student, axis: int) -> Student:
    """Copy a network of non-negative weights; what lies along `axis` of its kernels is summed.

    The other axis becomes y. A path moves along y as far as it did, wherever it moved across.
    """
    strip = copy.deepcopy(opened)
    for module in strip.modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size != (1, 1):
            along = module.weight.sum(axis)
            module.weight.zero_()
            module.weight[..., module.kernel_size[1] // 2] = along
    return strip
