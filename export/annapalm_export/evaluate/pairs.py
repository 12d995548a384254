"""Distances between localizations: nearest neighbours and pair correlation, apart in time or not.

Localizations near in time are mostly one emitter seen again; those far apart in time tell the
structure. So most functions here hold the two apart, `apart_frames` being where the line is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm.errors import InvalidValueError
from annapalm_export.evaluate.bursts import sample_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.localizations import Localizations

_SAMPLE = 20_000
"""Localizations whose neighbours are looked at."""
_PAIRS = 2_000_000
"""Pairs looked at for the pair correlation; bounds time and memory (100 MB)."""
_MOST_NEIGHBOURS = 2048
"""Neighbours looked at for one that is apart in time."""
_DEALS = 3
"""How often frames are dealt out by chance; their mean is taken."""
_LEAST_BY_CHANCE = 20.0
"""Localizations with a neighbour by chance, below which their number says nothing."""
NEAR_NM = 300.0
"""About the width of a PSF: two emitters nearer than this overlap in one frame."""


def field_of(locs: Localizations) -> tuple[float, float]:
    """(width, height) in nm: the camera's field where known, else the localizations' extent.

    Raises `InvalidValueError` where that has no area.
    """
    if locs.field_nm is not None:
        return locs.field_nm
    sides = [float(np.ptp(v)) if len(v) else 0.0 for v in (locs.x_nm, locs.y_nm)]
    if min(sides) <= 0:
        raise InvalidValueError("locs", "without extent", "localizations that span an area")
    return sides[0], sides[1]


def nearest_nm(locs: Localizations) -> NDArray[np.float64]:
    """Distance to the nearest other localization: float64 [M] in nm, of at most 20,000 rows.

    Raises `InvalidValueError` for fewer than two localizations.
    """
    xy, rows = _sample(locs)
    from scipy.spatial import cKDTree

    distance, _ = cKDTree(xy).query(xy[rows], k=2)
    nearest: NDArray[np.float64] = distance[:, 1]
    return nearest


def nearest_apart_nm(locs: Localizations, apart_frames: int = 50) -> NDArray[np.float64]:
    """Distance to the nearest localization more than `apart_frames` frames away: float64 [M].

    Of at most 20,000 rows; inf where none is found among the 2,048 nearest. Raises
    `InvalidValueError` for fewer than two localizations or a negative number of frames.
    """
    from scipy.spatial import cKDTree

    _check_apart(apart_frames)
    xy, rows = _sample(locs)
    tree = cKDTree(xy)
    found = np.full(len(rows), np.inf)
    asked, neighbours = np.arange(len(rows)), 8
    while len(asked):
        k = min(neighbours, len(xy))
        distance, other = tree.query(xy[rows[asked]], k=k)
        apart = np.abs(locs.frame[other] - locs.frame[rows[asked], None]) > apart_frames
        first = apart.argmax(axis=1)
        has = apart.any(axis=1)
        found[asked[has]] = distance[has, first[has]]
        if k == len(xy) or k >= _MOST_NEIGHBOURS:
            break
        asked, neighbours = asked[~has], 4 * neighbours
    return found


def crowding(locs: Localizations, near_nm: float = NEAR_NM) -> float:
    """Neighbours in the same frame, over what independent emitters would give.

    The share of localizations with another of the same frame within `near_nm`, divided by the
    same share with the frames dealt out by chance to the same places. Below 1 where overlapping
    emitters are missed or merged, above 1 where one is found twice; NaN where chance gives too
    few to tell. Raises `InvalidValueError` for a distance not above 0 or fewer than two
    localizations.
    """
    if not (np.isfinite(near_nm) and near_nm > 0):
        raise InvalidValueError("near_nm", near_nm, "a finite number above 0, in nm")
    xy, _ = _sample(locs)
    rng = np.random.default_rng(0)
    dealt = [_share_with_neighbour(xy, rng.permutation(locs.frame), near_nm) for _ in range(_DEALS)]
    by_chance = float(np.mean(dealt))
    if by_chance * len(locs) < _LEAST_BY_CHANCE:
        return float("nan")
    return _share_with_neighbour(xy, locs.frame, near_nm) / by_chance


def _share_with_neighbour(
    xy: NDArray[np.float64], frame: NDArray[np.int64], near_nm: float
) -> float:
    from scipy.spatial import cKDTree

    _, rank = np.unique(frame, return_inverse=True)
    places = np.column_stack([xy, rank * (4 * near_nm)])
    distance, _ = cKDTree(places).query(places, k=2, distance_upper_bound=near_nm)
    return float(np.isfinite(distance[:, 1]).mean())


@dataclass(frozen=True, slots=True, eq=False)
class PairCorrelation:
    """Pairs per distance over those of evenly spread localizations: 1 without structure."""

    edges_nm: NDArray[np.float64]
    """float64 [K + 1]: edges of the bins of distance."""
    near_in_time: NDArray[np.float64]
    """float64 [K]: of pairs 1 to `apart_frames` frames apart; NaN where there can be none."""
    apart_in_time: NDArray[np.float64]
    """float64 [K]: of pairs further apart in time: the structure alone."""
    repeats: float
    """Localizations of the same emitter within the time window and `link_nm`, per localization:
    those found less those that the structure alone would give. NaN where not known."""

    def at(self, low_nm: float, high_nm: float, *, near_in_time: bool = False) -> float:
        """Mean of a curve over the bins that lie between two distances; NaN for none."""
        inside = (self.edges_nm[:-1] >= low_nm) & (self.edges_nm[1:] <= high_nm)
        values = (self.near_in_time if near_in_time else self.apart_in_time)[inside]
        return float(values.mean()) if len(values) else float("nan")


EDGES_NM = tuple(float(nm) for nm in [*range(0, 100, 10), *range(100, 520, 20)])
"""Edges of the bins of distance, in nm, 0 to 500."""


def pair_correlation(
    locs: Localizations,
    apart_frames: int = 50,
    edges_nm: tuple[float, ...] = EDGES_NM,
    link_nm: float = 50.0,
) -> PairCorrelation:
    """Estimate g(r), with the translation correction at the field's border.

    Each pair is weighted by the field's area over that of its overlap with itself shifted by the
    pair's distance vector (Ohser 1983; Illian et al. 2008, Statistical Analysis and Modelling of
    Spatial Point Patterns, section 4.3); what independent times would give follows from the
    frames, however activity changes. Of many localizations a sample serves as first partners.
    Bins beyond half the field's shorter side are NaN. Raises `InvalidValueError` for edges that do
    not rise from 0 on, a field without area, or fewer than two localizations.
    """
    _check_apart(apart_frames)
    edges = np.asarray(edges_nm, dtype=np.float64)
    if len(edges) < 2 or edges[0] < 0 or not (np.diff(edges) > 0).all():
        raise InvalidValueError("edges_nm", edges_nm, "at least two numbers that rise from 0 on")
    _sample(locs)
    width, height = field_of(locs)
    reach = min(width, height) / 2
    refs, first, second = _pairs(locs, min(max(edges[-1], link_nm), reach))
    apart = np.abs(locs.frame[first] - locs.frame[second])
    away = np.hypot(dx := locs.x_nm[first] - locs.x_nm[second], dy := _dy(locs, first, second))
    weight = width * height / ((width - np.abs(dx)) * (height - np.abs(dy)))
    near_share, apart_share = _time_shares(locs.frame, apart_frames)
    expected = refs * (len(locs) - 1) / (width * height) * np.pi * np.diff(edges**2)
    expected[edges[1:] > reach] = np.nan
    windows = ((apart >= 1) & (apart <= apart_frames), apart > apart_frames)
    curves = [
        np.histogram(away[w], edges, weights=weight[w])[0] / (expected * share)
        if share
        else np.full(len(expected), np.nan)
        for w, share in zip(windows, (near_share, apart_share), strict=True)
    ]
    repeats = float("nan")
    if apart_share and link_nm <= reach:
        near, far = (int((away[w] <= link_nm).sum()) for w in windows)
        repeats = (near - far * near_share / apart_share) / refs
    return PairCorrelation(edges, curves[0], curves[1], repeats)


def _dy(
    locs: Localizations, first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.float64]:
    return locs.y_nm[first] - locs.y_nm[second]


def _pairs(
    locs: Localizations, reach_nm: float
) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
    """Sample first partners: how many, and all pairs (first, second) of rows within reach."""
    from scipy.spatial import cKDTree

    xy = np.column_stack([locs.x_nm, locs.y_nm])
    tree = cKDTree(xy)
    tried = xy[sample_rows(len(xy), 200)]
    mean = float(np.mean(tree.query_ball_point(tried, reach_nm, return_length=True)))
    rows = sample_rows(len(xy), max(int(_PAIRS / mean), 1))
    found = cKDTree(xy[rows]).sparse_distance_matrix(tree, reach_nm, output_type="ndarray")
    first, second = rows[found["i"]], found["j"]
    other = first != second
    return len(rows), first[other], second[other]


def _time_shares(frame: NDArray[np.int64], apart_frames: int) -> tuple[float, float]:
    """Share of all ordered pairs 1 to `apart_frames` frames apart, and of those further apart."""
    ordered = np.sort(frame)
    sides = (("left", 0), ("right", 0), ("left", -apart_frames), ("right", apart_frames))
    start, stop, low, high = (
        int(np.searchsorted(ordered, ordered + by, side=side).sum())  # type: ignore[call-overload]
        for side, by in sides
    )
    pairs = len(frame) * (len(frame) - 1)
    within = (high - low) - (stop - start)
    apart = len(frame) ** 2 - (high - low)
    return within / pairs, apart / pairs


def _sample(locs: Localizations) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    if len(locs) < 2:
        raise InvalidValueError("locs", f"{len(locs)} localizations", "at least two")
    return np.column_stack([locs.x_nm, locs.y_nm]), sample_rows(len(locs), _SAMPLE)


def _check_apart(apart_frames: int) -> None:
    if apart_frames < 0:
        raise InvalidValueError("apart_frames", apart_frames, "at least 0")
