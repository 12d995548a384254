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
    error_scale_widefield: Tensor
    """Calibration of the error map without and with widefield image (`annapalm_export.calibrate`);
    both stay 1 while training."""
    smooth: Tensor
    psf: Tensor
    exact: bool
    """Round logarithms the same at every place in the image (`_log1p`); set for inference."""
    error_apart: bool
    """Whether the error head is kept from pulling on the trunk; off only to measure its reach."""

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
        self.register_buffer("error_scale_widefield", torch.ones(()), persistent=False)
        self.exact = False
        self.register_buffer("smooth", gaussian(2.0), persistent=False)
        self.register_buffer("psf", gaussian(config.psf_sigma_px / QUARTER), persistent=False)

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
        x = self._features(counts, widefield, widefield_scale)
        x = self.stem(nnf.pad(x, (0, 0, 0, 0, 0, self.stem.in_channels - x.shape[1])))
        x = nnf.relu(x + self.structure(structure)[:, :, None, None])
        x0 = self.enter(x)
        x1 = self.down1(x0)
        x2 = self.deep(self.down2(x1))
        x1 = self.up1(x1 + nnf.interpolate(self.to_half(x2), scale_factor=2.0, mode="nearest"))
        x0 = self.up2(x0 + nnf.interpolate(self.to_full(x1), scale_factor=2.0, mode="nearest"))
        gain = exposure[:, :, None, None]
        rate = self._softplus(nnf.pixel_shuffle(self.dense_head(x0), QUARTER) - DENSE_OFFSET)
        # The error head learns from what the trunk knows and never pulls on it: the likelihood
        # alone decides the picture.
        seen = x0.detach() if self.error_apart else x0
        spread = nnf.pixel_shuffle(self.error_head(seen), QUARTER) - DENSE_OFFSET
        scale = torch.where(widefield_scale > 0, self.error_scale_widefield, self.error_scale)
        error = self._softplus(spread) * (scale[:, :, None, None] * gain)
        dense = rate * gain
        diffuse = self._softplus(self.background_head(x2) - DENSE_OFFSET)
        diffuse = nnf.interpolate(diffuse, scale_factor=float(QUARTER), mode="nearest")
        background = _blur(diffuse, self.smooth) * gain
        estimate = _blur(nnf.avg_pool2d(dense, QUARTER) * QUARTER**2, self.psf)
        return dense, error, background, estimate

    def _features(self, counts: Tensor, widefield: Tensor, widefield_scale: Tensor) -> Tensor:
        """Make what the first convolution sees: [N,19,H/4,W/4].

        Fixed global scaling only. The widefield image is brought to localizations per quarter
        pixel; its square root (the scale of Poisson noise) and logarithm keep faint and bright
        parts apart.
        """
        sparse = nnf.pixel_unshuffle(self._log1p(nnf.relu(counts - TINY)), QUARTER)
        present = (widefield_scale > 0).to(widefield.dtype)
        gain = present / torch.where(widefield_scale > 0, widefield_scale, 1.0)
        light = nnf.relu(widefield - TINY) * gain[:, :, None, None]
        plane = present[:, :, None, None].expand_as(light)
        faint = self._log1p(100.0 * light) / 4.0
        return torch.cat([sparse, torch.sqrt(light), faint, plane], dim=1)

    def _log1p(self, x: Tensor) -> Tensor:
        """Logarithm of 1 + x for x >= 0.

        ONNX Runtime's float32 Log and Softplus round differently in the vectorised body and in the
        remainder of each thread's share, so that a tile would differ from the whole field in the
        last bit. Through float64 every place rounds alike (and Softplus is faster so).
        """
        if not self.exact:
            return torch.log1p(x)
        return torch.log(1.0 + x.double()).to(x.dtype)

    def _softplus(self, x: Tensor) -> Tensor:
        if not self.exact:
            return nnf.softplus(x)
        return nnf.relu(x) + self._log1p(torch.exp(-x.abs()))


def gaussian(sigma_px: float) -> Tensor:
    """Make a normalised Gaussian as a convolution weight [1,1,1,K], cut at 3.5 sigma."""
    radius = math.ceil(3.5 * sigma_px)
    axis = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma_px) ** 2)
    return (axis / axis.sum())[None, None, None]


def _blur(image: Tensor, axis: Tensor) -> Tensor:
    """Blur along x, then along y.

    Of one two-dimensional kernel ONNX Runtime would make a matrix product, whose order of
    summation depends on the size of the image.
    """
    reach = axis.shape[-1] // 2
    along_x = nnf.conv2d(image, axis, padding=(0, reach))
    return nnf.conv2d(along_x, axis.transpose(2, 3), padding=(reach, 0))
