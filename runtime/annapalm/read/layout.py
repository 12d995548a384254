"""How the rows of one table are to be read; free of numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm.read.cells import Delimiter
    from annapalm.read.columns import Quantity


@dataclass(frozen=True, slots=True)
class Column:
    """A column to read."""

    name: Quantity
    """annapalm's name; it decides which cells are allowed."""
    index: int
    """Place in the row, from 0."""
    label: str
    """What the file calls it; its number, from 1, where there is no header."""
    factor: float = 1.0
    """What turns its numbers into nm; 1 for all that is no length."""
    unit: str | None = None
    """The file's unit of a length; None for all that is no length."""
    shift_nm: float = 0.0
    """What is then added, where zero lies elsewhere than on the corner of the first pixel."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of one table are to be read."""

    path: Path
    first_line: int
    """Line of the first row, or below the header where there is none; from 1."""
    delimiter: Delimiter
    cells: int
    """Cells in every row, used or not."""
    columns: tuple[Column, ...]
    first_frame: int
    """Number of the first frame in the file."""
    text: tuple[int, str] | None = None
    """Place and name of a column of words by which rows are told apart, such as channels."""
    end_at_nul: bool = False
    """Whether the rows end at a NUL, behind which other text may stand."""
