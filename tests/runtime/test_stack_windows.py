"""Windows over frames: none overlooked, none invented."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annapalm.errors import InvalidValueError
from annapalm.localizations import Localizations
from annapalm.stack import Window, Windows
from annapalm.stack.errors import TooManyWindowsError, WindowTooLongError
from annapalm.stack.frames import FramesOf
from annapalm.stack.windows import MAX_WINDOWS

TABLE = Path("cell.csv")


def test_windows_slide_by_the_step_and_the_rest_is_known() -> None:
    windows = Windows.over(TABLE, (100, 950), 400, 100)
    assert [(w.index, w.start, w.stop) for w in windows] == [
        (0, 100, 500),
        (1, 200, 600),
        (2, 300, 700),
        (3, 400, 800),
        (4, 500, 900),
    ]
    assert len(windows) == 5
    assert windows.left_over == (900, 950)
    assert windows.window(4).words == "frames 500 to 899"


@given(st.integers(0, 50), st.integers(1, 80), st.integers(1, 30), st.integers(1, 40))
def test_every_window_is_whole_and_the_next_would_not_be(
    start: int, frames: int, size: int, step: int
) -> None:
    stop = start + frames
    if size > frames:
        with pytest.raises(WindowTooLongError):
            Windows.over(TABLE, (start, stop), size, step)
        return
    windows = Windows.over(TABLE, (start, stop), size, step)
    found = list(windows)
    assert [w.start for w in found] == [start + k * step for k in range(len(windows))]
    assert all(w.stop - w.start == size and w.stop <= stop for w in found)
    assert found[-1].start + step + size > stop
    rest = windows.left_over
    assert rest == ((found[-1].stop, stop) if found[-1].stop < stop else None)


def test_an_acquisition_too_short_for_one_window_is_told_so() -> None:
    with pytest.raises(
        WindowTooLongError, match=r"cell.csv has frames 0 to 399 \(400 frames\)"
    ) as e:
        Windows.over(TABLE, (0, 400), 500, 100)
    assert "--window of at most 400" in str(e.value)
    with pytest.raises(WindowTooLongError, match="no localization from frame 700 on"):
        Windows.over(TABLE, (700, 700), 500, 100)


def test_an_absurd_number_of_windows_is_refused_before_any_work() -> None:
    Windows.over(TABLE, (0, MAX_WINDOWS), 1, 1)
    with pytest.raises(TooManyWindowsError, match="1,000,000,000 windows, one every 1 frames"):
        Windows.over(TABLE, (0, 10**9), 1, 1)


@pytest.mark.parametrize(("size", "step", "stop"), [(0, 1, 9), (1, 0, 9), (5, 1, 4)])
def test_what_gives_no_window_cannot_be_made(size: int, step: int, stop: int) -> None:
    with pytest.raises(InvalidValueError):
        Windows(size, step, 0, stop)


@given(st.lists(st.integers(0, 30), max_size=60), st.integers(0, 30), st.integers(1, 30))
def test_a_window_holds_its_rows_in_the_order_of_the_table(
    frames: list[int], start: int, size: int
) -> None:
    frame = np.array(frames, np.int64)
    x = np.arange(len(frame), dtype=np.float64)
    locs = Localizations(x, x, frame)
    found = FramesOf(locs)
    wanted = locs.in_frames(start, start + size)
    got = found.window(Window(0, start, start + size))
    np.testing.assert_array_equal(got.x_nm, wanted.x_nm)
    np.testing.assert_array_equal(got.frame, wanted.frame)
    assert found.count(start, start + size) == len(wanted)
    assert len(found) == len(frame)
