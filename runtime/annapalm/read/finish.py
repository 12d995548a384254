"""Columns as read to a `Table` in annapalm's convention: the last step, common to all formats."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from annapalm.localizations import Localizations
from annapalm.read.errors import SeveralChannelsError, SingleFrameError, shown
from annapalm.read.rows import Rows, read_rows
from annapalm.read.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from annapalm.read.columns import Quantity
    from annapalm.read.headers import Chosen
    from annapalm.read.layout import Column, Layout
    from annapalm.read.source import Source
    from annapalm.read.table import FormatName, PlaceOf, TableOptions

    Values = dict[Quantity, NDArray[np.float64]]

ORIGIN_NOT_KNOWN = (
    "Where zero lies is not known for this table: positions are taken as measured from the outer "
    "corner of the camera's top-left pixel."
)


@dataclass(frozen=True, slots=True)
class About:
    """What a reader knows of a table beside its rows."""

    name: FormatName
    """The format."""
    first_frame: int
    """Number of the first frame in the file."""
    origin_known: bool
    """Whether positions are those in annapalm's convention, or only taken as they are."""
    origin_note: str = ORIGIN_NOT_KNOWN
    """What to say where they are only taken as they are."""
    unused: tuple[str, ...] = ()
    """Columns that are not looked at."""
    notes: tuple[str, ...] = ()
    """What the reader wants the user to know."""
    remarks: tuple[str, ...] = ()
    """What was understood, and gives no cause for worry."""
    camera_pixel_nm: float | None = None
    """As the file says it; None where it does not."""
    field_nm: tuple[float, float] | None = None
    """(width, height) of the camera's field as the file says it; None where it does not."""


def read_to_table(
    source: Source,
    layout: Layout,
    chosen: Chosen,
    options: TableOptions,
    about: About,
) -> Table:
    """Read the rows of a text and convert them, as `text_to_table` does."""
    return text_to_table(source, read_rows(source, layout), layout, chosen, options, about)


def text_to_table(
    source: Source,
    rows: Rows,
    layout: Layout,
    chosen: Chosen,
    options: TableOptions,
    about: About,
) -> Table:
    """Convert the rows of a text; `about` need not repeat what `chosen` says.

    Raises a `ReadError` at a bad cell, and where all frames are equal, and where channels
    differ unless `options` says that they may.
    """
    about = replace(about, unused=chosen.unused, notes=(*chosen.notes, *about.notes))
    if rows.unfinished and any(column.index == layout.cells - 1 for column in layout.columns):
        cut = (
            "The last line has no line end: if the file was cut off there, the last cell is not "
            "what it was."
        )
        about = replace(about, notes=(*about.notes, cut))
    return to_table(source, rows, layout.columns, options, about)


def to_table(
    source: Source, rows: Rows, columns: Sequence[Column], options: TableOptions, about: About
) -> Table:
    """Convert rows: nm, frames from 0, NaN where an optional cell is not known.

    Raises a `ReadError` where all frames are equal, and where channels
    differ unless `options` says that they may.
    """
    values, place_of = rows.columns, rows.lines
    by_name = {column.name: column for column in columns}
    notes = [*about.notes]
    if not about.origin_known:
        notes.append(about.origin_note)
    if len(place_of) == 0:
        notes.append("The table has no rows: no localizations.")
    for optional in ("z", "precision", "precision_y", "photons", "detections"):
        if optional in values:
            notes += _not_known(values[optional], by_name[optional])
    merged = None
    if "detections" in values:
        merged = int(np.count_nonzero(values["detections"] > 1))
        notes += _merged(merged, len(values.pop("detections")), by_name["detections"])
    if "time" in values:
        frame = _ranked(values.pop("time"), by_name["time"], notes)
    else:
        frame = _whole(values.pop("frame"))
        frame -= about.first_frame
        _check_frames(frame, source, by_name["frame"], place_of, options, about)
    channel = _channel(values)
    if not options.several_channels:
        _check_one_channel(channel, source, by_name, place_of)
    _to_nm(values, by_name)
    localizations = Localizations(
        x_nm=values["x"],
        y_nm=values["y"],
        frame=frame,
        z_nm=values.get("z"),
        precision_nm=_precision(values),
        photons=values.get("photons"),
        channel=channel,
        field_nm=options.field_nm or about.field_nm,
        notes=tuple(notes),
    )
    return Table(
        localizations=localizations,
        path=source.path,
        format=about.name,
        sha256=source.sha256(),
        rows=len(localizations),
        columns={column.name: column.label for column in columns},
        units={column.name: column.unit for column in columns if column.unit is not None},
        unused_columns=about.unused,
        camera_pixel_nm=about.camera_pixel_nm or options.camera_pixel_nm,
        origin_known=about.origin_known,
        first_frame=None if "time" in by_name else about.first_frame,
        merged_rows=merged,
        remarks=about.remarks,
        line_of=place_of,
    )


