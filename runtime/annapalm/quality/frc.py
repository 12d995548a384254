"""Fourier ring correlation: down to which detail two images of the same structure agree.

A bias that both images share passes as better resolution, and two outputs of one network share all
of its weights. So give the FRC of an output with an independent dense image beside that of two
outputs, and the gap between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.fft import fftfreq, rfft2, rfftfreq

from annapalm.errors import InvalidValueError

if TYPE_CHECKING:
    from numpy.typing import NDArray

THRESHOLD = 1 / 7
"""Where the smoothed curve falls to this lies the resolution (Nieuwenhuizen et al. 2013,
doi:10.1038/nmeth.2448)."""

TAPER = 0.25
"""Share of each side over which the Tukey window falls to 0, so that borders make no lines."""

SMOOTHING_RINGS = 3
"""The curve is averaged over so many rings, each weighted by its pixels."""

SMALLEST_SIDE = 32
"""Smaller images have too few rings for a curve."""

_SIGNIFICANT = 3.0
"""Standard deviations of chance that a correlation must exceed somewhere before it falls."""


@dataclass(frozen=True, slots=True, eq=False)
class FrcCurve:
    """Correlation ring by ring, from the largest detail to two pixels; each array [K]."""

    per_nm: NDArray[np.float64]
    """Spatial frequency of the ring, 1/nm; above 0, rising."""
    correlation: NDArray[np.float64]
    """-1 to 1; 0 where an image has nothing at this frequency."""
    smooth: NDArray[np.float64]
    """The same, averaged over `SMOOTHING_RINGS`."""
    chance: NDArray[np.float64]
    """Standard deviation of `smooth` for images that have nothing in common."""


def frc_curve(
    first: NDArray[np.floating], second: NDArray[np.floating], pixel_nm: float
) -> FrcCurve:
    """Correlate two images [Y, X] ring by ring; scales and offsets of either change nothing.

    FRC(q) = Re sum F1 conj(F2) / sqrt(sum |F1|² sum |F2|²) over the ring q, after taking off the
    mean and tapering the borders. Rings are as wide as one frequency of the shorter side. Raises
    `InvalidValueError` for images that differ in shape, are too small, or are not finite.
    """
    if first.shape != second.shape or first.ndim != 2 or min(first.shape) < SMALLEST_SIDE:
        shapes = (first.shape, second.shape)
        raise InvalidValueError(
            "images' shapes", shapes, f"the same [Y, X], sides at least {SMALLEST_SIDE} px"
        )
    if not 0 < pixel_nm < np.inf:
        raise InvalidValueError("pixel_nm", pixel_nm, "finite and above 0")
    f1, f2 = (_spectrum(image) for image in (first, second))
    ring, weight, frequency = _rings(first.shape)
    count = min(first.shape) // 2 + 1

    def over_rings(values: NDArray[np.float64]) -> NDArray[np.float64]:
        total = np.bincount(ring, (values * weight).ravel(), minlength=count)
        return total[1:count].astype(np.float64)

    size = over_rings(np.ones_like(weight))
    energy = over_rings(np.abs(f1) ** 2) * over_rings(np.abs(f2) ** 2)
    shared = over_rings((f1 * f2.conj()).real)
    correlation = np.where(energy > 0, shared / np.sqrt(np.where(energy > 0, energy, 1.0)), 0.0)
    pooled = _running(size)
    # Of N pixels half are the other half's mirror, and of each product only the real part counts:
    # the variance is 1 / N, but for the window, which ties neighbours together.
    chance = _window_spread(first.shape) / np.sqrt(pooled)
    return FrcCurve(
        over_rings(frequency) / size / pixel_nm,
        correlation,
        _running(correlation * size) / pooled,
        chance,
    )


def frc_resolution_nm(curve: FrcCurve) -> float | None:
    """1 / frequency (nm) at which the smoothed curve first falls to 1/7; None without a crossing.

    There is none where the images agree down to two pixels, nor where they never agree by more
    than chance would have it (three standard deviations). The crossing is taken between rings.
    """
    below = np.flatnonzero(curve.smooth < THRESHOLD)
    if not len(below) or below[0] == 0:
        return None
    last = int(below[0]) - 1
    if not (curve.smooth > _SIGNIFICANT * curve.chance)[: last + 1].any():
        return None
    high, low = curve.smooth[last], curve.smooth[last + 1]
    share = (high - THRESHOLD) / (high - low)
    at = curve.per_nm[last] + share * (curve.per_nm[last + 1] - curve.per_nm[last])
    return float(1 / at)


def tukey(length: int) -> NDArray[np.float64]:
    """Sample the Tukey window: float64 [length], 1 but for a cosine over `TAPER` / 2 at each end.

    Harris 1978, doi:10.1109/PROC.1978.10837; symmetric, 0 at both ends. `length` is at least 2.
    """
    inward = np.minimum(np.arange(length), np.arange(length)[::-1]) / (length - 1)
    window: NDArray[np.float64] = 0.5 - 0.5 * np.cos(np.pi * np.minimum(2 * inward / TAPER, 1.0))
    return window


def _spectrum(image: NDArray[np.floating]) -> NDArray[np.complex128]:
    wide = np.asarray(image, dtype=np.float64)
    if not np.isfinite(wide).all():
        raise InvalidValueError("image", "not finite", "finite everywhere")
    rest = wide - wide.mean()
    if np.abs(rest).max() <= 1e-12 * np.abs(wide).max():  # rounding of the mean of an even image
        rest = np.zeros_like(rest)
    rows, columns = rest.shape
    spectrum: NDArray[np.complex128] = rfft2(rest * tukey(rows)[:, None] * tukey(columns))
    return spectrum


def _rings(
    shape: tuple[int, ...],
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Ring of each pixel of the half spectrum (flat), its weight, its frequency per pixel."""
    rows, columns = shape
    frequency = np.hypot(fftfreq(rows)[:, None], rfftfreq(columns))
    ring = np.floor(frequency * min(shape) + 0.5).astype(np.int64).ravel()
    weight = np.full(frequency.shape, 2.0)  # each stands for its mirror too, but for
    weight[:, 0] = 1.0
    if columns % 2 == 0:
        weight[:, -1] = 1.0
    return ring, weight, frequency


def _running(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over `SMOOTHING_RINGS` rings about each, fewer at the ends."""
    total: NDArray[np.float64] = np.convolve(values, np.ones(SMOOTHING_RINGS), mode="same")
    return total


def _window_spread(shape: tuple[int, ...]) -> float:
    """How much the window raises chance: root of the pixels per independent one."""
    power = [tukey(n) ** 2 for n in shape]
    return float(np.prod([np.sqrt(len(w) * (w**2).sum()) / w.sum() for w in power]))
