"""Nuclear pores in an image: places that look like a ring of the radius that the label has.

A matched filter, its maxima, and a threshold relative to the image's own pores. Scales, offsets and
empty areas change nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm.errors import InvalidValueError
from annapalm.measure.rings import blurred_ring
from annapalm.measure.sampling import checked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.grid import Grid

RADIUS_NM = 53.5
"""Radius to look for where nothing says otherwise: half of 107 nm, that of Nup96."""

DEFAULT_LEVEL = 0.3
"""Threshold where none was chosen on validation fields: near the best for blurred images of some
20 localizations per pore."""

_WIDTH_NM = 20.0
"""Blur of the ring that is looked for: of the best over radii of 25 to 80 nm, 8 to 500
localizations per pore, and images blurred by 0 to 70 nm."""

_NEAREST_NM = 80.0
"""Pores are not drawn closer than that, nor closer than 1.5 radii."""

_AROUND = (-1, 0, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Pores:
    """Pores found in an image."""

    xy_nm: NDArray[np.float64]
    """float64 [K, 2]: their centres, (x, y) in nm."""
    strength: NDArray[np.float64]
    """float64 [K], above 0: how much brighter the pore is than its surroundings, in the unit of
    the image."""


def detect_pores(
    image: NDArray[np.floating],
    grid: Grid,
    radius_nm: float = RADIUS_NM,
    level: float = DEFAULT_LEVEL,
    strength: float | None = None,
) -> Pores:
    """Find the pores of an image [Y, X], any scale and offset; strongest first.

    A pore is the strongest place within `_NEAREST_NM`, or 1.5 radii, where the image correlates
    with a blurred ring of `radius_nm`, minus its surroundings, by more than level *
    `typical_strength` of the image. `strength` replaces that typical strength: to ask whether an
    image without pores reaches what real ones of another image have. Discs are found as rings
    are; `rings.ring_contrast` tells them apart.
    """
    if not level > 0:
        raise InvalidValueError("level", level, "above 0")
    found = candidates(image, grid, radius_nm)
    return above(found, level * (typical(found) if strength is None else strength))


def typical_strength(
    image: NDArray[np.floating], grid: Grid, radius_nm: float = RADIUS_NM
) -> float:
    """Strength of the image's pores: sum of squares over sum of all maxima; 0 where it has none.

    Faint maxima of noise hardly count, however many they are.
    """
    return typical(candidates(image, grid, radius_nm))


def candidates(image: NDArray[np.floating], grid: Grid, radius_nm: float) -> Pores:
    """Find all maxima of the matched filter, strongest first."""
    wide = checked(image, grid)
    if not 0 < radius_nm < np.inf:
        raise InvalidValueError("radius_nm", radius_nm, "finite and above 0")
    wide = wide - wide.min()  # exactly 0 where the image is constant
    template = _template(radius_nm, grid.pixel_nm)
    half = len(template) // 2
    padded = np.pad(wide, half, mode="symmetric")
    response = _convolved(padded, template)
    nearest = max(_NEAREST_NM, 1.5 * radius_nm)
    # Of a square within the distance first, which is quick, then one against the other.
    side = 2 * int(nearest / np.sqrt(2) / grid.pixel_nm) + 1
    top = response == _highest(response, max(side, 3))
    # What the convolution rounds is no pore.
    row, column = np.nonzero(top & (response > 1e-6 * float(wide.max())))
    strength = response[row, column]
    order = np.argsort(-strength, kind="stable")
    row, column, strength = row[order], column[order], strength[order]
    place = np.stack(
        [column + _shift(response.T, column, row), row + _shift(response, row, column)]
    )
    xy = (place.T + 0.5) * grid.pixel_nm + np.asarray(grid.origin_nm)
    apart = _apart(xy, nearest)
    return Pores(xy[apart], strength[apart])


def _shift(
    response: NDArray[np.float64], row: NDArray[np.int64], column: NDArray[np.int64]
) -> NDArray[np.float64]:
    """How far (px, along the rows' axis) the top of a parabola lies from each maximum."""
    inner = np.clip(row, 1, max(len(response) - 2, 1))
    known = (inner == row) & (len(response) > 2)
    before, here, after = (
        response[np.where(known, row + step, row), column] for step in (-1, 0, 1)
    )
    bend = 2 * here - before - after
    known &= bend > 0
    return np.where(known, (after - before) / 2 / np.where(known, bend, 1.0), 0.0)


def _apart(xy: NDArray[np.float64], distance_nm: float) -> NDArray[np.bool_]:
    """Which points [K, 2], strongest first, have no stronger one that remains so near: [K]."""
    cells: dict[tuple[int, int], list[int]] = {}
    kept = np.zeros(len(xy), dtype=bool)
    for point, (column, row) in enumerate(np.floor(xy / distance_nm).astype(np.int64).tolist()):
        near = [
            o for dx in _AROUND for dy in _AROUND for o in cells.get((column + dx, row + dy), ())
        ]
        if not near or ((xy[near] - xy[point]) ** 2).sum(axis=1).min() > distance_nm**2:
            kept[point] = True
            cells.setdefault((column, row), []).append(point)
    return kept


def _template(radius_nm: float, pixel_nm: float) -> NDArray[np.float64]:
    """Ring of sum 1 minus what is around and inside it, of sum 1: a square of odd side."""
    outer = 1.5 * (radius_nm + _WIDTH_NM) + 2 * _WIDTH_NM
    half = int(np.ceil((outer + 2 * _WIDTH_NM) / pixel_nm))
    y, x = np.mgrid[-half : half + 1, -half : half + 1] * pixel_nm
    r = np.hypot(x, y)
    ring = blurred_ring(r, radius_nm, _WIDTH_NM)
    around = np.maximum(1 / (1 + np.exp((r - outer) / (_WIDTH_NM / 2))) - ring / ring.max(), 0)
    template: NDArray[np.float64] = ring / ring.sum() - around / around.sum()
    return template


def above(found: Pores, threshold: float) -> Pores:
    """Keep the pores stronger than `threshold`."""
    kept = found.strength > threshold
    return Pores(found.xy_nm[kept], found.strength[kept])


def typical(found: Pores) -> float:
    """Give the strength of candidates as `typical_strength` does that of an image."""
    total = float(found.strength.sum())
    return float((found.strength**2).sum()) / total if total > 0 else 0.0


def _convolved(padded: NDArray[np.float64], template: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convolve with a square of odd side; only where it lies inside: its half is cut all round."""
    reach = len(template) - 1
    shape = tuple(n + reach for n in padded.shape)
    spectrum = np.fft.rfft2(padded, shape)
    spectrum *= np.fft.rfft2(template, shape)
    whole: NDArray[np.float64] = np.fft.irfft2(spectrum, shape)
    return whole[reach : padded.shape[0], reach : padded.shape[1]]


def _highest(image: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Highest value within a square of odd `side` around each pixel; mirrored at the border."""
    highest = np.pad(image, side // 2, mode="symmetric")
    for axis in (0, 1):
        windows = np.lib.stride_tricks.sliding_window_view(highest, side, axis=axis)
        highest = windows.max(axis=-1)
    return highest
