"""The field that is measured: filaments in bursts, as a table and as an image of counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annapalm.grid import Grid
from annapalm.localizations import Localizations
from annapalm.render import render

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from annapalm.render import CountImage

PIXEL_NM = 20.0
BURST = 4
"""Localizations per emitter, in consecutive frames."""
SEED = 20180416


def localizations(rows: int, side_px: int) -> NDArray[np.float64]:
    """Draw `rows` localizations on wavy filaments across a field of `side_px` pixels.

    Returns float64 [rows, 3]: frame from 1, x and y in nm. The figures measured do not depend on
    what is drawn, but on how many pixels and rows there are.
    """
    rng = np.random.default_rng(SEED)
    side = side_px * PIXEL_NM
    emitters = -(-rows // BURST)
    filament = rng.integers(0, 200, emitters)
    angle, offset, phase = rng.random((3, 200))[:, filament]
    along = (rng.random(emitters) - 0.5) * side
    across = (offset - 0.5) * side + side / 40 * np.sin(along / side * 12 + phase * 6)
    turn = angle * np.pi
    x = side / 2 + along * np.cos(turn) - across * np.sin(turn)
    y = side / 2 + along * np.sin(turn) + across * np.cos(turn)
    first = rng.integers(1, 300 - BURST, emitters)
    table = np.repeat(np.stack([first, x, y], axis=1), BURST, axis=0)[:rows]
    table[:, 0] += np.arange(rows) % BURST
    table[:, 1:] += rng.normal(0, 12, (rows, 2))
    table[:, 1:] %= side  # a filament that leaves the field comes in at the other side
    return table


def write_csv(path: Path, table: NDArray[np.float64]) -> None:
    """Write the table as ThunderSTORM does, with the columns that its users usually keep."""
    fitted = np.random.default_rng(SEED).normal((130, 900, 12), (5, 200, 2), (len(table), 3))
    header = '"frame","x [nm]","y [nm]","sigma [nm]","intensity [photon]","uncertainty [nm]"'
    formats = ["%d", "%.2f", "%.2f", "%.2f", "%.2f", "%.3f"]
    np.savetxt(path, np.hstack([table, fitted]), formats, ",", header=header, comments="")


def counts(table: NDArray[np.float64], side_px: int) -> CountImage:
    """Render the table as the runtime does: float32 [side_px, side_px]."""
    frame, x, y = table.T
    locs = Localizations(x.copy(), y.copy(), frame.astype(np.int64) - 1)
    image, _ = render(locs, Grid(PIXEL_NM, (0.0, 0.0), (side_px, side_px)))
    return image
