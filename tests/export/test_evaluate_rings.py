"""Radius, contrast and corners of drawn pores, on rings, discs and points whose answer is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from annapalm import Grid
from annapalm.errors import InvalidValueError
from annapalm.measure.rings import blurred_ring, fit_radii
from annapalm_export.evaluate.pores import score_pores
from annapalm_export.evaluate.rings import count_corners, ring_contrast

if TYPE_CHECKING:
    from numpy.typing import NDArray

RADIUS = 53.5
SHAPE = (120, 140)
GRID = Grid(20.0, (0.0, 0.0), SHAPE)


def some_rings(radius: float = RADIUS, step: float = 300.0) -> NDArray[np.float64]:
    """Lay rings on a square lattice, off the pixels' own, all whole."""
    x, y = np.meshgrid(np.arange(207.3, 2600, step), np.arange(211.9, 2200, step))
    return np.column_stack([x.ravel(), y.ravel(), np.full(x.size, radius)])


def draw(
    rings: NDArray[np.float64],
    sigma_nm: float = 12.0,
    *,
    grid: Grid = GRID,
    disc: bool = False,
    corners: int | None = None,
) -> NDArray[np.float32]:
    """Draw rings (or discs) of sum 1 each, blurred by a Gaussian: points on a grid 5 x finer."""
    fine = np.zeros((grid.shape[0] * 5, grid.shape[1] * 5))
    angle = 2 * np.pi * np.arange(corners or 360) / (corners or 360) + 0.2
    shares = np.sqrt((np.arange(40) + 0.5) / 40) if disc else np.ones(1)
    for x, y, radius in rings:
        xy = np.stack([np.cos(angle), np.sin(angle)]) * radius * shares[:, None, None]
        at = np.moveaxis(xy, 1, -1) + np.array([x, y]) - np.asarray(grid.origin_nm)
        at /= grid.pixel_nm / 5
        column, row = np.floor(at).astype(int).reshape(-1, 2).T
        inside = (column >= 0) & (column < fine.shape[1]) & (row >= 0) & (row < fine.shape[0])
        np.add.at(fine, (row[inside], column[inside]), 1 / at[..., 0].size)
    fine = gaussian_filter(fine, sigma_nm / (grid.pixel_nm / 5), mode="constant")
    rows, columns = grid.shape
    summed: NDArray[np.float64] = fine.reshape(rows, 5, columns, 5).sum(axis=(1, 3))
    return summed.astype(np.float32)


@pytest.mark.parametrize("radius", [25.0, 40.0, 53.5, 65.0, 80.0])
@pytest.mark.parametrize("sigma_nm", [12.0, 20.0])
def test_the_radius_of_a_ring_is_found_whatever_the_blur(radius: float, sigma_nm: float) -> None:
    rings = some_rings(radius)
    fitted = fit_radii(draw(rings, sigma_nm), GRID, rings[:, :2], radius)
    assert fitted == pytest.approx(radius, abs=2)
    assert fitted.mean() == pytest.approx(radius, abs=0.7)


@pytest.mark.parametrize("wrong_nm", [-20.0, 20.0, 40.0])
def test_the_expected_radius_does_not_draw_the_fit(wrong_nm: float) -> None:
    rings = some_rings()
    fitted = fit_radii(draw(rings), GRID, rings[:, :2], RADIUS + wrong_nm)
    assert fitted.mean() == pytest.approx(RADIUS, abs=1.5)


@pytest.mark.parametrize("off_nm", [5.0, 10.0, 15.0])
def test_a_centre_that_is_off_hardly_changes_the_radius(off_nm: float) -> None:
    rings = some_rings()
    fitted = fit_radii(draw(rings), GRID, rings[:, :2] + np.array([off_nm, 0.0]), RADIUS)
    assert fitted.mean() == pytest.approx(RADIUS, abs=1.5)


def test_scale_and_offset_do_not_change_the_radius() -> None:
    rings = some_rings()
    image = np.random.default_rng(0).poisson(30 * draw(rings)).astype(np.float64)
    before = fit_radii(image, GRID, rings[:, :2], RADIUS)
    assert fit_radii(1e-4 * image + 2, GRID, rings[:, :2], RADIUS) == pytest.approx(before)


def test_a_point_and_a_disc_have_smaller_radii_than_a_ring() -> None:
    point = np.zeros(SHAPE)
    point[60, 70] = 1
    assert fit_radii(point, GRID, np.array([[1410.0, 1210.0]]), RADIUS)[0] < 12
    rings = some_rings()
    assert fit_radii(draw(rings, disc=True), GRID, rings[:, :2], RADIUS).max() < RADIUS - 8
    assert len(fit_radii(point, GRID, np.empty((0, 2)), RADIUS)) == 0


