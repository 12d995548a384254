"""The quantities that a table can hold, and `--columns`, by which the user says where they are.

Two ways, never mixed:

- in file order, one name for each column of the file, `-` or `_` for a column to skip; for tables
  without header, and for those whose header is to be passed over: `y,x,-,z,frame`;
- by the file's own names, in any order, for tables with a header line, plain or behind # or %:
  `x=Xc,y=Yc,frame=Frame`. The file's name is the whole header of the column, or the header without
  its unit; upper and lower case count only where they make the difference.

x, y and frame must be among them, each name at most once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeGuard, get_args

from annapalm.read.errors import ColumnsOptionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ColumnName: TypeAlias = Literal[
    "x", "y", "z", "frame", "precision", "photons", "channel", "detections"
]
"""annapalm's names. `detections` is how many raw localizations were merged into a row."""

REQUIRED: tuple[ColumnName, ...] = ("x", "y", "frame")
LENGTHS: tuple[ColumnName, ...] = ("x", "y", "z", "precision")
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
    for known_name in names:
        if known_name is not None and names.count(known_name) > 1:
            raise ColumnsOptionError(columns, f"'{known_name}' is named more than once")
    if missing := [name for name in REQUIRED if name not in names]:
        raise ColumnsOptionError(columns, f"{' and '.join(missing)} missing")
    if not named:
        return ColumnChoice(in_order=tuple(names))
    return ColumnChoice(by_name=_by_name(columns, names, words))


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
