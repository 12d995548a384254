"""Nuclear pores drawn, missed and invented, and whether they are rings of the right size.

Every image is treated alike: a matched filter of the radius that the label has, its maxima, a
threshold relative to the image's own pores. Scales, offsets and empty areas change nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import maximum_filter
from scipy.optimize import linear_sum_assignment
from scipy.signal import oaconvolve
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from scipy.special import expit

from annapalm.errors import InvalidValueError
from annapalm_export.evaluate.rings import blurred_ring, fit_radii, ring_contrast
from annapalm_export.evaluate.sampling import checked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annapalm.grid import Grid

MATCH_NM = 50.0
"""A drawn and a true pore with centres at most this far apart are the same: less than the radius
of a Nup96 ring (53 nm), so that a drawn centre lies inside its ring, and less than half the
distance of two pores (130 nm), so that there is little to choose."""

RADIUS_NM = 53.5
"""Radius to look for where nothing says otherwise: half of 107 nm, that of Nup96."""

LEVELS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9, 1.1)
"""Thresholds tried on the validation fields, in units of `typical_strength`."""

DEFAULT_LEVEL = 0.3
"""Threshold where none was chosen on validation fields: near the best for blurred images of some
20 localizations per pore."""

_WIDTH_NM = 20.0
"""Blur of the ring that is looked for: of the best over radii of 25 to 80 nm, 8 to 500
localizations per pore, and images blurred by 0 to 70 nm."""

_NEAREST_NM = 80.0
"""Pores are not drawn closer than that, nor closer than 1.5 radii."""

_CUT_NM = 20.0
"""A pore whose ring comes this near to the border is cut by it: its label lies so far around."""


@dataclass(frozen=True, slots=True, eq=False)
class Pores:
    """Pores found in an image."""

    xy_nm: NDArray[np.float64]
    """float64 [K, 2]: their centres, (x, y) in nm."""
    strength: NDArray[np.float64]
    """float64 [K], above 0: how much brighter the pore is than its surroundings, in the unit of
    the image."""


@dataclass(frozen=True, slots=True)
class PoreScore:
    """Counts of one field, and what follows from them; pores cut by the border count nowhere."""

    hits: int
    """True pores that are drawn."""
    false: int
    """Drawn pores that are not there."""
    missed: int
    """True pores that are not drawn."""
    area_um2: float
    """Area in which the centres of whole pores can lie."""
    radius_bias_nm: float | None
    """Mean of fitted minus true radius over the hits; None without any."""
    radius_spread_nm: float | None
    """Standard deviation of the same; None without any."""
    ring_contrast: float | None
    """`rings.ring_contrast` of the image where the hits truly are: 1 for rings with an empty
    centre, 0 or less for discs; None without any. Not where they were found: the search prefers
    places that look like rings, by chance too, and finds a contrast of 0.9 in pure noise."""

    @property
    def precision(self) -> float:
        """Share of the drawn pores that are true; 0 where none is drawn."""
        drawn = self.hits + self.false
        return self.hits / drawn if drawn else 0.0

    @property
    def recall(self) -> float:
        """Share of the true pores that are drawn; 0 where there are none."""
        wanted = self.hits + self.missed
        return self.hits / wanted if wanted else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 where both are."""
        total = 2 * self.hits + self.false + self.missed
        return 2 * self.hits / total if total else 0.0

    @property
    def false_per_um2(self) -> float:
        """Invented pores per area."""
        return self.false / self.area_um2

    @property
    def missed_per_um2(self) -> float:
        """Missed pores per area."""
        return self.missed / self.area_um2


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
    found = _candidates(image, grid, radius_nm)
    return _above(found, level * (_typical(found) if strength is None else strength))


def typical_strength(
    image: NDArray[np.floating], grid: Grid, radius_nm: float = RADIUS_NM
) -> float:
    """Strength of the image's pores: sum of squares over sum of all maxima; 0 where it has none.

    Faint maxima of noise hardly count, however many they are.
    """
    return _typical(_candidates(image, grid, radius_nm))


