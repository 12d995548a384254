"""The period of a lattice along axes, on stripes whose answer is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from annapalm import Grid
from annapalm.errors import InvalidValueError
from annapalm_export.evaluate.period import (
    HALF_WIDTH_NM,
    SHORTEST_NM,
    PeriodScore,
    score_period,
    straighten,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHAPE = (220, 260)
GRID = Grid(20.0, (0.0, 0.0), SHAPE)
AXES = [
    np.array([[-300.0, 1000.0], [5500.0, 1000.0]]),
    np.array([[-300.0, 1900.0], [5500.0, 3700.0]]),
]


def stripes(
    period_nm: float = 190.0, *, narrow_nm: float | None = None, axes: list[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Draw axons 300 nm wide with 1 + cos stripes, or narrow ones, across; 0 elsewhere."""
    y, x = (np.indices(SHAPE) + 0.5) * 20.0
    image = np.zeros(SHAPE)
    for number, line in enumerate(axes):
        way = (line[1] - line[0]) / np.linalg.norm(line[1] - line[0])
        along = (x - line[0, 0]) * way[0] + (y - line[0, 1]) * way[1] + 61.0 * number
        beside = np.abs((y - line[0, 1]) * way[0] - (x - line[0, 0]) * way[1])
        if narrow_nm is None:
            light = 1 + np.cos(2 * np.pi * along / period_nm)
        else:
            off = (along + period_nm / 2) % period_nm - period_nm / 2
            light = np.exp(-0.5 * (off / narrow_nm) ** 2)
        image += np.where(beside < 150, light, 0.0)
    return image


def scored(image: NDArray[np.floating], true_nm: float | None = 190.0) -> PeriodScore:
    score = score_period(image, GRID, AXES, true_nm)
    assert score is not None
    return score


@pytest.mark.parametrize("period_nm", [130.0, 160.0, 190.0, 230.0, 280.0])
@pytest.mark.parametrize("narrow_nm", [None, 25.0])
def test_the_period_is_found(period_nm: float, narrow_nm: float | None) -> None:
    score = scored(stripes(period_nm, narrow_nm=narrow_nm, axes=AXES), 190.0)
    assert score.period_nm == pytest.approx(period_nm, abs=1.5)
    assert score.bias_nm == pytest.approx(period_nm - 190, abs=1.5)
    assert score.contrast > 0.6


@pytest.mark.parametrize("period_nm", [60.0, 63.3, 80.0, 90.0])
def test_a_pattern_of_a_third_of_the_period_does_not_pass_for_it(period_nm: float) -> None:
    score = scored(stripes(period_nm, axes=AXES))
    assert score.period_nm is None or abs(score.period_nm - 3 * period_nm) > 10
    assert score.contrast < 0.3


def test_a_sine_has_contrast_and_modulation_1() -> None:
    score = scored(stripes(axes=AXES))
    assert score.contrast == pytest.approx(1, abs=0.05)
    # Linear interpolation and the mean over 20 nm pixels take a little of the amplitude.
    assert score.modulation == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize("sigma_nm", [20.0, 40.0, 60.0])
def test_a_blur_takes_the_modulation_by_the_known_amount_and_keeps_the_period(
    sigma_nm: float,
) -> None:
    everywhere = 1 + np.cos(2 * np.pi * (np.indices(SHAPE)[1] + 0.5) * 20 / 190)
    sharp = np.pad(everywhere[:90], ((0, 130), (0, 0)))
    axis = [np.array([[0.0, 900.0], [5200.0, 900.0]])]
    plain, blurred = (
        score_period(image, GRID, axis, 190.0)
        for image in (sharp, gaussian_filter(sharp, sigma_nm / 20, mode="reflect"))
    )
    assert plain is not None
    assert blurred is not None
    assert plain.modulation is not None
    assert blurred.modulation is not None
    known = np.exp(-2 * (np.pi * sigma_nm / 190) ** 2)
    assert blurred.modulation / plain.modulation == pytest.approx(known, rel=0.05)
    assert blurred.bias_nm == pytest.approx(0, abs=1.5)
    assert blurred.contrast > 0.9


def test_an_even_axon_with_dim_stretches_has_no_period() -> None:
    image = stripes(1e9, axes=AXES)
    x = (np.indices(SHAPE)[1] + 0.5) * 20
    score = scored(image * (1 + 0.5 * np.sin(2 * np.pi * x / 1500)))
    assert score.modulation is not None
    assert score.modulation < 0.02


def test_noise_alone_has_hardly_any_contrast_and_sparse_stripes_some() -> None:
    rng = np.random.default_rng(0)
    noise = scored(rng.poisson(0.3, SHAPE).astype(np.float32))
    sparse = scored(rng.poisson(0.3 * stripes(axes=AXES)).astype(np.float32))
    assert noise.contrast < 0.2
    assert 0.3 < sparse.contrast < 0.95
    assert sparse.period_nm == pytest.approx(190, abs=4)
    assert sparse.modulation == pytest.approx(1, abs=0.2)


