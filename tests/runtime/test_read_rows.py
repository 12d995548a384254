"""Rows of numbers: the fast way and the exact way give the same, wherever blocks end."""

from __future__ import annotations

import hashlib
import io
import pickle
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from read_words import NAMED, source, table

from annapalm.read import LineMap, ReadError, TableOptions
from annapalm.read import source as source_module
from annapalm.read.layout import Column, Layout
from annapalm.read.registry import read_source
from annapalm.read.rows import read_exactly, read_fast, sound
from annapalm.read.source import BLOCK_BYTES, Block, Source

if TYPE_CHECKING:
    from annapalm.read.cells import Delimiter

HEADER = "id,frame,x [nm],y [nm],uncertainty [nm]\n"


def layout(delimiter: Delimiter) -> Layout:
    """Five cells in a row, four of them used."""
    columns = (
        Column("y", 3, "y [nm]"),
        Column("x", 2, "x [nm]"),
        Column("frame", 1, "frame"),
        Column("precision", 4, "uncertainty [nm]"),
    )
    return Layout(NAMED, 2, delimiter, 5, columns, first_frame=1)


_NUMBERS = st.one_of(
    st.floats(-1e9, 1e9).map(repr),
    st.floats(-1e6, 1e6).map("{:.3f}".format),
    st.integers(-(10**9), 10**9).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)
_ROW = st.tuples(
    st.sampled_from(["1", "2.5", "text"]),
    st.integers(1, 10**6).map(str) | st.just("7.0") | st.just(" 7"),
    _NUMBERS,
    _NUMBERS,
    _NUMBERS | st.sampled_from(["NaN", "inf", "-Infinity"]),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(_ROW, min_size=1, max_size=20), st.sampled_from([",", ";", "\t", None]))
def test_fast_and_exact_agree_to_the_last_bit(
    rows: list[tuple[str, ...]], delimiter: Delimiter
) -> None:
    data = "".join((delimiter or "  ").join(row) + "\n" for row in rows).encode()
    block = Block(2, data)
    fast = read_fast(block, layout(delimiter))
    exact = read_exactly(block, layout(delimiter), LineMap())
    if fast is None:
        assert delimiter is None  # where blanks divide, a text in any column needs the exact way
    else:
        np.testing.assert_array_equal(fast, exact)


_CELL = st.sampled_from(
    (
        *("1", "2", "-3", "4.5", "NaN", "inf", "", " ", "oops", "1e400", "1_0", "0x1", "1 2", "+1"),
        *("\x0b1", "\x1c2", "1\xa0", "\u0663", "9007199254740993", "1e-400", ".5", "5.", "1d3"),
        "nan(1)",
    )
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.lists(_CELL, min_size=4, max_size=6), min_size=1, max_size=4),
    st.sampled_from([",", "\t", None]),
)
def test_what_the_fast_way_takes_the_exact_way_takes_too(
    rows: list[list[str]], delimiter: Delimiter
) -> None:
    data = "".join((delimiter or " ").join(row) + "\n" for row in rows).encode()
    block = Block(2, data)
    fast = read_fast(block, layout(delimiter))
    if fast is not None:
        exact = read_exactly(block, layout(delimiter), LineMap())
        np.testing.assert_array_equal(fast, exact)


@pytest.mark.parametrize("delimiter", [",", "\t", None])
def test_plain_rows_take_the_fast_way(delimiter: Delimiter) -> None:
    data = "1,2,105.5,40,9\n2,3,1e3,-4,NaN\n".replace(",", delimiter or " ").encode()
    assert read_fast(Block(2, data), layout(delimiter)) is not None


def test_empty_optional_cells_take_the_fast_way() -> None:
    fast = read_fast(Block(2, b",2,105.5,40,\n,3,1,2,\n"), layout(","))
    np.testing.assert_array_equal(fast, [[40, 105.5, 2, np.nan], [2, 1, 3, np.nan]])


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("block_bytes", [1, 2, 7, 64, 1000])
def test_it_does_not_matter_where_blocks_end(
    end: bytes, block_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"{i},{i},{i * 1.5},{i + 0.25},9" for i in range(1, 40)]
    rows[5:5] = ["", "", ""]
    rows[20] = '"18",18,27,18.25,9'
    data = ("\ufeff" + HEADER + "\n".join(rows) + "\n").encode().replace(b"\n", end)
    whole = table(data)
    # The format is told from the first block, so that its header has to be in it.
    pieces = source(data)
    monkeypatch.setattr(source_module, "BLOCK_BYTES", block_bytes)
    found = read_source(pieces, TableOptions())
    head = Source(_Slow(data), NAMED)
    for piece in (found, whole):
        np.testing.assert_array_equal(piece.localizations.x_nm, 1.5 * np.arange(1, 40))
        lines = [piece.line_of(row) for row in range(39)]
        assert lines == [*range(2, 7), *range(10, 44)]
        assert piece.sha256 == hashlib.sha256(data).hexdigest()
    assert head.head == data[:block_bytes]


class _Slow(io.BytesIO):
    """A stream that gives one byte at a time, as a pipe may."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(1 if size else 0)


def test_blocks_hold_whole_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "BLOCK_BYTES", 4)
    blocks = list(source(b"ab\r\ncdefg\rh\n\nij").blocks())
    assert [(b.line, b.data, b.unfinished) for b in blocks] == [
        (1, b"ab\n", False),
        (2, b"cdefg\nh\n", False),
        (4, b"\n", False),
        (5, b"ij\n", True),
    ]
    assert [b.line for b in source(b"a\nb\nc\n").blocks(first_line=3)] == [3]
    assert list(source(b"a\nb\n").blocks(first_line=3)) == []


def test_a_long_table_is_read_in_several_blocks() -> None:
    rows = 100_000
    lines = "".join(
        f"{i},{i // 10 + 1},{i % 977}.125,{i % 613}.5,{'9.75':>30}\n" for i in range(rows)
    )
    assert len(lines) > BLOCK_BYTES
    found = table(HEADER + lines)
    number = np.arange(rows)
    np.testing.assert_array_equal(found.localizations.x_nm, number % 977 + 0.125)
    np.testing.assert_array_equal(found.localizations.frame, number // 10)
    assert found.line_of(rows - 1) == rows + 1
    with pytest.raises(ReadError, match=r"line 90002, column 'y \[nm\]': 'oops'"):
        table(HEADER + lines.replace("\n90000,", "\n0,1,1,oops,1\n", 1))


def test_lines_of_rows() -> None:
    lines = LineMap()
    lines.add(3, 10)
    lines.add(13)
    lines.add(20, 0)
    lines.add(20, 2)
    assert len(lines) == 13
    assert [lines(row) for row in (0, 9, 10, 11, 12)] == [3, 12, 13, 20, 21]
    for row in (-1, 13):
        with pytest.raises(IndexError):
            lines(row)
    assert pickle.loads(pickle.dumps(lines))(11) == 20  # noqa: S301 - our own bytes


def test_numbers_of_damaged_binary_files_are_judged_without_a_warning() -> None:
    # Infinite, and a NaN that signals: the tests make errors of warnings.
    found = np.array([0x7FF0000000000000, 0x7FF0000000000001, 0], np.uint64).view(np.float64)
    good = sound(found, Column("x", 0, "x", factor=100.0), 0)
    assert good is not None
    assert good.tolist() == [False, False, True]
