"""The rule that recommends a number of frames, and how it is said."""

from __future__ import annotations

import pytest
from plan_words import scores

from annapalm.plan.choose import choose
from annapalm.plan.options import PlanOptions
from annapalm.plan.words import cautions, nyquist_frames, sentence

OPTIONS = PlanOptions()
FLAT = (1.0, 1.9, 1.95, 2.0)
"""2^-0.1 = 0.93 of the best from 200 frames on."""


def test_the_fewest_frames_that_reach_the_share() -> None:
    choice = choose(scores(FLAT), 0.8)
    assert (choice.verdict, choice.frames, choice.best_frames) == ("enough", 200, 800)
    assert [step.relative for step in choice.steps] == pytest.approx(
        [0.5, 0.933, 0.966, 1], abs=1e-3
    )
    assert choose(scores(FLAT), 0.95).frames == 400


def test_a_share_reached_once_and_lost_again_does_not_count() -> None:
    assert choose(scores((1.9, 1.0, 1.95, 2.0)), 0.8).frames == 400


def test_a_curve_that_still_rises_gives_a_lower_bound_only() -> None:
    choice = choose(scores((0.5, 1.0, 1.5, 2.0)), 0.8)
    assert (choice.verdict, choice.frames) == ("too_short", 800)
    assert choose(scores((0.5, 1.0, 1.7, 2.0)), 0.8).verdict == "enough"  # 2^-0.3 = 0.81


def test_the_block_at_the_start_must_reach_it_too() -> None:
    slow = scores(((1.0, 1.2), (1.5, 2.0, 2.0, 2.0), 1.95, 2.0))
    choice = choose(slow, 0.8)
    assert (choice.anywhere, choice.from_start, choice.frames) == (200, 400, 400)
    assert choice.steps[1].relative_start == pytest.approx(2**-0.5)


def test_the_spread_over_blocks_says_how_sure_it_is() -> None:
    choice = choose(scores(((1.6, 1.6), (1.5, 2.3), (1.9, 2.0), 2.0)), 0.8)
    assert choice.frames == 400  # 0.93 on the mean of 200, but 0.71 at the start
    assert choice.between == (200, 400)
    assert choose(scores(FLAT), 0.8).between is None


def test_an_empty_margin_changes_nothing() -> None:
    narrow, wide = choose(scores(FLAT), 0.8), choose(scores([b + 3 for b in FLAT]), 0.8)
    assert narrow.frames == wide.frames
    assert [s.relative for s in narrow.steps] == pytest.approx([s.relative for s in wide.steps])


def test_diffuse_localizations_do_not_make_few_frames_look_enough() -> None:
    alone = choose(scores(FLAT), 0.8)
    diluted = choose(scores([b / 4 for b in FLAT], part=0.25), 0.8)
    assert diluted.frames == alone.frames
    assert choose(scores([b / 4 for b in FLAT]), 0.8).frames == 100  # so it would have been


def test_nothing_is_recommended_where_nothing_is_explained() -> None:
    for nothing in (scores((0.0, 0.05, 0.1, 0.19)), scores(FLAT, part=0.0)):
        choice = choose(nothing, 0.8)
        assert (choice.verdict, choice.frames, choice.between) == ("no_structure", None, None)
        said = sentence(nothing, choice, OPTIONS, "tiny 1")
        assert said.startswith(
            "No number of frames can be recommended: even with 800 frames tiny 1"
        )


def test_a_curve_that_ends_level_or_falls_is_not_called_short() -> None:
    assert choose(scores((2.0, 2.0, 2.0, 2.0)), 0.8).verdict == "enough"
    peak = choose(scores((1.0, 1.2, 2.0, 1.5)), 0.8)
    assert (peak.verdict, peak.frames) == ("enough", 400)  # twice as many were tried


