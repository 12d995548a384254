"""Which frames are input and which judge them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_words import a_ring, in_frames

from annapalm.errors import InvalidValueError
from annapalm.plan.design import BLOCKS, LEAST_FRAMES, LEAST_LOCALIZATIONS, Design, cut
from annapalm.plan.errors import StepError, TooFewFramesError, TooFewLocalizationsError
from annapalm.plan.options import PlanOptions


def test_half_of_the_localizations_judge_after_a_gap() -> None:
    locs = a_ring(count=8000, frames=2000)
    design, later = cut(locs, PlanOptions(gap_frames=30))
    before = int((locs.frame < design.stop).sum())
    assert 4000 <= before < 4000 + 20
    assert design.resume == design.stop + 30
    assert later.frame.min() >= design.resume
    assert len(later) == int((locs.frame >= design.resume).sum())
    assert (design.first, design.last) == (locs.frame.min(), locs.frame.max())


def test_steps_fall_by_the_square_root_of_2_from_the_most() -> None:
    design, _ = cut(a_ring(count=8000, frames=2000), PlanOptions())
    assert design.steps[-1] == design.most
    assert design.steps[-3] == -(-design.most // 2)
    assert design.steps == tuple(sorted(set(design.steps)))
    assert 4000 * design.steps[0] / design.most >= 49  # a block of the fewest frames holds enough
    assert len(design.steps) <= 17


def test_frames_asked_for_are_the_steps() -> None:
    design, _ = cut(a_ring(), PlanOptions(frames=(10, 70)))
    assert design.steps == (10, 70)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 500), st.integers(1, 400), st.integers(1, 400))
def test_blocks_begin_at_the_start_lie_inside_and_do_not_overlap(
    first: int, most: int, frames: int
) -> None:
    if frames > most:
        return
    starts = Design(first, first + most, first + most, first + most, (frames,)).starts(frames)
    assert starts[0] == first
    assert len(starts) == min(BLOCKS, most // frames)
    assert starts[-1] + frames <= first + most
    assert all(b - a >= frames for a, b in pairwise(starts))
    if len(starts) > 1:
        assert starts[-1] + frames == first + most


def test_the_order_of_rows_does_not_matter() -> None:
    locs = a_ring()
    shuffled = locs.select(np.random.default_rng(1).permutation(len(locs)))
    one, two = cut(locs, PlanOptions()), cut(shuffled, PlanOptions())
    assert one[0] == two[0]
    assert sorted(one[1].x_nm) == sorted(two[1].x_nm)


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(TooFewLocalizationsError, match="0 localizations"):
        cut(in_frames([]), PlanOptions())


def test_one_frame_is_refused() -> None:
    with pytest.raises(TooFewFramesError, match=r"spans 1 frame\(s\)"):
        cut(in_frames([7] * 5000), PlanOptions())


def test_a_handful_of_frames_is_refused() -> None:
    frames = np.repeat(np.arange(2 * (LEAST_FRAMES - 1)), 1000)
    with pytest.raises(TooFewFramesError, match="needs at least 8 frames"):
        cut(in_frames(frames), PlanOptions(gap_frames=0))
    frames = np.repeat(np.arange(2 * LEAST_FRAMES), 1000)
    assert cut(in_frames(frames), PlanOptions(gap_frames=0))[0].most == LEAST_FRAMES


def test_a_gap_that_leaves_nothing_to_judge_is_refused() -> None:
    with pytest.raises(TooFewFramesError, match="gap of 1,001 frames"):
        cut(a_ring(), PlanOptions(gap_frames=1001))


def test_too_few_rows_are_refused() -> None:
    # 999 rows: one half has 500 of them, the other one less.
    frames = np.arange(2 * LEAST_LOCALIZATIONS - 1)
    with pytest.raises(TooFewLocalizationsError, match=r"500 localizations of the field .* 499 in"):
        cut(in_frames(frames), PlanOptions(gap_frames=0))
    cut(in_frames(np.arange(2 * LEAST_LOCALIZATIONS)), PlanOptions(gap_frames=0))


def test_more_frames_than_there_are_to_give_are_refused() -> None:
    most = cut(a_ring(), PlanOptions())[0].most
    with pytest.raises(StepError, match=f"names {most + 1:,} frames, but only {most:,}"):
        cut(a_ring(), PlanOptions(frames=(10, most + 1)))


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"share": 0.49}, "share"),
        ({"share": 1.0}, "share"),
        ({"share": float("nan")}, "share"),
        ({"resolution_nm": 0.0}, "resolution_nm"),
        ({"resolution_nm": float("inf")}, "resolution_nm"),
        ({"gap_frames": -1}, "gap_frames"),
        ({"frames": ()}, "frames"),
        ({"frames": (0, 5)}, "frames"),
        ({"frames": (5, 5)}, "frames"),
        ({"frames": (9, 5)}, "frames"),
    ],
)
def test_options_that_cannot_be_are_refused(wrong: dict[str, Any], name: str) -> None:
    with pytest.raises(InvalidValueError, match=f"^{name} is"):
        PlanOptions(**wrong)
