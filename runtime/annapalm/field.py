"""One input to its files: read, choose the field of view, reconstruct, write."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from annapalm.cross_check import CrossCheckError, warn_of
from annapalm.errors import AnnaPalmError
from annapalm.extent import choose_extent, crop_counts
from annapalm.grid import Grid
from annapalm.localizations import Localizations
from annapalm.provenance import (
    device_record,
    model_record,
    software_record,
    table_record,
    widefield_record,
)
from annapalm.read import TableOptions, is_counts_image, read_counts_image, read_table
from annapalm.widefield import check_covers, read_widefield
from annapalm.write import output_paths, write_field
from annapalm.write.atomic import check_free
from annapalm.write.trust import DOUBT

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from annapalm.model import Model
    from annapalm.progress import Progress
    from annapalm.read import Table
    from annapalm.reconstruction import Reconstruction
    from annapalm.widefield import WidefieldImage
    from annapalm.write import FieldOutput
    from annapalm.write.schema import (
        ExtentSource,
        InputRecord,
        JsonValue,
        Provenance,
        WidefieldInputRecord,
    )


class NoFramesError(AnnaPalmError, ValueError):
    """An option needs frames, and an image has none."""

    def __init__(self, path: Path, option: str = "--frames") -> None:
        super().__init__(
            f"{path} is an image of counts, in which frames cannot be told apart. Give the table "
            f"that it was rendered from, or leave {option} out."
        )


@dataclass(frozen=True, slots=True)
class FieldOptions:
    """What may be asked for one field of view; the same for all fields of a run."""

    table: TableOptions = field(default_factory=TableOptions)
    """What the user says about tables."""
    frames: tuple[int, int | None] | None = None
    """Use frames start <= frame < stop, counted from 0; stop None: to the last; None: all."""
    roi_nm: tuple[float, float, float, float] | None = None
    """(x0, y0, x1, y1) of the image in nm; None: the whole field."""
    counts_pixel_nm: float | None = None
    """Pixel of images of counts in nm; None: as the file says."""
    widefield_pixel_nm: float | None = None
    """Camera pixel of widefield images in nm; None: as the file says."""
    exposure: float = 1.0
    """Ask for this many times the exposure of the input."""
    structure: str | None = None
    """One of the model's; None where there is only one."""
    cross_check: bool = False
    """Test the picture of half of the frames by the other half, and write the map."""
    doubt: float = DOUBT
    """Structure is called doubtful where the expected error is more than so many times `dense`."""
    tile_px: int | Literal["auto"] | None = "auto"
    """Edge of a tile; None: the whole field in any case."""
    overwrite: bool = False
    """Replace results that are there already."""
    compress: bool = False
    """Write deflated TIFF: smaller and much slower."""
    preview: bool = True
    """Write the PNG."""

    def record(self) -> dict[str, JsonValue]:
        """Say what decides pixels or bytes, named as on the command line."""
        values: dict[str, JsonValue] = {
            **self.table.record(),
            "frames": None if self.frames is None else list(self.frames),
            "roi": _um(self.roi_nm),
            "pixel-size": self.counts_pixel_nm,
            "widefield-pixel": self.widefield_pixel_nm,
            "structure": self.structure,
            "cross-check": self.cross_check or None,
            "tile": None if self.tile_px == "auto" else (self.tile_px or "whole"),
            "doubt": None if self.doubt == DOUBT else self.doubt,
            "compress": self.compress or None,
        }
        given = {name: value for name, value in values.items() if value is not None}
        return {"exposure": self.exposure, **given}


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


def run_field(
    model: Model,
    source: Path,
    stem: Path,
    options: FieldOptions | None = None,
    *,
    widefield: Path | None = None,
    progress: Progress | None = None,
) -> FieldOutput:
    """Reconstruct one table or image of counts and write `stem`.ome.tif, .png and .json.

    The folder of `stem` is made where it is not there. All files appear, or none. The three steps
    can be called one by one (`read_field`, `reconstruct_field`, `save_field`), each on a thread of
    its own, so that one field is read and another written while a third is reconstructed.
    Raises an `AnnaPalmError` that says what is wrong with the input, the widefield image, the
    options or the disk.
    """
    options = options or FieldOptions()
    check_stem_free(stem, options)  # before the work, not after it
    read = read_field(source, model.info.pixel_nm, options, widefield=widefield)
    result = reconstruct_field(model, read, options, progress)
    return save_field(model, read, result, stem, options)


