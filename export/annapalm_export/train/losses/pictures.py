"""Likeness to the noise-free picture: L1 and multi-scale SSIM, of simulated samples alone.

Pictures are scaled by numbers fixed in advance and by the exposure of the held-out frames, which
is one number per acquisition: nothing is measured on the crop, so an empty one is not amplified.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as nnf

from annapalm.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterator

PICTURE_TOP = 10.0
"""Localizations per pixel of the held-out frames that a picture shows as 1: filaments of simulated
acquisitions lie between 1 and 20."""
OFFSET = 3.0 / 8.0
"""Anscombe's: the square root of a Poisson count + 3/8 scatters alike at every rate (Anscombe 1948,
doi:10.1093/biomet/35.3-4.246), and unlike a bare root it has a finite slope at 0."""
WANG_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales, finest first (Wang, Simoncelli, Bovik 2003,
doi:10.1109/ACSSC.2003.1292216)."""
TAPS, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2
"""Wang's constants (K L)² for the range L = 1 of `picture`."""
LEAST = 1e-3
"""A scale that does not resemble at all counts as this: a power of 0 has no gradient."""


def picture(rate: Tensor, ratio: Tensor, scale: str) -> Tensor:
    """Make a picture of a rate [N,1,H,W] per pixel over the input's exposure; 1 at `PICTURE_TOP`.

    `ratio` [N,1] brings it to the held-out exposure, the dense image that the whole acquisition
    gives: with r = rate * ratio, "linear" is r / TOP, and "sqrt" is
    (sqrt(r + 3/8) - sqrt(3/8)) / (sqrt(TOP + 3/8) - sqrt(3/8)).
    """
    exposed = rate * ratio[:, :, None, None]
    if scale == "linear":
        return exposed / PICTURE_TOP
    top = math.sqrt(PICTURE_TOP + OFFSET) - math.sqrt(OFFSET)
    return (torch.sqrt(exposed + OFFSET) - math.sqrt(OFFSET)) / top


def l1(drawn: Tensor, truth: Tensor) -> Tensor:
    """Mean |drawn - truth| over all pixels of pictures [N,1,H,W].

    Zhao et al. 2017 (doi:10.1109/TCI.2016.2644865) weight each patch by a Gaussian around its
    centre, which over the mean of all patches is the plain mean, borders apart. Their mix is
    0.84 `ms_ssim` + 0.16 `l1`.
    """
    return (drawn - truth).abs().mean()


def ms_ssim_loss(drawn: Tensor, truth: Tensor) -> Tensor:
    """1 - MS-SSIM (Wang et al. 2003) of pictures [N,1,H,W] of range 1, mean over the samples.

    MS-SSIM = l_M^w_M * prod_j cs_j^w_j with l = (2 m m' + C1) / (m² + m'² + C1) and
    cs = (2 cov + C2) / (var + var' + C2) under an 11 x 11 Gaussian of sigma 1.5 px, whole windows
    only; 2 x 2 means between scales. Five scales need sides of 176 px; with smaller sides the
    scales that fit are used and their exponents brought to the same sum. Raises
    `InvalidValueError` for sides below 11 px.
    """
    weights = _weights(min(drawn.shape[2:]))
    similar = drawn.new_ones(len(drawn))
    levels = zip(weights, _pyramid(drawn), _pyramid(truth), strict=False)
    for at, (weight, x, y) in enumerate(levels):
        contrast, luminance = _similarity(x, y)
        last = at == len(weights) - 1
        each = (contrast * luminance if last else contrast).mean((1, 2, 3))
        similar = similar * each.clamp_min(LEAST) ** weight
    return 1 - similar.mean()


def _weights(side: int) -> list[float]:
    """Exponents of the scales that have a whole window."""
    fitting = [w for j, w in enumerate(WANG_WEIGHTS) if side >> j >= TAPS]
    if not fitting:
        raise InvalidValueError("crop_px", side, f"at least {TAPS} for loss.ms_ssim")
    return [w * sum(WANG_WEIGHTS) / sum(fitting) for w in fitting]


def _pyramid(image: Tensor) -> Iterator[Tensor]:
    """Yield the image and its successive 2 x 2 means; odd last rows or columns go."""
    while True:
        yield image
        image = nnf.avg_pool2d(image, 2)


def _similarity(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Contrast with structure, and luminance, in every whole window."""
    mean_x, mean_y = _window(x), _window(y)
    variance = _window(x * x) - mean_x**2 + _window(y * y) - mean_y**2
    covariance = _window(x * y) - mean_x * mean_y
    contrast = (2 * covariance + C2) / (variance + C2)
    return contrast, (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)


def _window(image: Tensor) -> Tensor:
    """Weighted mean under the Gaussian: [N,1,H-10,W-10]."""
    place = torch.arange(TAPS, device=image.device) - TAPS // 2
    axis = torch.exp(-0.5 * (place / SIGMA) ** 2)
    axis = (axis / axis.sum()).to(image.dtype)[None, None, None]
    return nnf.conv2d(nnf.conv2d(image, axis), axis.transpose(2, 3))
