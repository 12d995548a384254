"""One line of a table to its cells, and a cell to its number: the exact rules, without numpy."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, TypeAlias

from annapalm.read.errors import BadQuotesError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Delimiter: TypeAlias = str | None
"""A tab, a semicolon or a comma; None for any run of blanks and tabs."""

MARKS = ("\t", ";", ",")

NOT_KNOWN = frozenset({"", "∞", "-∞", "\ufffd"})
"""Cells that stand for no number beside what Python takes as NaN or infinite: nothing at all, and
what Java before version 9, and so ThunderSTORM, writes for infinity and NaN in some locales."""

_CONTROL = re.compile(r"[\x00-\x08\v\f\x0e-\x1f\x7f]")
"""Control characters but the blanks at the end of a cell; Python takes some of them for blanks."""

_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?", re.ASCII)


def split_cells(text: str, delimiter: Delimiter, path: Path, line: int) -> list[str]:
    """Split a line at its delimiter, quotes taken off; raises `BadQuotesError`."""
    if '"' not in text:
        return text.split(delimiter)
    if delimiter is None:
        return [cell.strip('"') for cell in text.split()]
    try:
        reader = csv.reader([text], delimiter=delimiter, skipinitialspace=True, strict=True)
        return next(reader, [])
    except csv.Error:
        raise BadQuotesError(path, line) from None


def is_blank(text: str, delimiter: Delimiter) -> bool:
    """Whether a line holds nothing; a line of tabs between empty cells is not blank."""
    return not text.strip() and (delimiter is None or delimiter not in text)


def number(cell: str) -> float | None:
    """Read a number, NaN where the cell stands for none; None where it is no number at all.

    A decimal point, not a comma; no digits of other scripts and no underscores, which Python takes,
    and no control characters: one that took the place of a digit would leave a shorter number.
    """
    if _CONTROL.search(cell):
        return None
    text = cell.strip()
    if text in NOT_KNOWN:
        return float("nan")
    if not text.isascii() or "_" in text:
        return None
    try:
        return float(text)
    except ValueError:
        return None


def is_row(cells: Sequence[str]) -> bool:
    """Whether all cells are numbers or stand for one, and at least one is."""
    return all(number(cell) is not None for cell in cells) and any(cell.strip() for cell in cells)


def has_decimal_comma(cell: str) -> bool:
    """Whether a cell is a number but for a comma where the point should be."""
    return _DECIMAL_COMMA.fullmatch(cell.strip()) is not None


def sniff(text: str, wanted: int | None = None) -> Delimiter:
    """Find the delimiter of a line, a row of numbers as a rule.

    The first of tab, semicolon, comma and blanks that leaves only numbers; or else numbers with a
    decimal comma, so that the error will show such a cell; or else `wanted` cells.
    """
    present: list[Delimiter] = [mark for mark in MARKS if mark in text]
    splits = {delimiter: plain_split(text, delimiter) for delimiter in (*present, None)}
    for delimiter, cells in splits.items():
        if is_row(cells):
            return delimiter
    for delimiter, cells in splits.items():
        if all(has_decimal_comma(cell) or number(cell) is not None for cell in cells):
            return delimiter
    for delimiter, cells in splits.items():
        if len(cells) == wanted:
            return delimiter
    return next(iter(splits))


def plain_split(text: str, delimiter: Delimiter) -> list[str]:
    """Split a line for looking only: quotes that do not pair are left in the cells."""
    if delimiter is not None and '"' in text:
        try:
            return next(csv.reader([text], delimiter=delimiter, skipinitialspace=True), [])
        except csv.Error:  # a cell beyond the module's limit
            return text.split(delimiter)
    return [cell.strip('"') for cell in text.split(delimiter)]
