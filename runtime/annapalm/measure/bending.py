"""How lines run and bend: directions of chords, found by walking along line pixels.

All walkers take their steps together, so that no line is traced pixel by pixel in Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.measure.lines import LinePixels

DIRECTION_NM = 400.0
"""The direction of a line is that of a chord of this length: noise moves its ends by 10 to 20 nm,
and pieces shorter than that have no direction."""

CHORD_NM = 800.0
"""Chords whose angle is the bend of a line: the noise of their ends must be less than the bend,
which in sparse data asks for chords as long as that (docs/measure.md)."""

APART_NM = 1600.0
"""Distance, along the line, of the middles of the two chords."""

_STEP_PX = 2.0
_GAP = 1
"""Steps without a line pixel that a walker bridges. More of them cross from line to line."""
_TURN = np.cos(np.radians(20.0))
"""A walker goes on to pixels whose line runs within so many degrees of its own way."""
_KEEP = 0.5
"""Share of its heading that a walker keeps at each step: it passes straight over crossings."""
_REACH_PX = 1.5
_WALKERS = 20_000
"""Most of them; of more line pixels every n-th sends one."""


@dataclass(frozen=True, slots=True, eq=False)
class Bends:
    """What the walkers of one image found."""

    directions: NDArray[np.float64]
    """float64 [N]: angle of a chord of `DIRECTION_NM` from the x axis towards y, radians."""
    turned: NDArray[np.float64]
    """float64 [M], 0 to pi: angle between two chords of one line, radians."""


def walk(lines: LinePixels, shape: tuple[int, int], pixel_nm: float) -> Bends:
    """Walk along the lines of an image [Y, X] of that shape.

    A walker starts at every line pixel (of many, every n-th) and goes on where the line does,
    until it ends. Who comes as far as a chord gives a direction, who comes as far as
    `APART_NM` + `CHORD_NM` a bend: shorter lines say nothing, longer ones count by their length.
    """
    apart, chord, short = (
        round(nm / pixel_nm / _STEP_PX) for nm in (APART_NM, CHORD_NM, DIRECTION_NM)
    )
    where = np.full((shape[0] + 2, shape[1] + 2), -1, np.int64)
    where[lines.row + 1, lines.column + 1] = np.arange(len(lines.row))
    at = np.stack([lines.x_px, lines.y_px], axis=1).astype(np.float64)
    way = np.stack([np.cos(lines.angle), np.sin(lines.angle)], axis=1).astype(np.float64)
    start = np.arange(0, len(at), -(-len(at) // _WALKERS) or 1)
    place, heading = at[start], way[start]
    track, missed, directions = [place], np.zeros(len(start), np.int64), np.empty(0)
    for step in range(1, apart + chord + 1):
        if not len(place):
            break
        ahead = place + _STEP_PX * heading
        to = _nearest(ahead, heading, where, at, way)
        found = (to >= 0)[:, None]
        along = way[to] * np.sign((way[to] * heading).sum(axis=1, keepdims=True))
        place = place + _STEP_PX * _unit(np.where(found, at[to], ahead) - place)
        heading = _unit(np.where(found, _KEEP * heading + (1 - _KEEP) * along, heading))
        missed = np.where(found[:, 0], 0, missed + 1)
        inside = ((place >= 0) & (place <= (shape[1] - 1, shape[0] - 1))).all(axis=1)
        kept = inside & (missed <= _GAP)
        track = [one[kept] for one in (*track, place)]
        place, heading, missed = place[kept], heading[kept], missed[kept]
        if step == short:
            way_along = track[-1] - track[0]
            directions = np.arctan2(way_along[:, 1], way_along[:, 0])
    if len(track) <= apart + chord:
        return Bends(directions, np.empty(0))
    first, second = track[chord] - track[0], track[apart + chord] - track[apart]
    cross = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    return Bends(directions, np.abs(np.arctan2(cross, (first * second).sum(axis=1))))


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: NDArray[np.float64] = vectors / np.maximum(length, 1e-9)
    return scaled


def _nearest(
    ahead: NDArray[np.float64],
    heading: NDArray[np.float64],
    where: NDArray[np.int64],
    at: NDArray[np.float64],
    way: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Line pixel nearest to each place, of those that run its way; -1 without any near."""
    column, row = np.rint(ahead).astype(np.int64).T + 1
    row, column = (
        np.clip(index, 1, n - 2) for index, n in zip((row, column), where.shape, strict=True)
    )
    best, least = np.full(len(ahead), -1, np.int64), np.full(len(ahead), _REACH_PX**2)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            to = where[row + dy, column + dx]
            far = ((at[to] - ahead) ** 2).sum(axis=1)
            aligned = np.abs((way[to] * heading).sum(axis=1)) > _TURN
            better = (to >= 0) & aligned & (far < least)
            best[better], least[better] = to[better], far[better]
    return best
