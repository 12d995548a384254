"""Rows of numbers: fast where a block of lines is plain, cell by cell where it is not.

Both give the same values. Only the exact way raises, so an error never depends on the shortcut.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from annapalm.read.cells import has_decimal_comma, is_blank, number, split_cells
from annapalm.read.decimals import Cells
from annapalm.read.errors import (
    BadCellError,
    CellCountError,
    FirstFrameError,
    SeveralChannelsError,
    TooManyRowsError,
)
from annapalm.read.source import decode
from annapalm.read.table import LineMap

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from annapalm.read.cells import Delimiter
    from annapalm.read.columns import Quantity
    from annapalm.read.errors import Place
    from annapalm.read.layout import Column, Layout
    from annapalm.read.source import Block, Source
    from annapalm.read.table import PlaceOf

MAX_ROWS = 200_000_000
"""Localizations read from one table; the largest published fields hold some ten million, and this
many already take 5 GB."""

MAX_WHOLE = 2**53
"""Largest whole number that a float64 holds with all its neighbours; frames and channels."""

_ODD_BLANKS = tuple(bytes([byte]) for byte in b"\v\f\x1c\x1d\x1e\x1f")
"""What Python takes for blanks beside the two that divide cells."""

MAX_WORDS = 1000
"""Different words in a column of words; channels are a handful."""


class Rows(NamedTuple):
    """The rows of a table as the file has them: neither unit nor first frame applied."""

    columns: dict[Quantity, NDArray[np.float64]]
    """float64 [N] each; NaN or infinite where an optional cell is not known."""
    lines: PlaceOf
    """From a row to its place in the file."""
    unfinished: bool = False
    """Whether the last line has no end, so that its last cell may have been cut off."""
    words: Words | None = None
    """The column of words, where the layout asks for one."""


class Words:
    """A column of words: a code for each row, and the word that each code stands for."""

    def __init__(self, path: Path, label: str) -> None:
        self.codes_of: dict[str, int] = {}
        """Word to code, in the order in which they came."""
        self.first_place: dict[str, int] = {}
        """Line on which each word was first seen."""
        self._codes: list[NDArray[np.int64]] = []
        self._path, self._label = path, label

    def add(self, words: list[str], line: int) -> None:
        """Append the words of rows on consecutive lines; raises `SeveralChannelsError`."""
        for word in dict.fromkeys(words):
            if word not in self.codes_of:
                self.codes_of[word] = len(self.codes_of)
                self.first_place[word] = line + words.index(word)
        if len(self.codes_of) > MAX_WORDS:
            raise SeveralChannelsError(self._path, line, self._label, list(self.codes_of))
        codes = self.codes_of
        self._codes.append(np.fromiter((codes[word] for word in words), np.int64, len(words)))

    def codes(self) -> NDArray[np.int64]:
        """Give the code of each row, int64 [N]."""
        return np.concatenate(self._codes) if self._codes else np.zeros(0, np.int64)

    def rows_of(self, word: str) -> NDArray[np.bool_]:
        """Mark, bool [N], the rows with this word."""
        found: NDArray[np.bool_] = self.codes() == self.codes_of.get(word, -1)
        return found


class _Growing:
    """Columns to which rows are added; no more memory than they need, and a sixteenth."""

    def __init__(self, columns: int) -> None:
        self._columns = [np.empty(0) for _ in range(columns)]
        self._rows = 0

    def add(self, values: NDArray[np.float64]) -> None:
        """Append rows [rows, columns]."""
        start, self._rows = self._rows, self._rows + len(values)
        for place, column in enumerate(self._columns):
            if self._rows > len(column):
                self._resize(column, self._rows + self._rows // 16)
            column[start : self._rows] = values[:, place]

    def columns(self) -> list[NDArray[np.float64]]:
        """Give all of them, cut to their rows."""
        for column in self._columns:
            self._resize(column, self._rows)
        return self._columns

    @staticmethod
    def _resize(column: NDArray[np.float64], rows: int) -> None:
        # In place: the system moves pages, and never holds a column twice. No one else has it yet.
        column.resize(rows, refcheck=False)


def read_rows(source: Source, layout: Layout) -> Rows:
    """Read all rows; raises a `ReadError` with line, column and remedy at the first bad cell."""
    columns = _Growing(len(layout.columns))
    lines = LineMap()
    unfinished = False
    words = None if layout.text is None else Words(layout.path, layout.text[1])
    for block in source.blocks(layout.first_line, end_at_nul=layout.end_at_nul):
        unfinished = block.unfinished
        values = read_fast(block, layout, words)
        if values is None:
            values = read_exactly(block, layout, lines, words)
        else:
            lines.add(block.line, len(values))
        if len(lines) > MAX_ROWS:
            raise TooManyRowsError(layout.path, lines(MAX_ROWS), MAX_ROWS)
        columns.add(values)
    found = zip(layout.columns, columns.columns(), strict=True)
    return Rows({column.name: values for column, values in found}, lines, unfinished, words)


def read_fast(
    block: Block, layout: Layout, words: Words | None = None
) -> NDArray[np.float64] | None:
    """Read a block [rows, columns] with numpy; None where anything is out of the ordinary."""
    data = block.data.rstrip(b"\n") + b"\n"
    if b'"' in data or not data.isascii() or any(blank in data for blank in _ODD_BLANKS):
        return None
    if data == b"\n":  # blank lines alone, of which there may be millions
        return np.empty((0, len(layout.columns)))
    cells = Cells.divide(data, layout.delimiter, layout.cells)
    if cells is None:
        return None
    values = _columns(data, cells, layout)
    if values is None or not _all_sound(values, layout):
        return None
    if layout.text is not None and words is not None:
        index, mark = layout.text[0], layout.delimiter
        lines = data.decode("ascii").split("\n")[:-1]
        words.add([line.split(mark, index + 1)[index].strip() for line in lines], block.line)
    return values


def read_exactly(
    block: Block, layout: Layout, lines: LineMap, words: Words | None = None
) -> NDArray[np.float64]:
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
        if layout.text is not None and words is not None:
            words.add([cells[layout.text[0]].strip()], line)
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(layout.columns))


def _columns(data: bytes, cells: Cells, layout: Layout) -> NDArray[np.float64] | None:
    """Read the columns [rows, columns]: plain numbers at once, the others by numpy's own parser."""
    values = np.empty((len(cells.starts), len(layout.columns)), order="F")
    others: list[int] = []
    for place, column in enumerate(layout.columns):
        found = cells.column(column.index)
        if found is None:
            others.append(place)
        else:
            values[:, place] = found
    if others:
        indices = [layout.columns[place].index for place in others]
        loaded = _load(data, layout.delimiter, indices)
        if loaded is None and layout.delimiter is not None:
            loaded = _load(_fill(data, layout.delimiter.encode()), layout.delimiter, indices)
        if loaded is None or len(loaded) != len(values):
            return None
        values[:, others] = loaded
    return values


