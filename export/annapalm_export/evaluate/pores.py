"""Nuclear pores found, missed and invented: bright spots of a pore's size against known rings.

Every image is treated alike: a matched filter of a pore's size, its maxima, no two nearer than
pores can be, a threshold relative to the image's own maxima. Scale and offset change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates, maximum_filter
from scipy.sparse import coo_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import cKDTree
from scipy.special import ive

from annapalm.errors import InvalidValueError
from annapalm_export.evaluate.filaments import typical_intensity
from annapalm_export.simulate.structures.nuclear_pores import apart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annapalm.grid import Grid
    from annapalm.render import RateImage

MATCH_NM = 60.0
"""A drawn and a true pore are the same at most this far apart: less than half of the 130 nm that
two pores keep from each other, so that a spot never lies within reach of two of them."""

SEPARATION_NM = 110.0
"""No two drawn pores are nearer: somewhat below the 130 nm of the densest pores, for the error
of a centre; of nearer maxima the brightest stays."""

BORDER_NM = 100.0
"""Pores with their centre nearer to the border are cut by it: the largest ring, of 82 nm, and its
blur. They are neither missed nor false."""

CENTRE_NM = 45.0
"""Standard deviation of the matched filter's centre. A ring turns into one maximum under a Gaussian
of at least 0.71 of its radius; the surround makes it so for all of 20 to 82 nm."""

SURROUND_NM = 90.0
"""Standard deviation of the surround that is taken away: reaches to the next pores, no further."""

LEVELS = (0.05, 0.1, 0.15, 0.2, 0.27, 0.35, 0.45, 0.55, 0.7, 0.85)
"""Thresholds tried on the validation fields, in units of the typical height of the maxima."""

DEFAULT_LEVEL = 0.35
"""Threshold where none was chosen on validation fields."""

_REACH_NM = 130.0
_RADII_NM = np.arange(12.0, 108.0, 3.0)
"""Radii tried; the best is refined between them."""
_BLURS_NM = np.array([8.0, 11.0, 16.0, 22.0, 30.0, 42.0])
"""Blurs of the ring tried, standard deviations: size of the label to that of a wide blur."""
_ANGLES = 32
_STEP_NM = 5.0


@dataclass(frozen=True, slots=True)
class PoreScore:
    """Pores of one field, and how well those found are drawn."""

    precision: float
    """Share of the drawn pores that are true; 0 where none is drawn."""
    recall: float
    """Share of the true pores that are drawn; 0 where there are none."""
    f1: float
    """Harmonic mean of precision and recall; 0 where both are."""
    false_per_um2: float
    """Invented pores per area of the field without its border: what matters most."""
    missed_per_um2: float
    radius_bias_nm: float | None
    """Median of fitted minus true radius over the pores found; None where none is found."""
    radius_spread_nm: float | None
    """Half the range that holds the middle 68 % of these differences; None below two pores."""
    ring_contrast: float | None
    """Mean pore found, (ring - centre) / (ring - surroundings): 1 for a hole as dark as the
    surroundings, about 0 or less for a disc. None where none is found, or nothing stands out."""


@dataclass(frozen=True, slots=True, eq=False)
class Pores:
    """The pores of an image."""

    xy_nm: NDArray[np.float64]
    """float64 [D, 2]: centres (x, y), to a fraction of a pixel, brightest first."""
    height: NDArray[np.float64]
    """float64 [D]: height of the filtered image there, in units of the typical one."""

    def above(self, level: float) -> Pores:
        """Keep those of at least this height."""
        kept = self.height >= level
        return Pores(self.xy_nm[kept], self.height[kept])


@dataclass(frozen=True, slots=True, eq=False)
class _Match:
    """What became of the drawn and the true pores."""

    pairs: NDArray[np.int64]
    """int64 [M, 2]: rows of drawn and true pores that are the same, without those cut."""
    false: int
    missed: int

    @property
    def f1(self) -> float:
        found = 2 * len(self.pairs)
        return found / (found + self.false + self.missed) if found else 0.0


def find_pores(image: RateImage, grid: Grid, level: float = DEFAULT_LEVEL) -> Pores:
    """Find the pores of an image [Y, X], any positive scale and any offset.

    The image is filtered with a Gaussian of `CENTRE_NM` minus one of `SURROUND_NM`. A pore is
    a maximum of that, the highest within `SEPARATION_NM`, of at least `level` times the typical
    height of such maxima (sum of squares over sum). Raises `InvalidValueError` for a level not
    above 0, or an image that is not finite or not the grid's.
    """
    if not level > 0:
        raise InvalidValueError("level", level, "above 0")
    return _maxima(image, grid).above(level)


def _maxima(image: RateImage, grid: Grid) -> Pores:
    """All separate maxima of the filtered image."""
    if image.shape != grid.shape:
        raise InvalidValueError("image's shape", image.shape, f"the grid's, {grid.shape}")
    if not np.isfinite(image).all():
        raise InvalidValueError("image", "not finite", "finite")
    wide = image.astype(np.float64)
    # Without the offset, or rounding alone would make maxima of a constant image.
    wide -= wide.min()
    centre, surround = (
        gaussian_filter(wide, nm / grid.pixel_nm, mode="reflect") for nm in (CENTRE_NM, SURROUND_NM)
    )
    filtered = centre - surround
    least = 1e-6 * float(centre.max())
    row, column = np.nonzero((filtered == maximum_filter(filtered, 3)) & (filtered > least))
    order = np.argsort(-filtered[row, column], kind="stable")
    row, column = row[order], column[order]
    dy, dx = (_offset(filtered, row, column, axis) for axis in (0, 1))
    place = np.stack([column + dx + 0.5, row + dy + 0.5], axis=1)
    xy = place * grid.pixel_nm + np.asarray(grid.origin_nm)
    height = filtered[row, column]
    if len(xy):
        kept = np.sort(apart(xy, SEPARATION_NM))
        xy, height = xy[kept], height[kept]
        height = height / typical_intensity(height)
    return Pores(xy, height)


def _offset(
    image: NDArray[np.float64], row: NDArray[np.int64], column: NDArray[np.int64], axis: int
) -> NDArray[np.float64]:
    """Where between the pixels a parabola along the axis puts each maximum: px, [D]."""
    padded = np.pad(image, 1, mode="edge")
    step = (1, 0) if axis == 0 else (0, 1)
    before, here, after = (
        padded[row + 1 + by * step[0], column + 1 + by * step[1]] for by in (-1, 0, 1)
    )
    bent = 2 * here - before - after
    return np.where(bent > 0, (after - before) / (2 * np.where(bent > 0, bent, 1)), 0.0)


def score_pores(
    image: RateImage, grid: Grid, rings: NDArray[np.float64], level: float = DEFAULT_LEVEL
) -> PoreScore:
    """Find the pores of an image [Y, X] and compare them with the true ones.

    `rings` is `Truth.rings`: float64 [R, 3] of x, y and radius in nm, also beyond the border. Each
    drawn pore is at most one true one and the reverse, at most `MATCH_NM` away: as many pairs as
    there can be, and of these choices the nearest. Raises `InvalidValueError` like `find_pores`,
    and where rings are not [R, 3], finite and of a radius above 0.
    """
    pores = find_pores(image, grid, level)
    match = _match(pores.xy_nm, _checked(rings), grid)
    found = len(match.pairs)
    x0, y0, x1, y1 = grid.extent_nm
    area_um2 = max(x1 - x0 - 2 * BORDER_NM, 0) * max(y1 - y0 - 2 * BORDER_NM, 0) / 1e6
    bias, spread, contrast = _shape(image, grid, pores, rings, match.pairs)
    return PoreScore(
        precision=_share(found, match.false),
        recall=_share(found, match.missed),
        f1=match.f1,
        false_per_um2=match.false / area_um2 if area_um2 else 0.0,
        missed_per_um2=match.missed / area_um2 if area_um2 else 0.0,
        radius_bias_nm=bias,
        radius_spread_nm=spread,
        ring_contrast=contrast,
    )


def f1_by_level(
    image: RateImage, grid: Grid, rings: NDArray[np.float64], levels: Sequence[float] = LEVELS
) -> NDArray[np.float64]:
    """F1 of `image` at each of the thresholds: float64 [len(levels)].

    For choosing a threshold: on validation fields, never on test fields, the same way for
    every method.
    """
    maxima, known = _maxima(image, grid), _checked(rings)
    return np.array([_match(maxima.above(level).xy_nm, known, grid).f1 for level in levels])


def _checked(rings: NDArray[np.float64]) -> NDArray[np.float64]:
    if rings.ndim != 2 or rings.shape[1] != 3:
        raise InvalidValueError("rings", list(rings.shape), "an array [R, 3]")
    if not np.isfinite(rings).all() or (rings[:, 2] <= 0).any():
        raise InvalidValueError("rings", "not finite or without radius", "finite, radius above 0")
    return rings


def _share(part: int, rest: int) -> float:
    return part / (part + rest) if part else 0.0


def _match(drawn: NDArray[np.float64], rings: NDArray[np.float64], grid: Grid) -> _Match:
    """Pair drawn [D, 2] and true pores [R, 3], and count what is left."""
    pairs = _pairs(drawn, rings[:, :2])
    wanted, judged = _whole(rings[:, :2], grid), _whole(drawn, grid)
    judged[pairs[:, 0]] = False
    whole = pairs[wanted[pairs[:, 1]]]
    return _Match(whole, int(judged.sum()), int(wanted.sum()) - len(whole))


def _whole(xy: NDArray[np.float64], grid: Grid) -> NDArray[np.bool_]:
    """Which places [N, 2] are at least `BORDER_NM` inside the field."""
    x0, y0, x1, y1 = grid.extent_nm
    low, high = np.array([x0, y0]) + BORDER_NM, np.array([x1, y1]) - BORDER_NM
    whole: NDArray[np.bool_] = ((xy >= low) & (xy <= high)).all(axis=1)
    return whole


def _pairs(drawn: NDArray[np.float64], true: NDArray[np.float64]) -> NDArray[np.int64]:
    """Choose the one-to-one pairs within reach, as many as can be, then the nearest: [M, 2].

    An assignment in which every drawn pore may also take a place of its own, at a price above
    that of all pairs together.
    """
    if not len(drawn) or not len(true):
        return np.empty((0, 2), dtype=np.int64)
    near = cKDTree(drawn).sparse_distance_matrix(cKDTree(true), MATCH_NM, output_type="ndarray")
    alone = np.arange(len(drawn))
    price = np.full(len(drawn), (MATCH_NM + 1) * (len(drawn) + 1))
    cost = coo_array(
        (
            np.concatenate([near["v"] + 1, price]),  # 0 would be no entry
            (np.concatenate([near["i"], alone]), np.concatenate([near["j"], len(true) + alone])),
        ),
        shape=(len(drawn), len(true) + len(drawn)),
    )
    row, column = min_weight_full_bipartite_matching(cost.tocsr())
    return np.column_stack([row, column])[column < len(true)].astype(np.int64)


def _shape(
    image: RateImage,
    grid: Grid,
    pores: Pores,
    rings: NDArray[np.float64],
    pairs: NDArray[np.int64],
) -> tuple[float | None, float | None, float | None]:
    """Bias and spread of the radius, and the contrast, of the pores found."""
    if not len(pairs):
        return None, None, None
    away, profile, seen = _profiles(image, grid, pores.xy_nm, pairs[:, 0])
    true = rings[pairs[:, 1], 2]
    off = _radii(away, profile, seen) - true
    low, middle, high = np.quantile(off, [0.16, 0.5, 0.84])
    spread = float(high - low) / 2 if len(off) > 1 else None
    return float(middle), spread, _contrast(away, profile, seen, true)


def _profiles(
    image: RateImage, grid: Grid, xy: NDArray[np.float64], chosen: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Mean over directions at distances from each chosen pore's centre.

    Returns the distances [K] in nm, the profiles [M, K], and the share of directions seen [M, K]:
    those in which no other pore is nearer, within the field.
    """
    away = np.arange(0.0, _REACH_NM + 1, _STEP_NM)
    angle = 2 * np.pi * np.arange(_ANGLES) / _ANGLES
    ray = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    places = xy[chosen][:, None, None] + away[:, None, None] * ray  # [M, K, A, 2]
    pixel = (places - np.asarray(grid.origin_nm)) / grid.pixel_nm - 0.5
    values = map_coordinates(
        image.astype(np.float64), [pixel[..., 1], pixel[..., 0]], order=1, mode="nearest"
    )
    _, owner = cKDTree(xy).query(places.reshape(-1, 2))
    own = owner.reshape(values.shape) == chosen[:, None, None]
    own &= ((pixel >= -0.5) & (pixel <= np.array(grid.shape[::-1]) - 0.5)).all(axis=-1)
    seen = own.sum(axis=2)
    return away, (values * own).sum(axis=2) / np.maximum(seen, 1), seen / _ANGLES


