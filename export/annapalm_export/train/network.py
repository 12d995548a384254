"""The student: a small U-Net behind a 4 x space-to-depth, fast on two CPU cores.

No normalisation depends on the crop: batch norm is folded at export, and nothing is pooled over
the image, so that a tile gives the same pixels as the whole field.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf

from annapalm.contract import QUARTER

TINY = 1e-30
"""Inputs below it are taken as 0: denormal numbers make a CPU up to 100 times slower."""
DENSE_OFFSET = 4.0
"""softplus(-4) = 0.018 localizations per pixel: where the rates of filaments lie."""


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """Shape of the student."""

    widths: tuple[int, int, int] = (64, 96, 128)
    """Channels at 1/4, 1/8 and 1/16 of the image's sides; multiples of 16 run fastest."""
    deep_blocks: int = 2
    """Residual blocks of two convolutions at 1/16."""
    error_width: int = 32
    """Hidden channels of the error head (1 x 1: the features have the context already)."""
    structures: int = 1
    psf_sigma_px: float = 6.25
    """PSF of `widefield_estimate`, in pixels of the full grid (125 nm at 20 nm)."""


def _conv(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs, momentum=0.02),
        nn.ReLU(),
    )


class Residual(nn.Module):
    """Two convolutions around which the input is added."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(_conv(width, width), _conv(width, width))

    def forward(self, x: Tensor) -> Tensor:
        """Map [N,C,H,W] to the same shape."""
        out: Tensor = x + self.convs(x)
        return out


class Student(nn.Module):
    """The network of `annapalm.contract`: five inputs, four outputs, all per pixel."""

    error_scale: Tensor
    """Calibration of the error map (`annapalm_export.calibrate`); stays 1 while training."""
    smooth: Tensor
    psf: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        full, half, deep = config.widths
        self.stem = nn.Conv2d(QUARTER**2 + 3, full, 3, padding=1)
        self.structure = nn.Linear(config.structures, full, bias=False)
        self.enter = _conv(full, full)
        self.down1 = nn.Sequential(nn.MaxPool2d(2), _conv(full, half), _conv(half, half))
        self.down2 = nn.Sequential(nn.MaxPool2d(2), _conv(half, deep))
        self.deep = nn.Sequential(*(Residual(deep) for _ in range(config.deep_blocks)))
        self.to_half = nn.Conv2d(deep, half, 1)
        self.up1 = nn.Sequential(_conv(half, half), _conv(half, half))
        self.to_full = nn.Conv2d(half, full, 1)
        self.up2 = nn.Sequential(_conv(full, full), _conv(full, full))
        self.dense_head = nn.Conv2d(full, QUARTER**2, 1)
        self.background_head = nn.Conv2d(deep, 1, 1)
        self.error_head = nn.Sequential(
            nn.Conv2d(full, config.error_width, 1),
            nn.ReLU(),
            nn.Conv2d(config.error_width, QUARTER**2, 1),
        )
        with torch.no_grad():  # most of a field is empty
            for head in (self.dense_head, self.background_head):
                torch.nn.init.constant_(head.get_parameter("bias"), -2.0)
        self.error_apart = True
        self.register_buffer("error_scale", torch.ones(()))
        self.register_buffer("smooth", gaussian_kernel(2.0), persistent=False)
        self.register_buffer(
            "psf", gaussian_kernel(config.psf_sigma_px / QUARTER), persistent=False
        )

    def forward(
        self,
        counts: Tensor,
        widefield: Tensor,
        widefield_scale: Tensor,
        exposure: Tensor,
        structure: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return dense [N,1,H,W], error [N,1,H,W], background and widefield_estimate [N,1,H/4,W/4].

        Inputs, outputs and units are those of `annapalm.contract`.
        """
        x = self.stem(features(counts, widefield, widefield_scale))
        x = nnf.relu(x + self.structure(structure)[:, :, None, None])
        x0 = self.enter(x)
        x1 = self.down1(x0)
        x2 = self.deep(self.down2(x1))
        x1 = self.up1(x1 + nnf.interpolate(self.to_half(x2), scale_factor=2.0, mode="nearest"))
        x0 = self.up2(x0 + nnf.interpolate(self.to_full(x1), scale_factor=2.0, mode="nearest"))
        gain = exposure[:, :, None, None]
        rate = nnf.softplus(nnf.pixel_shuffle(self.dense_head(x0), QUARTER) - DENSE_OFFSET)
        # The error head learns from what the trunk knows and never pulls on it: the likelihood
        # alone decides the picture.
        seen = x0.detach() if self.error_apart else x0
        spread = nnf.pixel_shuffle(self.error_head(seen), QUARTER) - DENSE_OFFSET
        error = nnf.softplus(spread) * (self.error_scale * gain)
        dense = rate * gain
        diffuse = nnf.softplus(self.background_head(x2) - DENSE_OFFSET)
        diffuse = nnf.interpolate(diffuse, scale_factor=float(QUARTER), mode="nearest")
        background = _blur(diffuse, self.smooth) * gain
        estimate = _blur(nnf.avg_pool2d(dense, QUARTER) * QUARTER**2, self.psf)
        return dense, error, background, estimate


def features(counts: Tensor, widefield: Tensor, widefield_scale: Tensor) -> Tensor:
    """Make what the first convolution sees: [N,19,H/4,W/4].

    Fixed global scaling only. The widefield image is brought to localizations per quarter pixel;
    its square root (the scale of Poisson noise) and logarithm keep faint and bright parts apart.
    """
    sparse = nnf.pixel_unshuffle(torch.log1p(nnf.relu(counts - TINY)), QUARTER)
    present = (widefield_scale > 0).to(widefield.dtype)
    gain = present / torch.where(widefield_scale > 0, widefield_scale, 1.0)
    light = nnf.relu(widefield - TINY) * gain[:, :, None, None]
    plane = present[:, :, None, None].expand_as(light)
    return torch.cat([sparse, torch.sqrt(light), torch.log1p(100.0 * light) / 4.0, plane], dim=1)


def gaussian_kernel(sigma_px: float) -> Tensor:
    """Make a normalised Gaussian as a convolution weight [1,1,K,K], cut at 3.5 sigma."""
    radius = math.ceil(3.5 * sigma_px)
    axis = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma_px) ** 2)
    axis = axis / axis.sum()
    return (axis[:, None] * axis[None, :])[None, None]


def _blur(image: Tensor, kernel: Tensor) -> Tensor:
    return nnf.conv2d(image, kernel, padding=kernel.shape[-1] // 2)
