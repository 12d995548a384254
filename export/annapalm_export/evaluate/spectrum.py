"""Spatial spectrum of a table's counts, and how the number of localizations goes with time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm.errors import InvalidValueError
from annapalm.grid import DEFAULT_PIXEL_NM, Grid
from annapalm.render import render

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annapalm.localizations import Localizations

TILE_PX = 256
"""Side of the tiles whose spectra are averaged: 5 µm at 20 nm."""
_LEAST_TILE_PX = 32


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """Radially averaged power of the counts over that of evenly spread localizations."""

    per_um: NDArray[np.float64]
    """float64 [K]: spatial frequency, 1/µm, up to one over two pixels."""
    power: NDArray[np.float64]
    """float64 [K]: 1 for localizations without structure, more with it."""

    def band(self, longest_nm: float, shortest_nm: float) -> float:
        """Mean power between two wavelengths in nm; NaN where the tiles resolve none of it."""
        inside = (self.per_um >= 1000 / longest_nm) & (self.per_um <= 1000 / shortest_nm)
        return float(self.power[inside].mean()) if inside.any() else float("nan")


def spectrum(locs: Localizations, pixel_nm: float = DEFAULT_PIXEL_NM) -> Spectrum:
    """Estimate the power spectrum of the rendered counts by Welch's method.

    Tiles of 5 µm (smaller in smaller fields) under a Hann window, without overlap, each
    without its mean; the sum of their powers over what Poisson counts of the same means would
    give (Welch 1967, doi:10.1109/TAU.1967.1161901). Raises `InvalidValueError` for a field
    smaller than 32 pixels or without localizations.
    """
    grid = Grid.around(locs, pixel_nm)
    side = min(TILE_PX, *grid.shape)
    if side < _LEAST_TILE_PX or not len(locs):
        must = f"localizations over at least {_LEAST_TILE_PX} x {_LEAST_TILE_PX} pixels"
        raise InvalidValueError("locs", f"{len(locs)} on {grid.shape} pixels", must)
    counts, _ = render(locs, grid)
    hann = np.sin(np.pi * (np.arange(side) + 0.5) / side) ** 2
    window = np.outer(hann, hann)
    power, noise = np.zeros((side, side // 2 + 1)), 0.0
    for tile in _tiles(counts, side):
        if tile.any():
            even = float((window * tile).sum() / window.sum())
            power += np.abs(np.fft.rfft2(window * (tile - even))) ** 2
            noise += float((window**2 * tile).sum())
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :])
    ring = np.round(frequency * side).astype(np.int64)
    # Ring 0 and 1 hold what the window leaks of the mean that was taken away.
    rings = np.arange(2, side // 2 + 1)
    total = np.bincount(ring.ravel(), weights=power.ravel())[rings]
    number = np.bincount(ring.ravel())[rings]
    return Spectrum(rings / (side * pixel_nm / 1000), total / number / noise)


def _tiles(image: NDArray[np.float32], side: int) -> list[NDArray[np.float32]]:
    """Whole tiles, centred in the image."""
    down, across = (n // side for n in image.shape)
    top, left = ((n - m * side) // 2 for n, m in zip(image.shape, (down, across), strict=True))
    return [
        image[top + i * side : top + (i + 1) * side, left + j * side : left + (j + 1) * side]
        for i in range(down)
        for j in range(across)
    ]


LAGS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Lags, in frames, of the autocorrelation."""


def count_autocorrelation(locs: Localizations, lags: Sequence[int] = LAGS) -> NDArray[np.float64]:
    """Autocorrelation of the number of localizations per frame: float64, one per lag.

    Frames without localizations between the first and the last count as zeros. NaN where the lag
    is not below the number of frames, or all frames have the same number. Raises
    `InvalidValueError` for no localizations or a lag below 1.
    """
    if not len(locs):
        raise InvalidValueError("locs", "without localizations", "a table with some")
    if min(lags, default=1) < 1:
        raise InvalidValueError("lags", tuple(lags), "at least 1 frame each")
    frame, count = np.unique(locs.frame, return_counts=True)
    since = frame - frame[0]
    total = int(since[-1]) + 1
    mean = len(locs) / total
    variance = float((count**2).sum()) / total - mean**2
    if variance <= 1e-12 * mean**2:
        return np.full(len(lags), np.nan)
    return np.array([_covariance(since, count, mean, lag, total) / variance for lag in lags])


def _covariance(
    since: NDArray[np.int64], count: NDArray[np.int64], mean: float, lag: int, total: int
) -> float:
    """Covariance of frames `lag` apart; only frames that hold something are visited."""
    if lag >= total:
        return float("nan")
    at = np.searchsorted(since, since + lag)
    met = at < len(since)
    met[met] = since[at[met]] == since[met] + lag
    together = float((count[met] * count[at[met]]).sum())
    early, late = (float(count[rows].sum()) for rows in (since < total - lag, since >= lag))
    return (together - mean * (early + late)) / (total - lag) + mean**2
