"""The cross-check of a field with the model that draws it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from annapalm.blocks import at_full_size
from annapalm.contract import QUARTER
from annapalm.cross_check.check import CrossCheck, check
from annapalm.cross_check.halves import split_halves
from annapalm.quality.structure import structure_mask
from annapalm.render import inside

if TYPE_CHECKING:
    from collections.abc import Callable

    from annapalm.grid import Grid
    from annapalm.localizations import Localizations
    from annapalm.model.session import Results


def check_halves(
    draw: Callable[[Localizations, float], Results], localizations: Localizations, grid: Grid
) -> CrossCheck:
    """Draw the seen half, and test it by the held-out one; see `Model.cross_check`.

    `draw` gives the network's images of localizations, on `grid`, for so many times their exposure;
    nothing of them is withheld: they are what is tested.
    """
    start = time.perf_counter()
    halves = split_halves(_on_grid(localizations, grid))
    images = draw(halves.seen, len(halves.held_out) / len(halves.seen))
    rate = at_full_size(images["background"], QUARTER, grid.shape)
    rate += images["dense"]
    structure = structure_mask(images["dense"])
    found = check(rate, halves.held_out, halves.seen, grid, structure=structure)
    return replace(
        found,
        cuts=halves.cuts,
        burst_frames=halves.burst_frames,
        seconds=time.perf_counter() - start,
    )


def _on_grid(locs: Localizations, grid: Grid) -> Localizations:
    """Keep what lies on the grid: the rest takes no part in the picture."""
    rows = inside(locs, grid)
    return locs if bool(rows.all()) else locs.select(rows)