def test_it_compares_with_the_best_not_with_the_most() -> None:
    falling = scores((1.7, 1.9, 2.0, 1.2))
    choice = choose(falling, 0.8)
    assert (choice.best_frames, choice.frames) == (400, 100)
    (note,) = cautions(falling, choice, OPTIONS, "tiny 1")
    assert "Quality is best with 400 frames and falls towards 800" in note


def test_what_doubling_brings_is_said_where_it_was_tried() -> None:
    steps = choose(scores(FLAT), 0.8).steps
    assert [step.doubling for step in steps[:3]] == pytest.approx([0.9, 0.05, 0.05])
    assert steps[3].doubling is None


def test_the_sentence_says_how_many_frames_and_what_they_give() -> None:
    flat = scores(FLAT)
    assert sentence(flat, choose(flat, 0.8), OPTIONS, "tiny 1") == (
        "Take 200 frames (about 125 localizations/µm²): from them tiny 1 draws an image that makes "
        "later localizations of the structure at least 80 % as probable as the image from 800 "
        "frames does; to sample the structure at 40 nm without a model, 800 frames would be too "
        "few (Nyquist: 100 nm)."
    )


def test_the_sentence_compares_with_sampling_alone() -> None:
    dense = scores(FLAT, nyquist_nm={100: 90.0, 200: 60.0, 400: 39.0, 800: 20.0})
    assert nyquist_frames(dense, 40.0) == 400
    assert nyquist_frames(dense, 19.0) is None
    assert nyquist_frames(scores(FLAT, nyquist_nm=None), 40.0) is None
    said = sentence(dense, choose(dense, 0.8), OPTIONS, "tiny 1")
    assert said.endswith("sampling the structure at 40 nm without a model takes about 400.")


def test_the_fewest_frames_tried_are_an_upper_bound() -> None:
    even = scores((2.0, 2.0, 2.0, 2.0))
    assert sentence(even, choose(even, 0.8), OPTIONS, "tiny 1").startswith(
        "Take 100 frames (about 62.5 localizations/µm²) or fewer: "
    )


def test_a_short_acquisition_is_called_so() -> None:
    rising = scores((0.5, 1.0, 1.5, 2.0))
    said = sentence(rising, choose(rising, 0.8), OPTIONS, "tiny 1")
    assert said.startswith("This acquisition is too short to plan from: take at least 800 frames")


def test_a_plan_without_limits_has_no_cautions() -> None:
    assert cautions(scores(FLAT), choose(scores(FLAT), 0.8), OPTIONS, "tiny 1") == []


def test_what_limits_a_plan_is_said() -> None:
    for limited, told in (
        (scores(FLAT, outside=1200), "1,200 localizations lie outside the field and were not"),
        (scores(FLAT, later_nm=60.0), "limited by their own density: 8,000 localizations"),
        (scores(FLAT, blur_bits=2.1), "A Gaussian blur of 40 nm explains the later localizations"),
        (
            scores((0.5, 1.7, 1.75, 2.0)),
            "Quality still rises where this acquisition ends: 400 frames reach 84 % of what 800",
        ),
        (
            scores(FLAT, blur_bits={100: 0.9, 200: 1.8, 400: 1.96, 800: 2.1}),
            "From 400 frames on, a Gaussian blur",
        ),
        (scores(FLAT, warnings=("Too dense.",)), "With 200 frames: Too dense."),
        (
            scores(((1.0, 1.0), (1.9, 1.9), 1.95, 2.0), localizations=(100, 300)),
            "blocks of 200 frames hold 100 to 300 localizations, 100 at the start and 200 on",
        ),
        (
            scores(((1.0, 1.2), (1.5, 2.0, 2.0, 2.0), 1.95, 2.0)),
            "From the start 400 frames are enough, from all over the acquisition 200 on average",
        ),
    ):
        notes = cautions(limited, choose(limited, 0.8), OPTIONS, "tiny 1")
        assert any(told in note for note in notes), notes
