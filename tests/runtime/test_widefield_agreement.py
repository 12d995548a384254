"""How well an estimate explains the widefield image, in numbers and in place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from widefield_scene import PSF_NM, filaments

from annapalm.errors import InvalidValueError
from annapalm.grid import Grid
from annapalm.widefield import (
    PreparedWidefield,
    compare,
    explain,
    prepare_widefield,
    read_widefield,
)
from annapalm.widefield.filter import gaussian_blur
from annapalm.widefield.pearson import pearson
from annapalm.widefield.psf import WIDTHS, fit_psf_sigma
from annapalm.widefield.resample import quarter_sum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.reconstruction import WidefieldAgreement

GRID = Grid(20.0, (0.0, 0.0), (80, 120))


def measured(quarter: NDArray[np.float32]) -> PreparedWidefield:
    return PreparedWidefield(
        quarter, 1.0, (3.0, -4.0), background=0.0, correlation=None, registered=True
    )


def some_light(seed: int = 0) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    return gaussian_blur(random.poisson(0.05, (20, 30)).astype(np.float32), 1.6)


def assert_sound(agreement: WidefieldAgreement) -> None:
    """Expect numbers that can be written and read, on the full grid."""
    assert agreement.error.shape == GRID.shape
    assert agreement.error.dtype == np.float32
    assert np.isfinite(agreement.error).all()
    assert agreement.error.min() >= 0
    assert np.isfinite([agreement.rsp, agreement.rse]).all()
    assert -1 <= agreement.rsp <= 1


def test_an_estimate_that_is_right_up_to_gain_and_offset_has_no_error() -> None:
    estimate = some_light()
    agreement = compare(estimate, measured(250 * estimate + 30), GRID)
    assert_sound(agreement)
    assert agreement.rsp == pytest.approx(1, abs=1e-6)
    assert agreement.rse == pytest.approx(0, abs=1e-6)
    assert agreement.error.max() < 1e-5
    assert agreement.shift_nm == (3.0, -4.0)


def test_missing_and_invented_structure_lights_up_in_its_place() -> None:
    line = np.zeros((20, 30), np.float32)
    line[:, 6] = line[:, 15] = 10  # both measured; the estimate has half of the second ...
    drawn = line.copy()
    drawn[10:, 15] = 0
    drawn[:6, 24] = 10  # ... and a piece of a third
    truth, estimate = gaussian_blur(line, 1.6), gaussian_blur(drawn, 1.6)
    agreement = compare(estimate, measured(100 * truth), GRID)
    assert_sound(agreement)
    assert 0.5 < agreement.rsp < 0.95
    right, missing, invented = (
        float(agreement.error[rows, columns].mean())
        for rows, columns in (
            (slice(None), slice(4 * 4, 4 * 9)),
            (slice(4 * 13, None), slice(4 * 13, 4 * 18)),
            (slice(0, 4 * 4), slice(4 * 22, 4 * 27)),
        )
    )
    assert min(missing, invented) > 2 * right


def test_the_error_is_in_the_unit_of_the_estimate() -> None:
    truth = some_light()
    estimate = truth + np.random.default_rng(3).normal(0, 0.02, truth.shape).astype(np.float32)
    dim, bright = (compare(estimate, measured(g * truth), GRID) for g in (1, 1000))
    assert dim.rse == pytest.approx(bright.rse, rel=1e-4)
    assert dim.rse == pytest.approx(0.02, rel=0.2)
    assert dim.rse == pytest.approx(float(np.sqrt(np.mean(dim.error**2))), rel=1e-4)


def test_against_the_image_the_correlation_is_negative_and_nothing_breaks() -> None:
    estimate = some_light()
    agreement = compare(estimate, measured(estimate.max() - estimate), GRID)
    assert_sound(agreement)
    assert agreement.rsp == pytest.approx(-1, abs=1e-6)
    assert agreement.rse > 0


@pytest.mark.parametrize("flat", [0.0, 2.0])
def test_a_flat_estimate_or_image_explains_nothing(flat: float) -> None:
    level, light = np.full((20, 30), flat, np.float32), some_light()
    for estimate, image in ((level, light), (light, level), (level, level)):
        agreement = compare(estimate, measured(image), GRID)
        assert_sound(agreement)
        assert agreement.rsp == 0


def test_a_field_that_is_no_multiple_of_four_is_cropped() -> None:
    grid = Grid(20.0, (0.0, 0.0), (78, 117))
    agreement = compare(some_light(), measured(some_light(1)), grid)
    assert agreement.error.shape == (78, 117)
    assert agreement.error.flags.c_contiguous


def test_an_estimate_of_another_shape_is_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"\[20, 30\]"):
        compare(some_light()[:5], measured(some_light()), GRID)


def test_the_true_structure_explains_its_widefield_image() -> None:
    field = filaments(seed=2)
    counts = field.counts(200_000)
    prepared = prepare_widefield(field.widefield((80.0, 40.0)), field.grid, counts, PSF_NM)
    right = compare(gaussian_blur(quarter_sum(counts), PSF_NM / 80), prepared, field.grid)
    assert right.rsp > 0.95
    other = filaments(seed=4).counts(200_000)
    wrong = compare(gaussian_blur(quarter_sum(other), PSF_NM / 80), prepared, field.grid)
    assert wrong.rsp < 0.5
    assert wrong.rse > 2 * right.rse


@pytest.mark.parametrize("sigma_nm", [90.0, 125.0, 190.0])
def test_the_width_of_the_psf_is_found(sigma_nm: float) -> None:
    field = filaments(seed=2)
    counts = field.counts(200_000)
    light = gaussian_blur(quarter_sum(counts), sigma_nm / 80) * 300 + 5
    agreement = explain(counts, measured(light), field.grid, PSF_NM)
    assert agreement.psf_sigma_nm == pytest.approx(sigma_nm, rel=0.03)
    assert agreement.rsp > 0.999


def test_a_psf_beyond_all_widths_is_not_believed_further() -> None:
    field = filaments(seed=2)
    counts = field.counts(200_000)
    for sigma_nm, end in ((10.0, WIDTHS[0]), (600.0, WIDTHS[1])):
        light = gaussian_blur(quarter_sum(counts), sigma_nm / 80)
        agreement = explain(counts, measured(light), field.grid, PSF_NM)
        assert agreement.psf_sigma_nm == pytest.approx(end * PSF_NM)


def test_where_nothing_is_alike_there_is_no_width() -> None:
    light = some_light()
    dense = np.zeros(GRID.shape, np.float32)
    agreement = explain(dense, measured(light), GRID, PSF_NM)
    assert agreement.psf_sigma_nm is None
    assert agreement.rsp == 0
    against = light.repeat(4, axis=0).repeat(4, axis=1)
    agreement = explain(against, measured(light.max() - light), GRID, PSF_NM)
    assert agreement.psf_sigma_nm is None
    assert agreement.rsp < 0


@pytest.mark.parametrize("shape", [(20, 30), (21, 31), (64, 33)])
def test_the_fitted_width_has_the_highest_correlation(shape: tuple[int, int]) -> None:
    """Against the blur itself, tried width by width."""
    random = np.random.default_rng(1)
    structure = random.poisson(0.1, shape).astype(np.float32)
    light = gaussian_blur(structure, 1.5)
    light += random.normal(0, 0.01, shape).astype(np.float32)
    found = fit_psf_sigma(structure, light, 1.5)
    assert found is not None
    tried = np.linspace(0.9, 2.7, 61)
    best = max(pearson(gaussian_blur(structure, s), light) for s in tried)
    assert pearson(gaussian_blur(structure, found), light) > best - 0.02


def test_a_field_too_small_for_a_fit_has_no_width() -> None:
    small = np.random.default_rng(0).poisson(0.5, (15, 40)).astype(np.float32)
    assert fit_psf_sigma(small, small, 1.5) is None


PAIR = Path(__file__).parents[3] / "shared" / "data" / "squirrel_widefield_pair"
"""The one real pair of widefield and super-resolution images; it lies beside some checkouts."""

if PAIR.is_dir():

    @pytest.mark.parametrize(("plane", "least"), [(0, 0.80), (1, 0.86), (2, 0.66)])
    def test_a_real_widefield_image_fits_its_reconstructions(plane: int, least: float) -> None:
        image = read_widefield(PAIR / "Figure_3_-_widefield_reference_image.tif")
        assert image.pixel_nm == pytest.approx(100, rel=1e-4)
        stack = tifffile.imread(PAIR / "Figure_3_-_super-resolution_stack.tif")
        dense = stack[plane] - np.percentile(stack[plane], 20)
        dense = (20 * dense / dense.max()).clip(min=0).astype(np.float32)
        grid = Grid(image.pixel_nm / 5, (0.0, 0.0), (300, 300))
        prepared = prepare_widefield(image, grid, dense, PSF_NM)
        assert prepared.registered
        assert np.hypot(*prepared.shift_nm) < 20
        estimate = gaussian_blur(quarter_sum(dense), PSF_NM / 80)
        assert compare(estimate, prepared, grid).rsp > least
