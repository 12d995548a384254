"""Fourier ring correlation of pairs whose cut-off is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from annapalm.errors import InvalidValueError
from annapalm.quality.frc import frc_curve, frc_resolution_nm

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SIDE = 256
PIXEL_NM = 20.0


def pair(
    transfer: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    noise: float,
    seed: int = 0,
    shape: tuple[int, int] = (SIDE, SIDE),
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Filter white noise of variance 1 by `transfer` (of 1/nm); add `noise` to each copy."""
    rng = np.random.default_rng(seed)
    rows, columns = (np.fft.fftfreq(n, PIXEL_NM) for n in shape)
    filtered = np.fft.fft2(rng.normal(0, 1, shape)) * transfer(np.hypot(rows[:, None], columns))
    common = np.fft.ifft2(filtered).real
    return common + rng.normal(0, noise, shape), common + rng.normal(0, noise, shape)


def gaussian(sigma_nm: float) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    return lambda q: np.exp(-2 * (np.pi * sigma_nm * q) ** 2)


@pytest.mark.parametrize("cut_nm", [60.0, 100.0, 180.0])
@pytest.mark.parametrize("shape", [(SIDE, SIDE), (200, 311)])
def test_a_sharp_cut_off_is_the_resolution(cut_nm: float, shape: tuple[int, int]) -> None:
    first, second = pair(lambda q: (q < 1 / cut_nm).astype(float), 1.0, shape=shape)
    found = frc_resolution_nm(frc_curve(first, second, PIXEL_NM))
    # Smoothing and the window widen the cut by a ring of 1 / (side * pixel) each.
    rings = 2.5 / (min(shape) * PIXEL_NM)
    assert found is not None
    assert 1 / found == pytest.approx(1 / cut_nm, abs=rings)


@pytest.mark.parametrize("sigma_nm", [20.0, 35.0])
@pytest.mark.parametrize("noise", [0.1, 0.3])
def test_a_blur_and_noise_have_the_curve_and_crossing_that_follow(
    sigma_nm: float, noise: float
) -> None:
    curves = [frc_curve(*pair(gaussian(sigma_nm), noise, seed), PIXEL_NM) for seed in range(4)]
    power = gaussian(sigma_nm)(curves[0].per_nm) ** 2
    known = power / (power + noise**2)
    mean = np.mean([c.correlation for c in curves], axis=0)
    assert np.abs(mean - known)[8:].max() < 0.12
    # power / (power + noise²) = 1/7 where power is noise² / 6
    crossing = np.sqrt(-np.log(noise**2 / 6) / 4) / np.pi / sigma_nm
    for curve in curves:
        found = frc_resolution_nm(curve)
        assert found is not None
        assert 1 / found == pytest.approx(crossing, rel=0.08)


def test_an_image_agrees_with_itself_down_to_two_pixels() -> None:
    image, _ = pair(gaussian(10.0), 0.1)
    curve = frc_curve(image, image, PIXEL_NM)
    assert curve.correlation == pytest.approx(1)
    assert frc_resolution_nm(curve) is None


def test_images_with_nothing_in_common_have_no_resolution() -> None:
    found = [
        frc_resolution_nm(frc_curve(*pair(lambda q: 0 * q, 1.0, seed), PIXEL_NM))
        for seed in range(40)
    ]
    assert sum(one is not None for one in found) <= 1


def test_chance_is_as_large_as_said() -> None:
    curves = [frc_curve(*pair(lambda q: 0 * q, 1.0, seed), PIXEL_NM) for seed in range(60)]
    spread = np.sqrt(np.mean([(c.smooth / c.chance) ** 2 for c in curves], axis=0))
    assert spread == pytest.approx(1, abs=0.4)
    assert spread.mean() == pytest.approx(1, abs=0.1)


def test_the_opposite_does_not_agree() -> None:
    image, _ = pair(gaussian(10.0), 0.1)
    curve = frc_curve(image, -image, PIXEL_NM)
    assert curve.correlation == pytest.approx(-1)
    assert frc_resolution_nm(curve) is None


def test_a_shifted_copy_agrees_less() -> None:
    first, second = pair(gaussian(25.0), 0.05)
    shifted = frc_resolution_nm(frc_curve(first, np.roll(second, 4, axis=1), PIXEL_NM))
    exact = frc_resolution_nm(frc_curve(first, second, PIXEL_NM))
    assert shifted is not None
    assert exact is not None
    assert shifted > 2 * exact


def test_scale_and_offset_of_either_change_nothing() -> None:
    first, second = pair(gaussian(25.0), 0.2)
    before = frc_curve(first, second, PIXEL_NM)
    after = frc_curve(first * 1e-4 + 7, second * 30 - 2, PIXEL_NM)
    assert after.correlation == pytest.approx(before.correlation, abs=1e-6)
    assert frc_resolution_nm(after) == pytest.approx(frc_resolution_nm(before), rel=1e-5)


def test_frequencies_have_the_unit_of_the_pixel() -> None:
    first, second = pair(gaussian(25.0), 0.2)
    curve, twice = (frc_curve(first, second, nm) for nm in (PIXEL_NM, 2 * PIXEL_NM))
    assert len(curve.per_nm) == SIDE // 2
    assert (np.diff(curve.per_nm) > 0).all()
    assert curve.per_nm[0] == pytest.approx(1 / (SIDE * PIXEL_NM), rel=0.25)
    assert curve.per_nm[-1] == pytest.approx(1 / (2 * PIXEL_NM), rel=0.01)
    single, double = frc_resolution_nm(curve), frc_resolution_nm(twice)
    assert single is not None
    assert double == pytest.approx(2 * single)


def test_an_even_image_agrees_with_nothing() -> None:
    even = np.full((64, 64), 0.1, np.float32)
    other = np.random.default_rng(0).normal(0, 1, (64, 64))
    for first, second in ((even, other), (even, even)):
        curve = frc_curve(first, second, PIXEL_NM)
        assert (curve.correlation == 0).all()
        assert frc_resolution_nm(curve) is None


@pytest.mark.parametrize(
    ("first", "second", "pixel_nm", "message"),
    [
        (np.zeros((64, 64)), np.zeros((64, 65)), 20.0, "shapes"),
        (np.zeros((31, 64)), np.zeros((31, 64)), 20.0, "at least 32"),
        (np.zeros(64), np.zeros(64), 20.0, "shapes"),
        (np.zeros((64, 64)), np.full((64, 64), np.nan), 20.0, "finite"),
        (np.zeros((64, 64)), np.zeros((64, 64)), 0.0, "pixel_nm"),
    ],
)
def test_pairs_that_cannot_be_compared_are_refused(
    first: NDArray[np.float64], second: NDArray[np.float64], pixel_nm: float, message: str
) -> None:
    with pytest.raises(InvalidValueError, match=message):
        frc_curve(first, second, pixel_nm)
