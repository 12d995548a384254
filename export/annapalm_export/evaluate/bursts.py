"""Bursts: what one emitter gave in a row, told by nearness in space and time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm.errors import InvalidValueError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.localizations import Localizations

_SAMPLE = 20_000
"""Bursts whose place is looked at: enough for a quantile to within a per cent."""


@dataclass(frozen=True, slots=True, eq=False)
class Bursts:
    """The bursts of a table; arrays of length B, in the order of their first localizations."""

    of: NDArray[np.int64]
    """int64 [N]: number of the burst that each localization belongs to."""
    xy_nm: NDArray[np.float64]
    """float64 [B, 2]: mean of the burst's localizations."""
    localizations: NDArray[np.int64]
    """int64 [B], at least 1."""
    frames: NDArray[np.int64]
    """int64 [B]: from the first frame to the last, both counted; at least 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """How many bursts a place had; arrays of one entry per burst looked at."""

    bursts: NDArray[np.int64]
    """int64 [M]: bursts, of any time, within the distance of this one, itself counted."""

    @property
    def weight(self) -> NDArray[np.float64]:
        """Share of a place that each burst stands for: a place of n bursts is met n times."""
        weight: NDArray[np.float64] = 1 / self.bursts
        return weight

    @property
    def mean(self) -> float:
        """Mean number of bursts per place; NaN for no bursts."""
        return len(self.bursts) / float(self.weight.sum()) if len(self.bursts) else float("nan")

    def quantile(self, share: float) -> float:
        """Quantile over places (not bursts) of the number of bursts; NaN for no bursts."""
        if not len(self.bursts):
            return float("nan")
        order = np.argsort(self.bursts, kind="stable")
        reached = np.cumsum(self.weight[order])
        # A place of n bursts adds n times 1/n, which floats do not sum to exactly 1.
        at = np.searchsorted(reached, share * reached[-1] * (1 - 1e-12))
        return float(self.bursts[order][at])


def link_bursts(locs: Localizations, link_nm: float = 50.0, gap_frames: int = 2) -> Bursts:
    """Link each localization with the nearest one that follows it, and group what is linked.

    A link joins two localizations at most `link_nm` apart of which up to `gap_frames` frames
    without a localization lie; each localization has at most one link forwards and one backwards.
    Shorter gaps go first, and of two that claim one follower the nearer has it. So bursts of
    neighbours are not merged as long as both are seen, which joining all near pairs would do.
    No localizations give no bursts. Raises `InvalidValueError` for a distance not above 0 or a
    negative gap.
    """
    if not (np.isfinite(link_nm) and link_nm > 0):
        raise InvalidValueError("link_nm", link_nm, "a finite number above 0, in nm")
    if gap_frames < 0:
        raise InvalidValueError("gap_frames", gap_frames, "at least 0")
    xy = np.column_stack([locs.x_nm, locs.y_nm])
    following = np.full(len(xy), -1)
    preceded = np.zeros(len(xy), dtype=bool)
    for lag in range(1, gap_frames + 2):
        left, right = _links(xy, locs.frame, following < 0, ~preceded, lag, link_nm)
        following[left] = right
        preceded[right] = True
    return _grouped(xy, locs.frame, following)


def _links(
    xy: NDArray[np.float64],
    frame: NDArray[np.int64],
    tails: NDArray[np.bool_],
    heads: NDArray[np.bool_],
    lag: int,
    link_nm: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs (earlier, later) of rows, exactly `lag` frames apart, each row at most once a side."""
    from scipy.spatial import cKDTree

    # A tail takes part only where some head lies `lag` frames later.
    known = np.unique(frame[heads])
    tail = np.flatnonzero(tails & np.isin(frame + lag, known))
    head = np.flatnonzero(heads)
    if not len(tail):
        return tail, tail
    # Frames are laid far apart along a third axis, so that one tree holds them all.
    level = 4 * link_nm
    first = int(frame.min())
    tree = cKDTree(np.column_stack([xy[head], (frame[head] - first) * level]))
    wanted = np.column_stack([xy[tail], (frame[tail] + lag - first) * level])
    distance, found = tree.query(wanted, distance_upper_bound=link_nm * (1 + 1e-12))
    near = np.isfinite(distance)
    tail, found, distance = tail[near], found[near], distance[near]
    order = np.lexsort((distance, found))
    nearest = np.ones(len(order), dtype=bool)
    nearest[1:] = found[order][1:] != found[order][:-1]
    kept = order[nearest]
    return tail[kept], head[found[kept]]


def _grouped(
    xy: NDArray[np.float64], frame: NDArray[np.int64], following: NDArray[np.int64]
) -> Bursts:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    number = len(xy)
    if not number:
        none = np.empty(0, dtype=np.int64)
        return Bursts(none, np.empty((0, 2)), none, none)
    row = np.flatnonzero(following >= 0)
    links = coo_array((np.ones(len(row)), (row, following[row])), shape=(number, number))
    count, of = connected_components(links, directed=False)
    of = of.astype(np.int64)
    size = np.bincount(of, minlength=count)
    centre = [np.bincount(of, weights=xy[:, a], minlength=count) / size for a in (0, 1)]
    last = np.full(count, frame.min())
    first = np.full(count, frame.max())
    np.maximum.at(last, of, frame)
    np.minimum.at(first, of, frame)
    return Bursts(of, np.column_stack(centre), size, last - first + 1)


def precision_from_bursts(locs: Localizations, bursts: Bursts) -> float:
    """Localization precision (standard deviation per axis, nm), from successive localizations.

    Two localizations of an emitter lie 1.665 precisions apart at the median (a Rayleigh
    distribution of scale sqrt(2) precision); the idea of Endesfelder et al. 2014
    (doi:10.1007/s00418-014-1192-3), without their correction for neighbours. What the linking
    distance cuts off makes it too small beyond about a third of that distance. NaN for fewer
    than 20 such pairs.
    """
    order = np.lexsort((locs.frame, bursts.of))
    same = np.diff(bursts.of[order]) == 0
    if same.sum() < 20:
        return float("nan")
    apart = np.hypot(np.diff(locs.x_nm[order])[same], np.diff(locs.y_nm[order])[same])
    return float(np.median(apart) / (2 * np.sqrt(np.log(2))))


def bursts_per_place(bursts: Bursts, within_nm: float = 50.0) -> Places:
    """Count the bursts within `within_nm` of each burst: how often a place lights up again.

    Exact where emitters lie further apart than `within_nm`; on a dense structure a place holds
    several emitters, whose bursts are counted together, in real and simulated tables alike. Of
    many bursts a sample of 20,000 is looked at. Raises `InvalidValueError` for a distance not
    above 0.
    """
    from scipy.spatial import cKDTree

    if not (np.isfinite(within_nm) and within_nm > 0):
        raise InvalidValueError("within_nm", within_nm, "a finite number above 0, in nm")
    if not len(bursts.xy_nm):
        return Places(np.empty(0, dtype=np.int64))
    rows = sample_rows(len(bursts.xy_nm), _SAMPLE)
    tree = cKDTree(bursts.xy_nm)
    near = tree.query_ball_point(bursts.xy_nm[rows], within_nm, return_length=True)
    return Places(near.astype(np.int64))


def sample_rows(number: int, most: int) -> NDArray[np.int64]:
    """Choose at most `most` of `number` rows by chance, the same ones each time, in order."""
    if number <= most:
        return np.arange(number)
    return np.sort(np.random.default_rng(0).choice(number, most, replace=False))
