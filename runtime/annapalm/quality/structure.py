"""What of a dense image is structure, and how many localizations lie on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.grid import Grid
    from annapalm.render import CountImage, RateImage

STRUCTURE_MASS = 0.9
"""Structure is called: the brightest pixels that together hold this share of `dense`. A share of
the localizations needs no threshold that would depend on exposure, pixel or contrast."""

_ROWS = 64
"""Rows taken at once: `bincount` makes float64 of its weights, a whole image of that is much."""


def structure_threshold(dense: RateImage) -> float:
    """Value at or above which pixels of `dense` (float32 [Y, X], >= 0) are structure.

    The brightest pixels hold `STRUCTURE_MASS` of the sum; exact to within 1 % of the value. 0 where
    the image is empty.
    """
    # Positive floats sort like their bits: 2^15 bins, each at most 1/128 of its value wide, replace
    # a sort of millions of pixels.
    mass = np.zeros(2**15, np.float64)
    for start in range(0, len(dense), _ROWS):
        part = np.abs(dense[start : start + _ROWS], dtype=np.float32).ravel()  # -0.0 becomes 0.0
        mass += np.bincount(part.view(np.uint32) >> 16, weights=part, minlength=2**15)
    total = mass.sum()
    if not total > 0:
        return 0.0
    from_top = np.cumsum(mass[::-1])[::-1]
    last = int(np.flatnonzero(from_top >= STRUCTURE_MASS * total)[-1])
    return float(np.array([last << 16], np.uint32).view(np.float32)[0])


def structure_mask(dense: RateImage) -> NDArray[np.bool_]:
    """Mark the structure: bool [Y, X]; nothing in an empty image."""
    threshold = structure_threshold(dense)
    mask: NDArray[np.bool_] = (dense >= threshold) & (dense > 0)
    return mask


def sampling_per_um2(counts: CountImage, structure: NDArray[np.bool_], grid: Grid) -> float:
    """Localizations of `counts` [Y, X] on `structure` (bool [Y, X], not empty) per µm² of it."""
    pixel_um2 = grid.area_um2 / structure.size
    return float(counts[structure].sum(dtype=np.float64)) / (
        int(np.count_nonzero(structure)) * pixel_um2
    )


def structure_per_um2(counts: CountImage, dense: RateImage, grid: Grid) -> float:
    """Localizations of `counts` per µm² of what `dense` shows as structure; 0 where it is empty."""
    structure = structure_mask(dense)
    return sampling_per_um2(counts, structure, grid) if structure.any() else 0.0
