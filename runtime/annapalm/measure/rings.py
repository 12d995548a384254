"""Rings: what a blurred one looks like, and the radius of those in an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annapalm.errors import InvalidValueError
from annapalm.measure.sampling import checked, sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.grid import Grid

REACH_NM = 45.0
"""A radial profile is fitted out to this far beyond the expected radius: far enough to see the
background, and not so far that the next pore (130 nm and more away) takes over."""

_STEP_NM = 5.0
_ANGLES = 48
_WIDTHS_NM = np.arange(6.0, 70.0, 2.0)
"""Blurs tried, from less than a pixel's to a blob without a ring."""


def blurred_ring(
    r_nm: NDArray[np.float64], radius_nm: float, width_nm: float
) -> NDArray[np.float64]:
    """Profile of a thin ring blurred by a Gaussian of standard deviation `width_nm`, any scale.

    exp(-(r² + R²) / 2w²) I0(r R / w²): the ring's convolution in the plane, so that its R is the
    ring's own however wide the blur, while the brightest radius moves inwards.
    """
    shape: NDArray[np.float64] = _i0e(r_nm * radius_nm / width_nm**2) * np.exp(
        -((r_nm - radius_nm) ** 2) / (2 * width_nm**2)
    )
    return shape


def fit_radii(
    image: NDArray[np.floating], grid: Grid, xy_nm: NDArray[np.float64], radius_nm: float
) -> NDArray[np.float64]:
    """Fit a blurred ring to the radial profile around each centre (x, y) [K, 2]: nm, [K].

    The fit is one of least squares in radius (0 to 2 `radius_nm`), width, brightness and
    background; a disc fits best as a small, wide ring. `radius_nm` is what is expected: it decides
    how far out to look. The blur is part of the model, and so is a centre that is off by a few nm.
    But centres that were found lie towards the corners that are labelled, which takes 1 nm from the
    radius of Nup96 for many localizations and 70 % of the corners, and several for few.
    """
    wide = checked(image, grid)
    check_rings(np.column_stack([xy_nm, np.full(len(xy_nm), radius_nm)]))
    if not 0 < radius_nm < np.inf:
        raise InvalidValueError("radius_nm", radius_nm, "finite and above 0")
    if not len(xy_nm):
        return np.empty(0)
    r = np.arange(0.0, radius_nm + REACH_NM + 1, _STEP_NM)
    # Each radius counts by its circumference, as its pixels do in a fit of the whole picture.
    weight = (r + _STEP_NM) / (r + _STEP_NM).sum()
    profiles = _standardised(polar(wide, grid, xy_nm, r).mean(axis=2), weight)
    radii = np.arange(0.0, 2 * radius_nm + 1)
    models = np.array([blurred_ring(r, one, w) for one in radii for w in _WIDTHS_NM])
    likeness = (profiles * weight) @ _standardised(models, weight).T
    best = likeness.reshape(len(profiles), len(radii), -1).max(axis=2)
    return _peaks(radii, best)


def ring_mean(
    image: NDArray[np.floating], grid: Grid, xy_nm: NDArray[np.float64], radius_nm: float
) -> NDArray[np.float64]:
    """Average the image along a circle around each centre (x, y) [K, 2]: float64 [K]."""
    wide = checked(image, grid)
    if not len(xy_nm):
        return np.empty(0)
    along: NDArray[np.float64] = polar(wide, grid, xy_nm, np.array([radius_nm])).mean(axis=(1, 2))
    return along


def polar(
    image: NDArray[np.float64], grid: Grid, xy_nm: NDArray[np.float64], r_nm: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sample the image around points [K, 2]: float64 [K, radii, angles]."""
    angle = 2 * np.pi * np.arange(_ANGLES) / _ANGLES
    way = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return sample(image, grid, xy_nm[:, None, None, :] + r_nm[:, None, None] * way)


def _standardised(
    profiles: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Profiles [N, r] with weighted mean 0 and variance 1; 0 where they are flat."""
    centred = profiles - (profiles @ weight)[:, None]
    size = np.sqrt((centred**2) @ weight)
    flat = size <= 1e-9 * np.abs(profiles).max(axis=1)
    scaled: NDArray[np.float64] = centred / np.where(flat, np.inf, size)[:, None]
    return scaled


def _peaks(at: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where each row of `values` [K, N] is largest, between the equally spaced `at` [N]: [K]."""
    best = values.argmax(axis=1)
    inner = np.clip(best, 1, len(at) - 2)
    row = np.arange(len(best))
    before, here, after = (values[row, inner + step] for step in (-1, 0, 1))
    bend = 2 * here - before - after
    known = (bend > 1e-12) & (best == inner)
    shift = np.where(known, (after - before) / 2 / np.where(known, bend, 1.0), 0.0)
    found: NDArray[np.float64] = at[best] + shift * (at[1] - at[0])
    return found


def check_rings(rings: NDArray[np.float64]) -> None:
    """Refuse what are no rings [R, 3] of x, y and radius."""
    if rings.ndim != 2 or rings.shape[1] != 3:
        raise InvalidValueError("rings", list(rings.shape), "an array [R, 3] of x, y, radius in nm")
    if not np.isfinite(rings).all() or (rings[:, 2] <= 0).any():
        raise InvalidValueError("rings", "not finite or without radius", "finite, radii above 0")


def _i0e(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the modified Bessel function of order 0, times exp(-x), for x >= 0.

    Above 500, where the function itself leaves the range of numbers in the end, the first terms of
    its asymptotic series: exact to 2e-9.
    """
    near = np.minimum(x, 500.0)
    far = np.maximum(x, 500.0)
    series = (1 + 1 / (8 * far) + 9 / (128 * far**2)) / np.sqrt(2 * np.pi * far)
    value: NDArray[np.float64] = np.where(x <= 500, np.i0(near) * np.exp(-near), series)
    return value
