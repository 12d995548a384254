"""Blocks of frames, reconstructed and judged by later ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from plan_words import a_ring

from annapalm.grid import Grid
from annapalm.localizations import Localizations
from annapalm.plan.choose import choose
from annapalm.plan.errors import TooFewLocalizationsError
from annapalm.plan.options import PlanOptions
from annapalm.plan.score import Scores, score_acquisition
from annapalm.quality.blur import blur
from annapalm.quality.frc import frc_curve, frc_resolution_nm
from annapalm.quality.heldout import BANDWIDTHS_NM, bits_per_localization
from annapalm.render import render

if TYPE_CHECKING:
    from annapalm import Model

GRID = Grid(20.0, (0.0, 0.0), (200, 200))
OPTIONS = PlanOptions(frames=(60, 240, 900))


@pytest.fixture(scope="module")
def scored(tiny_model: Model) -> Scores:
    return score_acquisition(tiny_model, a_ring(), GRID, OPTIONS)


def test_a_block_is_scored_by_later_frames_it_has_not_seen(
    scored: Scores, tiny_model: Model
) -> None:
    locs, design = a_ring(), scored.design
    block = scored.blocks[1][2]
    seen = locs.in_frames(block.start, block.start + 240)
    later = locs.select(locs.frame >= design.resume)
    result = tiny_model.reconstruct(seen, grid=GRID)
    density = result.total_rate()
    assert block.bits == bits_per_localization(density, render(later, GRID)[0]).bits
    assert block.localizations == len(seen)
    assert block.density_per_um2 == pytest.approx(len(seen) / 16)
    assert scored.later.localizations == len(later)


def test_there_are_several_blocks_where_they_fit(scored: Scores) -> None:
    assert [len(row) for row in scored.blocks] == [4, 4, 1]
    assert [row[0].start for row in scored.blocks] == [scored.design.first] * 3


def test_more_frames_explain_more(scored: Scores) -> None:
    choice = choose(scored, 0.8)
    bits = [step.bits for step in choice.steps]
    assert bits == sorted(bits)
    assert bits[0] > 1
    assert all(0.9 < b.structure_part <= 1 for row in scored.blocks for b in row)


def test_sampling_is_told_in_one_structure_for_all_blocks(scored: Scores) -> None:
    for row in scored.blocks:
        for block in row:
            longest = scored.blocks[-1][0]
            assert block.nyquist_nm is not None
            assert longest.nyquist_nm is not None
            density = (longest.nyquist_nm / block.nyquist_nm) ** 2
            assert density == pytest.approx(block.localizations / longest.localizations, rel=0.05)


def test_the_blur_is_the_best_of_the_bandwidths_tried(scored: Scores) -> None:
    locs = a_ring()
    later, _ = render(locs.select(locs.frame >= scored.design.resume), GRID)
    for start in scored.starts:
        seen, _ = render(
            locs.in_frames(scored.design.first, scored.design.first + start.frames), GRID
        )
        best = max(bits_per_localization(blur(seen, nm, 20.0), later).bits for nm in BANDWIDTHS_NM)
        assert best - 0.05 < start.blur_bits <= best


def test_frc_is_that_of_halves_in_time_and_of_the_picture_with_later_frames(
    scored: Scores, tiny_model: Model
) -> None:
    locs, first = a_ring(), scored.design.first
    block = locs.in_frames(first, first + 900)
    middle = int(np.sort(block.frame)[len(block) // 2])
    one, other = (
        render(block.select(half), GRID)[0]
        for half in (block.frame < middle, block.frame >= middle)
    )
    later, _ = render(locs.select(locs.frame >= scored.design.resume), GRID)
    dense = tiny_model.reconstruct(block, grid=GRID).dense
    start = scored.starts[-1]
    assert start.frc_halves_nm == frc_resolution_nm(frc_curve(one, other, 20.0))
    assert start.frc_later_nm == frc_resolution_nm(frc_curve(dense, later, 20.0))
    assert start.frc_halves_nm is not None


def test_rows_in_another_order_give_the_same_scores(scored: Scores, tiny_model: Model) -> None:
    locs = a_ring()
    shuffled = locs.select(np.random.default_rng(3).permutation(len(locs)))
    assert score_acquisition(tiny_model, shuffled, GRID, OPTIONS) == scored


def test_localizations_outside_the_field_have_no_say(scored: Scores, tiny_model: Model) -> None:
    locs = a_ring()
    far = Localizations(
        x_nm=np.concatenate([locs.x_nm, np.full(500, 9000.0)]),
        y_nm=np.concatenate([locs.y_nm, np.full(500, 9000.0)]),
        frame=np.concatenate([locs.frame, np.zeros(500, np.int64)]),
    )
    assert score_acquisition(tiny_model, far, GRID, OPTIONS) == replace(scored, outside=500)
    with pytest.raises(TooFewLocalizationsError):
        score_acquisition(tiny_model, far.select(np.arange(len(locs), len(far))), GRID, OPTIONS)


def test_evenly_spread_localizations_are_no_structure(tiny_model: Model) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 4000, (2, 6000))
    even = Localizations(x.copy(), y.copy(), rng.integers(0, 2000, 6000))
    found = score_acquisition(tiny_model, even, GRID, OPTIONS)
    assert choose(found, 0.8).verdict == "no_structure"
    assert found.starts[-1].frc_later_nm is None


def test_a_field_too_small_for_rings_has_no_frc(tiny_model: Model) -> None:
    part = Grid(20.0, (0.0, 1700.0), (31, 200))
    found = score_acquisition(tiny_model, a_ring(count=14_000), part, OPTIONS)
    assert {(s.frc_halves_nm, s.frc_later_nm) for s in found.starts} == {(None, None)}
    assert found.later.frc_halves_nm is None


def test_bursts_dealt_out_over_both_halves_pass_for_resolution_and_cut_in_time_do_not(
    tiny_model: Model,
) -> None:
    """1,500 molecules of one burst each, and no structure that two halves could share."""
    rng = np.random.default_rng(5)
    frame = np.repeat(np.sort(rng.integers(0, 1900, 1500)), 8) + np.tile(np.arange(8), 1500)
    x, y = (np.repeat(rng.uniform(0, 4000, 1500), 8) + rng.normal(0, 25, 12_000) for _ in range(2))
    locs = Localizations(x, y, frame)
    dealt = rng.permutation(len(locs)) % 2 == 0
    one, other = (render(locs.select(half), GRID)[0] for half in (dealt, ~dealt))
    spurious = frc_resolution_nm(frc_curve(one, other, 20.0))
    # Of 8 localizations each half has 4 on average, and 14 pairs of one with another: 1/7 where
    # 14 exp(-(2 pi s q)^2) = 4 / 6, at 1 / q = 93 nm (s: 25 nm and the pixel's 5.8 nm).
    assert spurious == pytest.approx(93, rel=0.1)
    found = score_acquisition(tiny_model, locs, GRID, PlanOptions(frames=(400, 900)))
    assert found.starts[-1].frc_halves_nm is None
    assert found.later.frc_halves_nm is None
