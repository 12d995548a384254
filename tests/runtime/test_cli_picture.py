"""The picture in letters of `annapalm inspect`."""

from __future__ import annotations

import numpy as np

from annapalm import Localizations
from annapalm.cli.picture import COLUMNS, MAX_LINES, picture


def locs(x: object, y: object) -> Localizations:
    x_nm, y_nm = np.asarray(x, np.float64), np.asarray(y, np.float64)
    return Localizations(x_nm=x_nm, y_nm=y_nm, frame=np.arange(len(x_nm)))


def test_y_runs_down_and_x_to_the_right_and_dense_is_dark() -> None:
    corners = {(0, 0): 900, (1000, 0): 100, (0, 1000): 9}
    x, y = zip(*(at for at, count in corners.items() for _ in range(count)), strict=True)
    lines = picture(locs(x, y))
    assert len(lines) == COLUMNS // 2
    assert (lines[0][0], lines[0][-1], lines[-1]) == ("@", "@", "@")
    assert len(lines[0]) == COLUMNS
    assert not any(lines[1:-1])


def test_shades_follow_the_square_root_of_the_counts() -> None:
    cells = np.arange(64 * 32)
    counts = np.where(cells < 1000, 81, 9)
    counts[-1] = 10_000
    x = np.repeat(cells % 64 * 10.0, counts)
    y = np.repeat(cells // 64 * 20.0, counts)
    lines = picture(locs(x, y))
    assert (lines[0][0], lines[20][0], lines[-1][-1]) == ("@", "-", "@")


def test_letters_are_twice_as_high_as_wide_and_the_picture_keeps_its_bounds() -> None:
    random = np.random.default_rng(1)
    wide = picture(locs(random.uniform(0, 4000, 9999), random.uniform(0, 1000, 9999)))
    assert (len(wide), max(map(len, wide))) == (COLUMNS // 8, COLUMNS)
    high = picture(locs(random.uniform(0, 1000, 9999), random.uniform(0, 4000, 9999)))
    assert (len(high), max(map(len, high))) == (MAX_LINES, MAX_LINES // 2)


def test_one_far_away_does_not_shrink_the_rest() -> None:
    random = np.random.default_rng(2)
    x, y = random.uniform(0, 1000, (2, 9999))
    x[0] = 1e9
    assert sum(map(len, picture(locs(x, y)))) > 1900


def test_of_a_few_none_is_left_out() -> None:
    assert "".join(picture(locs([0, 10, 20], [0, 10, 20]))).count("@") == 3


def test_a_point_a_line_and_nothing_have_a_picture_too() -> None:
    assert [line for line in picture(locs([5.0], [5.0])) if line] == ["@"]
    assert picture(locs([], [])) == []
    assert len(picture(locs(np.arange(1000), np.zeros(1000)))) == 1
