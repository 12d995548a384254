"""How lines run, bend and end: found by walking along line pixels.

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

SHORTEST_NM = 320.0
"""Pieces of line up to about this length are blobs, crossings and noise, and not counted."""

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


class _Map:
    """Line pixels by place, for walkers."""

    def __init__(self, lines: LinePixels, shape: tuple[int, int]) -> None:
        self.at = np.stack([lines.x_px, lines.y_px], axis=1).astype(np.float64)
        self.way = np.stack([np.cos(lines.angle), np.sin(lines.angle)], axis=1).astype(np.float64)
        self._corner = (shape[1] - 1, shape[0] - 1)
        self._where = np.full((shape[0] + 2, shape[1] + 2), -1, np.int64)
        self._where[lines.row + 1, lines.column + 1] = np.arange(len(lines.row))

    def step(
        self, place: NDArray[np.float64], heading: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Move walkers [N, 2] by a step: new places, new headings, and who found a line there."""
        ahead = place + _STEP_PX * heading
        to = self._nearest(ahead, heading)
        found = to >= 0
        onto, way = np.where(found[:, None], self.at[to], ahead), self.way[to]
        along = way * np.sign((way * heading).sum(axis=1, keepdims=True))
        turned = _unit(np.where(found[:, None], _KEEP * heading + (1 - _KEEP) * along, heading))
        return place + _STEP_PX * _unit(onto - place), turned, found

    def inside(self, place: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which walkers are still in the image."""
        within: NDArray[np.bool_] = np.all((place >= 0) & (place <= self._corner), axis=1)
        return within

    def _nearest(
        self, ahead: NDArray[np.float64], heading: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """Line pixel nearest to each place, of those that run its way; -1 without any near."""
        column, row = np.rint(ahead).astype(np.int64).T + 1
        row, column = (
            np.clip(index, 1, n - 2)
            for index, n in zip((row, column), self._where.shape, strict=True)
        )
        best, least = np.full(len(ahead), -1, np.int64), np.full(len(ahead), _REACH_PX**2)
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                to = self._where[row + dy, column + dx]
                far = ((self.at[to] - ahead) ** 2).sum(axis=1)
                aligned = np.abs((self.way[to] * heading).sum(axis=1)) > _TURN
                better = (to >= 0) & aligned & (far < least)
                best[better], least[better] = to[better], far[better]
        return best


def without_short(lines: LinePixels, shape: tuple[int, int], pixel_nm: float) -> LinePixels:
    """Leave out the pixels from which the line does not go on for `SHORTEST_NM`, both ways summed.

    Gaps end a piece; the border of the image does not.
    """
    if not len(lines.row):
        return lines
    needed = round(SHORTEST_NM / pixel_nm / _STEP_PX)
    ways = _Map(lines, shape)
    gone = np.zeros(len(lines.row), np.int64)
    for side in (1, -1):
        walker, place, heading = np.arange(len(gone)), ways.at, side * ways.way
        for _ in range(needed):
            place, heading, found = ways.step(place, heading)
            kept = np.logical_or(found, ~ways.inside(place))
            walker, place, heading = walker[kept], place[kept], heading[kept]
            gone[walker] += 1
    return lines.where(gone >= needed)


def walk(lines: LinePixels, shape: tuple[int, int], pixel_nm: float) -> Bends:
    """Walk along the lines of an image [Y, X] of that shape.

    A walker starts at every line pixel (of many, every n-th) and goes on where the line does,
    until it ends. Who comes as far as a chord gives a direction, who comes as far as
    `APART_NM` + `CHORD_NM` a bend: shorter lines say nothing, longer ones count by their length.
    """
    apart, chord, short = (
        round(nm / pixel_nm / _STEP_PX) for nm in (APART_NM, CHORD_NM, DIRECTION_NM)
    )
    ways = _Map(lines, shape)
    start = slice(None, None, max(-(-len(ways.at) // _WALKERS), 1))
    place, heading = ways.at[start], ways.way[start]
    track, missed, directions = [place], np.zeros(len(place), np.int64), np.empty(0)
    for step in range(1, apart + chord + 1):
        if not len(place):
            return Bends(directions, np.empty(0))
        place, heading, found = ways.step(place, heading)
        missed = np.where(found, 0, missed + 1)
        kept = ways.inside(place) & (missed <= _GAP)
        track = [one[kept] for one in (*track, place)]
        place, heading, missed = place[kept], heading[kept], missed[kept]
        if step == short:
            along = track[-1] - track[0]
            directions = np.arctan2(along[:, 1], along[:, 0])
    first, second = track[chord] - track[0], track[apart + chord] - track[apart]
    cross = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    return Bends(directions, np.abs(np.arctan2(cross, (first * second).sum(axis=1))))


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: NDArray[np.float64] = vectors / np.maximum(length, 1e-9)
    return scaled