def match_pores(
    drawn_nm: NDArray[np.float64], true_nm: NDArray[np.float64], distance_nm: float = MATCH_NM
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair centres [K, 2] and [R, 2] one to one, at most `distance_nm` apart: indices into each.

    As many pairs as there can be and, of these, the nearest (the Hungarian method within each
    group of centres that could be paired). To take the nearest pair first would be as good
    for pores that lie apart, but can leave one unpaired where they crowd.
    """
    pairs = [(d, t) for d, near in enumerate(_near(drawn_nm, true_nm, distance_nm)) for t in near]
    if not pairs:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    drawn, true = np.array(pairs, np.int64).T
    nodes = len(drawn_nm) + len(true_nm)
    graph = coo_array((np.ones(len(drawn)), (drawn, true + len(drawn_nm))), shape=(nodes, nodes))
    _, group = connected_components(graph, directed=False)
    order = np.argsort(group[drawn], kind="stable")
    starts = np.flatnonzero(np.diff(group[drawn][order])) + 1
    matched = [_assign(drawn[o], true[o], drawn_nm, true_nm) for o in np.split(order, starts)]
    return np.concatenate([m[0] for m in matched]), np.concatenate([m[1] for m in matched])


def score_pores(
    image: NDArray[np.floating],
    grid: Grid,
    rings: NDArray[np.float64],
    level: float = DEFAULT_LEVEL,
) -> PoreScore:
    """Find the pores of `image` and score them against the true rings (x, y, radius) [R, 3] in nm.

    Looked for are rings of the median true radius (`RADIUS_NM` where there is none): which
    protein was labelled is known to every user. Raises `InvalidValueError` for an image that is
    not one of `grid`, rings that are none, or a field smaller than a pore.
    """
    radius = _radius(rings)
    drawn = detect_pores(image, grid, radius, level)
    counts, pairs = _count(drawn.xy_nm, rings, grid, radius)
    bias = spread = contrast = None
    if len(pairs[0]):
        truth = rings[pairs[1]]
        off = fit_radii(image, grid, drawn.xy_nm[pairs[0]], radius) - truth[:, 2]
        bias, spread = float(off.mean()), float(off.std())
        contrast = ring_contrast(image, grid, truth)
    return PoreScore(*counts, _whole_area_um2(grid, radius), bias, spread, contrast)


def f1_by_level(
    image: NDArray[np.floating],
    grid: Grid,
    rings: NDArray[np.float64],
    levels: Sequence[float] = LEVELS,
) -> NDArray[np.float64]:
    """F1 of `image` at each of the thresholds: float64 [len(levels)].

    For choosing a threshold: on validation fields, never on test fields, the same way for
    every method.
    """
    radius = _radius(rings)
    found = _candidates(image, grid, radius)
    area, typical = _whole_area_um2(grid, radius), _typical(found)
    scores = []
    for level in levels:
        drawn = _above(found, level * typical).xy_nm
        counts, _ = _count(drawn, rings, grid, radius)
        scores.append(PoreScore(*counts, area, None, None, None).f1)
    return np.array(scores)


def _count(
    drawn: NDArray[np.float64], rings: NDArray[np.float64], grid: Grid, radius_nm: float
) -> tuple[tuple[int, int, int], tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Hits, false and missed pores, and the pairs (drawn, true) of the hits.

    A cut pore may be drawn a little further inside than it is, and the other way round: matching
    goes before the question which pores are whole.
    """
    wanted = _whole(rings[:, :2], grid, rings[:, 2])
    at_drawn, at_true = match_pores(drawn, rings[:, :2])
    alone = np.ones(len(drawn), dtype=bool)
    alone[at_drawn] = False
    hit = wanted[at_true]
    hits = int(hit.sum())
    false = int((alone & _whole(drawn, grid, np.full(len(drawn), radius_nm))).sum())
    return (hits, false, int(wanted.sum()) - hits), (at_drawn[hit], at_true[hit])


def _candidates(image: NDArray[np.floating], grid: Grid, radius_nm: float) -> Pores:
    """All maxima of the matched filter, strongest first."""
    wide = checked(image, grid)
    if not 0 < radius_nm < np.inf:
        raise InvalidValueError("radius_nm", radius_nm, "finite and above 0")
    wide = wide - wide.min()  # exactly 0 where the image is constant
    template = _template(radius_nm, grid.pixel_nm)
    half = len(template) // 2
    padded = np.pad(wide, half, mode="symmetric")
    response = oaconvolve(padded, template, mode="same")[half:-half, half:-half]
    nearest = max(_NEAREST_NM, 1.5 * radius_nm)
    # Of a square within the distance first, which is quick, then one against the other.
    side = 2 * int(nearest / np.sqrt(2) / grid.pixel_nm) + 1
    top = response == maximum_filter(response, max(side, 3))
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
    kept = np.ones(len(xy), dtype=bool)
    if len(xy):
        pairs = cKDTree(xy).query_pairs(distance_nm, output_type="ndarray")
        for strong, weak in pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]:
            kept[weak] &= not kept[strong]
    return kept


