"""A table cut in halves: where, how long bursts are, and when it is refused."""

from __future__ import annotations

import numpy as np
import pytest
from cross_check_words import FRAMES, a_table, molecules, on_lines

from annapalm.cross_check import (
    CrossCheckError,
    TooFewFramesError,
    TooFewLocalizationsError,
    UnevenFramesError,
    burst_frames,
    split_halves,
)
from annapalm.errors import InvalidValueError


def test_the_first_and_last_quarter_are_seen_and_the_middle_is_held_out() -> None:
    random = np.random.default_rng(1)
    frame = np.sort(random.integers(0, FRAMES, 1200))
    halves = split_halves(
        a_table(random.uniform(0, 8000, 1200), random.uniform(0, 8000, 1200), frame)
    )
    start, stop = halves.cuts
    assert (halves.held_out.frame >= start).all()
    assert (halves.held_out.frame < stop).all()
    assert ((halves.seen.frame < start) | (halves.seen.frame >= stop)).all()
    assert len(halves.seen) + len(halves.held_out) == 1200
    assert abs(len(halves.seen) - len(halves.held_out)) < 10
    assert (halves.seen.frame < start).sum() == pytest.approx(300, abs=5)


def test_rows_need_not_be_in_the_order_of_frames() -> None:
    random = np.random.default_rng(2)
    frame = random.integers(0, FRAMES, 1200)
    table = a_table(random.uniform(0, 8000, 1200), random.uniform(0, 8000, 1200), frame)
    mixed = split_halves(table)
    ordered = split_halves(table.select(np.argsort(frame, kind="stable")))
    assert mixed.cuts == ordered.cuts
    assert mixed.burst_frames == ordered.burst_frames
    assert sorted(mixed.seen.x_nm) == sorted(ordered.seen.x_nm)


@pytest.mark.parametrize(("mean", "low", "high"), [(3, 4, 9), (10, 14, 30), (25, 30, 70)])
def test_bursts_are_as_long_as_places_repeat(mean: int, low: int, high: int) -> None:
    """A geometric burst of mean m has fallen to a tenth of its repeats after 2.3 m frames."""
    table = molecules(on_lines(1500, 3), 1, 4, burst=mean, frames=6000)
    assert low <= burst_frames(table) <= high


def test_merged_tables_and_evenly_spread_blinks_have_no_bursts() -> None:
    assert burst_frames(molecules(on_lines(1500, 5), 1.0, 6)) == 1
    assert burst_frames(molecules(on_lines(400, 5), 5.0, 6)) == 1


def test_places_that_are_active_for_a_thousand_frames_have_no_bursts() -> None:
    random = np.random.default_rng(12)
    spot = random.integers(0, 20, 6000)
    frame = random.integers(0, 1000, 6000) + np.where(spot > 9, 1000, 0)
    x = 440.0 + 400 * spot + random.normal(0, 9, 6000)
    table = a_table(x, np.full(6000, 2000.0), frame)
    assert burst_frames(table) == 1


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_next_to_nothing_has_no_bursts(rows: int) -> None:
    assert burst_frames(a_table(np.ones(rows), np.ones(rows), np.arange(rows))) == 1


@pytest.mark.parametrize("cell", [0.0, -1.0, float("nan"), float("inf")])
def test_a_cell_must_have_a_size(cell: float) -> None:
    with pytest.raises(InvalidValueError, match="cell_nm is"):
        burst_frames(molecules(on_lines(10, 1), 2.0, 1), cell)


def test_a_field_with_few_localizations_is_refused_with_their_number() -> None:
    table = molecules(on_lines(399, 7), 1.0, 8).select(np.arange(399))
    with pytest.raises(TooFewLocalizationsError, match=r"holds 399 local.* at least 400\. Use"):
        split_halves(table)


def test_frames_that_bursts_would_straddle_are_refused_with_what_is_needed() -> None:
    table = molecules(on_lines(600, 9), 1, 10, burst=12, frames=400)
    with pytest.raises(TooFewFramesError, match=r"span \d+ frames, and bursts of \d+ frames"):
        split_halves(table)


def test_a_frame_that_holds_most_of_a_table_is_refused() -> None:
    random = np.random.default_rng(11)
    frame = np.concatenate([np.full(900, 500), random.integers(0, FRAMES, 300)])
    table = a_table(random.uniform(0, 8000, 1200), random.uniform(0, 8000, 1200), frame)
    with pytest.raises(UnevenFramesError, match="which are no halves") as refused:
        split_halves(table)
    assert isinstance(refused.value, CrossCheckError)


def test_cuts_part_at_most_a_twentieth_of_the_bursts() -> None:
    halves = split_halves(molecules(on_lines(1500, 3), 1, 4, burst=10, frames=6000))
    assert 0 < halves.cut_share <= 0.05