def test_decoy_stripes_beside_the_axes_do_not_count() -> None:
    beside = [line + np.array([0.0, 450.0]) for line in AXES]
    even = stripes(1e9, axes=AXES)
    score = scored(even + stripes(axes=beside))
    assert score.modulation is not None
    assert score.modulation < 0.05


def test_stripes_along_the_axis_are_no_period() -> None:
    y = (np.indices(SHAPE)[0] + 0.5) * 20
    lengthwise = 1 + np.cos(2 * np.pi * y / 190)
    score = score_period(lengthwise, GRID, AXES[:1], 190.0)
    assert score is not None
    assert score.contrast < 0.05


def test_scale_offset_and_place_change_nothing() -> None:
    image = np.random.default_rng(1).poisson(stripes(axes=AXES)).astype(np.float64)
    before = scored(image)
    moved = Grid(20.0, (7000.0, -900.0), SHAPE)
    there = [line + np.array([7000.0, -900.0]) for line in AXES]
    for after in (
        scored(image * 1e-5),
        scored(2 * image + 3),
        score_period(image, moved, there, 190.0),
    ):
        assert after is not None
        assert after.period_nm == pytest.approx(before.period_nm)
        assert after.contrast == pytest.approx(before.contrast)
        assert after.modulation == pytest.approx(before.modulation)


def test_axes_that_are_too_short_have_no_score() -> None:
    image = stripes(axes=AXES)
    short = np.array([[500.0, 1000.0], [500.0 + SHORTEST_NM - 50, 1000.0]])
    outside = np.array([[-3000.0, 1000.0], [600.0, 1000.0]])
    at_border = np.array([[0.0, HALF_WIDTH_NM / 2], [5000.0, HALF_WIDTH_NM / 2]])
    point = np.array([[500.0, 500.0], [500.0, 500.0]])
    assert score_period(image, GRID, []) is None
    assert score_period(image, GRID, [short, outside, at_border, point]) is None
    long = np.array([[500.0, 1000.0], [500.0 + SHORTEST_NM + 50, 1000.0]])
    score = score_period(image, GRID, [short, long], 190.0)
    assert score is not None
    assert score.period_nm == pytest.approx(190, abs=8)


@pytest.mark.parametrize("image", [np.zeros(SHAPE), np.full(SHAPE, 0.7, np.float32)])
def test_an_even_image_has_no_period(image: NDArray[np.float64]) -> None:
    assert scored(image) == PeriodScore(None, None, 0.0, None)


def test_without_a_true_period_there_is_no_bias() -> None:
    score = scored(stripes(axes=AXES), None)
    assert score.bias_nm is None
    assert score.period_nm == pytest.approx(190, abs=1)


def test_a_straightened_axis_is_read_across_and_along() -> None:
    y, x = (np.indices(SHAPE) + 0.5) * 20.0
    (band,) = straighten(x + 3 * y, GRID, np.array([[1000.0, 1000.0], [1000.0, 3000.0]]), 50.0)
    assert band.shape == (11, 200)
    assert np.diff(band, axis=1) == pytest.approx(30)
    assert np.abs(np.diff(band, axis=0)) == pytest.approx(10)
    assert band[5, 0] == pytest.approx(4000)


def test_an_axis_that_leaves_the_field_comes_in_pieces() -> None:
    there_and_back = np.array([[500.0, 2000.0], [7000.0, 2000.0], [7000.0, 2400.0], [500.0, 2400]])
    pieces = straighten(np.zeros(SHAPE), GRID, there_and_back)
    assert [p.shape[1] * 10 for p in pieces] == pytest.approx([4700, 4700], abs=20)


@pytest.mark.parametrize(
    ("image", "line", "more", "message"),
    [
        (np.zeros((3, 3)), AXES[0], {}, "shape"),
        (np.full(SHAPE, np.inf), AXES[0], {}, "finite"),
        (np.zeros(SHAPE), np.zeros((1, 2)), {}, "K at least 2"),
        (np.zeros(SHAPE), np.full((2, 2), np.nan), {}, "finite"),
        (np.zeros(SHAPE), AXES[0], {"true_nm": 0.0}, "true_nm"),
        (np.zeros(SHAPE), AXES[0], {"half_width_nm": -1.0}, "half_width_nm"),
    ],
)
def test_what_cannot_be_scored_is_refused(
    image: NDArray[np.float64],
    line: NDArray[np.float64],
    more: dict[str, float],
    message: str,
) -> None:
    with pytest.raises(InvalidValueError, match=message):
        score_period(image, GRID, [line], **more)
