"""Columns of numbers from binary files: collected, checked, and never larger than they can be."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np

from annapalm.read.errors import TooManyRowsError
from annapalm.read.format_errors import BadArrayError, UnsafeContentError
from annapalm.read.rows import MAX_ROWS, Rows, check_array
from annapalm.read.table import RowMap

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from annapalm.read.columns import Quantity
    from annapalm.read.layout import Column


class ReadPart(Protocol):
    """How a part of one column is read."""

    def __call__(self, column: Column, start: int, stop: int) -> NDArray[np.generic]:
        """Give the rows `start` to `stop` of a column, numbers [stop - start]."""
        ...


BLOCK_ROWS = 2**20
"""Read at a time: 8 MB for each column."""

MAX_RATIO = 200
"""How many times smaller than its content a packed part may be. Tables shrink to a half or a
quarter; columns that hold one number throughout, a hundredfold."""

FREE_BYTES = 2**26
"""Content up to this size is harmless however small it was packed."""


class Parts:
    """The columns of a table, filled part by part; raises a `ReadError` at what cannot be."""

    def __init__(self, path: Path, columns: Sequence[Column], rows: int, first_frame: int) -> None:
        if rows > MAX_ROWS:
            raise TooManyRowsError(path, f"row {MAX_ROWS + 1}", MAX_ROWS)
        self._path, self._columns, self._first_frame = path, columns, first_frame
        self._total, self._done = rows, 0
        self._values: dict[Quantity, NDArray[np.float64]] = {
            c.name: np.empty(rows) for c in columns
        }

    def add(self, read: Callable[[Column], NDArray[np.generic]], rows: int) -> None:
        """Append `rows` rows; `read` gives them of one column, numbers [rows]."""
        start, self._done = self._done, self._done + rows
        if self._done > self._total:
            raise self._incomplete()
        for column in self._columns:
            part = self._values[column.name][start : self._done]
            with np.errstate(invalid="ignore", over="ignore"):
                part[:] = _numbers(self._path, column, read(column), rows)
            check_array(self._path, part, column, self._first_frame, start)

    def rows(self) -> Rows:
        """Give all of them, once every row has come."""
        if self._done != self._total:
            raise self._incomplete()
        return Rows(self._values, RowMap(self._total))

    def _incomplete(self) -> BadArrayError:
        problem = f"{self._done:,} rows came, and {self._total:,} were announced."
        return BadArrayError(self._path, self._columns[0].label, problem)


def collect(
    path: Path, columns: Sequence[Column], rows: int, first_frame: int, read: ReadPart
) -> Rows:
    """Read columns block by block; `read(column, start, stop)` gives a part of one, numbers [M].

    Raises a `ReadError` that names column and row at the first value that cannot be.
    """
    parts = Parts(path, columns, rows, first_frame)
    for start in range(0, rows, BLOCK_ROWS):
        stop = min(rows, start + BLOCK_ROWS)
        parts.add(partial(read, start=start, stop=stop), stop - start)
    return parts.rows()


def _numbers(
    path: Path, column: Column, part: NDArray[np.generic], rows: int
) -> NDArray[np.generic]:
    """See that a part of a column is what it should be; raises `BadArrayError`."""
    if not is_number(part.dtype):
        raise BadArrayError(path, column.label, f"it holds {part.dtype.name}, not numbers.")
    if part.shape != (rows,):
        raise BadArrayError(
            path, column.label, f"its shape is {list(part.shape)}, and {rows} rows were expected."
        )
    return part


def is_number(dtype: np.dtype[np.generic]) -> bool:
    """Whether values of this type are real numbers, one each."""
    return dtype.kind in "fiub" and dtype.shape == ()


def check_packed(path: Path, what: str, packed: int, content: int) -> None:
    """Refuse what unpacks to far more than any table does; raises `UnsafeContentError`."""
    if content > FREE_BYTES and content > MAX_RATIO * packed:
        raise UnsafeContentError(
            path,
            f"{what} holds {content:,} bytes in {packed:,}, more than {MAX_RATIO} times",
            "No table of localizations can be packed like that; export it again.",
        )
