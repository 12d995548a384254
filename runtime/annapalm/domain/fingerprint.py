"""What kind of arrangement a sparse image shows, in twenty numbers that no network has a hand in.

The pair correlation g(r) says how many more localizations lie at a distance r of each other than
chance would put there (Sengupta et al. 2011, doi:10.1038/nmeth.1704): bursts and precision below
30 nm, the width of a filament or the diameter of a pore next, its surroundings beyond. The second
moments of each localization's neighbourhood say whether it is drawn out, as along a filament, or
round, as in a patch.

Everything is measured in one window, the fullest of the field, of the size of the simulated fields
that the reference was made from: so a number means the same in a small and a large field, and
costs the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from annapalm.fourier import fast_length

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.render import CountImage

WINDOW_UM = 12.8
"""Side of the window that is looked at; a smaller field is looked at whole."""
LEAST_LOCALIZATIONS = 300
"""With fewer in the window nothing is said."""
LEAST_UM = 4.0
"""A window with a shorter side holds too little of any structure."""

_EDGES_NM = (10, 30, 50, 70, 90, 120, 160, 210, 280, 370, 500, 700, 1000, 1500)
"""Bounds of the distances over which g(r) is averaged."""
BANDS_NM = ((90, 160), (160, 500), (500, 1500))
"""Distances at which an excess of pairs is looked for. Localizations of one burst are mostly nearer
to each other; within a pore they are not."""
_AT_BORDER = 0.5
"""Scatter of the excess for one localization at random: measured 0.4 in the full window, 0.6 in one
of 4 µm (60 fields each of 1,000 and 8,000 localizations, standard deviation times the root)."""
_SIGMAS_NM = (60.0, 120.0, 240.0)
"""Standard deviations of the Gaussian neighbourhoods whose shape is measured."""
_FLOOR = 0.02
"""Added to g(r) before its logarithm: where hardly a pair is found, its number says little."""
_SEARCH_PX = 32
"""Windows begin at multiples of it."""

FEATURES = (
    "log g(0)",
    *(f"log g({a}-{b} nm)" for a, b in pairwise(_EDGES_NM)),
    *(f"{what}, {sigma:g} nm" for sigma in _SIGMAS_NM for what in ("elongation", "its square")),
)
"""Names of the numbers, in order."""


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprint:
    """The arrangement of the localizations in the fullest window of a field."""

    values: NDArray[np.float64]
    """float64 [len(FEATURES)]."""
    localizations: int
    """In the window."""
    density_per_um2: float
    """In the window."""
    window_px: tuple[slice, slice]
    """Rows and columns of the sparse image that were looked at."""
    excess: NDArray[np.float64]
    """float64 [len(BANDS_NM)]: pairs so far apart beyond those by chance, over these. 0 at random;
    structure has more of them, or fewer where it keeps a distance. Bursts end before."""
    excess_error: NDArray[np.float64]
    """Standard error of each, for as many bursts at random."""


def fingerprint(counts: CountImage, pixel_nm: float) -> Fingerprint | None:
    """Describe the arrangement of `counts` (float32 [Y, X], localizations per pixel).

    None where the fullest window holds fewer than `LEAST_LOCALIZATIONS` or a side of the field is
    shorter than `LEAST_UM`: too little to say anything.
    """
    window = fullest_window(counts, round(WINDOW_UM * 1000 / pixel_nm))
    seen = counts[window]
    number = int(seen.sum(dtype=np.float64))
    if number < LEAST_LOCALIZATIONS or min(seen.shape) * pixel_nm < LEAST_UM * 1000:
        return None
    pad = int(_EDGES_NM[-1] / pixel_nm) + 1
    shape = tuple(fast_length(n + pad) for n in seen.shape)
    spectrum = np.fft.rfft2(seen, shape)
    found, expected = _pairs(seen, spectrum, shape, pad, pixel_nm)
    correlation = np.maximum(found, 0) / np.maximum(expected, 1e-12)
    values = (*np.log(correlation + _FLOOR), *_elongation(seen, spectrum, shape, pixel_nm))
    density = number / (seen.size * (pixel_nm / 1000) ** 2)
    excess = _excess(found, expected, number)
    return Fingerprint(np.array(values, np.float64), number, density, window, *excess)


def fullest_window(counts: CountImage, window_px: int) -> tuple[slice, slice]:
    """Find the rows and columns of the window of that edge that holds the most localizations.

    To within `_SEARCH_PX`; a field that is smaller is taken whole.
    """
    edges = [np.arange(0, n, _SEARCH_PX) for n in counts.shape]
    # Along the rows first, as they lie in memory: whole numbers, so the sums are the same.
    blocks = np.add.reduceat(np.add.reduceat(counts, edges[1], axis=1), edges[0], axis=0)
    spans = [min(-(-window_px // _SEARCH_PX), n) for n in blocks.shape]
    sums = np.pad(blocks.cumsum(axis=0, dtype=np.float64).cumsum(axis=1), ((1, 0), (1, 0)))
    (dy, dx), (rows, columns) = spans, sums.shape
    inside = (sums[dy:, dx:] - sums[: rows - dy, dx:] - sums[dy:, : columns - dx]) + sums[
        : rows - dy, : columns - dx
    ]
    block = np.unravel_index(int(np.argmax(inside)), inside.shape)
    starts = [
        max(min(int(b) * _SEARCH_PX, n - window_px), 0)
        for b, n in zip(block, counts.shape, strict=True)
    ]
    return (
        slice(starts[0], min(starts[0] + window_px, counts.shape[0])),
        slice(starts[1], min(starts[1] + window_px, counts.shape[1])),
    )


def _pairs(
    seen: CountImage,
    spectrum: NDArray[np.complexfloating],
    shape: tuple[int, ...],
    pad: int,
    pixel_nm: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pairs in the same pixel and between all `_EDGES_NM`, found and expected, counted twice each.

    Both float64 [len(_EDGES_NM)]. Expected of as many localizations at random in the same window,
    whose border is thereby allowed for: their ratio is g.
    """
    found = np.fft.irfft2(np.abs(spectrum) ** 2, shape).astype(np.float64)
    number = float(seen.sum(dtype=np.float64))
    found[0, 0] -= number  # each with itself
    shift = np.arange(-pad, pad + 1)
    rows, columns = seen.shape
    overlap = np.outer(rows - np.abs(shift), columns - np.abs(shift)).clip(0)
    expected = overlap * (number * (number - 1) / seen.size**2)
    distance = np.hypot(*np.meshgrid(shift, shift, indexing="ij")) * pixel_nm
    bins = np.digitize(distance, _EDGES_NM).ravel()
    sums = [
        np.bincount(bins, image.ravel(), len(_EDGES_NM) + 1)[: len(_EDGES_NM)]
        for image in (found[np.ix_(shift, shift)], expected)
    ]
    return sums[0].astype(np.float64), sums[1].astype(np.float64)


