"""Area scores on drawings whose answer is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, gaussian_filter

from annapalm import Grid
from annapalm.errors import InvalidValueError
from annapalm_export.evaluate.area import (
    LEVELS,
    Contrast,
    dice_by_level,
    drawn_area,
    image_contrast,
    score_area,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHAPE = (150, 160)
GRID = Grid(20.0, (0.0, 0.0), SHAPE)


def some_mask() -> NDArray[np.bool_]:
    """Two bars, 400 nm x 2 µm and 600 nm x 1 µm: 70 x 20 px in all and well apart."""
    mask = np.zeros(SHAPE, bool)
    mask[30:50, 20:120] = True
    mask[90:120, 60:110] = True
    return mask


def picture(mask: NDArray[np.bool_], sigma_nm: float = 15.0) -> NDArray[np.float64]:
    image: NDArray[np.float64] = gaussian_filter(mask.astype(float), sigma_nm / 20)
    return image


@pytest.mark.parametrize("tolerance_nm", [0.0, 20.0, 40.0])
def test_the_true_area_scores_1(tolerance_nm: float) -> None:
    mask = some_mask()
    score = score_area(mask, mask, GRID, tolerance_nm)
    assert (score.precision, score.recall, score.dice, score.iou) == (1, 1, 1, 1)
    assert (score.false_um2_per_um2, score.missed_um2_per_um2, score.boundary_f1) == (0, 0, 1)


def test_a_picture_of_it_is_drawn_right() -> None:
    mask = some_mask()
    best = dice_by_level(picture(mask), GRID, mask, tolerance_nm=0.0).max()
    assert best > 0.97
    assert dice_by_level(picture(mask), GRID, mask).max() == 1


def test_without_tolerance_dice_and_iou_are_the_textbook_s() -> None:
    true, drawn = some_mask(), np.roll(some_mask(), (4, 9), axis=(0, 1))
    score = score_area(drawn, true, GRID, 0.0)
    both = (drawn & true).sum()
    assert score.dice == pytest.approx(2 * both / (drawn.sum() + true.sum()))
    assert score.iou == pytest.approx(both / (drawn | true).sum())
    assert score.false_um2_per_um2 == pytest.approx((drawn & ~true).sum() / drawn.size)
    assert score.missed_um2_per_um2 == pytest.approx((true & ~drawn).sum() / drawn.size)


@pytest.mark.parametrize(("shift_px", "right"), [(0, True), (1, True), (2, True), (3, False)])
def test_40_nm_part_right_from_wrong(shift_px: int, right: bool) -> None:  # noqa: FBT001
    true = some_mask()
    drawn = np.roll(true, shift_px, axis=0)
    score = score_area(drawn, true, GRID)
    assert (score.dice == 1) == right
    assert (score.boundary_f1 == 1) == right
    wrong = 0 if right else 150  # one row of each bar, to either side
    assert score.false_um2_per_um2 == score.missed_um2_per_um2 == pytest.approx(wrong / true.size)


def test_half_of_it_is_half_recalled_and_all_true() -> None:
    true = some_mask()
    half = true.copy()
    half[90:120] = False
    score = score_area(half, true, GRID)
    assert score.precision == 1
    assert score.recall == pytest.approx(2000 / 3500)
    assert score.missed_um2_per_um2 == pytest.approx(1500 / true.size)
    assert score.boundary_f1 < 0.8


def test_decoys_are_false_area() -> None:
    true = some_mask()
    drawn = true.copy()
    drawn[60:70, 20:40] = True
    score = score_area(drawn, true, GRID)
    assert score.recall == 1
    assert score.false_um2_per_um2 == pytest.approx(200 / true.size)
    assert score.precision == pytest.approx(3500 / 3700)


def test_a_thicker_drawing_keeps_its_area_within_but_not_its_boundary_beyond_the_tolerance() -> (
    None
):
    true = some_mask()
    thicker = binary_dilation(true, np.ones((3, 3)), iterations=4)
    score = score_area(thicker, true, GRID)
    assert score.recall == 1
    assert score.precision < 0.9
    assert score.boundary_f1 == 0


def test_a_blur_scores_worse_the_wider_it_is() -> None:
    true = some_mask()
    best = [
        dice_by_level(picture(true, sigma), GRID, true, tolerance_nm=0.0).max()
        for sigma in (15.0, 70.0, 155.0)
    ]
    assert best == sorted(best, reverse=True)
    assert best[2] < 0.95


def test_the_border_of_the_image_is_no_boundary() -> None:
    true = np.zeros(SHAPE, bool)
    true[:, 80:] = True
    drawn = true.copy()
    drawn[:, 79] = True
    assert score_area(drawn, true, GRID).boundary_f1 == 1
    everything = np.ones(SHAPE, bool)
    assert score_area(everything, everything, GRID).boundary_f1 == 0


def test_scale_offset_and_empty_area_change_nothing() -> None:
    image = np.random.default_rng(0).poisson(3 * picture(some_mask())).astype(np.float64)
    before = drawn_area(image, GRID)
    assert before.any()
    for other in (image * 1e-5, image + 3, 4 * image + 0.1):
        assert (drawn_area(other, GRID) == before).all()
    padded = drawn_area(np.pad(image, ((0, 300), (0, 0))), Grid(20.0, (0.0, 0.0), (450, 160)))
    assert (padded[:150] == before).mean() > 0.999
    assert not padded[160:].any()


def test_noise_alone_covers_by_chance_only() -> None:
    true = some_mask()
    noise = np.random.default_rng(1).poisson(0.1, SHAPE).astype(np.float32)
    scores = dice_by_level(noise, GRID, true, tolerance_nm=0.0)
    drawn_everywhere = 2 * true.mean() / (1 + true.mean())
    assert scores.max() < drawn_everywhere + 0.03


@pytest.mark.parametrize("image", [np.zeros(SHAPE), np.full(SHAPE, 3.3, np.float32)])
def test_an_even_image_draws_nothing(image: NDArray[np.float64]) -> None:
    drawn = drawn_area(image, GRID)
    assert not drawn.any()
    score = score_area(drawn, some_mask(), GRID)
    assert (score.precision, score.recall, score.dice, score.iou, score.boundary_f1) == (0,) * 5
    assert score.missed_um2_per_um2 == pytest.approx(3500 / drawn.size)


def test_a_field_without_structure_makes_all_that_is_drawn_false() -> None:
    score = score_area(some_mask(), np.zeros(SHAPE, bool), GRID)
    assert (score.precision, score.recall, score.dice) == (0, 0, 0)
    assert score.false_um2_per_um2 == pytest.approx(3500 / some_mask().size)


def test_a_given_contrast_replaces_the_image_s_own() -> None:
    image = picture(some_mask())
    own = image_contrast(image, GRID)
    assert own.background == pytest.approx(0, abs=1e-6)
    assert own.typical == pytest.approx(1, abs=0.1)
    assert (drawn_area(image, GRID, 0.2, own) == drawn_area(image, GRID, 0.2)).all()
    assert not drawn_area(image, GRID, 0.2, Contrast(0.0, 100.0)).any()
    assert not drawn_area(image, GRID, 0.2, Contrast(2.0, 0.1)).any()


def test_dice_by_level_is_that_of_each_level() -> None:
    image, true = picture(some_mask(), 60.0), some_mask()
    table = dice_by_level(image, GRID, true)
    assert len(table) == len(LEVELS)
    drawn = drawn_area(image, GRID, LEVELS[5])
    assert table[5] == score_area(drawn, true, GRID).dice


def test_bad_inputs_are_refused() -> None:
    mask, image = some_mask(), picture(some_mask())
    with pytest.raises(InvalidValueError, match="level"):
        drawn_area(image, GRID, 0.0)
    with pytest.raises(InvalidValueError, match="shape"):
        drawn_area(image[:5], GRID)
    with pytest.raises(InvalidValueError, match="finite"):
        drawn_area(np.full(SHAPE, np.nan), GRID)
    with pytest.raises(InvalidValueError, match="drawn mask"):
        score_area(mask[:9], mask, GRID)
    with pytest.raises(InvalidValueError, match="true mask"):
        score_area(mask, mask.astype(np.int64), GRID)
    with pytest.raises(InvalidValueError, match="tolerance_nm"):
        score_area(mask, mask, GRID, -1.0)
