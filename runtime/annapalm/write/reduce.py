"""Images made smaller or larger for the eye, by whole factors; and how bright they are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annapalm.quality.structure import structure_threshold

if TYPE_CHECKING:
    from annapalm.grid import Grid
    from annapalm.render import CountImage, RateImage

DARK_PER_UM2 = 25.0
"""A picture in which no structure reaches this many localizations per µm² (0.01 per pixel of 20 nm)
is drawn dark, not stretched: noise made bright would look like structure. Filaments at 5
localizations per µm, the sparsest that are scored, stand about five times above."""


def block_factor(shape: tuple[int, int], max_px: int) -> int:
    """Whole factor that brings the longer side of `shape` to at most `max_px`; at least 1."""
    return max(1, -(-max(shape) // max_px))


def enlarge(image: RateImage, factor: int) -> RateImage:
    """Repeat each pixel factor x factor times: nothing is interpolated, a pixel looks like one."""
    return image.repeat(factor, axis=0).repeat(factor, axis=1) if factor > 1 else image


def structure_high(dense: RateImage, grid: Grid, exposure: float, percentile: float) -> float:
    """Value to draw brightest: a percentile of the structure in `dense`, but see DARK_PER_UM2."""
    dark = DARK_PER_UM2 * (grid.pixel_nm / 1000) ** 2 * exposure
    structure = dense[(dense >= structure_threshold(dense)) & (dense > 0)]
    high = float(np.percentile(structure, percentile)) if structure.size else 0.0
    return max(high, dark)


def occupied_high(counts: CountImage, percentile: float) -> float:
    """Count to draw brightest: that percentile of the occupied pixels, at least 1."""
    occupied = counts[counts > 0]
    return max(1.0, float(np.percentile(occupied, percentile))) if occupied.size else 1.0
