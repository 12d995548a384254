"""The lattice along axons: its period, and how clearly an image shows it.

The image is read in a band along each axis, the mean across the band gives a profile, and the
autocovariance of all profiles together is asked which distance repeats. No threshold is involved,
and scale and offset of the image change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d

from annapalm.errors import InvalidValueError
from annapalm.measure.sampling import checked, sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annapalm.grid import Grid

PERIODS_NM = (120.0, 300.0)
"""Periods that are looked for; the spectrin lattice has about 190 nm."""

HALF_WIDTH_NM = 100.0
"""Half the width of the band along an axis: the radius of the thinnest axons."""

SHORTEST_NM = 1000.0
"""Shorter pieces of an axis within the field show some five periods or fewer, and are left out."""

_STEP_NM = 10.0

_TREND_NM = 150.0
"""Changes of brightness slower than a Gaussian of this standard deviation are taken off: it passes
less than 1 % of a period of 300 nm, and nothing of 190 nm."""

_THIRD = 0.5
"""Share of the autocovariance at T that it may have at T/3: a sine has -0.5 there, narrow stripes
about 0, and a pattern of a third of the period 1."""

_LAGS = int(1.5 * PERIODS_NM[1] / _STEP_NM) + 3


@dataclass(frozen=True, slots=True)
class PeriodScore:
    """What repeats along the axes of one field."""

    period_nm: float | None
    """The distance that repeats most clearly; None where none does."""
    bias_nm: float | None
    """That minus the true period; None without either."""
    contrast: float
    """How far the autocorrelation at one period exceeds its mean at a half and at one and a half,
    halved: 1 for a sine, 0 where nothing repeats; noise lowers it, a blur does not."""
    modulation: float | None
    """Amplitude of what repeats, over the mean brightness on the axes above the image's median: 1
    for a sine that falls to the background, more for narrow stripes; a blur lowers it. None where
    the axes are no brighter than the median."""


def straighten(
    image: NDArray[np.floating],
    grid: Grid,
    line: NDArray[np.float64],
    half_width_nm: float = HALF_WIDTH_NM,
) -> list[NDArray[np.float64]]:
    """Read the image along a line (x, y) [K, 2] in nm, in a band to both sides.

    Returns the pieces whose whole band lies in the field and that are at least `SHORTEST_NM`
    long: float64 [across, along] each, 10 nm apart both ways.
    """
    if not 0 < half_width_nm < np.inf:
        raise InvalidValueError("half_width_nm", half_width_nm, "finite and above 0")
    wide = checked(image, grid)
    band = _band(line, half_width_nm)
    x0, y0, x1, y1 = grid.extent_nm
    inside = ((band >= (x0, y0)) & (band < (x1, y1))).all(axis=(0, 2))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(np.int8), [0]])))
    return [
        sample(wide, grid, band[:, start:stop])
        for start, stop in edges.reshape(-1, 2)
        if (stop - start) * _STEP_NM >= SHORTEST_NM
    ]


def score_period(
    image: NDArray[np.floating],
    grid: Grid,
    lines: Sequence[NDArray[np.float64]],
    true_nm: float | None = None,
    half_width_nm: float = HALF_WIDTH_NM,
) -> PeriodScore | None:
    """Find the period between 120 and 300 nm that repeats most clearly along the axes.

    With C the autocovariance of the profiles, sought is the largest peak of
    g(T) = (C(T) - (C(T/2) + C(3T/2)) / 2) / 2, which for a lattice of period T is the power of its
    fundamental and odd overtones, and for white noise has the mean 0; a pattern of a third of T is
    told by C(T/3) and does not count. `contrast` is g / C(0),
    `modulation` the root of 2 g over the mean brightness. `lines` are arrays (x, y) [K, 2] in nm.
    None where no piece of an axis within the field is as long as `SHORTEST_NM`.
    """
    if true_nm is not None and not true_nm > 0:
        raise InvalidValueError("true_nm", true_nm, "above 0")
    checked(image, grid)
    bands = [band for line in lines for band in straighten(image, grid, line, half_width_nm)]
    if not bands:
        return None
    profiles = [band.mean(axis=0) for band in bands]
    light = float(np.concatenate(profiles).mean() - np.median(image))
    covariance = _autocovariance(profiles)
    # What is left of an even image by rounding repeats nothing.
    if covariance[0] <= (1e-9 * float(np.abs(image).max())) ** 2:
        return PeriodScore(None, None, 0.0, 0.0 if light > 0 else None)
    period, power = _clearest(covariance)
    return PeriodScore(
        period_nm=period,
        bias_nm=period - true_nm if period is not None and true_nm is not None else None,
        contrast=power / float(covariance[0]),
        modulation=float(np.sqrt(2 * power)) / light if light > 0 else None,
    )


def _band(line: NDArray[np.float64], half_width_nm: float) -> NDArray[np.float64]:
    """Points on and beside a line: [across, along, 2] in nm."""
    if line.ndim != 2 or line.shape[1] != 2 or len(line) < 2 or not np.isfinite(line).all():
        raise InvalidValueError("line's shape", list(line.shape), "finite [K, 2], K at least 2")
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    at = np.arange(0.0, along[-1], _STEP_NM)
    if len(at) < 2:
        return np.empty((1, 0, 2))
    xy = np.stack([np.interp(at, along, line[:, axis]) for axis in (0, 1)], axis=1)
    way = np.gradient(xy, axis=0)
    way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9)
    steps = int(half_width_nm / _STEP_NM)
    beside = np.arange(-steps, steps + 1)[:, None, None] * _STEP_NM
    band: NDArray[np.float64] = xy + beside * np.stack([-way[:, 1], way[:, 0]], axis=1)
    return band


def _autocovariance(profiles: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Mean product at each lag (10 nm apart) over all pairs of all profiles, without the trend."""
    total, pairs = np.zeros(_LAGS), np.zeros(_LAGS)
    for profile in profiles:
        rest = profile - gaussian_filter1d(profile, _TREND_NM / _STEP_NM, mode="reflect")
        for lag in range(_LAGS):
            total[lag] += rest[: len(rest) - lag] @ rest[lag:]
            pairs[lag] += len(rest) - lag
    return total / pairs


def _clearest(covariance: NDArray[np.float64]) -> tuple[float | None, float]:
    """Highest peak of g(T) inside the range, and where it is; None and 0 where it has none."""
    # Symmetric about 0, so that the curve is smooth there too.
    lag = np.arange(-_LAGS + 1, _LAGS) * _STEP_NM
    smooth = CubicSpline(lag, np.concatenate([covariance[:0:-1], covariance]))
    period = np.arange(PERIODS_NM[0], PERIODS_NM[1] + 0.5)
    power = (smooth(period) - (smooth(period / 2) + smooth(1.5 * period)) / 2) / 2
    before, here, after = power[:-2], power[1:-1], power[2:]
    # What repeats after a third of T repeats after T as well, and is none of it.
    third, whole = (smooth(period[1:-1] / part) for part in (3, 1))
    peak = (here > before) & (here >= after) & (here > 0) & (third < _THIRD * whole)
    if not peak.any():
        return None, 0.0
    best = int(np.flatnonzero(peak)[here[peak].argmax()])
    bend = 2 * here[best] - before[best] - after[best]
    shift = (after[best] - before[best]) / 2 / bend
    return float(period[best + 1] + shift), float(here[best])