def _to_nm(values: Values, columns: Mapping[Quantity, Column]) -> None:
    """Apply unit and origin, in place: a table may fill most of the memory."""
    for name in values:
        column = columns[name]
        if column.factor != 1:
            values[name] *= column.factor
        if column.shift_nm != 0:
            values[name] += column.shift_nm


def _whole(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Turn checked whole numbers into int64, in the same memory: a column may have gigabytes."""
    found = values.view(np.int64)
    for start in range(0, len(values), 2**16):
        part = slice(start, start + 2**16)
        found[part] = values[part].astype(np.int64)
    return found


def _precision(values: Values) -> NDArray[np.float64] | None:
    """Give the localization precision: that of the file, or the mean of those along x and y."""
    along_x, along_y = values.get("precision"), values.get("precision_y")
    return along_x if along_x is None or along_y is None else (along_x + along_y) / 2


def _ranked(time: NDArray[np.float64], column: Column, notes: list[str]) -> NDArray[np.int64]:
    """Turn distinct times, in rising order, into frames; only where the user named `time`."""
    distinct, frame = np.unique(time, return_inverse=True)
    if len(distinct):
        notes.append(
            f"Column {shown(column.label)}: {len(distinct):,} distinct times, {distinct[0]:g} to "
            f"{distinct[-1]:g}, were taken as consecutive frames from 0, "
            f"{len(time) / len(distinct):.3g} localizations in each on average; moments without a "
            "localization have no frame."
        )
    return frame.reshape(-1).astype(np.int64, copy=False)


def _not_known(values: NDArray[np.float64], column: Column) -> list[str]:
    """Turn infinite cells into NaN, in place, and say how many cells are not known."""
    unknown = ~np.isfinite(values)
    count = int(np.count_nonzero(unknown))
    if count == 0:
        return []
    values[unknown] = np.nan
    note = (
        f"Column {shown(column.label)}: {count:,} of {len(values):,} cells hold no number (NaN, "
        "infinite or empty) and are taken as not known."
    )
    return [note]


def _merged(count: int, total: int, column: Column) -> list[str]:
    if count == 0:
        return []
    note = (
        f"Column {shown(column.label)}: {count:,} of {total:,} rows are merged from several "
        "frames. Merged rows are another statistic than the raw localizations that models are "
        "trained on; export the table before merging if you can."
    )
    return [note]


def _check_frames(
    frame: NDArray[np.int64],
    source: Source,
    column: Column,
    place_of: PlaceOf,
    options: TableOptions,
    about: About,
) -> None:
    """Refuse a column of equal numbers as frames; one row alone says nothing."""
    if len(frame) < 2 or options.allow_single_frame or (frame != frame[0]).any():
        return
    number = int(frame[0]) + about.first_frame
    raise SingleFrameError(source.path, place_of(0), column.label, number, len(frame))


def _channel(values: Values) -> NDArray[np.int64] | None:
    return _whole(values.pop("channel")) if "channel" in values else None


def _check_one_channel(
    channel: NDArray[np.int64] | None,
    source: Source,
    columns: Mapping[Quantity, Column],
    place_of: PlaceOf,
) -> None:
    """Refuse the second channel."""
    if channel is None:
        return
    other = np.flatnonzero(channel != channel[:1])
    if len(other):
        place, label = place_of(int(other[0])), columns["channel"].label
        names = [str(number) for number in np.unique(channel).tolist()]
        raise SeveralChannelsError(source.path, place, label, names)