def check_stem_free(stem: Path, options: FieldOptions) -> None:
    """Raise `OutputExistsError` or `OutputFolderError` where results could not be written."""
    for path in output_paths(stem, preview=options.preview):
        check_free(path, overwrite=options.overwrite)


def read_field(
    source: Path, pixel_nm: float, options: FieldOptions, *, widefield: Path | None = None
) -> FieldInput:
    """Read a table or image of counts, and its widefield image; choose the field of view.

    `pixel_nm` is that of the model. Raises an `AnnaPalmError` that says what is wrong with them.
    """
    start = time.perf_counter()
    image = None if widefield is None else read_widefield(widefield, options.widefield_pixel_nm)
    if is_counts_image(source):
        read = _read_counts(source, options, image)
    else:
        read = _read_table(source, options, image, pixel_nm)
    record = None if image is None or widefield is None else widefield_record(image, widefield)
    return replace(read, widefield=record, seconds=time.perf_counter() - start)


def reconstruct_field(
    model: Model, read: FieldInput, options: FieldOptions, progress: Progress | None = None
) -> Reconstruction:
    """Run the model, and the cross-check where `options` asks for one.

    Raises an `AnnaPalmError` where the model cannot, and `CancelledError` where `progress` asks to
    stop.
    """
    result = model.reconstruct(
        read.data,
        read.image,
        grid=read.grid,
        exposure=options.exposure,
        structure=options.structure,
        tile_px=options.tile_px,
        progress=progress,
    )
    result = replace(
        result,
        outside=result.outside + read.cut,
        warnings=(*read.warnings, *result.warnings),
        timings_s={"read": read.seconds, **result.timings_s},
    )
    return _cross_checked(model, read, result, options, progress) if options.cross_check else result


def save_field(
    model: Model, read: FieldInput, result: Reconstruction, stem: Path, options: FieldOptions
) -> FieldOutput:
    """Write the files of a field with their provenance; raises as `write_field` does."""
    provenance: Provenance = {
        "software": software_record(model),
        "input": read.record,
        "widefield": read.widefield,
        "model": model_record(model, options.structure),
        "device": device_record(model),
        "options": options.record(),
    }
    return write_field(
        result,
        stem,
        provenance,
        overwrite=options.overwrite,
        compress=options.compress,
        preview=options.preview,
        doubt=options.doubt,
    )


def _cross_checked(
    model: Model,
    read: FieldInput,
    result: Reconstruction,
    options: FieldOptions,
    progress: Progress | None,
) -> Reconstruction:
    """Add the cross-check to a result, or why there is none, and what the user should know."""
    if not isinstance(read.data, Localizations):
        raise TypeError  # refused when it was read
    try:
        found = model.cross_check(
            read.data,
            read.image,
            grid=read.grid,
            structure=options.structure,
            tile_px=options.tile_px,
            progress=progress,
        )
    except CrossCheckError as error:
        reason = str(error)
        return replace(result, not_cross_checked=reason, warnings=(*result.warnings, reason))
    return replace(
        result,
        cross_check=found,
        warnings=(*result.warnings, *warn_of(found)),
        timings_s={**result.timings_s, "cross_check": found.seconds},
    )


def _read_counts(source: Path, options: FieldOptions, image: WidefieldImage | None) -> FieldInput:
    if options.frames is not None:
        raise NoFramesError(source)
    if options.cross_check:
        raise NoFramesError(source, "--cross-check")
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
    source: Path, options: FieldOptions, image: WidefieldImage | None, pixel_nm: float
) -> FieldInput:
    table = read_table(source, options.table)
    rows, warnings = _select(table, options)
    locs = table.localizations.select(rows)
    extent = choose_extent(
        locs,
        pixel_nm,
        path=source,
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


def _select(table: Table, options: FieldOptions) -> tuple[NDArray[np.int64], tuple[str, ...]]:
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


def _um(lengths_nm: tuple[float, ...] | None) -> JsonValue:
    return None if lengths_nm is None else [length / 1000 for length in lengths_nm]
