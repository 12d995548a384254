"""The smooth background of a widefield image: camera offset, out-of-focus haze, stray light."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from annapalm.widefield.filter import gaussian_blur

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPACING_NM = 3200.0
"""Distance of the nodes between which the background is interpolated. Windows of twice this size
hold some ground between the structures of a cell, and lamp and haze change little within."""
PERCENTILE = 10.0
"""Share of a window that is taken as ground. The median would sit on the structure where that is
dense, the minimum on noise."""


def smooth_background(
    image: NDArray[np.float32], pixel_nm: float, psf_sigma_nm: float
) -> NDArray[np.float32]:
    """Estimate the background of float32 [Y, X], in its unit, float32 [Y, X].

    The low percentile of the PSF-smoothed image (the image holds nothing finer, its noise does) in
    overlapping windows around a lattice of nodes that reaches the image's edges, interpolated
    bilinearly. Depends on the whole image, never on the part of it that is reconstructed.
    """
    calm = gaussian_blur(image, psf_sigma_nm / pixel_nm)
    rows, columns = (_nodes(n, pixel_nm) for n in image.shape)
    half = max(SPACING_NM / pixel_nm, 1.0)
    ground = np.array(
        [[_low(calm[_window(y, half), _window(x, half)]) for x in columns] for y in rows]
    )
    down = _interpolation(image.shape[0], rows)
    across = _interpolation(image.shape[1], columns)
    background: NDArray[np.float32] = (down @ ground @ across.T).astype(np.float32)
    return background


def _nodes(length: int, pixel_nm: float) -> NDArray[np.float64]:
    """Place nodes evenly from edge to edge, in pixels; a single one in an image of no size."""
    gaps = max(round(length * pixel_nm / SPACING_NM), 1)
    return np.linspace(0.0, length, gaps + 1)


def _window(node: float, half: float) -> slice:
    return slice(max(math.floor(node - half), 0), math.ceil(node + half))


def _low(window: NDArray[np.float32]) -> float:
    place = int(window.size * PERCENTILE / 100)
    return float(np.partition(window, place, axis=None)[place])


def _interpolation(length: int, nodes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights [length, nodes] of linear interpolation at the pixels' centres."""
    centres = np.arange(length) + 0.5
    step = nodes[1] - nodes[0]
    weights: NDArray[np.float64] = np.maximum(0.0, 1 - np.abs(centres[:, None] - nodes) / step)
    return weights
