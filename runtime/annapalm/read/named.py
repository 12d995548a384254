"""Tables of one program in delimited text: a header with the program's own names above the rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from annapalm.read.cells import plain_split
from annapalm.read.errors import EmptyFileError, UnitContradictsError
from annapalm.read.finish import About, read_to_table
from annapalm.read.headers import (
    Chosen,
    Header,
    cells_per_row,
    choose_columns,
    header_delimiter,
    parse_header,
    read_top,
)
from annapalm.read.layout import Layout
from annapalm.read.source import Source, head_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annapalm.read.cells import Delimiter
    from annapalm.read.columns import Quantity
    from annapalm.read.source import Encoding
    from annapalm.read.table import FormatName, Table, TableOptions, Unit


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one program writes its tables."""

    name: FormatName
    columns: Mapping[Quantity, tuple[str, ...]]
    """annapalm's name to the program's, in lower case, without the unit; the first found counts."""
    first_frame: int
    unit: Unit | None = None
    """Unit of the lengths whose header names none, which then is the only one possible."""
    origin_known: bool = True
    encoding: Encoding = "utf-8"
    comment_marks: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    """Names of a column of words, of which the first found counts."""
    end_at_nul: bool = False
    """Whether the rows end at a NUL."""


def read_named(source: Source, dialect: Dialect, options: TableOptions) -> Table:
    """Read a table of a program; raises a `ReadError` that names line, column and remedy."""
    layout, chosen = lay_out(source, dialect, options)
    return read_to_table(source, layout, chosen, options, about(dialect, layout))


def about(dialect: Dialect, layout: Layout) -> About:
    """Say what is known of such a table.

    Frames from another number than the program's own: some other program wrote it, with an origin
    of its own.
    """
    return About(
        dialect.name,
        first_frame=layout.first_frame,
        origin_known=dialect.origin_known and layout.first_frame == dialect.first_frame,
    )


def lay_out(source: Source, dialect: Dialect, options: TableOptions) -> tuple[Layout, Chosen]:
    """Find the columns in the header; raises a `ReadError`."""
    top = read_top(source, dialect.comment_marks, dialect.encoding)
    if top.first is None:
        raise EmptyFileError(source.path, len(source.head))
    delimiter, headers = split(top.first.text)
    row = None if top.second is None else plain_split(top.second.text, delimiter)
    cells = cells_per_row(len(headers), row, headers[-1].text)
    headers = headers[:cells]
    place = (source.path, top.first.number)
    if dialect.unit is not None:
        if options.unit not in (None, dialect.unit):
            raise UnitContradictsError(*place, headers[0].text, dialect.unit, options.unit or "")
        options = replace(options, unit=dialect.unit)
    chosen = choose_columns(place, headers, dialect.columns, options)
    words = next((i for name in dialect.words for i, h in enumerate(headers) if h.name == name), -1)
    if words >= 0:
        unused = tuple(name for name in chosen.unused if name != headers[words].text)
        chosen = replace(chosen, unused=unused)
    layout = Layout(
        path=source.path,
        first_line=top.first.number + 1,
        delimiter=delimiter,
        cells=cells,
        columns=chosen.columns,
        first_frame=dialect.first_frame if options.first_frame is None else options.first_frame,
        text=None if words < 0 else (words, headers[words].text),
        end_at_nul=dialect.end_at_nul,
    )
    return layout, chosen


def header_of(source: Source, comment_marks: tuple[str, ...] = ()) -> tuple[Header, ...]:
    """Take the first line apart that is neither blank nor a comment, for looking only."""
    for text in head_text(source.head):
        if text.strip() and not (comment_marks and text.lstrip().startswith(comment_marks)):
            return split(text)[1]
    return ()


def names_of(source: Source) -> frozenset[str]:
    """Give the names in the first line, without units, in lower case; for looking only."""
    return frozenset(header.name for header in header_of(source))


def split(text: str) -> tuple[Delimiter, tuple[Header, ...]]:
    """Split a header line; its names hold no delimiter, so that quotes can simply go."""
    bare = text.replace('"', "")
    delimiter = header_delimiter(bare)
    cells = bare.split(delimiter) or [bare]  # blanks alone, where there is nothing but quotes
    return delimiter, tuple(parse_header(cell) for cell in cells)
