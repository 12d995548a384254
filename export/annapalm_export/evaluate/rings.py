"""What is drawn at a nuclear pore beside its radius: how dark its centre is, its corners."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from annapalm.measure.rings import check_rings, polar
from annapalm.measure.sampling import checked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.grid import Grid

FINEST_PITCH_PX = 2.5
"""Corners are counted where they are at least so many pixels apart; Nyquist's limit is 2."""

_LEAST_PROMINENCE = 0.25
"""A corner stands out from its neighbours by this share of the brightest, above the background."""

_CORNER_BLUR_DEG = 6.0
"""Blur of the angular profile: a seventh of the angle between two corners."""


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
    check_rings(rings)
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
    check_rings(rings)
    if not len(rings):
        return np.zeros(0, np.int64)
    if rings[:, 2].min() * 2 * np.pi / 8 < FINEST_PITCH_PX * grid.pixel_nm:
        return None
    return np.array([_corners(wide, grid, one) for one in rings], np.int64)


def _corners(image: NDArray[np.float64], grid: Grid, ring: NDArray[np.float64]) -> int:
    """Count the peaks along one ring, round the circle."""
    radius = float(ring[2])
    places = polar(image, grid, ring[None, :2], np.linspace(0.75, 1.25, 7) * radius)[0]
    along = gaussian_filter1d(
        places.mean(axis=0), _CORNER_BLUR_DEG / 360 * places.shape[1], mode="wrap"
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
    places = polar(image, grid, ring[None, :2], np.concatenate([band, core, outside]))[0]
    on, within, beyond = np.split(places, [len(band), len(band) + len(core)])
    return (
        float(np.average(on.mean(axis=1), weights=band)),
        float(np.average(within.mean(axis=1), weights=core)),
        float(np.median(beyond)),
    )