def _load(data: bytes, delimiter: Delimiter, indices: Sequence[int]) -> NDArray[np.float64] | None:
    """Parse columns by numpy [rows, columns]: a tenth of the time of Python's own way."""
    try:
        return np.loadtxt(
            data.decode("ascii").split("\n"),
            delimiter=delimiter,
            usecols=indices,
            comments=None,
            ndmin=2,
        )
    except ValueError:
        return None


def _fill(data: bytes, mark: bytes) -> bytes:
    """Write nan into empty cells; where one is required, the exact way will refuse it."""
    data = data.replace(mark + mark, mark + b"nan" + mark)
    data = data.replace(
        mark + mark, mark + b"nan" + mark
    )  # every other one of a run was passed over
    data = data.replace(mark + b"\n", mark + b"nan\n").replace(b"\n" + mark, b"\nnan" + mark)
    return b"nan" + data if data.startswith(mark) else data


def _all_sound(values: NDArray[np.float64], layout: Layout) -> bool:
    """Whether every value is one that its column may have."""
    checks = (
        sound(values[:, place], column, layout.first_frame)
        for place, column in enumerate(layout.columns)
    )
    return all(good is None or bool(good.all()) for good in checks)


def sound(found: NDArray[np.float64], column: Column, first_frame: int) -> NDArray[np.bool_] | None:
    """Mark, bool [N], the values that a column may have; None where it may have any."""
    if column.name in ("x", "y"):
        with np.errstate(over="ignore", invalid="ignore"):
            return np.isfinite(found * column.factor)
    if column.name == "time":
        return np.isfinite(found)
    if column.name in ("frame", "channel"):
        # NaN and infinity fail both.
        good: NDArray[np.bool_] = (np.floor(found) == found) & (np.abs(found) <= MAX_WHOLE)
        return good & (found >= first_frame) if column.name == "frame" else good
    return None


def check_array(
    path: Path, found: NDArray[np.float64], column: Column, first_frame: int, start: int = 0
) -> None:
    """Refuse the first value of an array [N] that its column may not have; row `start` on."""
    good = sound(found, column, first_frame)
    if good is None or good.all():
        return
    row = int(np.argmin(good))
    value = float(found[row])
    check_value(path, f"row {start + row + 1}", column, f"{value:.17g}", value, first_frame)


def check_value(
    path: Path, place: Place, column: Column, cell: str, value: float, first_frame: int
) -> None:
    """Refuse a number that its column may not have; raises a `ReadError` that names the place."""
    if (trouble := _trouble(cell, value, column)) is not None:
        raise BadCellError(path, place, column.label, cell, trouble)
    if column.name == "frame" and value < first_frame:
        raise FirstFrameError(path, place, column.label, int(value), first_frame)


def _value(cell: str, column: Column, layout: Layout, line: int) -> float:
    """Read one cell as its column demands, or raise."""
    value = number(cell)
    if value is None:
        comma = "has a decimal comma; annapalm reads decimal points."
        problem = comma if has_decimal_comma(cell) else "is not a number."
        raise BadCellError(layout.path, line, column.label, cell, problem)
    check_value(layout.path, line, column, cell, value, layout.first_frame)
    return value


def _trouble(cell: str, value: float, column: Column) -> str | None:
    """Say why a column may not have this number; None where it may."""
    if column.name not in ("x", "y", "frame", "time", "channel"):
        return None
    if not cell.strip():
        return "is empty, and a number is needed here."
    if not math.isfinite(value):
        return "is not a finite number."
    if not math.isfinite(value * column.factor):
        return "is beyond all lengths."
    return _not_whole(value, column) if column.name in ("frame", "channel") else None


def _not_whole(value: float, column: Column) -> str | None:
    if value != math.floor(value):
        return "is not a whole number."
    if abs(value) > MAX_WHOLE:
        return "is larger than any number of a frame or channel."
    return "is negative, and a frame is not." if column.name == "frame" and value < 0 else None
