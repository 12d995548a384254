"""Columns as read to a `Table` in annapalm's convention: the last step, common to all formats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annapalm.localizations import Localizations
from annapalm.read.errors import SeveralChannelsError, SingleFrameError, shown
from annapalm.read.rows import read_rows
from annapalm.read.table import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.read.columns import ColumnName
    from annapalm.read.headers import Chosen
    from annapalm.read.layout import Column, Layout
    from annapalm.read.source import Source
    from annapalm.read.table import FormatName, LineMap, TableOptions

ORIGIN_NOT_KNOWN = (
    "Where zero lies is not known for this table: positions are taken as measured from the outer "
    "corner of the camera's top-left pixel."
)


def read_to_table(
    source: Source,
    layout: Layout,
    chosen: Chosen,
    options: TableOptions,
    *,
    name: FormatName,
    origin_known: bool,
) -> Table:
    """Read the rows and convert them: nm, frames from 0, NaN where an optional cell is not known.

    Raises a `ReadError` at a bad cell, and where all frames are equal or channels differ.
    """
    values, lines, unfinished = read_rows(source, layout)
    columns = {column.name: column for column in layout.columns}
    notes = [*chosen.notes]
    if not origin_known:
        notes.append(ORIGIN_NOT_KNOWN)
    if len(lines) == 0:
        notes.append("The table has no rows: no localizations.")
    if unfinished and any(column.index == layout.cells - 1 for column in layout.columns):
        notes.append(
            "The last line has no line end: if the file was cut off there, the last cell is not "
            "what it was."
        )
    for optional in ("z", "precision", "photons", "detections"):
        if optional in values:
            notes += _not_known(values[optional], columns[optional])
    if "detections" in values:
        notes += _merged(values.pop("detections"), columns["detections"])
    frame = values["frame"].astype(np.int64) - layout.first_frame
    _check_frames(frame, layout, columns["frame"], lines, options)
    channel = _one_channel(values, layout, columns, lines)

    for key, column in columns.items():
        if key in values and column.factor != 1:
            values[key] *= column.factor  # in place: a table may fill most of the memory
    localizations = Localizations(
        x_nm=values["x"],
        y_nm=values["y"],
        frame=frame,
        z_nm=values.get("z"),
        precision_nm=values.get("precision"),
        photons=values.get("photons"),
        channel=channel,
        field_nm=options.field_nm,
        notes=tuple(notes),
    )
    return Table(
        localizations=localizations,
        path=source.path,
        format=name,
        sha256=source.sha256(),
        rows=len(localizations),
        columns={column.name: column.label for column in layout.columns},
        unused_columns=chosen.unused,
        camera_pixel_nm=options.camera_pixel_nm,
        origin_known=origin_known,
        line_of=lines,
    )


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


def _merged(values: NDArray[np.float64], column: Column) -> list[str]:
    count = int(np.count_nonzero(values > 1))
    if count == 0:
        return []
    note = (
        f"Column {shown(column.label)}: {count:,} of {len(values):,} rows are merged from several "
        "frames. Merged rows are another statistic than the raw localizations that models are "
        "trained on; export the table before merging if you can."
    )
    return [note]


def _check_frames(
    frame: NDArray[np.int64], layout: Layout, column: Column, lines: LineMap, options: TableOptions
) -> None:
    """Refuse a column of equal numbers as frames; one row alone says nothing."""
    if len(frame) < 2 or options.allow_single_frame or (frame != frame[0]).any():
        return
    number = int(frame[0]) + layout.first_frame
    raise SingleFrameError(layout.path, lines(0), column.label, number, len(frame))


def _one_channel(
    values: dict[ColumnName, NDArray[np.float64]],
    layout: Layout,
    columns: dict[ColumnName, Column],
    lines: LineMap,
) -> NDArray[np.int64] | None:
    if "channel" not in values:
        return None
    channel = values["channel"].astype(np.int64)
    other = np.flatnonzero(channel != channel[:1])
    if len(other):
        line, label = lines(int(other[0])), columns["channel"].label
        raise SeveralChannelsError(layout.path, line, label, np.unique(channel).tolist())
    return channel
