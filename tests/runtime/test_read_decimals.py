"""Plain numbers read many at once have the bits that Python's own `float` gives them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from annapalm.read.decimals import Cells

_DIGITS = st.text("0123456789", max_size=10)
_PLAIN = st.builds(
    lambda sign, whole, point, behind: sign + whole + (point + behind if point else ""),
    st.sampled_from(["", "-"]),
    _DIGITS,
    st.sampled_from(["", "."]),
    _DIGITS,
)


def column(cells: list[str], mark: str | None = ",") -> np.ndarray | None:
    """Read cells as the middle column of a table."""
    text = "".join(f"1{mark or ' '}{cell}{mark or ' '}x\n" for cell in cells)
    divided = Cells.divide(text.encode(), mark, 3)
    return None if divided is None else divided.column(1)


def bits(values: object) -> list[int]:
    """Give the bits of numbers, so that -0.0 is not 0.0."""
    found: list[int] = np.asarray(values, np.float64).view(np.uint64).tolist()
    return found


@settings(max_examples=300, deadline=None)
@given(st.lists(_PLAIN, min_size=1, max_size=8))
@example(["0", "-0", "-0.0", "00000000", "99999999", "1.", ".5", "-.5", "12345678.1234567"])
@example(["9007199.2547409", "0.1", "0.3", "26205.27", "8388608.5"])
def test_plain_numbers_have_the_bits_of_float(cells: list[str]) -> None:
    found = column(cells)
    if found is None:
        assert any(not _short(cell) for cell in cells)
    else:
        assert bits(found) == bits([float(cell) for cell in cells])


def _short(cell: str) -> bool:
    """Whether a number is one that is read here."""
    whole, _, behind = cell.removeprefix("-").partition(".")
    return len(whole) + len(behind) >= 1 and len(whole) <= 8 and len(behind) <= 7


def test_short_numbers_are_read_here_and_nowhere_else() -> None:
    assert column(["123456.78", "-1", "7"]) is not None
    assert column([" 5", " -5.25"], ",") is not None  # a blank behind the comma


@pytest.mark.parametrize(
    "cell",
    ["", "-", ".", "-.", "1e5", "+1", "1.2.3", "1-2", "--1", "0x1", "nan", "123456789",
     "1/2", "1:2", "1\x002", "\x7f", " ", "5 ", "  5", "1.12345678", "a.b", "1234.5a78"],
)  # fmt: skip
def test_everything_else_is_left_to_others(cell: str) -> None:
    assert column(["1.5", cell, "2"]) is None


@pytest.mark.parametrize("mark", [",", "\t", ";", None])
def test_cells_are_found_whatever_divides_them(mark: str | None) -> None:
    found = column(["12.5", "-3", "400"], mark)
    assert found is not None
    assert found.tolist() == [12.5, -3, 400]


@pytest.mark.parametrize(
    ("text", "mark"),
    [("1,2\n3\n4,5,6\n", ","), ("1,2,3\n4,5\n", ","), ("1 2\n3 4 5 6\n", None), ("\n1 2 3\n", None),
     ("1 2 3 4\n5 6\n", None), ("1 2\n3\n", None)],
)  # fmt: skip
def test_lines_with_other_numbers_of_cells_are_left_to_others(text: str, mark: str | None) -> None:
    assert Cells.divide(text.encode(), mark, 3) is None


def test_blanks_around_cells_divide_them_once() -> None:
    cells = Cells.divide(b"  1 \t 2  3 \n4 5 6\n", None, 3)
    assert cells is not None
    assert [column.tolist() for i in range(3) if (column := cells.column(i)) is not None] == [
        [1, 4], [2, 5], [3, 6],
    ]  # fmt: skip
