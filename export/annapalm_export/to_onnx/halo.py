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


def measure_reach_px(model: Student, side_strides: int = 33) -> int:
    """Return the largest distance, in px, over which an input pixel can change an output pixel.

    Every weight is made non-negative, biases positive and max-pooling a mean in a copy, so that
    no path through the network is closed by chance: what has no gradient there cannot have any
    influence with the real signs. All phases of the stride are tried, both image inputs, all
    outputs. Raises `ValueError` if the reach touches the border of the test image.
    """
    open_model = _open_paths(model)
    side = side_strides * STRIDE
    middle = side_strides // 2 * STRIDE
    reach = 0
    for index, factor in ((0, 1), (1, 1), (2, QUARTER), (3, QUARTER)):
        counts = torch.ones((1, 1, side, side), dtype=torch.float64, requires_grad=True)
        light = torch.ones(
            (1, 1, side // QUARTER, side // QUARTER), dtype=torch.float64, requires_grad=True
        )
        one = torch.ones((1, 1), dtype=torch.float64)
        structure = torch.ones((1, model.config.structures), dtype=torch.float64)
        output = open_model(counts, light, one, one, structure)[index]
        # One stride of output pixels, so that all phases are in it.
        window = slice(middle // factor, (middle + STRIDE) // factor)
        output[:, :, window, window].sum().backward()
        for grad, pixel in ((counts.grad, 1), (light.grad, QUARTER)):
            reach = max(reach, _distance(grad, middle, side, pixel))
    return reach


def halo_for(reach_px: int) -> int:
    """Round a reach up to a multiple of the stride."""
    return -(-reach_px // STRIDE) * STRIDE


def _distance(grad: torch.Tensor | None, middle: int, side: int, pixel: int) -> int:
    if grad is None or not bool((grad != 0).any()):
        return 0
    rows = torch.nonzero((grad[0, 0] != 0).any(1)).flatten()
    first, last = int(rows[0]) * pixel, (int(rows[-1]) + 1) * pixel
    if first == 0 or last == side:
        message = "the reach is larger than the image it was measured on"
        raise ValueError(message)
    return max(middle - first, last - (middle + STRIDE))


def _open_paths(model: Student) -> Student:
    opened = copy.deepcopy(model).double().requires_grad_(requires_grad=False)
    opened.eval()
    for parent in list(opened.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.MaxPool2d):
                setattr(parent, name, nn.AvgPool2d(2))
            if isinstance(child, nn.Conv2d | nn.Linear):
                child.weight.abs_()
                # Kept small, so that the gradient neither overflows nor saturates softplus.
                child.weight.div_(child.weight.sum().clamp_min(1e-12) / max(len(child.weight), 1))
                if child.bias is not None:
                    child.bias.fill_(0.1)
    opened.error_apart = False  # the error's reach counts like any other
    return opened
