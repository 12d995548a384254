"""Nuclear pores drawn, missed and invented, and whether they are rings of the right size.

Every image is treated alike: a matched filter of the radius that the label has, its maxima, a
threshold relative to the image's own pores. Scales, offsets and empty areas change nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from annapalm.errors import InvalidValueError
from annapalm.measure.pores import (
    DEFAULT_LEVEL,
    RADIUS_NM,
    above,
    candidates,
    detect_pores,
    typical,
)
from annapalm.measure.rings import fit_radii
from annapalm_export.evaluate.rings import ring_contrast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annapalm.grid import Grid

MATCH_NM = 50.0
"""A drawn and a true pore with centres at most this far apart are the same: less than the radius
of a Nup96 ring (53 nm), so that a drawn centre lies inside its ring, and less than half the
distance of two pores (130 nm), so that there is little to choose."""

LEVELS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9, 1.1)
"""Thresholds tried on the validation fields, in units of `typical_strength`."""

_CUT_NM = 20.0
"""A pore whose ring comes this near to the border is cut by it: its label lies so far around."""


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
    found = candidates(image, grid, radius)
    area, usual = _whole_area_um2(grid, radius), typical(found)
    scores = []
    for level in levels:
        drawn = above(found, level * usual).xy_nm
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
