"""The quantities that a table can hold, and `--columns`, by which the user says where they are.

Two ways, never mixed:

- in file order, one name for each column of the file, `-` or `_` for a column to skip; for tables
  without header, and for those whose header is to be passed over: `y,x,-,z,frame`;
- by the file's own names, in any order, for tables with a header line, plain or behind # or %:
  `x=Xc,y=Yc,frame=Frame`. The file's name is the whole header of the column, or the header without
  its unit; upper and lower case count only where they make the difference.

x, y and frame must be among them, each name at most once. A table without frames but with times,
in whatever unit, has `time` in the place of frame: its distinct values, in rising order, become the
frames 0, 1, 2 and so on. That is never done unless `time` is named.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeGuard, get_args

from annapalm.read.errors import ColumnsOptionError

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

ColumnName: TypeAlias = Literal[
    "x", "y", "z", "frame", "time", "precision", "photons", "channel", "detections"
]
"""annapalm's names. `detections` is how many raw localizations were merged into a row; `time`
stands for frame where a table has only times."""

Quantity: TypeAlias = ColumnName | Literal["precision_y"]
"""What a reader can take from a table; with `precision_y`, `precision` is that along x, and the
mean of both is the localization precision."""

REQUIRED: tuple[ColumnName, ...] = ("x", "y", "frame")
LENGTHS: tuple[Quantity, ...] = ("x", "y", "z", "precision", "precision_y")
OWN_NAMES: dict[Quantity, tuple[str, ...]] = {
    name: (name,) for name in get_args(ColumnName) if name != "time"
}
"""What columns are called in a file that uses annapalm's names; times are no frames unasked."""

_SKIP = ("-", "_")


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """`--columns`, understood: exactly one of the two is filled."""

    in_order: tuple[ColumnName | None, ...] = ()
    """Name of each column of the file; None for one to skip."""
    by_name: Mapping[ColumnName, str] = field(default_factory=dict)
    """annapalm's name to the file's."""


def parse_columns(columns: Sequence[str]) -> ColumnChoice:
    """Understand the words of `--columns`; raises `ColumnsOptionError` that says what is wrong."""
    words = [word.strip() for word in columns]
    named = [word for word in words if "=" in word]
    if named and len(named) < len(words):
        raise ColumnsOptionError(columns, "names in file order and NAME=NAME do not go together")
    if not all(words):
        raise ColumnsOptionError(columns, "one name is empty")
    ours = [word.split("=", 1)[0].strip() for word in words]
    names: list[ColumnName | None] = []
    for name in ours:
        if name in _SKIP and not named:
            names.append(None)
        elif is_column_name(name):
            names.append(name)
        else:
            known = ", ".join(get_args(ColumnName))
            raise ColumnsOptionError(columns, f"'{name}' is none of {known}")
    _check_names(columns, names)
    if not named:
        return ColumnChoice(in_order=tuple(names))
    return ColumnChoice(by_name=_by_name(columns, names, words))


def _check_names(columns: Sequence[str], names: Sequence[ColumnName | None]) -> None:
    """Refuse names that are missing, doubled, or exclude each other."""
    for name in names:
        if name is not None and names.count(name) > 1:
            raise ColumnsOptionError(columns, f"'{name}' is named more than once")
    if "frame" in names and "time" in names:
        raise ColumnsOptionError(columns, "'time' stands in the place of 'frame', not beside it")
    if missing := [name for name in required(names) if name not in names]:
        raise ColumnsOptionError(columns, f"{' and '.join(missing)} missing")


def required(names: Container[object]) -> tuple[ColumnName, ...]:
    """Name the columns that a table must have if these are among those asked for."""
    return ("x", "y", "time") if "time" in names else REQUIRED


def is_column_name(name: str) -> TypeGuard[ColumnName]:
    """Whether this is one of annapalm's names."""
    return name in get_args(ColumnName)


def _by_name(
    columns: Sequence[str], names: Sequence[ColumnName | None], words: Sequence[str]
) -> dict[ColumnName, str]:
    theirs = [word.split("=", 1)[1].strip() for word in words]
    if not all(theirs):
        raise ColumnsOptionError(columns, "a name of the file is missing behind =")
    for their in theirs:
        if theirs.count(their) > 1:
            raise ColumnsOptionError(columns, f"'{their}' cannot be two quantities")
    return {name: their for name, their in zip(names, theirs, strict=True) if name is not None}
