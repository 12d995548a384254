"""Read a table or an image of counts, with its widefield image, and choose the field of view."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from annapalm.errors import AnnaPalmError
from annapalm.extent import choose_extent, crop_counts
from annapalm.field.unchanged import unchanged
from annapalm.grid import Grid
from annapalm.provenance import table_record, widefield_record
from annapalm.read import is_counts_image, read_counts_image, read_table
from annapalm.widefield import check_covers, read_widefield

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from annapalm.field.options import FieldOptions
    from annapalm.localizations import Localizations
    from annapalm.progress import Progress
    from annapalm.read import Table
    from annapalm.widefield import WidefieldImage
    from annapalm.write.schema import ExtentSource, InputRecord, WidefieldInputRecord


class NoFramesError(AnnaPalmError, ValueError):
    """An option needs frames, and an image has none."""

    def __init__(self, path: Path, option: str = "--frames") -> None:
        super().__init__(
            f"{path} is an image of counts, in which frames cannot be told apart. Give the table "
            f"that it was rendered from, or leave {option} out."
        )


@dataclass(frozen=True, slots=True)
class FieldInput:
    """One input as read: all that the model needs, and nothing left to ask of the disk."""

    data: Localizations | NDArray[np.float32]
    """Localizations inside and outside `grid`, or counts on it, float32 [Y, X]."""
    grid: Grid
    record: InputRecord
    image: WidefieldImage | None = None
    widefield: WidefieldInputRecord | None = None
    """Provenance of `image`."""
    cut: int = 0
    """Counts outside the region, which the model never sees."""
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    """Wall time of reading."""


def read_field(
    source: Path,
    pixel_nm: float,
    options: FieldOptions,
    *,
    widefield: Path | None = None,
    progress: Progress | None = None,
) -> FieldInput:
    """Read a table or image of counts, and its widefield image; choose the field of view.

    `pixel_nm` is that of the model; `progress` is heard while a large table is read. Raises
    an `AnnaPalmError` that says what is wrong with them.
    """
    start = time.perf_counter()
    with unchanged(source, widefield):
        image = None if widefield is None else read_widefield(widefield, options.widefield_pixel_nm)
        if is_counts_image(source):
            read = _read_counts(source, options, image)
        else:
            read = _read_table(source, options, image, pixel_nm, progress)
        record = None if image is None or widefield is None else widefield_record(image, widefield)
    return replace(read, widefield=record, seconds=time.perf_counter() - start)


def _read_counts(source: Path, options: FieldOptions, image: WidefieldImage | None) -> FieldInput:
    if options.frames is not None:
        raise NoFramesError(source)
    if options.cross_check:
        raise NoFramesError(source, "--cross-check")
    if options.window is not None:
        raise NoFramesError(source, "--window")
    read = read_counts_image(source, options.counts_pixel_nm)
    counts, cut = read.counts, 0
    rows, columns = counts.shape
    total = round(float(counts.sum(dtype=np.float64)))
    grid = Grid(read.pixel_nm, (0.0, 0.0), (rows, columns))
    origin: ExtentSource = "data"
    if image is not None:
        check_covers(image, grid, (columns * read.pixel_nm, rows * read.pixel_nm))
    if options.roi_nm is not None:
        counts, grid, cut = crop_counts(counts, grid, options.roi_nm, source)
        origin = "option"
    record: InputRecord = {
        "path": str(source),
        "sha256": read.sha256,
        "size_bytes": source.stat().st_size,
        "kind": "counts",
        "format": "counts_image",
        "rows": total,
        "selected": total,
        "frames": None,
        "camera_pixel_nm": None,
        "extent_from": origin,
        "unused_columns": [],
    }
    return FieldInput(counts, grid, record, image, cut=cut)


def _read_table(
    source: Path,
    options: FieldOptions,
    image: WidefieldImage | None,
    pixel_nm: float,
    progress: Progress | None,
) -> FieldInput:
    table = read_table(source, options.table, progress)
    rows, warnings = select_frames(table, options)
    return input_of_table(table, rows, warnings, options, image, pixel_nm)


def input_of_table(
    table: Table,
    rows: NDArray[np.int64],
    warnings: tuple[str, ...],
    options: FieldOptions,
    image: WidefieldImage | None,
    pixel_nm: float,
) -> FieldInput:
    """Take rows of a table as an input, and choose its field of view; raises as `read_field`."""
    locs = table.localizations
    if len(rows) < len(locs):  # else the same: a copy of a large table is as large again
        locs = locs.select(rows)
    extent = choose_extent(
        locs,
        pixel_nm,
        path=table.path,
        line_of=lambda row: table.line_of(int(rows[row])),
        asked=options.table.field_nm is not None,
        roi_nm=options.roi_nm,
        image=image,
    )
    if image is not None:
        check_covers(image, extent.grid, locs.field_nm)
    record = table_record(table, rows, extent.source)
    notes = (*table.localizations.notes, *warnings, *extent.warnings)
    return FieldInput(locs, extent.grid, record, image, warnings=notes)


def select_frames(table: Table, options: FieldOptions) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Rows of the frames asked for, and a warning where that leaves none."""
    frame = table.localizations.frame
    start, stop = options.frames or (0, None)
    rows = np.flatnonzero((frame >= start) & (frame < (np.inf if stop is None else stop)))
    if len(rows) or not len(frame):
        return rows, ()
    warning = (
        f"No localization lies in the frames asked for, {start} "
        f"{'and later' if stop is None else f'to {stop - 1}'}; the table has "
        f"frames {frame.min()} to {frame.max()}, counted from 0."
    )
    return rows, (warning,)