def _excess(
    found: NDArray[np.float64], expected: NDArray[np.float64], number: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Excess of pairs in each of `BANDS_NM`, and its standard error.

    Two things make it scatter: the number of pairs, and how many of the localizations happen to lie
    at the window's border, where there are fewer neighbours. Clumps of c scatter as so many fewer
    points do; c comes from the pairs that are nearer.
    """
    begins = np.array((0, *_EDGES_NM[:-1]))  # of the bins
    near = begins < BANDS_NM[0][0]
    clump = 1 + max(float((found - expected)[near].sum()), 0.0) / number
    bands = [(begins >= low) & (begins < high) for low, high in BANDS_NM]
    pairs = np.maximum([expected[band].sum() for band in bands], 1.0)
    excess = np.array([found[band].sum() for band in bands]) / pairs - 1
    return excess, np.hypot(clump / np.sqrt(pairs / 2), _AT_BORDER * math.sqrt(clump / number))


def _elongation(
    seen: CountImage,
    spectrum: NDArray[np.complexfloating],
    shape: tuple[int, ...],
    pixel_nm: float,
) -> list[float]:
    """How drawn out the neighbourhoods are, 0 (round) to 1 (a line), per Gaussian neighbourhood.

    Of the second moments M of the other localizations about each one: sqrt((Mxx - Myy)^2 + 4 Mxy^2)
    over Mxx + Myy, both averaged over the localizations; then the same of their squares.
    """
    # float32 throughout: half the time, and the same numbers to five digits.
    fy = (2 * np.pi * np.fft.fftfreq(shape[0])).astype(np.float32)[:, None]
    fx = (2 * np.pi * np.fft.rfftfreq(shape[1])).astype(np.float32)
    on = seen > 0
    weight = seen[on].astype(np.float64)
    found = []
    for sigma_nm in _SIGMAS_NM:
        s2 = np.float32((sigma_nm / pixel_nm) ** 2)
        gauss = spectrum * np.exp(np.float32(-0.5) * s2 * (fy**2 + fx**2))
        # Fourier transforms of (x^2 - y^2) G, 2 x y G and (x^2 + y^2) G, up to one common factor.
        kernels = (s2 * (fy**2 - fx**2), -2 * s2 * fx * fy, 2 - s2 * (fy**2 + fx**2))
        images = (np.fft.irfft2(gauss * kernel, shape) for kernel in kernels)
        uneven, skew, total = (image[: seen.shape[0], : seen.shape[1]][on] for image in images)
        length = np.hypot(uneven, skew)
        for power in (1, 2):
            parts = [float((weight * part**power).sum()) for part in (length, total)]
            found.append(parts[0] / max(parts[1], 1e-12))
    return found
