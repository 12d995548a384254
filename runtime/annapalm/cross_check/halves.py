"""An acquisition cut in two halves that share as few bursts and molecules as can be.

    frames   |    1st quarter    |   2nd and 3rd quarter   |    4th quarter    |
             |       seen        |        held out         |       seen        |

Quarters of the localizations, so that both halves hold as many. Two cuts are the fewest with which
both halves have the same mean time: what bleaches or drifts steadily is the same in both. Few cuts
share few bursts; and a molecule that blinks again soon, as most do, stays in its half.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm.cross_check.errors import (
    TooFewFramesError,
    TooFewLocalizationsError,
    UnevenFramesError,
)
from annapalm.errors import InvalidValueError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.localizations import Localizations

LEAST_LOCALIZATIONS = 400
"""In a field; 200 held out in clumps of some five are some 40 molecules."""
BURSTS_PER_SPAN = 40
"""Frames must span so many times the duration of a burst: the two cuts then part at most 5 % of
the bursts."""
LEAST_SHARE = 0.4
"""Of the localizations in each half; one full frame may hold more than a quarter of them."""

CELL_NM = 80.0
"""Localizations of one burst mostly share a cell of this size: some 4 precisions."""
_MOST_LAGS = 200
"""Frames looked ahead for another localization in the same cell."""
_MOST_NEIGHBOURS = 64
"""Localizations looked ahead; more in so few frames and one cell are no blinking."""
_END = 0.1
"""A burst is over where its repeats have fallen to this part of their highest number."""
_LEAST_EXCESS = 4.0
"""Repeats stand out from those at any time by so many standard deviations, and by as many as these
are, or there are no bursts: molecules that come back over hundreds of frames are none. Real tables
of blinking molecules have 9 to 50 times as many in the next frame."""


@dataclass(frozen=True, slots=True, eq=False)
class Halves:
    """A table cut in time."""

    seen: Localizations
    """Of the first and the last quarter: what the picture is made of."""
    held_out: Localizations
    """Of the two quarters between them: what the picture is tested with."""
    cuts: tuple[int, int]
    """First frame held out, and first frame seen again."""
    burst_frames: int
    """Duration of a burst, as `burst_frames` finds it."""
    cut_share: float
    """Share of the bursts that the cuts part, at most."""


def split_halves(locs: Localizations) -> Halves:
    """Cut the localizations of one field in time; see the figure above.

    Raises `TooFewLocalizationsError`, `TooFewFramesError` where bursts are long against the
    acquisition, and `UnevenFramesError` where single frames hold too much.
    """
    if len(locs) < LEAST_LOCALIZATIONS:
        raise TooFewLocalizationsError(len(locs), LEAST_LOCALIZATIONS)
    frame = locs.frame
    span = int(frame.max()) - int(frame.min()) + 1
    burst = burst_frames(locs)
    if span < BURSTS_PER_SPAN * burst:
        raise TooFewFramesError(span, BURSTS_PER_SPAN * burst, burst)
    quarter = len(locs) // 4
    ordered = np.partition(frame, (quarter, 3 * quarter))
    cuts = int(ordered[quarter]), int(ordered[3 * quarter])
    is_held = (frame >= cuts[0]) & (frame < cuts[1])
    held = int(is_held.sum())
    if min(held, len(locs) - held) < LEAST_SHARE * len(locs):
        raise UnevenFramesError(len(locs) - held, held)
    return Halves(locs.select(~is_held), locs.select(is_held), cuts, burst, 2 * burst / span)


def burst_frames(locs: Localizations, cell_nm: float = CELL_NM) -> int:
    """Duration of a burst in frames, from how soon a place lights up again; at least 1.

    Counts the pairs of localizations in one cell of `cell_nm` by the frames between them, up to
    200 or an eighth of the acquisition. Pairs of one burst come soon; those of a structure, and
    of a molecule that comes back after a long dark time, come at any time, and their number, from
    the later half of these frames, is taken off. The burst ends where what is left has fallen to
    a tenth. 1 where nothing stands out, as in tables whose bursts have been merged.
    Raises `InvalidValueError` for a cell not above 0.
    """
    if not (np.isfinite(cell_nm) and cell_nm > 0):
        raise InvalidValueError("cell_nm", cell_nm, "a finite number above 0, in nm")
    if len(locs) < 2:
        return 1
    span = int(locs.frame.max()) - int(locs.frame.min()) + 1
    lags = min(_MOST_LAGS, span // 8)
    if lags < 4:
        return 1
    pairs = _pairs_by_lag(locs, cell_nm, lags)
    # Of `span` frames only `span - lag` have another one so much later.
    return _end_of_burst(pairs / (1 - np.arange(1, lags + 1) / span))


def _pairs_by_lag(locs: Localizations, cell_nm: float, lags: int) -> NDArray[np.float64]:
    """Pairs in one cell that lie 1, 2, ... `lags` frames apart: float64 [lags]."""
    column, row = (np.floor(v / cell_nm).astype(np.int64) for v in (locs.x_nm, locs.y_nm))
    cell = (row - row.min()) * (int(np.ptp(column)) + 1) + column - column.min()
    frame = locs.frame - locs.frame.min()
    # One number orders by cell, then frame; cells lie further apart than any lag looked at.
    place = np.sort(cell * (int(frame.max()) + lags + 1) + frame)
    pairs = np.zeros(lags + 1)
    for ahead in range(1, min(_MOST_NEIGHBOURS, len(place) - 1) + 1):
        lag = place[ahead:] - place[:-ahead]
        lag = lag[lag <= lags]
        if not len(lag):
            break
        pairs += np.bincount(lag, minlength=lags + 1)
    return pairs[1:]


def _end_of_burst(pairs: NDArray[np.float64]) -> int:
    """Last lag at which a burst still repeats; `pairs` at lag 1, 2, ...: float64 [L]."""
    chance = float(pairs[len(pairs) // 2 :].mean())
    edges = _bins(len(pairs))
    width = np.diff(edges)
    excess = np.add.reduceat(pairs, edges[:-1]) / width - chance
    peak = int(np.argmax(excess))
    noise = np.sqrt((chance + 1) / width[peak])
    if excess[peak] < max(_LEAST_EXCESS * noise, chance):
        return 1
    over = np.flatnonzero(excess[peak:] < _END * excess[peak])
    end = peak + int(over[0]) if len(over) else len(width) - 1
    return int(edges[end])


def _bins(lags: int) -> NDArray[np.int64]:
    """Edges of bins of lags, from 0 (lag 1), each a quarter longer than what lies before it."""
    edges = [0]
    while edges[-1] < lags:
        edges.append(min(edges[-1] + max(1, edges[-1] // 4), lags))
    return np.array(edges)
