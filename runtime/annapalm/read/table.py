"""A table of localizations as read, and how the user may say what it is.

Free of numpy, so that a command line can build its options and their help without loading it.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from annapalm.errors import InvalidValueError
from annapalm.read.columns import parse_columns
from annapalm.read.errors import OptionsContradictError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from annapalm.localizations import Localizations
    from annapalm.read.errors import Place
    from annapalm.write.schema import JsonValue

FormatName: TypeAlias = Literal[
    "thunderstorm",
    "elyra",
    "nstorm",
    "picasso_nis",
    "oni",
    "smlm_challenge",
    "rapidstorm",
    "decode_csv",
    "picasso",
    "decode",
    "smap",
    "smlm",
    "matlab",
    "parquet",
    "delimited",
]
"""The formats read, each by the module of this name in `annapalm.read`."""

WITH_COLUMNS: tuple[FormatName, ...] = ("delimited", "matlab", "parquet")
"""The formats that `--columns` is for."""

Unit: TypeAlias = Literal["nm", "um", "px"]
"""Units of length that `--unit` takes; px is an edge of a camera pixel."""


@dataclass(frozen=True, slots=True)
class TableOptions:
    """What the user says about a table that the table does not say itself.

    Raises `InvalidValueError`, `ColumnsOptionError` or `OptionsContradictError` where this cannot
    be understood, before any file is opened.
    """

    format: FormatName | None = None
    """The format to read as; None finds it from the content."""
    columns: tuple[str, ...] | None = None
    """Where a delimited table has which quantity, in one of two ways; see `read.columns`:

    - names in file order, one for each column, `-` or `_` for one to skip:
      `("y", "x", "-", "z", "frame")`;
    - annapalm's name = the file's name, for tables with a header (plain or behind #), in any
      order: `("x=Xc", "y=Yc", "frame=Frame")`.

    `time` in the place of `frame` takes the distinct times of a table, in rising order, as frames.

    None: the file's own names are taken. Given, the table is read as one of `WITH_COLUMNS`.
    """
    unit: Unit | None = None
    """Unit of the lengths whose header names none; None asks where one is needed."""
    camera_pixel_nm: float | None = None
    """Edge of a camera pixel in nm, for lengths in px; above 0."""
    first_frame: int | None = None
    """Number of the first frame in the file, 0 or above; None is the format's own."""
    field_nm: tuple[float, float] | None = None
    """(width, height) of the camera's field in nm; None where it is not known."""
    allow_single_frame: bool = False
    """Take a table whose localizations all have the same frame."""
    several_channels: bool = False
    """Take a table of several channels, which `Localizations.channel` then tells apart. For callers
    that draw each by itself: their sum would be a picture of neither."""

    def __post_init__(self) -> None:
        """Refuse what cannot be, and what contradicts itself."""
        if self.format is not None and self.format not in get_args(FormatName):
            must = f"one of {', '.join(get_args(FormatName))}"
            raise InvalidValueError("format", self.format, must)
        if self.unit is not None and self.unit not in get_args(Unit):
            raise InvalidValueError("unit", self.unit, f"one of {', '.join(get_args(Unit))}")
        lengths = {"camera_pixel_nm": (self.camera_pixel_nm,), "field_nm": self.field_nm}
        for name, values in lengths.items():
            if any(v is not None and not (math.isfinite(v) and v > 0) for v in values or ()):
                raise InvalidValueError(name, getattr(self, name), "finite and above 0, in nm")
        if self.first_frame is not None and self.first_frame < 0:
            raise InvalidValueError("first_frame", self.first_frame, "0 or above")
        if self.columns is not None:
            parse_columns(self.columns)
        if self.columns is not None and self.format not in (None, *WITH_COLUMNS):
            raise OptionsContradictError(
                f"--columns is for {', '.join(WITH_COLUMNS)}, and --format says {self.format}",
                "Leave one out",
            )
        if self.unit == "px" and self.camera_pixel_nm is None:
            raise OptionsContradictError(
                "--unit px needs the size of a camera pixel", "Add --camera-pixel NM"
            )

    def record(self) -> dict[str, JsonValue]:
        """Say what was asked, named as on the command line; None for what was not."""
        field = self.field_nm
        return {
            "format": self.format,
            "columns": None if self.columns is None else ",".join(self.columns),
            "unit": self.unit,
            "camera-pixel": self.camera_pixel_nm,
            "first-frame": self.first_frame,
            "allow-single-frame": self.allow_single_frame or None,
            "field": None if field is None else [length / 1000 for length in field],
        }


class LineMap:
    """From the number of a row, counted from 0, to its line in the file, counted from 1.

    Rows on consecutive lines share one entry, so that the map of a plain table is a pair of
    numbers. Call it with a row: `table.line_of(17)`.
    """

    __slots__ = ("_lines", "_next", "_rows")

    def __init__(self) -> None:
        self._rows = array("q")
        self._lines = array("q")
        self._next = (0, 0)

    def add(self, line: int, rows: int = 1) -> None:
        """Append `rows` rows on consecutive lines, the first of them on `line`."""
        if rows == 0:
            return
        row, expected = self._next
        if not self._rows or line != expected:
            self._rows.append(row)
            self._lines.append(line)
        self._next = (row + rows, line + rows)

    def __len__(self) -> int:
        """Count the rows."""
        return self._next[0]

    def __call__(self, row: int) -> int:
        """Give the line of a row; `IndexError` where there is no such row."""
        if not 0 <= row < len(self):
            raise IndexError(row)
        entry = bisect_right(self._rows, row) - 1
        return self._lines[entry] + row - self._rows[entry]


class RowMap:
    """From the number of a row, counted from 0, to words for it, where a file has no lines."""

    __slots__ = ("_rows",)

    def __init__(self, rows: int) -> None:
        self._rows = rows

    def __len__(self) -> int:
        """Count the rows."""
        return self._rows

    def __call__(self, row: int) -> str:
        """Name a row, counted from 1; `IndexError` where there is no such row."""
        if not 0 <= row < self._rows:
            raise IndexError(row)
        return f"row {row + 1}"


class SomeRows:
    """A `LineMap` or `RowMap` for a part of its rows."""

    __slots__ = ("_kept", "_place_of")

    def __init__(self, place_of: PlaceOf, kept: NDArray[np.int64]) -> None:
        self._place_of = place_of
        self._kept = kept

    def __len__(self) -> int:
        """Count the rows of the part."""
        return len(self._kept)

    def __call__(self, row: int) -> Place:
        """Name the place of a row of the part; `IndexError` where there is no such row."""
        if not 0 <= row < len(self):
            raise IndexError(row)
        return self._place_of(int(self._kept[row]))


PlaceOf: TypeAlias = LineMap | RowMap | SomeRows
"""Tells where in the file a row stands; called with the row, counted from 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """One table of localizations, and what is worth knowing about the file it came from."""

    localizations: Localizations
    """The rows in file order, in annapalm's convention; row i of the table is row i of these."""
    path: Path
    """The file, as it was named."""
    format: FormatName
    """The format that it was read as."""
    sha256: str
    """Of the bytes that were read, hexadecimal."""
    rows: int
    """How many localizations the table holds; none is dropped."""
    columns: Mapping[str, str]
    """The columns used: annapalm's name to the file's, or to the column's number, from 1, where
    the file has no header."""
    units: Mapping[str, str]
    """The file's units of the lengths used, by annapalm's name; here they are all nm."""
    unused_columns: tuple[str, ...]
    """Columns that were not looked at, by the file's names or their numbers."""
    camera_pixel_nm: float | None
    """Edge of a camera pixel in nm, where the file or the user says it."""
    origin_known: bool
    """Whether the format says where (0, 0) lies; if not, positions are taken as they are."""
    first_frame: int | None
    """Number in the file of the frame that is 0 here; None where frames were made from times."""
    merged_rows: int | None
    """How many rows stand for several raw localizations; None where the table does not say."""
    remarks: tuple[str, ...]
    """What else was understood, such as where the pixel size comes from; what gives cause for worry
    stands in the notes of the localizations."""
    channel_names: Mapping[str, int] | None = field(default=None, kw_only=True)
    """Word to number in `Localizations.channel`, where the file has words for channels."""
    line_of: PlaceOf = field(repr=False)
    """From a row, counted from 0, to its line in the file, counted from 1, or to words such as
    "row 7" where the file has no lines."""
