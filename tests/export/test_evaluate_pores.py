"""Pore scores on rings, discs and noise whose answer is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from annapalm import Grid
from annapalm.errors import InvalidValueError
from annapalm.measure.pores import detect_pores, typical_strength
from annapalm_export.evaluate.pores import (
    LEVELS,
    MATCH_NM,
    f1_by_level,
    match_pores,
    score_pores,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm_export.evaluate.pores import PoreScore

GRID = Grid(20.0, (0.0, 0.0), (160, 160))


def lattice(radius_nm: float = 54.0, seed: int = 0) -> NDArray[np.float64]:
    """Whole pores 400 nm apart, each a little off its place: [49, 3]."""
    x, y = np.meshgrid(400.0 + 400 * np.arange(7), 400.0 + 400 * np.arange(7))
    xy = np.column_stack([x.ravel(), y.ravel()])
    xy += np.random.default_rng(seed).uniform(-40, 40, xy.shape)
    return np.column_stack([xy, np.full(len(xy), radius_nm)])


def picture(
    rings: NDArray[np.float64], width_nm: float = 15.0, *, disc: bool = False
) -> NDArray[np.float64]:
    """Rings, or evenly filled discs, blurred: drawn on pixels of 5 nm and averaged."""
    fine = 4
    image = np.zeros([n * fine for n in GRID.shape])
    turn = 2 * np.pi * np.arange(96) / 96
    spokes = np.sqrt((np.arange(24) + 0.5) / 24) if disc else np.ones(1)
    for x, y, radius in rings:
        reach = radius * spokes[:, None]
        column = np.floor((x + reach * np.cos(turn)) / 5).astype(int).ravel()
        row = np.floor((y + reach * np.sin(turn)) / 5).astype(int).ravel()
        inside = (row >= 0) & (row < len(image)) & (column >= 0) & (column < len(image))
        np.add.at(image, (row[inside], column[inside]), 1 / len(spokes))
    wide = gaussian_filter(image, width_nm / 5, mode="constant")
    rows, columns = GRID.shape
    averaged: NDArray[np.float64] = wide.reshape(rows, fine, columns, fine).mean(axis=(1, 3))
    return averaged


RINGS = lattice()


def counts(score: PoreScore) -> tuple[int, int, int]:
    return score.hits, score.false, score.missed


@pytest.mark.parametrize("radius_nm", [30.0, 45.0, 54.0, 80.0])
@pytest.mark.parametrize("width_nm", [10.0, 20.0, 30.0])
def test_pores_drawn_where_they_are_score_1(radius_nm: float, width_nm: float) -> None:
    rings = lattice(radius_nm)
    score = score_pores(picture(rings, width_nm), GRID, rings)
    assert counts(score) == (49, 0, 0)
    assert (score.precision, score.recall, score.f1) == (1, 1, 1)
    assert (score.false_per_um2, score.missed_per_um2) == (0, 0)
    assert score.radius_bias_nm == pytest.approx(0, abs=3)
    assert score.radius_spread_nm == pytest.approx(0, abs=3)


def test_centres_are_found_to_a_fraction_of_a_pixel() -> None:
    found = detect_pores(picture(RINGS), GRID)
    drawn, true = match_pores(found.xy_nm, RINGS[:, :2])
    off = found.xy_nm[drawn] - RINGS[true, :2]
    assert np.hypot(*off.T).max() < 5


@pytest.mark.parametrize(
    ("shift_nm", "expected"), [(0, (49, 0, 0)), (40, (49, 0, 0)), (80, (0, 49, 49))]
)
def test_a_distance_parts_right_from_wrong(shift_nm: float, expected: tuple[int, int, int]) -> None:
    shifted = RINGS + np.array([shift_nm, 0, 0])
    assert counts(score_pores(picture(shifted), GRID, RINGS)) == expected
    assert (shift_nm <= MATCH_NM) == (expected[0] == 49)


def test_half_the_pores_are_half_recalled() -> None:
    score = score_pores(picture(RINGS[::2]), GRID, RINGS)
    assert counts(score) == (25, 0, 24)
    assert score.recall == 25 / 49
    assert score.missed_per_um2 == pytest.approx(24 / score.area_um2)


def test_invented_pores_are_counted_per_um2() -> None:
    score = score_pores(picture(RINGS), GRID, RINGS[:30])
    assert counts(score) == (30, 19, 0)
    assert score.precision == 30 / 49
    assert score.false_per_um2 == pytest.approx(19 / 9.3, rel=0.05)


def test_a_wrong_radius_is_a_bias() -> None:
    wrong = RINGS + np.array([0, 0, 12.0])
    score = score_pores(picture(wrong), GRID, RINGS)
    assert counts(score) == (49, 0, 0)
    assert score.radius_bias_nm == pytest.approx(12, abs=3)


def test_radii_that_vary_are_a_spread() -> None:
    varied = RINGS.copy()
    varied[:, 2] += np.random.default_rng(1).normal(0, 8, len(RINGS))
    assert score_pores(picture(varied), GRID, varied).radius_spread_nm == pytest.approx(0, abs=3)
    assert score_pores(picture(varied), GRID, RINGS).radius_spread_nm == pytest.approx(8, abs=2.5)


def test_rings_have_contrast_and_discs_have_none() -> None:
    rings, wide, discs = (
        score_pores(picture(RINGS, nm, disc=disc), GRID, RINGS)
        for nm, disc in ((10, False), (20, False), (15, True))
    )
    assert rings.f1 == wide.f1 == discs.f1 == 1
    assert rings.ring_contrast is not None
    assert wide.ring_contrast is not None
    assert discs.ring_contrast is not None
    assert rings.ring_contrast > 0.9 > wide.ring_contrast > 0.1
    assert discs.ring_contrast < 0


@pytest.mark.parametrize(("scale", "offset"), [(1e-5, 0), (1e5, 0), (1, 10), (2, -3)])
def test_scale_and_offset_change_nothing(scale: float, offset: float) -> None:
    speckle = gaussian_filter(np.random.default_rng(0).normal(0, 1, GRID.shape), 2)
    image = picture(RINGS) / picture(RINGS).max() + 0.3 * np.abs(speckle)
    first, second = (score_pores(v, GRID, RINGS) for v in (image, scale * image + offset))
    assert counts(second) == counts(first)
    assert second.radius_bias_nm == pytest.approx(first.radius_bias_nm, abs=1e-3)
    assert second.ring_contrast == pytest.approx(first.ring_contrast, abs=1e-5)


def test_empty_area_changes_nothing() -> None:
    image = picture(RINGS)
    wide = detect_pores(np.pad(image, ((0, 300), (0, 0))), Grid(20.0, (0.0, 0.0), (460, 160)))
    assert len(wide.xy_nm) == 49
    assert wide.xy_nm[:, 1].max() < 3200


def test_few_localizations_find_fewer_pores_and_more_find_more() -> None:
    rng = np.random.default_rng(0)
    rate = picture(RINGS)
    rate *= 49 / rate.sum()
    found = [
        max(f1_by_level(rng.poisson(per_pore * rate).astype(float), GRID, RINGS))
        for per_pore in (2, 10, 50)
    ]
    assert 0.2 < found[0] < found[1] < found[2]
    assert found[2] > 0.97


def test_noise_alone_hits_no_more_than_chance() -> None:
    noise = np.random.default_rng(0).poisson(0.1, GRID.shape).astype(float)
    score = score_pores(noise, GRID, RINGS)
    covered = 49 * np.pi * MATCH_NM**2 / 1e6 / score.area_um2
    assert score.false > 30
    assert score.precision < 2.5 * covered


def test_pores_cut_by_the_border_are_neither_missed_nor_false() -> None:
    cut = np.array([[30.0, 1600, 54], [1600, 3190, 54], [-20, 800, 54], [3150, 3150, 54]])
    whole_and_cut = np.concatenate([RINGS, cut])
    for image in (picture(RINGS), picture(whole_and_cut)):
        for truth in (RINGS, whole_and_cut):
            assert counts(score_pores(image, GRID, truth)) == (49, 0, 0)


def test_pairs_are_one_to_one_as_many_as_can_be_and_then_the_nearest() -> None:
    drawn = np.array([[0.0, 0], [45, 0], [1000, 0], [1010, 0]])
    true = np.array([[40.0, 0], [85, 0], [1001, 0], [5000, 0]])
    at_drawn, at_true = match_pores(drawn, true)
    # The nearest first would pair 1 with 0 and leave 0 and 1 alone.
    assert set(zip(at_drawn, at_true, strict=True)) == {(0, 0), (1, 1), (2, 2)}
    at_drawn, at_true = match_pores(drawn, np.empty((0, 2)))
    assert len(at_drawn) == len(at_true) == 0


def test_a_pore_drawn_twice_is_false_once() -> None:
    twice = np.array([[1600.0, 1600, 54], [1700, 1600, 54]])
    one = np.array([[1600.0, 1600, 54]])
    score = score_pores(picture(twice), GRID, one)
    assert (score.hits, score.missed) in {(1, 0), (0, 1)}
    assert score.hits + score.false <= 2


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6, -3.0])
def test_an_even_image_draws_nothing_and_misses_all(value: float) -> None:
    score = score_pores(np.full(GRID.shape, value), GRID, RINGS)
    assert counts(score) == (0, 0, 49)
    assert (score.precision, score.recall, score.f1) == (0, 0, 0)
    assert score.radius_bias_nm is score.radius_spread_nm is score.ring_contrast is None


def test_a_field_without_pores_makes_all_that_is_drawn_false() -> None:
    score = score_pores(picture(RINGS), GRID, np.empty((0, 3)))
    assert counts(score) == (0, 49, 0)
    assert score.f1 == 0


def test_a_given_strength_replaces_the_image_s_own() -> None:
    image = picture(RINGS)
    own = typical_strength(image, GRID)
    assert len(detect_pores(image, GRID, strength=own).xy_nm) == 49
    assert len(detect_pores(image, GRID, strength=100 * own).xy_nm) == 0


def test_a_pore_knows_its_place() -> None:
    moved = Grid(20.0, (500.0, -2000.0), GRID.shape)
    here, there = (detect_pores(picture(RINGS), grid) for grid in (GRID, moved))
    assert there.xy_nm == pytest.approx(here.xy_nm + np.array([500, -2000]))


def test_f1_by_level_is_that_of_each_level() -> None:
    rate = picture(RINGS)
    few = np.random.default_rng(0).poisson(400 * rate / rate.sum()).astype(float)
    table = f1_by_level(few, GRID, RINGS)
    assert list(table) == [score_pores(few, GRID, RINGS, level).f1 for level in LEVELS]
    assert table.max() > table[-1]


@pytest.mark.parametrize(
    ("image", "rings", "message"),
    [
        (np.zeros((3, 3)), RINGS, "image's shape"),
        (np.full(GRID.shape, np.nan), RINGS, "not finite"),
        (np.zeros(GRID.shape), RINGS[:, :2], "rings"),
        (np.zeros(GRID.shape), RINGS * [1, 1, 0], "rings"),
        (np.zeros(GRID.shape), RINGS * [1, np.nan, 1], "rings"),
    ],
)
def test_inputs_that_cannot_be_are_refused(
    image: NDArray[np.float64], rings: NDArray[np.float64], message: str
) -> None:
    with pytest.raises(InvalidValueError, match=message):
        score_pores(image, GRID, rings)


@pytest.mark.parametrize(("option", "value"), [("level", 0.0), ("radius_nm", -1.0)])
def test_options_that_cannot_be_are_refused(option: str, value: float) -> None:
    with pytest.raises(InvalidValueError, match=option):
        detect_pores(picture(RINGS), GRID, **{option: value})


def test_a_field_smaller_than_a_pore_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="grid"):
        score_pores(np.zeros((5, 5)), Grid(20.0, (0.0, 0.0), (5, 5)), RINGS)
