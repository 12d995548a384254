"""Which part of each acquisition is learned from and which is held out, cut in space.

    one table, the longer side along the line
+---------------------------+--+---------+
|          learned          |  | held out|    the gap between them (MARGIN_NM) is neither, so that
+---------------------------+--+---------+    no molecule and no crop lies on both sides
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annapalm.contract import QUARTER
from annapalm.errors import AnnaPalmError, InvalidValueError
from annapalm.grid import Grid
from annapalm.render import render
from annapalm.widefield import prepare_widefield
from annapalm_export.train.tables import within

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from annapalm.localizations import Localizations
    from annapalm_export.train.tables import Acquisition

HELD_OUT_SHARE = 0.2
MARGIN_NM = 1000.0
"""Localizations of one molecule lie within some 100 nm, residual drift included, and light of a
widefield image within two widths of the PSF, some 600 nm."""
LEAST_STRIPE_PX = 128
"""A stripe is never narrower (2.56 µm): less is all border."""


class TableTooSmallError(AnnaPalmError, ValueError):
    """No crop fits into the part of a table that may be learned from."""

    def __init__(
        self, path: Path, size_um: tuple[float, float], crop_px: int, crop_um: float
    ) -> None:
        super().__init__(
            f"{path}: {size_um[0]:.2f} x {size_um[1]:.2f} µm are left to learn from, and a crop "
            f"has {crop_um:.2f} µm (crop_px = {crop_px} in [data] of the recipe). Hold out another "
            "table instead of a part of this one (--hold-out NAME), give a larger field, or make "
            "the crops smaller."
        )


@dataclass(frozen=True, slots=True)
class HoldOut:
    """What is held out: of every table a stripe that holds `share` of it, or the tables `stems`."""

    share: float = HELD_OUT_SHARE
    """0.05 to 0.5; not used where `stems` are named."""
    stems: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse shares with which nothing is learned or nothing can be said."""
        if not 0.05 <= self.share <= 0.5:
            raise InvalidValueError("hold-out", self.share, "a share from 0.05 to 0.5")


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A rectangle of an acquisition, over all its frames."""

    source: Acquisition
    grid: Grid
    locs: Localizations
    """Sorted by frame, inside `grid`."""
    quarter: NDArray[np.float32] | None = None
    """The widefield image on the contract's quarter grid; None where there is none, and where the
    region is held out: the runtime prepares it then."""

    @property
    def frames(self) -> int:
        """Length of the acquisition from the first to the last frame with a localization."""
        frame = self.source.locs.frame
        return int(frame[-1] - frame[0]) + 1


@dataclass(frozen=True, slots=True, eq=False)
class Division:
    """All tables, divided."""

    learned: tuple[Region, ...]
    held_out: tuple[Region, ...]

    def record(self) -> list[dict[str, Any]]:
        """Say of every table, in plain values, what it is and which rectangles (nm) are what."""
        boxes: dict[str, dict[str, Any]] = {}
        for name, regions in (("learned", self.learned), ("held_out", self.held_out)):
            for region in regions:
                source = region.source
                entry = boxes.setdefault(
                    source.sha256, {"stem": source.stem, "sha256": source.sha256}
                )
                entry[name] = list(region.grid.extent_nm)
        return list(boxes.values())


def divide(
    acquisitions: Sequence[Acquisition], hold_out: HoldOut, crop_px: int, psf_sigma_nm: float
) -> Division:
    """Divide every acquisition as `hold_out` says, and bring widefield images to the quarter grid.

    Raises `InvalidValueError` for a name that no table has or where nothing is left to learn from,
    `TableTooSmallError`, and the widefield errors.
    """
    stems = {a.stem.casefold(): a.stem for a in acquisitions}
    named = {stem.casefold() for stem in hold_out.stems}
    for stem in hold_out.stems:
        if stem.casefold() not in stems:
            must = f"a share from 0.05 to 0.5 or names of tables: {', '.join(stems.values())}"
            raise InvalidValueError("hold-out", stem, must)
    if named == set(stems):
        raise InvalidValueError("hold-out", hold_out.stems, "names of some tables, not of all")
    learned, held_out = [], []
    for acquisition in acquisitions:
        if acquisition.stem.casefold() in named:
            held_out.append(_region(acquisition, acquisition.grid))
            continue
        grid = acquisition.grid
        if not named:
            grid, stripe = _cut(acquisition, hold_out.share)
            held_out.append(_region(acquisition, stripe))
        if min(grid.shape) < crop_px:
            rows, columns = (n * grid.pixel_nm / 1000 for n in grid.shape)
            crop_um = crop_px * grid.pixel_nm / 1000
            raise TableTooSmallError(acquisition.path, (columns, rows), crop_px, crop_um)
        learned.append(_region(acquisition, grid, psf_sigma_nm))
    return Division(tuple(learned), tuple(held_out))


def _cut(acquisition: Acquisition, share: float) -> tuple[Grid, Grid]:
    """Cut across the longer side; the stripe at its far end holds `share` of the localizations."""
    grid, locs = acquisition.grid, acquisition.locs
    rows, columns = grid.shape
    along_x = columns >= rows
    length, values = (columns, locs.x_nm) if along_x else (rows, locs.y_nm)
    start_nm = grid.origin_nm[0 if along_x else 1]
    place = (float(np.quantile(values, 1 - share)) - start_nm) / grid.pixel_nm
    first = max(QUARTER * (min(int(place), length - LEAST_STRIPE_PX) // QUARTER), 0)
    margin = QUARTER * math.ceil(MARGIN_NM / grid.pixel_nm / QUARTER)
    # Never below one pixel: a table as small as that is refused for its size.
    end = max(first - margin, 1)
    pieces = []
    for begin, stop in ((0, end), (first, length)):
        shape = (rows, stop - begin) if along_x else (stop - begin, columns)
        x, y = grid.origin_nm
        shift = begin * grid.pixel_nm
        origin = (x + shift, y) if along_x else (x, y + shift)
        pieces.append(Grid(grid.pixel_nm, origin, shape))
    return pieces[0], pieces[1]


def _region(acquisition: Acquisition, grid: Grid, psf_sigma_nm: float | None = None) -> Region:
    """Take the localizations inside; with a PSF, prepare the widefield image to be learned from.

    It is registered with all localizations of the region, the best there is to register with.
    """
    locs = acquisition.locs.select(within(acquisition.locs, grid))
    quarter = None
    if acquisition.widefield is not None and psf_sigma_nm is not None:
        counts, _ = render(locs, grid)
        quarter = prepare_widefield(acquisition.widefield, grid, counts, psf_sigma_nm).quarter
    return Region(acquisition, grid, locs, quarter)