def _radii(
    away: NDArray[np.float64], profile: NDArray[np.float64], seen: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fit a blurred ring on an even background to each profile: radii [M] in nm.

    A ring of radius r under a Gaussian of s is exp(-(d² + r²) / 2s²) I0(d r / s²). Height and
    background follow by least squares, weighted with the area that each distance stands for, for
    every r and s tried; the best r is refined by a parabola. Blur by pixels is part of s.
    """
    radius, blur = (v.ravel() for v in np.meshgrid(_RADII_NM, _BLURS_NM, indexing="ij"))
    r, s = radius[:, None], blur[:, None]
    ring = np.exp(-((away - r) ** 2) / (2 * s**2)) * ive(0, away * r / s**2)  # [T, K]
    ring /= ring.max(axis=1, keepdims=True)
    weight = seen * np.maximum(away, _STEP_NM / 4)
    total = weight.sum(axis=1, keepdims=True)
    mean_ring = weight @ ring.T / total  # [M, T]
    mean = (weight * profile).sum(axis=1, keepdims=True) / total
    variance = weight @ (ring**2).T / total - mean_ring**2
    covariance = (weight * (profile - mean)) @ ring.T / total
    # What the fit explains; a dark ring explains nothing.
    gain = np.maximum(covariance, 0) ** 2 / np.maximum(variance, 1e-9)
    by_radius = gain.reshape(len(gain), len(_RADII_NM), len(_BLURS_NM)).max(axis=2)
    at = np.clip(by_radius.argmax(axis=1), 1, len(_RADII_NM) - 2)
    rows = np.arange(len(gain))
    before, here, after = (by_radius[rows, at + by] for by in (-1, 0, 1))
    bent = 2 * here - before - after
    shift = np.where(bent > 0, (after - before) / (2 * np.where(bent > 0, bent, 1)), 0.0)
    step = _RADII_NM[1] - _RADII_NM[0]
    fitted: NDArray[np.float64] = _RADII_NM[at] + step * np.clip(shift, -1, 1)
    return fitted


def _contrast(
    away: NDArray[np.float64],
    profile: NDArray[np.float64],
    seen: NDArray[np.float64],
    radius: NDArray[np.float64],
) -> float | None:
    """Compare centre, ring and surroundings of the mean pore."""
    relative = away / radius[:, None]
    weight = seen * np.maximum(away, _STEP_NM / 4)

    def level(inside: NDArray[np.bool_]) -> float | None:
        total = float(weight[inside].sum())
        return float((weight * profile)[inside].sum()) / total if total > 0 else None

    centre = level(relative <= 0.35)
    ring = level((relative >= 0.8) & (relative <= 1.2))
    around = level((relative >= 1.7) & (away >= radius[:, None] + 30))
    if centre is None or ring is None or around is None or not ring > around:
        return None
    return (ring - centre) / (ring - around)
