"""Lines, their length, direction and bend, on pictures whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from measure_words import a_circle, a_line

from annapalm.measure.bending import SHORTEST_NM, walk, without_short
from annapalm.measure.field import DETECTORS, curvature_of
from annapalm.measure.lines import find_lines

SHAPE = (260, 240)
DEGREES = (0, 7, 22, 38, 45, 61, 90, 118, 135, 170)


@pytest.mark.parametrize(("structure", "within"), [("microtubules", 0.04), ("actin", 0.1)])
@pytest.mark.parametrize("degrees", DEGREES)
def test_lengths_have_no_bias_in_any_direction(degrees: int, structure: str, within: float) -> None:
    scale_nm, _ = DETECTORS[structure]
    angle = np.radians(degrees)
    lines = find_lines(a_line(SHAPE, angle, (120.3, 130.4)), 20.0, scale_nm=scale_nm)
    along = (lines.x_px - 120.3) * np.cos(angle) + (lines.y_px - 130.4) * np.sin(angle)
    part = np.abs(along) < 100
    assert lines.length_px[part].sum() == pytest.approx(200, rel=within)


@pytest.mark.parametrize("degrees", DEGREES)
def test_places_and_directions_are_those_of_the_line(degrees: int) -> None:
    angle = np.radians(degrees)
    lines = find_lines(a_line(SHAPE, angle, (120.3, 130.4)), 20.0)
    across = -(lines.x_px - 120.3) * np.sin(angle) + (lines.y_px - 130.4) * np.cos(angle)
    inner = (lines.row > 8) & (lines.row < 250) & (lines.column > 8) & (lines.column < 230)
    assert np.abs(across[inner]).max() < 0.1
    assert np.abs(np.sin(lines.angle[inner] - angle)).max() < 0.015


def test_a_scale_changes_nothing() -> None:
    image = a_line(SHAPE, 0.4, (100, 100)) + 0.2 * a_line(SHAPE, 1.9, (100, 100))
    few, many = (find_lines(image * np.float32(f), 20.0) for f in (1e-3, 1e4))
    np.testing.assert_array_equal(few.row, many.row)
    np.testing.assert_allclose(few.length_px, many.length_px, rtol=1e-4)


def test_faint_lines_count_above_the_level_only() -> None:
    image = a_line(SHAPE, 0.0, (0, 60.0)) + 0.1 * a_line(SHAPE, 0.0, (0, 200.0))
    assert (find_lines(image, 20.0, level=0.06).row > 150).any()
    assert not (find_lines(image, 20.0, level=0.2).row > 150).any()


def test_nothing_is_found_in_nothing() -> None:
    for image in (np.zeros(SHAPE, np.float32), np.full(SHAPE, 0.3, np.float32)):
        lines = find_lines(image, 20.0)
        assert not len(lines.row)
        assert not len(without_short(lines, SHAPE, 20.0).row)
        assert not len(walk(lines, SHAPE, 20.0).directions)


def test_a_blob_is_no_line_and_a_line_grows_by_less_than_160_nm_at_each_end() -> None:
    image = np.zeros(SHAPE, np.float32)
    image[100, 40:200] = 1
    image[200, 100:104] = 1
    kept = without_short(find_lines(image, 20.0), SHAPE, 20.0)
    assert 160 <= kept.length_px.sum() < 176
    assert np.abs(kept.row - 100).max() <= 1


def test_the_border_does_not_end_a_line() -> None:
    lines = find_lines(a_line((260, 10), 0.0, (0, 130.2)), 20.0)
    assert SHORTEST_NM / 20.0 > 10
    assert without_short(lines, (260, 10), 20.0).length_px.sum() == pytest.approx(10)


@pytest.mark.parametrize("radius_px", [60.0, 110.0])
def test_the_curvature_of_a_circle_is_one_over_its_radius(radius_px: float) -> None:
    image = a_circle((300, 300), radius_px)
    bends = walk(find_lines(image, 20.0), image.shape, 20.0)
    assert curvature_of(bends.turned) * 0.6745 == pytest.approx(50 / radius_px, rel=0.03)


def test_a_straight_line_has_no_curvature_and_one_direction() -> None:
    bends = walk(find_lines(a_line(SHAPE, 0.5, (120, 130)), 20.0), SHAPE, 20.0)
    assert len(bends.turned) > 20
    assert np.abs(np.tan(bends.directions - 0.5)).max() < 0.02
    assert bends.turned.max() < 0.02


def test_walkers_pass_straight_over_a_crossing() -> None:
    image = a_line(SHAPE, 0.2, (120, 130)) + a_line(SHAPE, 1.3, (120, 130))
    bends = walk(find_lines(image, 20.0), SHAPE, 20.0)
    assert np.median(bends.turned) < 0.02
    assert np.quantile(bends.turned, 0.95) < 0.15
