"""How precise the localizations of a table are, as it says or as its bursts show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.localizations import Localizations

LIMIT_NM = 20.0
"""Nine of ten simulated fields of training are at least as precise. Beyond it the intervals of the
error map often do not hold (docs/error-map.md)."""
LEAST_KNOWN = 0.5
"""The precision of at least this share of the localizations must be stated."""

_REACH_NM = 150.0
"""Localizations of one burst lie nearer than this to each other, up to a precision of some 50."""
_LEAST_PAIRS = 50.0
"""Pairs of one burst from which their median distance is known to a tenth."""
_LEAST_SHARE = 0.2
"""Of such pairs in the localizations. Where there are fewer, bursts have been merged, and left are
the pairs that were too far apart for it."""
_LEAST_FRAMES = 200
_LEAST_EXCESS = 2.0
"""Neighbours in the next frame, over those in frames far away: bursts give many times as many."""
_MOST = 15_000
"""Localizations looked at: those of a band of the field, in all frames."""
_MOST_PAIRS = 4_000_000
"""Pairs looked at; a table with more has hundreds of localizations of a frame in one place."""
_RAYLEIGH = 1.6651
"""Median distance of two localizations of one emitter, over their precision: 2 sqrt(ln 2)."""


@dataclass(frozen=True, slots=True)
class Precision:
    """Localization precision of a field."""

    median_nm: float
    """Standard deviation per axis; half of the localizations are at least as precise."""
    source: Literal["stated", "bursts"]
    """As the table states it, or from localizations that follow each other in one place."""

    @property
    def is_poor(self) -> bool:
        """Whether it is worse than nearly all of training."""
        return self.median_nm > LIMIT_NM

    @property
    def warning(self) -> str | None:
        """One line for the user, None where all looks well."""
        if not self.is_poor:
            return None
        whose = "as the table states" if self.source == "stated" else "as repeats of a place show"
        return (
            f"The localizations are precise to {self.median_nm:.0f} nm only (median, {whose}); "
            f"nine of ten fields of training have {LIMIT_NM:.0f} nm or better. Detail is drawn "
            "blurred, and the intervals of the error map may not hold."
        )


def measure_precision(locs: Localizations) -> Precision | None:
    """Say how precise localizations are; None where neither the table nor bursts tell.

    The larger of two: what the table states, where it does so for half of the localizations; and
    what the distances of localizations in one frame and the next say, those that are near by chance
    taken off (the idea of Endesfelder et al. 2014, doi:10.1007/s00418-014-1192-3). There is no such
    thing with fewer than 200 frames, nor where bursts have been merged.
    """
    found = []
    if locs.precision_nm is not None:
        known = locs.precision_nm[np.isfinite(locs.precision_nm)]
        if len(known) and len(known) >= LEAST_KNOWN * len(locs):
            found.append(Precision(float(np.median(known)), "stated"))
    apart_nm = _median_of_repeats(locs)
    if apart_nm is not None:
        found.append(Precision(apart_nm / _RAYLEIGH, "bursts"))
    return max(found, key=lambda one: one.median_nm, default=None)


def _median_of_repeats(locs: Localizations) -> float | None:
    """Median distance of two localizations of one burst, in frames that follow each other."""
    rows = np.arange(len(locs))
    if len(rows) > _MOST:
        rows = np.flatnonzero(locs.y_nm < np.partition(locs.y_nm, _MOST)[_MOST])
    if len(rows) < _LEAST_PAIRS:
        return None
    order = rows[np.lexsort((locs.x_nm[rows], locs.frame[rows]))]
    frame = locs.frame[order] - locs.frame[order[0]]
    span = int(frame[-1]) + 1
    if span < _LEAST_FRAMES:
        return None
    x, y = (v[order] - v[order].min() for v in (locs.x_nm, locs.y_nm))
    lags = span // 4, span // 3
    distances = [_distances(frame, x, y, lag) for lag in (1, *lags)]
    known = [apart for apart in distances if apart is not None]
    if len(known) < len(distances):
        return None
    found, *others = known
    chance = np.sort(np.concatenate(others))
    # As many pairs of frames' localizations as there are, wherever they lie.
    per_frame = np.bincount(frame).astype(np.float64)
    many, *far = (float(per_frame[:-lag] @ per_frame[lag:]) for lag in (1, *lags))
    share = many / max(sum(far), 1.0)
    excess = len(found) - share * len(chance)
    least = max(_LEAST_PAIRS, _LEAST_SHARE * len(order))
    if excess < max(least, (_LEAST_EXCESS - 1) * share * len(chance)):
        return None
    found = np.sort(found)
    nearer = np.arange(1, len(found) + 1) - share * np.searchsorted(chance, found)
    return float(found[np.argmax(nearer >= excess / 2)])


def _distances(
    frame: NDArray[np.int64], x_nm: NDArray[np.float64], y_nm: NDArray[np.float64], lag: int
) -> NDArray[np.float64] | None:
    """Distances below `_REACH_NM` of localizations `lag` frames apart, sorted by frame, then x.

    None where there are too many of them.
    """
    width = float(x_nm.max()) + 3 * _REACH_NM  # frames lie apart in the one number that orders both
    place = frame * width + x_nm
    low = np.searchsorted(place, place + lag * width - _REACH_NM)
    number = np.searchsorted(place, place + lag * width + _REACH_NM) - low
    if int(number.sum()) > _MOST_PAIRS:
        return None
    first = np.repeat(np.arange(len(place)), number)
    begun = np.repeat(np.cumsum(number) - number, number)
    second = np.repeat(low, number) + np.arange(len(first)) - begun
    apart = np.hypot(x_nm[second] - x_nm[first], y_nm[second] - y_nm[first])
    near: NDArray[np.float64] = apart[apart < _REACH_NM]
    return near
