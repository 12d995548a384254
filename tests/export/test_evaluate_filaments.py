"""Filament scores on drawings whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_evaluate_field import PIXEL_NM, draw, line, line_field

from annapalm import Grid
from annapalm.errors import InvalidValueError
from annapalm_export.evaluate.filaments import (
    LEVELS,
    f1_by_level,
    is_false,
    score_filaments,
    score_skeleton,
    skeleton,
)
from annapalm_export.evaluate.intensity import typical_intensity

GRID = Grid(PIXEL_NM, (0.0, 0.0), (200, 200))
ACROSS = line((-200, 2010), (4200, 2010))


@pytest.mark.parametrize("angle", [0, 10, 22.5, 30, 45, 63, 90])
def test_a_filament_drawn_where_it_is_scores_1(angle: float) -> None:
    along = 1700 * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    middle = np.array([2010.0, 2010.0])
    field = line_field([np.stack([middle - along, middle + along])])
    score = score_filaments(field.truth, field, field.line_points())
    assert score.f1 > 0.99
    assert score.false_um == 0
    assert score.drawn_um == pytest.approx(3.4, rel=0.08)


def test_lengths_of_skeletons_are_right_in_the_mean_over_directions() -> None:
    drawn = []
    for angle in np.linspace(0, np.pi, 24, endpoint=False):
        along = 1700 * np.array([np.cos(angle), np.sin(angle)])
        field = line_field([np.stack([2010 - along, 2010 + along])])
        drawn.append(score_filaments(field.truth, field, field.line_points(), 0.4).drawn_um)
    assert np.mean(drawn) == pytest.approx(3.4, rel=0.02)


@pytest.mark.parametrize(
    ("shift_nm", "expected"), [(0, 1), (20, 1), (-20, 1), (60, 0), (-60, 0), (200, 0)]
)
def test_40_nm_part_right_from_wrong(shift_nm: float, expected: float) -> None:
    field = line_field([ACROSS])
    shifted = draw([ACROSS + np.array([0, shift_nm])])
    score = score_filaments(shifted, field, field.line_points())
    assert (score.precision, score.recall, score.f1) == (expected, expected, expected)
    assert score.false_um_per_um2 == pytest.approx((1 - expected) * score.drawn_um / 16)
    assert score.missed_um_per_um2 == pytest.approx((1 - expected) * 4.0 / 16, abs=0.005)


def test_half_a_filament_is_half_recalled_and_all_true() -> None:
    field = line_field([ACROSS])
    half = draw([line((-200, 2010), (2000, 2010))])
    score = score_filaments(half, field, field.line_points(), 0.4)
    assert score.precision == 1
    assert score.recall == pytest.approx(0.5, abs=0.02)
    assert score.f1 == pytest.approx(2 / 3, abs=0.02)


def test_an_invented_filament_is_counted_in_um_per_um2() -> None:
    field = line_field([ACROSS])
    invented = draw([ACROSS, line((-200, 3010), (4200, 3010))])
    points = field.line_points()
    score = score_filaments(invented, field, points)
    assert score.precision == pytest.approx(0.5, abs=0.01)
    assert score.recall == 1
    assert score.false_um == pytest.approx(4.0, rel=0.06)
    drawn = skeleton(invented, GRID)
    assert drawn.length_nm[is_false(drawn, points)].sum() / 1000 == pytest.approx(score.false_um)


def test_an_unlabelled_piece_is_neither_missed_nor_false() -> None:
    pieces = [line((-200, 2010), (1500, 2010)), line((2500, 2010), (4200, 2010))]
    field = line_field([ACROSS], truth=draw(pieces))
    points = field.line_points()
    for image in (draw(pieces), draw([ACROSS])):
        score = score_filaments(image, field, points, 0.4)
        assert score.false_um == 0
        assert score.missed_um < 0.1


def test_a_filament_just_outside_the_field_excuses_what_is_drawn_beside_it() -> None:
    field = line_field([ACROSS, line((-200, -15), (4200, -15))])
    image = draw([ACROSS, line((-200, 15), (4200, 15))])
    assert score_filaments(image, field, field.line_points()).false_um == 0


def test_scale_and_empty_area_do_not_change_the_threshold() -> None:
    faint_and_bright = draw([ACROSS]) + 0.3 * draw([line((-200, 3010), (4200, 3010))])
    small = skeleton(faint_and_bright, GRID)
    assert (skeleton(faint_and_bright * np.float32(1e-4), GRID).pixels == small.pixels).all()
    padded = np.pad(faint_and_bright, ((0, 600), (0, 0)))
    large = skeleton(padded, replace(GRID, shape=(800, 200)))
    assert (large.pixels[:200] == small.pixels).all()
    assert not large.pixels[200:].any()


def test_blobs_are_not_filaments() -> None:
    blobs = np.zeros((200, 200), np.float32)
    blobs[20::40, 20::40] = 1
    assert skeleton(blobs, GRID).length_um == 0


def test_an_empty_image_draws_nothing_and_misses_all() -> None:
    field = line_field([ACROSS])
    score = score_filaments(np.zeros((200, 200), np.float32), field, field.line_points())
    assert (score.drawn_um, score.precision, score.recall, score.f1) == (0, 0, 0, 0)
    assert score.missed_um == score.wanted_um == pytest.approx(4.0, abs=0.02)


def test_a_field_without_filaments_makes_all_that_is_drawn_false() -> None:
    field = line_field([])
    score = score_filaments(draw([ACROSS]), field, field.line_points())
    assert score.false_um == score.drawn_um > 3.7
    assert (score.recall, score.f1) == (0, 0)


def test_typical_intensity_ignores_how_much_is_empty() -> None:
    assert typical_intensity(np.full((10, 10), 3, np.float32)) == pytest.approx(3)
    assert typical_intensity(np.pad(np.full((10, 10), 3, np.float32), 50)) == pytest.approx(3)
    assert typical_intensity(np.zeros((10, 10), np.float32)) == 0


def test_a_given_intensity_replaces_the_image_s_own() -> None:
    image = draw([ACROSS])
    typical = typical_intensity(image)
    assert skeleton(image, GRID, 0.1, intensity=typical).length_um > 3.7
    assert skeleton(image, GRID, 0.1, intensity=100 * typical).length_um == 0


def test_a_skeleton_knows_its_place() -> None:
    moved = skeleton(draw([ACROSS]), Grid(PIXEL_NM, (500.0, -2000.0), (200, 200)))
    assert np.abs(moved.xy_nm[:, 1] - 10).max() <= 10
    assert moved.xy_nm[:, 0].min() < 600
    assert moved.pixels.sum() == len(moved.xy_nm) == len(moved.length_nm)


def test_f1_by_level_is_that_of_each_level() -> None:
    field = line_field([ACROSS], per_um=100)
    points = field.line_points()
    table = f1_by_level(field.counts, field, points)
    assert len(table) == len(LEVELS)
    at = LEVELS.index(0.2)
    drawn = skeleton(field.counts, GRID, 0.2)
    assert table[at] == score_skeleton(drawn, points, GRID.area_um2).f1


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((3, 3), np.float32), "shape"),
        (np.full((200, 200), -1, np.float32), "negative"),
        (np.full((200, 200), np.inf, np.float32), "not finite"),
    ],
)
def test_images_that_cannot_be_are_refused(image: np.ndarray, message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        skeleton(image, GRID)


def test_a_threshold_of_0_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="level"):
        skeleton(np.zeros((200, 200), np.float32), GRID, 0.0)
