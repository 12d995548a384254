"""Sets of lines: grown as bending paths, measured, and turned into points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

MARGIN_NM = 1500.0
"""Lines are kept this far beyond the field, so that its border is like its inside."""
_ROUNDS = 30


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Paths of equal steps, padded with what `there` masks away."""

    xy_nm: NDArray[np.float64]
    """float64 [F, K, 2], (x, y) in nm, `step_nm` apart along K."""
    there: NDArray[np.bool_]
    """bool [F, K]: the line exists at this point."""
    step_nm: float

    @property
    def segments(self) -> NDArray[np.bool_]:
        """Which steps have both ends: bool [F, K - 1]."""
        both: NDArray[np.bool_] = self.there[:, :-1] & self.there[:, 1:]
        return both

    def lengths_um(self, field_nm: float) -> NDArray[np.float64]:
        """Length of each line [F] within the square field [0, field_nm)², in µm."""
        middle = (self.xy_nm[:, :-1] + self.xy_nm[:, 1:]) / 2
        seen = self.segments & ((middle >= 0) & (middle < field_nm)).all(axis=-1)
        length: NDArray[np.float64] = seen.sum(axis=1) * (self.step_nm / 1000)
        return length

    def near(self, field_nm: float) -> Lines:
        """Keep what lies within `MARGIN_NM` of the field; lines that never do are left out."""
        close = ((self.xy_nm >= -MARGIN_NM) & (self.xy_nm < field_nm + MARGIN_NM)).all(axis=-1)
        there = self.there & close
        kept = there.any(axis=1)
        return Lines(self.xy_nm[kept], there[kept], self.step_nm)

    def pieces(self) -> list[tuple[int, slice]]:
        """Row and columns of each unbroken piece of at least two points."""
        padded = np.pad(self.there, ((0, 0), (1, 1))).astype(np.int8)
        change = np.diff(padded, axis=1)
        row, start = np.nonzero(change == 1)
        stop = np.nonzero(change == -1)[1]
        runs = zip(row.tolist(), start.tolist(), stop.tolist(), strict=True)
        return [(f, slice(a, b)) for f, a, b in runs if b - a > 1]

    def centre_lines(self) -> list[NDArray[np.float64]]:
        """Pieces as arrays float64 [K, 2], (x, y) in nm."""
        return [self.xy_nm[row, columns] for row, columns in self.pieces()]


def grow_paths(
    anchor_nm: NDArray[np.float64],
    heading: NDArray[np.float64],
    turns: NDArray[np.float64],
    step_nm: float,
    anchored_at: int = 0,
) -> NDArray[np.float64]:
    """Paths float64 [F, K, 2] that pass `anchor_nm` [F, 2] with `heading` [F] at one index.

    `turns` [F, K - 1]: change of heading, in radians, at each step.
    """
    angle = np.cumsum(turns, axis=1)
    angle += (heading - angle[:, min(anchored_at, angle.shape[1] - 1)])[:, None]
    moves = np.stack([np.cos(angle), np.sin(angle)], axis=-1) * step_nm
    paths = np.concatenate([np.zeros((len(moves), 1, 2)), np.cumsum(moves, axis=1)], axis=1)
    placed: NDArray[np.float64] = paths + (anchor_nm - paths[:, anchored_at])[:, None]
    return placed


def connected(allowed: NDArray[np.bool_], to: int) -> NDArray[np.bool_]:
    """Find the run of allowed points that holds index `to`, bool [F, K]; none if forbidden."""
    ahead = np.logical_and.accumulate(allowed[:, to:], axis=1)
    behind = np.logical_and.accumulate(allowed[:, to::-1], axis=1)[:, ::-1]
    return np.concatenate([behind[:, :-1], ahead], axis=1)


def fill(make: Callable[[int], Lines], wanted_um: float, field_nm: float) -> Lines:
    """Take as many lines as it needs to come closest to `wanted_um` within the field.

    `make` draws so many independent lines of one common shape. At least one line is kept, and
    what could not be placed in thirty rounds is left out.
    """
    made = [make(max(32, int(wanted_um / 2)))]
    lengths = made[0].lengths_um(field_nm)
    for _ in range(_ROUNDS):
        missing = wanted_um - lengths.sum()
        if missing <= 0:
            break
        per_line = max(float(lengths.sum()) / max(len(lengths), 1), 1e-3)
        made.append(make(int(np.clip(1.2 * missing / per_line, 32, 4 * len(lengths) + 32))))
        lengths = np.concatenate([lengths, made[-1].lengths_um(field_nm)])
    total = np.cumsum(lengths)
    number = min(int(np.searchsorted(total, wanted_um)), len(total) - 1)
    if number and wanted_um - total[number - 1] < total[number] - wanted_um:
        number -= 1
    xy = np.concatenate([lines.xy_nm for lines in made])[: number + 1]
    there = np.concatenate([lines.there for lines in made])[: number + 1]
    return Lines(xy, there, made[0].step_nm)


def points_along(
    lines: Lines, per_step: int
) -> tuple[NDArray[np.float64], NDArray[np.int64], float]:
    """Points float64 [P, 2] evenly along the lines, the line [P] of each, and µm per point."""
    line, step = np.nonzero(lines.segments)
    start = lines.xy_nm[line, step]
    move = lines.xy_nm[line, step + 1] - start
    part = (np.arange(per_step) + 0.5) / per_step
    points = start[:, None] + move[:, None] * part[:, None]
    return points.reshape(-1, 2), np.repeat(line, per_step), lines.step_nm / 1000 / per_step
