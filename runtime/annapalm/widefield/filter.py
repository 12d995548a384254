"""Gaussian blur in numpy, for images of a field: separable, edges continued."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

TRUNCATE = 4.0
"""Standard deviations after which the kernel ends; what is left out is 6e-5 of its sum."""


def gaussian_kernel(sigma_px: float) -> NDArray[np.float32]:
    """Sample a Gaussian at whole pixels out to `TRUNCATE` sigma: float32 [2 r + 1], sum 1.

    A sigma of 0 gives the single tap 1.
    """
    radius = math.ceil(TRUNCATE * sigma_px)
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / max(sigma_px, 1e-9)) ** 2)
    kernel: NDArray[np.float32] = (taps / taps.sum()).astype(np.float32)
    return kernel


def gaussian_blur(image: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    """Blur float32 [Y, X] by a Gaussian of `sigma_px` >= 0 pixels in both directions.

    Beyond the edges the image is continued by its outermost pixels, so that a constant image
    stays what it is; the sum is kept away from the edges.
    """
    kernel = gaussian_kernel(sigma_px)
    return _along_rows(_along_rows(image, kernel).T, kernel).T


def _along_rows(image: NDArray[np.float32], kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Convolve along axis 0, one tap pair at a time: the kernel is symmetric."""
    radius, rows = len(kernel) // 2, image.shape[0]
    padded = np.pad(image, ((radius, radius), (0, 0)), mode="edge")
    total: NDArray[np.float32] = padded[radius : radius + rows] * kernel[radius]
    for step in range(1, radius + 1):
        before, after = radius - step, radius + step
        pair = padded[before : before + rows] + padded[after : after + rows]
        pair *= kernel[radius + step]
        total += pair
    return total
