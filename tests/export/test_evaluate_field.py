"""Fields for the evaluation: centre lines, labelled pieces, foreground. Also makes known fields."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from annapalm import Grid
from annapalm.errors import InvalidValueError
from annapalm_export.evaluate.field import FOREGROUND_NM, EvalField, resample

if TYPE_CHECKING:
    from numpy.typing import NDArray

PIXEL_NM = 20.0


def line(start: tuple[float, float], end: tuple[float, float]) -> NDArray[np.float64]:
    """Make a straight centre line between two points (x, y) in nm."""
    return np.array([start, end], dtype=np.float64)


def draw(
    lines: list[NDArray[np.float64]], shape: tuple[int, int] = (200, 200), sigma_nm: float = 20.0
) -> NDArray[np.float32]:
    """Draw the lines: an image of sum = length in µm, blurred by a Gaussian."""
    image = np.zeros(shape)
    for one in lines:
        xy, step = resample(one)
        column, row = np.floor(xy / PIXEL_NM).astype(int).T
        inside = (column >= 0) & (column < shape[1]) & (row >= 0) & (row < shape[0])
        np.add.at(image, (row[inside], column[inside]), step / 1000)
    wide: NDArray[np.float64] = gaussian_filter(image, sigma_nm / PIXEL_NM, mode="constant")
    return wide.astype(np.float32)


def line_field(
    lines: list[NDArray[np.float64]],
    shape: tuple[int, int] = (200, 200),
    *,
    truth: NDArray[np.float32] | None = None,
    per_um: float = 40.0,
    seed: int = 0,
) -> EvalField:
    """Make a field whose truth is the drawn lines, and whose counts are a sample of it."""
    truth = draw(lines, shape) * np.float32(per_um) if truth is None else truth
    counts = np.random.default_rng(seed).poisson(truth).astype(np.float32)
    grid = Grid(PIXEL_NM, (0.0, 0.0), shape)
    return EvalField("lines", counts, None, truth, lines, per_um, grid)


def test_resampled_points_stand_for_the_whole_length() -> None:
    bent = np.array([[0.0, 0.0], [300.0, 0.0], [300.0, 405.0]])
    xy, step = resample(bent)
    assert step <= 10
    assert len(xy) * step == pytest.approx(705.0)
    assert np.linalg.norm(np.diff(xy, axis=0), axis=1).max() <= step + 1e-9
    assert xy[0] == pytest.approx((step / 2, 0))


def test_the_wanted_length_is_what_lies_inside_the_field() -> None:
    field = line_field([line((-1000, 2000), (5000, 2000))])
    assert field.line_points().wanted_um == pytest.approx(4.0, abs=0.02)


def test_an_unlabelled_piece_is_not_wanted() -> None:
    lines = [line((500, 2010), (3500, 2010))]
    labelled = [line((500, 2010), (1500, 2010)), line((2500, 2010), (3500, 2010))]
    field = line_field(lines, truth=draw(labelled))
    points = field.line_points()
    assert points.wanted_um == pytest.approx(2.0, abs=0.15)
    middle = np.abs(points.xy_nm[:, 0] - 2000) < 300
    assert not points.wanted[middle].any()


def test_foreground_is_within_100_nm_of_filament() -> None:
    field = line_field([line((-100, 2010), (4100, 2010))])
    rows = np.flatnonzero(field.foreground()[:, 100])
    away = np.abs((rows + 0.5) * PIXEL_NM - 2010)
    assert away.max() == FOREGROUND_NM
    assert len(rows) == 11


def test_what_is_drawn_elsewhere_is_false_and_what_is_not_drawn_is_missed() -> None:
    true, invented = line((-100, 1010), (4100, 1010)), line((-100, 3010), (4100, 3010))
    field = line_field([true])
    false, missed = field.false_and_missed(field.truth, 60.0)
    assert not false.any()
    assert not missed.any()
    false, missed = field.false_and_missed(draw([invented]), 60.0)
    assert np.flatnonzero(false.any(axis=1)) == pytest.approx(np.arange(148, 153), abs=1)
    assert missed[50, 5:-5].all()
    assert not missed[52:].any()


def test_no_filament_means_no_foreground_and_nothing_wanted() -> None:
    field = line_field([])
    assert not field.foreground().any()
    assert field.line_points().wanted_um == 0


def test_without_centre_lines_the_foreground_is_around_what_the_truth_shows() -> None:
    spot = draw([line((2000, 2010), (2020, 2010))])
    field = line_field([], truth=spot * np.float32(1000))
    assert not field.has_filaments
    there = field.there()
    assert there[100, 100]
    assert spot[there].min() > 0.01 * spot.max()
    away = np.argwhere(field.foreground()) - np.array([100, 100])
    radius = np.linalg.norm(away, axis=1).max() * PIXEL_NM
    assert FOREGROUND_NM + 40 < radius < FOREGROUND_NM + 100


def test_the_axis_of_a_periodic_structure_is_not_what_should_be_drawn() -> None:
    field = line_field([line((0, 2010), (4000, 2010))])
    assert field.has_filaments
    assert not replace(field, period_nm=190.0).has_filaments


def test_filaments_beside_the_field_give_no_foreground() -> None:
    field = line_field([line((5000, 0), (5000, 4000))])
    assert not field.foreground().any()


def test_density_counts_all_localizations_over_the_area() -> None:
    field = line_field([line((0, 2010), (4000, 2010))])
    assert field.density_per_um2 == pytest.approx(field.counts.sum() / 16.0)


def test_the_origin_of_the_grid_is_respected() -> None:
    one = [line((-100, 2010), (4100, 2010))]
    field = line_field(one)
    moved = EvalField(
        "moved",
        field.counts,
        None,
        field.truth,
        [one[0] + np.array([700, -300])],
        40.0,
        Grid(PIXEL_NM, (700.0, -300.0), (200, 200)),
    )
    assert (moved.foreground() == field.foreground()).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("truth", np.zeros((3, 3), np.float32)),
        ("truth", np.zeros((200, 200))),
        ("truth", np.full((200, 200), -1, np.float32)),
        ("counts", np.full((200, 200), np.nan, np.float32)),
        ("centre_lines", [np.zeros((1, 2))]),
        ("centre_lines", [np.zeros((4, 3))]),
        ("rings", np.zeros((4, 2))),
    ],
)
def test_a_field_that_does_not_fit_together_is_refused(name: str, value: object) -> None:
    values = {
        "counts": np.zeros((200, 200), np.float32),
        "truth": np.zeros((200, 200), np.float32),
        "centre_lines": [],
        name: value,
    }
    with pytest.raises(InvalidValueError, match=name):
        EvalField(
            name="bad",
            widefield=None,
            density=1.0,
            grid=Grid(PIXEL_NM, (0, 0), (200, 200)),
            **values,  # type: ignore[arg-type]
        )
