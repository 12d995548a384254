"""Localizations to counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annapalm import Grid, Localizations
from annapalm.render import inside, render

GRID = Grid(20.0, (0.0, 0.0), (3, 4))


def table(*points: tuple[float, float]) -> Localizations:
    x, y = np.array(points, float).reshape(-1, 2).T
    return Localizations(x.copy(), y.copy(), np.zeros(len(points), np.int64))


def test_x_runs_to_the_right_and_y_down() -> None:
    counts, outside = render(table((70.0, 30.0)), GRID)
    assert np.argwhere(counts).tolist() == [[1, 3]]
    assert outside == 0


def test_what_is_inside_is_what_is_counted() -> None:
    locs = table((-0.1, 5.0), (0.0, 0.0), (79.9, 59.9), (80.0, 5.0), (5.0, 60.0), (1e300, 5.0))
    assert inside(locs, GRID).tolist() == [False, True, True, False, False, False]
    counts, outside = render(locs, GRID)
    assert (counts.sum(), outside) == (2, 4)


def test_counts_are_whole_float32_numbers() -> None:
    counts, _ = render(table((1.0, 1.0), (2.0, 2.0), (21.0, 1.0)), GRID)
    assert counts.dtype == np.float32
    assert counts[0].tolist() == [2.0, 1.0, 0.0, 0.0]


def test_a_point_on_an_edge_belongs_to_the_right_or_below() -> None:
    counts, outside = render(table((20.0, 0.0), (0.0, 20.0), (80.0, 0.0), (0.0, 60.0)), GRID)
    assert counts[0, 1] == counts[1, 0] == 1
    assert outside == 2


@pytest.mark.parametrize("far", [-1e-9, -1.0, 1e12, -1e300, 1e300])
def test_what_is_far_away_is_counted_as_outside(far: float) -> None:
    counts, outside = render(table((far, 10.0), (10.0, far), (10.0, 10.0)), GRID)
    assert outside == 2
    assert counts.sum() == 1


def test_no_localizations_give_zeros() -> None:
    counts, outside = render(table(), GRID)
    assert counts.shape == (3, 4)
    assert not counts.any()
    assert outside == 0


@given(
    st.lists(st.tuples(*[st.floats(-50, 150)] * 2), max_size=50),
    st.tuples(*[st.sampled_from([-40.0, 0.0, 60.0])] * 2),
)
@settings(max_examples=100, deadline=None)
def test_every_localization_is_inside_or_outside(
    points: list[tuple[float, float]], origin: tuple[float, float]
) -> None:
    counts, outside = render(table(*points), Grid(20.0, origin, (3, 4)))
    assert counts.sum() + outside == len(points)


def test_an_origin_shifts_the_picture() -> None:
    moved = Grid(20.0, (-20.0, 20.0), (3, 4))
    counts, _ = render(table((10.0, 50.0)), moved)
    assert np.argwhere(counts).tolist() == [[1, 1]]
