"""Where a reconstruction is not to be believed, in numbers and as a mask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from annapalm.quality.density import nyquist_nm

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.grid import Grid
    from annapalm.reconstruction import Reconstruction
    from annapalm.render import CountImage, RateImage
    from annapalm.write.schema import TrustRecord

STRUCTURE_MASS = 0.9
"""Structure is called: the brightest pixels that together hold this share of `dense`. A share of
the localizations needs no threshold that would depend on exposure, pixel or contrast."""

DOUBT = 1.0
"""A structure pixel is doubtful where the model expects to be wrong by more than this part of what
it drew there: such a pixel may well be empty. On held-out simulated fields the share of drawn
structure that is false rises steadily with this ratio (docs/error-map.md)."""

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


def doubtful_mask(dense: RateImage, error: RateImage, doubt: float = DOUBT) -> NDArray[np.bool_]:
    """Mark where the expected error is more than `doubt` times `dense`: bool [Y, X]."""
    mask: NDArray[np.bool_] = error > np.float32(doubt) * dense
    return mask


def sampling_per_um2(counts: CountImage, structure: NDArray[np.bool_], grid: Grid) -> float:
    """Localizations of `counts` [Y, X] on `structure` (bool [Y, X], not empty) per µm² of it."""
    pixel_um2 = grid.area_um2 / structure.size
    return _sum(counts[structure]) / (int(np.count_nonzero(structure)) * pixel_um2)


def measure_trust(result: Reconstruction, doubt: float = DOUBT) -> TrustRecord:
    """Summarise how far `result` is to be believed; `doubt` is that of `doubtful_mask`."""
    dense, error = result.dense, result.error
    threshold = structure_threshold(dense)
    structure = (dense >= threshold) & (dense > 0)
    drawn = _sum(dense[structure])
    density = sampling_per_um2(result.counts, structure, result.grid) if drawn > 0 else None
    return {
        "expected_localizations": _sum(dense),
        "diffuse_localizations": _sum(result.background_at_full_size()),
        "structure_threshold": threshold,
        "structure_share": float(structure.mean()),
        "structure_density_per_um2": density,
        "structure_nyquist_nm": None if density is None else nyquist_nm(density),
        "relative_error": _sum(error[structure]) / drawn if drawn > 0 else None,
        "doubt": doubt,
        "doubtful_share": (
            float(doubtful_mask(dense[structure], error[structure], doubt).mean())
            if drawn > 0
            else None
        ),
        "intervals": {k: float(v) for k, v in result.intervals.items()},
    }


def _sum(values: NDArray[np.floating[Any]]) -> float:
    return float(values.sum(dtype=np.float64))