def _template(radius_nm: float, pixel_nm: float) -> NDArray[np.float64]:
    """Ring of sum 1 minus what is around and inside it, of sum 1: a square of odd side."""
    outer = 1.5 * (radius_nm + _WIDTH_NM) + 2 * _WIDTH_NM
    half = int(np.ceil((outer + 2 * _WIDTH_NM) / pixel_nm))
    y, x = np.mgrid[-half : half + 1, -half : half + 1] * pixel_nm
    r = np.hypot(x, y)
    ring = blurred_ring(r, radius_nm, _WIDTH_NM)
    around = np.maximum(expit((outer - r) / (_WIDTH_NM / 2)) - ring / ring.max(), 0)
    template: NDArray[np.float64] = ring / ring.sum() - around / around.sum()
    return template


def _above(found: Pores, threshold: float) -> Pores:
    kept = found.strength > threshold
    return Pores(found.xy_nm[kept], found.strength[kept])


def _typical(found: Pores) -> float:
    total = float(found.strength.sum())
    return float((found.strength**2).sum()) / total if total > 0 else 0.0


def _near(
    drawn: NDArray[np.float64], true: NDArray[np.float64], distance_nm: float
) -> list[list[int]]:
    """For each drawn centre, the true ones within the distance."""
    if not len(drawn) or not len(true):
        return []
    near: list[list[int]] = list(cKDTree(true).query_ball_point(drawn, distance_nm * (1 + 1e-9)))
    return near


def _assign(
    drawn: NDArray[np.int64],
    true: NDArray[np.int64],
    drawn_nm: NDArray[np.float64],
    true_nm: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair one group, of which these are the pairs that may be: indices into both lists."""
    rows, row = np.unique(drawn, return_inverse=True)
    columns, column = np.unique(true, return_inverse=True)
    distance = np.linalg.norm(drawn_nm[drawn] - true_nm[true], axis=1)
    far = (1 + distance.max()) * (len(drawn) + 1)  # dearer than all pairs of the group together
    cost = np.full((len(rows), len(columns)), far)
    cost[row, column] = distance
    at, to = linear_sum_assignment(cost)
    near = cost[at, to] < far
    return rows[at[near]], columns[to[near]]


def _radius(rings: NDArray[np.float64]) -> float:
    """Radius of the rings to look for; refuses what are no rings."""
    if rings.ndim != 2 or rings.shape[1] != 3:
        raise InvalidValueError("rings", list(rings.shape), "an array [R, 3] of x, y, radius in nm")
    if not np.isfinite(rings).all() or (rings[:, 2] <= 0).any():
        raise InvalidValueError("rings", "not finite or without radius", "finite, radii above 0")
    return float(np.median(rings[:, 2])) if len(rings) else RADIUS_NM


def _whole(
    xy: NDArray[np.float64], grid: Grid, radius_nm: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which pores are not cut by the border: bool [K]."""
    x0, y0, x1, y1 = grid.extent_nm
    to_border = np.minimum(xy - (x0, y0), np.array((x1, y1)) - xy).min(axis=1)
    whole: NDArray[np.bool_] = to_border >= radius_nm + _CUT_NM
    return whole


def _whole_area_um2(grid: Grid, radius_nm: float) -> float:
    """Area in which the centres of whole pores can lie."""
    height, width = (n * grid.pixel_nm - 2 * (radius_nm + _CUT_NM) for n in grid.shape)
    if min(height, width) <= 0:
        raise InvalidValueError("grid's shape", grid.shape, "larger than a pore and its margin")
    return height * width / 1e6
