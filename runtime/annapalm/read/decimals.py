"""Plain decimal numbers, many at once: eight characters of each cell in one word of 64 bits.

A plain number is an optional minus, digits with at most one point among them, no exponent, and not
more of them than a float64 holds exactly. Then its digits are a whole number below 2^53, and one
division by a power of ten, both exact, rounds as `float` does: the same bits (W. D. Clinger, How to
read floating point numbers accurately, doi:10.1145/93542.93557). All else is left to others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray

    Words = NDArray[np.uint64]
    Places = NDArray[np.int64]

_TENS = 10.0 ** np.arange(8)


def _eight(byte: int) -> np.uint64:
    return np.uint64(byte * 0x0101010101010101)


class Cells(NamedTuple):
    """Where the cells of a block of text lie; all its lines have the same number of them."""

    windows: NDArray[np.uint8]
    """uint8 [P, 8]: row i is the eight characters before place i of the text."""
    starts: Places
    """int64 [rows, cells]: place of the first character of each cell."""
    ends: Places
    """int64 [rows, cells]: place behind the last one."""

    @classmethod
    def divide(cls, data: bytes, mark: str | None, cells: int) -> Self | None:
        """Find the cells of whole lines; None where a line has not as many as it should.

        `mark` is the delimiter, or None for any run of blanks and tabs.
        """
        padded = np.frombuffer(b" " * 8 + data, np.uint8)
        text = padded[8:]
        line_ends = text == ord("\n")
        if mark is None:
            found = _between_blanks(text, line_ends, cells)
        else:
            found = _between_marks(text, line_ends, ord(mark), cells)
        if found is None:
            return None
        return cls(np.lib.stride_tricks.sliding_window_view(padded, 8), *found)

    def column(self, index: int) -> NDArray[np.float64] | None:
        """Read a column, float64 [rows]; None where one of its cells is no plain number."""
        starts, ends = (np.ascontiguousarray(a[:, index]) for a in (self.starts, self.ends))
        first = self.windows[starts + 1, 7]  # the window before the place behind it ends with it
        if first.size and (blank := first == ord(" ")).any():
            starts = starts + blank
            first = self.windows[starts + 1, 7]
        minus = first == ord("-")
        starts = starts + minus
        last = self._before(ends, ends - starts)
        digits_behind, has_point = _behind_point(last)
        whole_ends = ends - digits_behind - has_point
        widths = whole_ends - starts
        if widths.size and (widths.max() > 8 or (widths + digits_behind).min() < 1):
            return None
        number = _digits(last if not has_point.any() else self._before(whole_ends, widths), widths)
        if number is None:
            return None
        if not has_point.any():
            values = number.astype(np.float64)
        else:
            behind = _digits(last, digits_behind)
            if behind is None:
                return None
            tens = _TENS[digits_behind]
            # Eight digits and seven: below 10^15, so below 2^53.
            values = (number * tens.astype(np.uint64) + behind) / tens
        return np.negative(values, out=values, where=minus) if minus.any() else values

    def _before(self, places: Places, widths: Places) -> Words:
        """Give the characters before each place as words, the nearest as the highest byte.

        Those farther away than `widths` are 0.
        """
        words = self.windows[places].view("<u8")[:, 0].astype(np.uint64, copy=False)
        return _keep(words, widths)


def _keep(words: Words, widths: Places) -> Words:
    """Keep the highest bytes, `widths` of them; the rest is 0."""
    drop = ((8 - np.minimum(widths, 8)) * 8).astype(np.uint64)
    return (words >> drop) << drop


def _behind_point(words: Words) -> tuple[Places, NDArray[np.bool_]]:
    """Count the bytes above the lowest that is a point, and say whether there is one.

    The classic search for a byte of zeros; it is exact for the lowest.
    """
    zero = words ^ _eight(ord("."))
    high = (zero - _eight(1)) & ~zero & _eight(0x80)
    lowest = (high & (~high + np.uint64(1))) >> np.uint64(7)
    # A 1 in byte k moves byte 7 - k of the constant, which is 7 - k, to the top.
    above = (lowest * np.uint64(0x0706050403020100)) >> np.uint64(56)
    return above.astype(np.int64), lowest != 0


def _digits(words: Words, widths: Places) -> Words | None:
    """Turn the highest bytes, `widths` of them, into numbers; None where one is no digit."""
    found = _keep(words ^ _eight(ord("0")), widths)
    if ((found + _eight(0x76) | found) & _eight(0x80)).any():
        return None
    # Pairs of digits, then fours, then eights (D. Lemire's way).
    found = (found * np.uint64(2561)) >> np.uint64(8)
    found = ((found & np.uint64(0x00FF00FF00FF00FF)) * np.uint64(6553601)) >> np.uint64(16)
    return ((found & np.uint64(0x0000FFFF0000FFFF)) * np.uint64(42949672960001)) >> np.uint64(32)


def _between_marks(
    text: NDArray[np.uint8], line_ends: NDArray[np.bool_], mark: int, cells: int
) -> tuple[Places, Places] | None:
    marks = np.flatnonzero(line_ends | (text == mark))
    rows = int(np.count_nonzero(line_ends))
    if len(marks) != rows * cells or not line_ends[marks[cells - 1 :: cells]].all():
        return None
    starts = np.empty_like(marks)
    starts[:1] = 0
    starts[1:] = marks[:-1] + 1
    return starts.reshape(rows, cells), marks.reshape(rows, cells)


def _between_blanks(
    text: NDArray[np.uint8], line_ends: NDArray[np.bool_], cells: int
) -> tuple[Places, Places] | None:
    blank = line_ends | (text == ord(" ")) | (text == ord("\t"))
    before = np.concatenate(([True], blank[:-1]))
    starts, ends = np.flatnonzero(before & ~blank), np.flatnonzero(blank & ~before)
    lines = np.flatnonzero(line_ends)
    if len(starts) != len(lines) * cells:
        return None
    first, last = starts.reshape(-1, cells), ends.reshape(-1, cells)
    if (last[:, -1] > lines).any() or (first[1:, 0] < lines[:-1]).any():
        return None
    return first, last
