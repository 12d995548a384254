"""Gaussian blur in numpy, for images of a field: separable, edges continued or mirrored."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Edges: TypeAlias = Literal["edge", "symmetric"]
"""Beyond its edge an image is continued by its outermost pixels, or mirrored there."""

TRUNCATE = 4.0
"""Standard deviations after which the kernel ends; what is left out is 6e-5 of its sum."""

_COLUMNS = 64
"""Columns blurred at once: they stay in the processor's cache from tap to tap."""


def gaussian_kernel(sigma_px: float) -> NDArray[np.float32]:
    """Sample a Gaussian at whole pixels out to `TRUNCATE` sigma: float32 [2 r + 1], sum 1.

    A sigma of 0 gives the single tap 1.
    """
    radius = math.ceil(TRUNCATE * sigma_px)
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / max(sigma_px, 1e-9)) ** 2)
    kernel: NDArray[np.float32] = (taps / taps.sum()).astype(np.float32)
    return kernel


def gaussian_blur(
    image: NDArray[np.float32], sigma_px: float, edges: Edges = "edge"
) -> NDArray[np.float32]:
    """Blur float32 [Y, X] by a Gaussian of `sigma_px` >= 0 pixels in both directions.

    With `edges` "edge" a constant image stays what it is, and the sum is kept away from the
    edges; with "symmetric" the sum is kept everywhere, because what leaves comes back.
    """
    kernel = gaussian_kernel(sigma_px)
    return _down_and_turn(_down_and_turn(image, kernel, edges), kernel, edges)


def _down_and_turn(
    image: NDArray[np.float32], kernel: NDArray[np.float32], edges: Edges
) -> NDArray[np.float32]:
    """Convolve along axis 0 and transpose; two taps at a time, because the kernel is symmetric."""
    radius, (rows, columns) = len(kernel) // 2, image.shape
    turned = np.empty((columns, rows), np.float32)
    for start in range(0, columns, _COLUMNS):
        part = image[:, start : start + _COLUMNS]
        padded = np.pad(part, ((radius, radius), (0, 0)), mode=edges)
        total: NDArray[np.float32] = padded[radius : radius + rows] * kernel[radius]
        pair = np.empty_like(total)
        for step in range(1, radius + 1):
            before, after = radius - step, radius + step
            np.add(padded[before : before + rows], padded[after : after + rows], out=pair)
            pair *= kernel[radius + step]
            total += pair
        turned[start : start + _COLUMNS] = total.T
    return turned
