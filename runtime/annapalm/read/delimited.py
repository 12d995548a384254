"""Any other delimited text: what its columns are, and their unit, the user says.

Tabs, semicolons, commas or blanks divide it. A header, if any, is the first line or the last of
the comment lines (# or %) above the rows. Without `--columns` the names x, y and frame must stand
in the header, and beside them z, precision, photons, channel and detections are understood. Where
(0, 0) lies is not known, so positions are taken as they are; frames count from 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from annapalm.read.cells import MARKS, Delimiter, is_row, number, plain_split, sniff
from annapalm.read.columns import OWN_NAMES, ColumnName, Quantity, is_column_name, parse_columns
from annapalm.read.errors import (
    ColumnNumberError,
    EmptyFileError,
    HeaderContradictsError,
    NoHeaderError,
)
from annapalm.read.finish import About, read_to_table
from annapalm.read.headers import (
    Chosen,
    Header,
    Line,
    Top,
    cells_per_row,
    choose_columns,
    header_delimiter,
    read_top,
    split_header,
    with_units,
)
from annapalm.read.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from annapalm.read.source import Source
    from annapalm.read.table import FormatName, Table, TableOptions

NAME: FormatName = "delimited"

IS_TEXT = True

COMMENT_MARKS = ("#", "%")


def matches(source: Source) -> bool:  # noqa: ARG001 - every format is asked the same way
    """Never by itself: text with numbers says neither units nor what they are."""
    return False


def read(source: Source, options: TableOptions) -> Table:
    """Read a table as `options` say; raises a `ReadError` that names line, column and remedy."""
    top = read_top(source, COMMENT_MARKS)
    if top.first is None and not top.comments:
        raise EmptyFileError(source.path, len(source.head))
    choice = parse_columns(options.columns) if options.columns is not None else None
    if choice is not None and choice.in_order:
        layout, chosen = _in_order(source.path, top, choice.in_order, options)
    else:
        wanted: Mapping[Quantity, tuple[str, ...]] = OWN_NAMES
        if choice is not None:
            wanted = {name: (their,) for name, their in choice.by_name.items()}
        layout, chosen = _by_name(source.path, top, wanted, options, asked_for=choice is not None)
    about = About(NAME, first_frame=layout.first_frame, origin_known=False)
    return read_to_table(source, layout, chosen, options, about)


def _by_name(
    path: Path,
    top: Top,
    wanted: Mapping[Quantity, tuple[str, ...]],
    options: TableOptions,
    *,
    asked_for: bool,
) -> tuple[Layout, Chosen]:
    """Find the columns by the names in the header."""
    header, row = _header_and_row(path, top)
    delimiter, headers = _divide(header, row)
    cells = cells_per_row(
        len(headers),
        None if row is None else plain_split(row.text, delimiter),
        headers[-1].text,
    )
    chosen = choose_columns(
        (path, header.number), headers[:cells], wanted, options, asked_for=asked_for
    )
    first_line = header.number + 1 if row is None else row.number
    return _layout(path, first_line, (delimiter, cells), chosen, options), chosen


def _in_order(
    path: Path, top: Top, names: Sequence[ColumnName | None], options: TableOptions
) -> tuple[Layout, Chosen]:
    """Take the columns in file order; a header, if any, may still tell units, or contradict."""
    header, row = _perhaps_header_and_row(top, len(names))
    line = row or header
    if line is None:  # comments alone, none of them a header
        line = top.comments[-1]
    delimiter, cells = None, len(names)
    if row is not None:
        delimiter = sniff(row.text, cells)
        found = plain_split(row.text, delimiter)
        cells = len(found)
        if cells != len(names) and not (cells == len(names) + 1 and not found[-1].strip()):
            raise ColumnNumberError(path, row.number, len(names), cells)
    numbers = tuple(Header(str(i + 1), "", None) for i in range(cells))
    headers = numbers
    if header is not None:
        _, given = _divide(header, row)
        if len(given) == len(names):
            headers = given + numbers[len(given) :]
            _check_against_header(path, header.number, given, names)
    places: dict[Quantity, int] = {
        name: index for index, name in enumerate(names) if name is not None
    }
    chosen = with_units((path, (header or line).number), places, headers, options)
    first_line = line.number if row is not None else line.number + 1
    return _layout(path, first_line, (delimiter, cells), chosen, options), chosen


def _layout(
    path: Path,
    first_line: int,
    shape: tuple[Delimiter, int],
    chosen: Chosen,
    options: TableOptions,
) -> Layout:
    return Layout(
        path=path,
        first_line=first_line,
        delimiter=shape[0],
        cells=shape[1],
        columns=chosen.columns,
        first_frame=options.first_frame or 0,
    )


def _header_and_row(path: Path, top: Top) -> tuple[Line, Line | None]:
    """Tell the header from the first row; raises `NoHeaderError` where there is no header."""
    if top.first is None:
        return top.comments[-1], None
    cells = plain_split(top.first.text, sniff(top.first.text))
    if not is_row(cells):
        return top.first, top.second
    for comment in reversed(top.comments):
        if _fits(comment, len(cells)):
            return comment, top.first
    raise NoHeaderError(path, top.first.number, top.first.text)


def _perhaps_header_and_row(top: Top, wanted: int) -> tuple[Line | None, Line | None]:
    """Tell header and first row where the header may be missing: one number makes a line a row."""
    comment = next((c for c in reversed(top.comments) if _fits(c, wanted)), None)
    if top.first is None:
        return comment, None
    cells = plain_split(top.first.text, sniff(top.first.text, wanted))
    if any(cell.strip() and number(cell) is not None for cell in cells):
        return comment, top.first
    return top.first, top.second


def _fits(comment: Line, cells: int) -> bool:
    return any(len(plain_split(comment.text, mark)) == cells for mark in (*MARKS, None))


def _divide(header: Line, row: Line | None) -> tuple[Delimiter, tuple[Header, ...]]:
    """Give the delimiter of the rows, and the header divided by its own.

    A comment with commas above rows with blanks is common; so the header's delimiter is the one
    that gives as many cells as the row has.
    """
    own = header_delimiter(header.text)
    if row is None:
        return own, split_header(header.text, own)
    delimiter = sniff(row.text, len(plain_split(header.text, own)))
    cells = len(plain_split(row.text, delimiter))
    for mark in dict.fromkeys((own, delimiter, *MARKS, None)):
        headers = split_header(header.text, mark)
        if len(headers) == cells:
            return delimiter, headers
    return delimiter, split_header(header.text, own)


def _check_against_header(
    path: Path, line: int, headers: Sequence[Header], names: Sequence[ColumnName | None]
) -> None:
    """Refuse y for a column called x: `--columns` gives the order, and does not rename."""
    for index, (header, name) in enumerate(zip(headers, names, strict=True)):
        if name is not None and is_column_name(header.name) and header.name != name:
            raise HeaderContradictsError(path, line, index + 1, header.text, name)