def test_a_blur_fills_the_centre_by_the_known_amount() -> None:
    fine = Grid(5.0, (0.0, 0.0), (80, 80))
    ring = np.array([[201.0, 203.0, RADIUS]])
    contrasts = []
    for sigma in (10.0, 20.0, 30.0, 48.0):
        measured = ring_contrast(draw(ring, sigma, grid=fine), fine, ring)
        assert measured is not None
        radii = np.arange(0, 1.25, 0.001) * RADIUS
        light = blurred_ring(radii, RADIUS, sigma) * radii
        on, within = radii > 0.75 * RADIUS, radii < RADIUS / 3
        bright, dark = light[on].sum() / radii[on].sum(), light[within].sum() / radii[within].sum()
        outside = np.median(blurred_ring(np.linspace(40, 70, 61) + RADIUS, RADIUS, sigma))
        known = (bright - dark) / (max(bright, dark) - outside)
        assert measured == pytest.approx(known, abs=0.06)
        contrasts.append(measured)
    assert contrasts == sorted(contrasts, reverse=True)
    assert contrasts[-1] < 0 < contrasts[0]


def test_an_even_disc_wider_than_the_ring_has_no_contrast() -> None:
    ring = np.array([[1400.0, 1200.0, RADIUS]])
    y, x = np.indices(SHAPE)
    disc = (np.hypot(x * 20 + 10 - 1400, y * 20 + 10 - 1200) < 90).astype(float)
    assert ring_contrast(disc, GRID, ring) == pytest.approx(0, abs=1e-9)
    assert ring_contrast(disc, GRID, np.empty((0, 3))) is None
    assert ring_contrast(np.full(SHAPE, 0.3), GRID, ring) is None


def test_few_localizations_of_discs_do_not_pass_for_rings() -> None:
    rings = some_rings()
    rng = np.random.default_rng(4)
    few = {d: rng.poisson(draw(rings, disc=d) * 15).astype(np.float32) for d in (False, True)}
    of_rings, of_discs = (score_pores(few[d], GRID, rings).ring_contrast for d in (False, True))
    assert of_rings is not None
    assert of_discs is not None
    assert of_rings > 0.6
    assert of_discs < 0


def test_noise_alone_has_no_ring_contrast() -> None:
    counts = np.random.default_rng(2).poisson(0.1, SHAPE).astype(np.float32)
    contrast = score_pores(counts, GRID, some_rings()).ring_contrast
    assert contrast is not None
    assert abs(contrast) < 0.5


@pytest.mark.parametrize("corners", [3, 5, 8])
def test_corners_are_counted_where_pixels_are_fine_enough(corners: int) -> None:
    fine = Grid(10.0, (0.0, 0.0), (100, 100))
    ring = np.array([[503.0, 498.0, RADIUS]])
    counted = count_corners(draw(ring, 7.0, grid=fine, corners=corners), fine, ring)
    assert counted is not None
    assert counted.tolist() == [corners]
    blurred = count_corners(draw(ring, 30.0, grid=fine), fine, ring)
    assert blurred is not None
    assert blurred.tolist() == [0]


def test_corners_are_not_counted_on_coarse_pixels_or_nothing() -> None:
    rings = some_rings()
    assert count_corners(draw(rings), GRID, rings) is None
    nothing = count_corners(np.zeros(SHAPE), GRID, np.array([[500.0, 500.0, 80.0]]))
    assert nothing is not None
    assert nothing.tolist() == [0]
    none = count_corners(np.zeros(SHAPE), GRID, np.empty((0, 3)))
    assert none is not None
    assert len(none) == 0


def test_bad_inputs_are_refused() -> None:
    image, rings = np.zeros(SHAPE), some_rings()
    with pytest.raises(InvalidValueError, match="shape"):
        fit_radii(image[:9], GRID, rings[:, :2], RADIUS)
    with pytest.raises(InvalidValueError, match="radii above 0"):
        fit_radii(image, GRID, rings[:, :2], 0.0)
    with pytest.raises(InvalidValueError, match="radius_nm"):
        fit_radii(image, GRID, np.empty((0, 2)), -1.0)
    with pytest.raises(InvalidValueError, match=r"\[R, 3\]"):
        ring_contrast(image, GRID, rings[:, :2])
    with pytest.raises(InvalidValueError, match="finite"):
        ring_contrast(np.full(SHAPE, np.nan), GRID, rings)
    with pytest.raises(InvalidValueError, match="radii above 0"):
        count_corners(image, GRID, np.array([[1.0, 1.0, -2.0]]))
