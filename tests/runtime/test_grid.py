"""Where pixels lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annapalm import Grid, Localizations
from annapalm.errors import FieldTooLargeError, InvalidValueError
from annapalm.render import render


def table(x: Any, y: Any, field_nm: tuple[float, float] | None = None) -> Localizations:
    x, y = np.asarray(x, float), np.asarray(y, float)
    return Localizations(x, y, np.zeros(len(x), np.int64), field_nm=field_nm)


def test_a_grid_knows_its_extent_and_area() -> None:
    grid = Grid(20.0, (100.0, 200.0), (50, 100))
    assert grid.extent_nm == (100.0, 200.0, 2100.0, 1200.0)
    assert grid.area_um2 == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, (0.0, 0.0), (1, 1)), "pixel_nm is 0.0"),
        ((-5.0, (0.0, 0.0), (1, 1)), "pixel_nm is -5.0"),
        ((float("nan"), (0.0, 0.0), (1, 1)), "pixel_nm is nan"),
        ((20.0, (float("inf"), 0.0), (1, 1)), "origin_nm is (inf, 0.0)"),
        ((20.0, (0.0, 0.0), (0, 5)), "shape is (0, 5)"),
    ],
)
def test_a_grid_that_cannot_be_is_refused(arguments: Any, message: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        Grid(*arguments)
    assert message in str(caught.value)


def test_a_grid_that_no_camera_sees_is_refused_before_any_memory_is_taken() -> None:
    with pytest.raises(FieldTooLargeError, match=r"--roi X0,Y0,X1,Y1 \(µm\)"):
        Grid(20.0, (0.0, 0.0), (50_000_000, 50_000_000))


def test_a_known_field_is_covered_to_the_last_pixel() -> None:
    grid = Grid.around(table([10.0], [10.0], field_nm=(2048.0, 1010.0)), 20.0)
    assert grid.shape == (51, 103)
    assert grid.origin_nm == (0.0, 0.0)


def test_a_camera_field_of_decimal_pixels_is_no_pixel_too_wide() -> None:
    width = 256 * 0.16 * 1000  # 40960.000000000001 or the like
    assert Grid.around(table([], [], field_nm=(width, width)), 20.0).shape == (2048, 2048)
    assert Grid.over((0.0, 0.0, 0.1 * 3, 0.3), 0.1).shape == (3, 3)


def test_an_unknown_field_is_what_holds_the_data_on_the_raster_through_zero() -> None:
    grid = Grid.around(table([105.0, 139.9], [41.0, 60.0]), 20.0)
    assert grid.origin_nm == (100.0, 40.0)
    assert grid.shape == (2, 2)


def test_nothing_at_all_is_one_pixel() -> None:
    assert Grid.around(table([], []), 20.0) == Grid(20.0, (0.0, 0.0), (1, 1))


def test_negative_coordinates_are_as_good_as_others() -> None:
    grid = Grid.around(table([-30.0, -1.0], [-0.0, 10.0]), 20.0)
    assert grid.origin_nm == (-40.0, 0.0)
    assert grid.shape == (1, 2)


@given(
    points=st.lists(
        st.tuples(*[st.floats(-5e3, 5e3, allow_nan=False, allow_subnormal=False)] * 2),
        min_size=1,
        max_size=30,
    ),
    pixel_nm=st.sampled_from([20.0, 15.0, 25.0, 100 / 3, 107.3]),
)
@settings(max_examples=100, deadline=None)
def test_a_grid_around_localizations_holds_every_one_of_them(
    points: list[tuple[float, float]], pixel_nm: float
) -> None:
    locs = table(*zip(*points, strict=True))
    counts, outside = render(locs, Grid.around(locs, pixel_nm))
    assert outside == 0
    assert counts.sum() == len(locs)
    for pixels, values in zip(counts.shape, (locs.y_nm, locs.x_nm), strict=True):
        assert pixels <= np.ptp(values) / pixel_nm + 2  # no row or column too many


@pytest.mark.parametrize(
    "extent", [(1.0, 0.0, 0.0, 1.0), (0.0, 0.0, float("nan"), 1.0), (0.0, 5.0, 1.0, 1.0)]
)
def test_an_extent_that_is_inside_out_is_refused(extent: Any) -> None:
    with pytest.raises(InvalidValueError, match="extent_nm is"):
        Grid.over(extent, 20.0)


def test_an_extent_is_widened_outwards_to_whole_pixels() -> None:
    grid = Grid.over((10.0, -10.0, 50.0, 10.0), 20.0)
    assert grid == Grid(20.0, (0.0, -20.0), (2, 3))
    assert Grid.over((40.0, 40.0, 40.0, 40.0), 20.0).shape == (1, 1)
