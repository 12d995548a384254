"""One input to its files: read, choose the field of view, reconstruct, write."""

from __future__ import annotations

import time
from contextlib import contextmanager
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
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from annapalm.model import Model
    from annapalm.progress import Progress
    from annapalm.read import Table
    from annapalm.reconstruction import Reconstruction
    from annapalm.stack import Channel, ChannelFile, Layer
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


class InputChangedError(AnnaPalmError, RuntimeError):
    """A file was changed while it was read."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} was changed while it was read, so that its picture would be of no known "
            "input. Run again when nothing writes into it any more; nothing was written."
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
    window: int | None = None
    """Make a time-lapse: a picture of each window of so many frames; None: one of all frames."""
    step: int | None = None
    """Frames from the start of a window to that of the next; None: `window`, so that none is in
    two windows."""
    frame_time_ms: float | None = None
    """Time from one frame to the next in ms, for the times of a time-lapse; None: not known."""
    channels: tuple[Channel, ...] = ()
    """Make one image of these channels, each drawn by itself; empty: there is one."""
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
            "window": self.window,
            "step": self.step,
            "frame-time": self.frame_time_ms,
            "channels": {c.name: c.record() for c in self.channels} or None,
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
    files: Sequence[ChannelFile] = (),
    progress: Progress | None = None,
) -> FieldOutput:
    """Reconstruct one table or image of counts and write `stem`.ome.tif, .png and .json.

    A time-lapse (`options.window`) and several channels (`options.channels`, with `files` that say
    where each of them is) become one image of all, by `annapalm.stack`.
    The folder of `stem` is made where it is not there. All files appear, or none. The three steps
    can be called one by one (`read_field`, `reconstruct_field`, `save_field`), each on a thread of
    its own, so that one field is read and another written while a third is reconstructed.
    Raises an `AnnaPalmError` that says what is wrong with the input, the widefield image, the
    options or the disk.
    """
    options = options or FieldOptions()
    check_stem_free(stem, options)  # before the work, not after it
    read = read_parts(model, source, options, widefield, files, progress)
    if isinstance(read, tuple):
        from annapalm.stack import draw_stack  # it builds on what is here

        return draw_stack(read, stem, options, progress)
    result = reconstruct_field(model, read, options, progress)
    return save_field(model, read, result, stem, options)


def read_parts(
    model: Model,
    source: Path,
    options: FieldOptions,
    widefield: Path | None,
    files: Sequence[ChannelFile],
    progress: Progress | None,
) -> FieldInput | tuple[Layer, ...]:
    """Read all that a field is made of, as `run_field`: the layers where it has several pictures.

    Raises what `read_field` and `annapalm.stack.read_layers` do.
    """
    if options.window is None and not options.channels:
        pixel_nm = model.info.pixel_nm
        return read_field(source, pixel_nm, options, widefield=widefield, progress=progress)
    from annapalm.stack import ChannelFile, read_layers  # it builds on what is here

    # Without channels it has one part.
    parts = files or (ChannelFile("", source, widefield),)
    return read_layers(model, parts, options, progress)


def check_stem_free(stem: Path, options: FieldOptions) -> None:
    """Raise `OutputExistsError` or `OutputFolderError` where results could not be written."""
    for path in output_paths(stem, preview=options.preview):
        check_free(path, overwrite=options.overwrite)


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


@contextmanager
def unchanged(*files: Path | None) -> Iterator[None]:
    """See that files are the same before and after they are read; raises `InputChangedError`."""
    paths = [path for path in files if path is not None]
    before = [_state(path) for path in paths]
    yield
    for path, state in zip(paths, before, strict=True):
        if _state(path) != state:
            raise InputChangedError(path)


def _state(path: Path) -> tuple[int, int, int] | None:
    """Tell one version of a file from another; None where there is none, which its reader says."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


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
    return write_field(
        result,
        stem,
        provenance_of(model, read, options, options.structure),
        overwrite=options.overwrite,
        compress=options.compress,
        preview=options.preview,
        doubt=options.doubt,
    )


def provenance_of(
    model: Model, read: FieldInput, options: FieldOptions, structure: str | None
) -> Provenance:
    """Say what decides the pixels of a picture; `structure` is what the model was asked for."""
    return {
        "software": software_record(model),
        "input": read.record,
        "widefield": read.widefield,
        "model": model_record(model, structure),
        "device": device_record(model),
        "options": options.record(),
    }


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


def _um(lengths_nm: tuple[float, ...] | None) -> JsonValue:
    return None if lengths_nm is None else [length / 1000 for length in lengths_nm]
