"""Molecule lists of Nikon N-STORM (NIS Elements): text with tabs.

Lengths in nm from the upper left of the image; frames count from 1. Of the positions, the
drift-corrected `Xc`, `Yc` (and `Zc`) are taken. A row is a trace of `Length` frames. Channels are
words; rows of the channel "Z Rejected" are those whose z was no good: they are counted, and not
used. The number of columns differs from version to version.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from annapalm.read.errors import SeveralChannelsError, shown
from annapalm.read.finish import text_to_table
from annapalm.read.named import Dialect, about, lay_out, names_of
from annapalm.read.rows import read_rows
from annapalm.read.table import SomeRows

if TYPE_CHECKING:
    from annapalm.read.rows import Rows, Words
    from annapalm.read.source import Source
    from annapalm.read.table import FormatName, Table, TableOptions

NAME: FormatName = "nstorm"

IS_TEXT = True

_DIALECT = Dialect(
    name=NAME,
    columns={
        "x": ("xc",),
        "y": ("yc",),
        "frame": ("frame",),
        "z": ("zc", "z"),
        "precision": ("lateral localization accuracy",),
        "photons": ("photons",),
        "detections": ("length",),
    },
    first_frame=1,
    unit="nm",
    words=("channel name", "channel", "name"),
)

_REJECTED = "Z Rejected"


def matches(source: Source) -> bool:
    """Whether the first line names Xc, Yc and Frame."""
    return names_of(source) >= {"xc", "yc", "frame"}


def read(source: Source, options: TableOptions) -> Table:
    """Read a molecule list; raises a `ReadError` that names line, column and remedy."""
    layout, chosen = lay_out(source, _DIALECT, options)
    rows = read_rows(source, layout)
    notes: list[str] = []
    remarks = ["Positions are the drift-corrected ones, Xc and Yc."]
    words = rows.words
    if words is not None and layout.text is not None:
        rows, rejected = _without_rejected(rows)
        if rejected:
            notes.append(
                f"{rejected:,} rows of the channel {shown(_REJECTED)} are not used; "
                f"{len(rows.lines):,} are."
            )
        names = _names(words)
        if len(names) > 1 and not options.several_channels:
            line = words.first_place[names[1]]
            raise SeveralChannelsError(source.path, line, layout.text[1], names)
        if len(names) == 1:
            remarks.append(f"All rows are of the channel {shown(names[0])}.")
    known = replace(about(_DIALECT, layout), notes=tuple(notes), remarks=tuple(remarks))
    table = text_to_table(source, rows, layout, chosen, options, known)
    if words is None or not options.several_channels:
        return table
    return _with_channels(table, words)


def _without_rejected(rows: Rows) -> tuple[Rows, int]:
    """Set the rows apart whose z was rejected, and count them."""
    if rows.words is None or _REJECTED not in rows.words.codes_of:
        return rows, 0
    rejected = rows.words.rows_of(_REJECTED)
    kept = np.flatnonzero(~rejected)
    columns = {name: values[kept] for name, values in rows.columns.items()}
    lines = SomeRows(rows.lines, kept)
    return rows._replace(columns=columns, lines=lines), int(np.count_nonzero(rejected))


def _names(words: Words) -> list[str]:
    """Name the channels, in the order in which they come."""
    return [name for name in words.codes_of if name != _REJECTED]


def _with_channels(table: Table, words: Words) -> Table:
    """Write down the channel of each row; the rows that were set apart are gone already."""
    codes = words.codes()
    if _REJECTED in words.codes_of:
        codes = codes[codes != words.codes_of[_REJECTED]]
    names = {name: words.codes_of[name] for name in _names(words)}
    located = replace(table.localizations, channel=codes)
    return replace(table, localizations=located, channel_names=names)
