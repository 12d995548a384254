"""What is drawn at a nuclear pore: the radius of its ring, how dark its centre is, its corners."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks
from scipy.special import i0e

from annapalm.errors import InvalidValueError
from annapalm_export.evaluate.sampling import checked, sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.grid import Grid

REACH_NM = 45.0
"""A radial profile is fitted out to this far beyond the expected radius: far enough to see the
background, and not so far that the next pore (130 nm and more away) takes over."""

FINEST_PITCH_PX = 2.5
"""Corners are counted where they are at least so many pixels apart; Nyquist's limit is 2."""

_STEP_NM = 5.0
_ANGLES = 48
_WIDTHS_NM = np.arange(6.0, 70.0, 2.0)
"""Blurs tried, from less than a pixel's to a blob without a ring."""

_LEAST_PROMINENCE = 0.25
"""A corner stands out from its neighbours by this share of the brightest, above the background."""

_CORNER_BLUR_DEG = 6.0
"""Blur of the angular profile: a seventh of the angle between two corners."""


def blurred_ring(
    r_nm: NDArray[np.float64], radius_nm: float, width_nm: float
) -> NDArray[np.float64]:
    """Profile of a thin ring blurred by a Gaussian of standard deviation `width_nm`, any scale.

    exp(-(r² + R²) / 2w²) I0(r R / w²): the ring's convolution in the plane, so that its R is the
    ring's own however wide the blur, while the brightest radius moves inwards.
    """
    shape: NDArray[np.float64] = i0e(r_nm * radius_nm / width_nm**2) * np.exp(
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
    _check_rings(np.column_stack([xy_nm, np.full(len(xy_nm), radius_nm)]))
    if not 0 < radius_nm < np.inf:
        raise InvalidValueError("radius_nm", radius_nm, "finite and above 0")
    if not len(xy_nm):
        return np.empty(0)
    r = np.arange(0.0, radius_nm + REACH_NM + 1, _STEP_NM)
    # Each radius counts by its circumference, as its pixels do in a fit of the whole picture.
    weight = (r + _STEP_NM) / (r + _STEP_NM).sum()
    profiles = _standardised(_polar(wide, grid, xy_nm, r).mean(axis=2), weight)
    radii = np.arange(0.0, 2 * radius_nm + 1)
    models = np.array([blurred_ring(r, one, w) for one in radii for w in _WIDTHS_NM])
    likeness = (profiles * weight) @ _standardised(models, weight).T
    best = likeness.reshape(len(profiles), len(radii), -1).max(axis=2)
    return _peaks(radii, best)


def ring_contrast(
    image: NDArray[np.floating], grid: Grid, rings: NDArray[np.float64]
) -> float | None:
    """How much dimmer the centres are than the rings (x, y, radius in nm) [K, 3]; None without any.

    (ring - centre) / (the brighter of both - background), from mean brightnesses over all rings:
    1 for rings with nothing inside, 0 where all is level, below 0 where the centre is brighter
    than the ring. A ring is R/4 to either side of its radius; its centre reaches to R/3;
    the background is the median from 40 to 70 nm outside. Take the rings from the truth, or from
    another image of the same field (later frames): those found in the noise of `image` itself
    are the places where it happens to look like a ring.
    """
    wide = checked(image, grid)
    _check_rings(rings)
    light = np.array([_brightness(wide, grid, one) for one in rings]).reshape(-1, 3)
    ring, centre, background = light.sum(axis=0)
    most = max(ring, centre) - background
    # Rounding of sums must not make a contrast of an even image.
    level = 1e-9 * len(rings) * float(np.abs(wide).max())
    return float((ring - centre) / most) if most > level else None


def count_corners(
    image: NDArray[np.floating], grid: Grid, rings: NDArray[np.float64]
) -> NDArray[np.int64] | None:
    """Count the peaks along each ring (x, y, radius in nm) [K, 3]: int64 [K].

    None where the pixels are too coarse: an eighth of the smallest ring is below
    `FINEST_PITCH_PX`. With 20 nm pixels that is below a radius of 64 nm.
    """
    wide = checked(image, grid)
    _check_rings(rings)
    if not len(rings):
        return np.zeros(0, np.int64)
    if rings[:, 2].min() * 2 * np.pi / 8 < FINEST_PITCH_PX * grid.pixel_nm:
        return None
    return np.array([_corners(wide, grid, one) for one in rings], np.int64)


def _corners(image: NDArray[np.float64], grid: Grid, ring: NDArray[np.float64]) -> int:
    """Count the peaks along one ring, round the circle."""
    radius = float(ring[2])
    polar = _polar(image, grid, ring[None, :2], np.linspace(0.75, 1.25, 7) * radius)[0]
    along = gaussian_filter1d(
        polar.mean(axis=0), _CORNER_BLUR_DEG / 360 * polar.shape[1], mode="wrap"
    )
    start = int(np.argmin(along))  # a peak is whole between two visits to the darkest angle
    along = np.append(np.roll(along, -start), along[start])
    above = float(along.max()) - _brightness(image, grid, ring)[2]
    if not above > 1e-9 * float(np.abs(image).max()):
        return 0
    peaks, _ = find_peaks(along, prominence=_LEAST_PROMINENCE * above)
    return len(peaks)


def _brightness(
    image: NDArray[np.float64], grid: Grid, ring: NDArray[np.float64]
) -> tuple[float, float, float]:
    """Mean on the ring and in its centre, per area, and the background."""
    radius = float(ring[2])
    band, core = np.linspace(0.75, 1.25, 7) * radius, np.linspace(0, 1, 5) * radius / 3
    outside = np.linspace(40, 70, 7) + radius
    polar = _polar(image, grid, ring[None, :2], np.concatenate([band, core, outside]))[0]
    on, within, beyond = np.split(polar, [len(band), len(band) + len(core)])
    return (
        float(np.average(on.mean(axis=1), weights=band)),
        float(np.average(within.mean(axis=1), weights=core)),
        float(np.median(beyond)),
    )


def _polar(
    image: NDArray[np.float64], grid: Grid, xy_nm: NDArray[np.float64], r_nm: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sample the image around points [K, 2]: [K, radii, angles]."""
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


def _check_rings(rings: NDArray[np.float64]) -> None:
    if rings.ndim != 2 or rings.shape[1] != 3:
        raise InvalidValueError("rings", list(rings.shape), "an array [R, 3] of x, y, radius in nm")
    if not np.isfinite(rings).all() or (rings[:, 2] <= 0).any():
        raise InvalidValueError("rings", "not finite or without radius", "finite, radii above 0")
