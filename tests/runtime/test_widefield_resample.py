"""Blur, background and resampling: what they do to light, stated one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from widefield_scene import CAMERA_NM, PSF_NM, filaments

from annapalm.widefield.background import smooth_background
from annapalm.widefield.filter import gaussian_blur, gaussian_kernel
from annapalm.widefield.resample import quarter_sum, resample


def edges(start: float, step: float, number: int) -> np.ndarray:
    return start + step * np.arange(number + 1)


# Blur


@pytest.mark.parametrize("sigma", [0.0, 0.3, 1.0, 1.6, 5.0])
def test_a_point_becomes_a_gaussian(sigma: float) -> None:
    image = np.zeros((51, 61), np.float32)
    image[25, 30] = 7
    blurred = gaussian_blur(image, sigma)
    assert blurred.dtype == np.float32
    assert blurred.sum() == pytest.approx(7, rel=1e-5)
    y, x = np.indices(image.shape)
    expected = np.exp(-((y - 25) ** 2 + (x - 30) ** 2) / (2 * max(sigma, 1e-3) ** 2))
    np.testing.assert_allclose(blurred, 7 * expected / expected.sum(), atol=7e-4)


def test_the_kernel_sums_to_one_and_reaches_four_sigma() -> None:
    kernel = gaussian_kernel(1.6)
    assert len(kernel) == 2 * math.ceil(4 * 1.6) + 1
    assert kernel.sum() == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 40)])
def test_a_constant_stays_however_small_the_image(shape: tuple[int, int]) -> None:
    flat = np.full(shape, 3.5, np.float32)
    np.testing.assert_allclose(gaussian_blur(flat, 4.0), 3.5, rtol=1e-5)


# Resampling


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    pixel=st.floats(40, 250),
    step=st.floats(20, 300),
    start=st.floats(-300, 300),
    seed=st.integers(0, 99),
)
def test_it_is_the_mean_of_the_line_through_the_centres(
    shape: tuple[int, int], pixel: float, step: float, start: float, seed: int
) -> None:
    image = np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)
    y, x = edges(start, step, 4), edges(-start, step, 5)
    found = resample(image, pixel, (y, x))
    fine = 2000  # the same mean, added up in small steps
    for axis, found_edges in ((0, y), (1, x)):
        inner = (np.arange(fine * (len(found_edges) - 1)) + 0.5) / fine
        at = found_edges[0] + inner * step
        centres = (np.arange(image.shape[axis]) + 0.5) * pixel
        rows = [np.interp(at, centres, row) for row in np.moveaxis(image, axis, -1)]
        lines = np.moveaxis(np.stack(rows), -1, axis)
        pieces = np.split(lines, len(found_edges) - 1, axis=axis)
        image = np.stack([p.mean(axis=axis) for p in pieces], axis=axis).astype(np.float32)
    np.testing.assert_allclose(found, image, atol=2e-4)


def test_a_ramp_keeps_its_values_and_a_constant_its_height() -> None:
    ramp = np.tile(np.arange(30, dtype=np.float32), (20, 1))  # value x/100 - 0.5 at x nm
    x = edges(200, 80, 20)
    found = resample(ramp, 100, (edges(0, 80, 10), x))
    np.testing.assert_allclose(found, np.tile((x[:-1] + 40) / 100 - 0.5, (10, 1)), rtol=1e-5)
    flat = resample(np.full((4, 4), 9, np.float32), 100, (edges(-80, 80, 8), edges(0, 80, 5)))
    np.testing.assert_allclose(flat, 9, rtol=1e-6)


def test_a_quarter_pixel_holds_the_sum_of_its_sixteen() -> None:
    image = np.arange(9 * 6, dtype=np.float32).reshape(9, 6)
    found = quarter_sum(image)
    assert found.shape == (3, 2)
    assert found[0, 0] == image[:4, :4].sum()
    assert found[2, 1] == image[8, 4:].sum()
    assert found.sum() == image.sum()


# Background


def test_offset_lamp_and_ramp_are_taken_away() -> None:
    field = filaments(seed=3)
    image = field.widefield(photons=800, background=400).pixels
    ground = smooth_background(image, CAMERA_NM, PSF_NM)
    v, u = np.meshgrid(*(np.linspace(-1, 1, n) for n in image.shape), indexing="ij")
    truth = 400 * (1 + 0.2 * u - 0.1 * v) + 100
    assert np.abs(ground - truth).max() < 0.08 * 800
    assert np.abs(np.median(ground - truth)) < 0.03 * 800


def test_it_does_not_eat_structure() -> None:
    field = filaments(seed=3)
    light = field.light() * np.float32(1000)
    left = light - smooth_background(light, CAMERA_NM, PSF_NM)
    assert left.clip(min=0).sum() == pytest.approx(light.sum(), rel=0.12)


@pytest.mark.parametrize("shape", [(1, 1), (2, 70), (33, 34)])
def test_a_flat_image_is_all_background(shape: tuple[int, int]) -> None:
    flat = np.full(shape, 210, np.float32)
    np.testing.assert_allclose(smooth_background(flat, 100, 130), 210, rtol=1e-5)
