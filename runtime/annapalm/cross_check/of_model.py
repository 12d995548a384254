"""The cross-check of a field with the model that draws it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from annapalm.cross_check.check import CrossCheck, check
from annapalm.cross_check.halves import split_halves
from annapalm.quality.structure import structure_mask
from annapalm.render import inside

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.grid import Grid
    from annapalm.localizations import Localizations
    from annapalm.model import Model
    from annapalm.progress import Progress


def check_with_model(
    model: Model,
    localizations: Localizations,
    quarter: NDArray[Any] | None,
    grid: Grid,
    *,
    structure: str | None,
    tile_px: int | Literal["auto"] | None,
    progress: Progress | None,
) -> CrossCheck:
    """Reconstruct the seen half, and test it by the held-out one; see `Model.cross_check`.

    `quarter` is the widefield image on the contract's quarter grid, registered with all
    localizations: half of them might register otherwise, and the picture has not.
    """
    start = time.perf_counter()
    halves = split_halves(_on_grid(localizations, grid))
    half = model.reconstruct(
        halves.seen,
        quarter,
        grid=grid,
        exposure=len(halves.held_out) / len(halves.seen),
        structure=structure,
        withhold=False,  # what the network draws is tested
        tile_px=tile_px,
        progress=progress,
    )
    rate = half.dense + half.background_at_full_size()
    found = check(rate, halves.held_out, halves.seen, grid, structure=structure_mask(half.dense))
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
