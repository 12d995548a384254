"""Rows of numbers: fast where a block of lines is plain, cell by cell where it is not.

Both give the same values. Only the exact way raises, so an error never depends on the shortcut.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from annapalm.read.cells import has_decimal_comma, is_blank, number, split_cells
from annapalm.read.errors import (
    BadCellError,
    CellCountError,
    FirstFrameError,
    TooManyRowsError,
)
from annapalm.read.source import decode
from annapalm.read.table import LineMap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.read.columns import ColumnName
    from annapalm.read.layout import Column, Layout
    from annapalm.read.source import Block, Source

MAX_ROWS = 200_000_000
"""Localizations read from one table; the largest published fields hold some ten million, and this
many already take 5 GB."""

MAX_WHOLE = 2**53
"""Largest whole number that a float64 holds with all its neighbours; frames and channels."""


class Rows(NamedTuple):
    """The rows of a table as the file has them: neither unit nor first frame applied."""

    columns: dict[ColumnName, NDArray[np.float64]]
    """float64 [N] each; NaN or infinite where an optional cell is not known."""
    lines: LineMap
    """From a row to its line in the file."""
    unfinished: bool
    """Whether the last line has no end, so that its last cell may have been cut off."""


def read_rows(source: Source, layout: Layout) -> Rows:
    """Read all rows; raises a `ReadError` with line, column and remedy at the first bad cell."""
    blocks: list[NDArray[np.float64]] = []
    lines = LineMap()
    unfinished = False
    for block in source.blocks(layout.first_line):
        unfinished = block.unfinished
        values = read_fast(block, layout)
        if values is None:
            values = read_exactly(block, layout, lines)
        else:
            lines.add(block.line, len(values))
        if len(lines) > MAX_ROWS:
            raise TooManyRowsError(layout.path, lines(MAX_ROWS), MAX_ROWS)
        blocks.append(values)
    columns: dict[ColumnName, NDArray[np.float64]] = {}
    for place, column in enumerate(layout.columns):
        parts = [values[:, place] for values in blocks]
        columns[column.name] = np.concatenate(parts) if parts else np.zeros(0)
    return Rows(columns, lines, unfinished)


def read_fast(block: Block, layout: Layout) -> NDArray[np.float64] | None:
    """Read a block [rows, columns] with numpy; None where anything is out of the ordinary."""
    data = block.data.rstrip(b"\n") + b"\n"
    if b'"' in data or not data.isascii() or not _even(data, layout):
        return None
    values = _load(data, layout)
    if values is None and layout.delimiter is not None:
        values = _load(_fill(data, layout.delimiter.encode()), layout)
    if values is None or len(values) != data.count(b"\n"):
        return None
    return values if _sound(values, layout) else None


def read_exactly(block: Block, layout: Layout, lines: LineMap) -> NDArray[np.float64]:
    """Read a block [rows, columns] cell by cell, and note the line of each row in `lines`.

    Blank lines are passed over. Raises a `ReadError` that names line, column and cell.
    """
    rows: list[list[float]] = []
    texts = block.data.split(b"\n")[:-1]
    for line, raw in enumerate(texts, block.line):
        text = decode(raw, layout.path, line)
        if is_blank(text, layout.delimiter):
            continue
        cells = split_cells(text, layout.delimiter, layout.path, line)
        if len(cells) != layout.cells:
            cut = block.unfinished and line == block.line + len(texts) - 1
            commas = layout.delimiter == "," and len(cells) > layout.cells
            raise CellCountError(
                layout.path,
                line,
                len(cells),
                layout.cells,
                cut=cut and len(cells) < layout.cells,
                commas=commas,
            )
        rows.append([_value(cells[c.index], c, layout, line) for c in layout.columns])
        lines.add(line)
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(layout.columns))


def _even(data: bytes, layout: Layout) -> bool:
    """Whether every line has the right number of cells (left to numpy where blanks divide them)."""
    if layout.delimiter is None:
        return True
    text = np.frombuffer(data, np.uint8)
    ends = text == ord("\n")
    marks = np.flatnonzero(ends | (text == ord(layout.delimiter)))
    if len(marks) != np.count_nonzero(ends) * layout.cells:
        return False
    return bool(ends[marks[layout.cells - 1 :: layout.cells]].all())


def _load(data: bytes, layout: Layout) -> NDArray[np.float64] | None:
    """Parse with numpy: a tenth of the time of Python's own way."""
    used = [column.index for column in layout.columns]
    if data == b"\n":
        return np.zeros((0, len(used)))
    try:
        values = np.loadtxt(
            data.decode("ascii").split("\n"),
            delimiter=layout.delimiter,
            # Where blanks divide, all columns are read: numpy then sees to their number.
            usecols=None if layout.delimiter is None else used,
            comments=None,
            ndmin=2,
        )
    except ValueError:
        return None
    if layout.delimiter is not None:
        return values
    return values[:, used] if values.shape[1] == layout.cells else None


def _fill(data: bytes, mark: bytes) -> bytes:
    """Write nan into empty cells; where one is required, the exact way will refuse it."""
    data = data.replace(mark + mark, mark + b"nan" + mark)
    data = data.replace(
        mark + mark, mark + b"nan" + mark
    )  # every other one of a run was passed over
    data = data.replace(mark + b"\n", mark + b"nan\n").replace(b"\n" + mark, b"\nnan" + mark)
    return b"nan" + data if data.startswith(mark) else data


def _sound(values: NDArray[np.float64], layout: Layout) -> bool:
    """Whether every value is one that its column may have."""
    for place, column in enumerate(layout.columns):
        found = values[:, place]
        if column.name in ("x", "y"):
            with np.errstate(over="ignore"):
                good = np.isfinite(found * column.factor)
        elif column.name in ("frame", "channel"):
            # NaN and infinity fail both.
            good = (np.floor(found) == found) & (np.abs(found) <= MAX_WHOLE)
            if column.name == "frame":
                good &= found >= layout.first_frame
        else:
            continue
        if not good.all():
            return False
    return True


def _value(cell: str, column: Column, layout: Layout, line: int) -> float:
    """Read one cell as its column demands, or raise."""
    value = number(cell)
    if value is None:
        comma = "has a decimal comma; annapalm reads decimal points."
        problem = comma if has_decimal_comma(cell) else "is not a number."
        raise BadCellError(layout.path, line, column.label, cell, problem)
    if (trouble := _trouble(cell, value, column)) is not None:
        raise BadCellError(layout.path, line, column.label, cell, trouble)
    if column.name == "frame" and value < layout.first_frame:
        raise FirstFrameError(layout.path, line, column.label, int(value), layout.first_frame)
    return value


def _trouble(cell: str, value: float, column: Column) -> str | None:
    """Say why a column may not have this number; None where it may."""
    if column.name not in ("x", "y", "frame", "channel"):
        return None
    if not cell.strip():
        return "is empty, and a number is needed here."
    if not math.isfinite(value):
        return "is not a finite number."
    if not math.isfinite(value * column.factor):
        return "is beyond all lengths."
    return None if column.name in ("x", "y") else _not_whole(value, column)


def _not_whole(value: float, column: Column) -> str | None:
    if value != math.floor(value):
        return "is not a whole number."
    if abs(value) > MAX_WHOLE:
        return "is larger than any number of a frame or channel."
    return "is negative, and a frame is not." if column.name == "frame" and value < 0 else None
