"""Whether a steady drift is told from the localizations alone, and none where there is none."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from annapalm import load_model
from annapalm.domain import Drift, measure_drift
from annapalm.domain.drift import LEAST_PATCHES, LIMIT_NM, SIGNIFICANT
from annapalm.grid import Grid
from annapalm.localizations import Localizations
from annapalm.render import render
from annapalm.write.sidecar import picture_record

FRAMES = 2000


def filaments(
    number: int = 40,
    *,
    labels: int = 120,
    bursts: int = 3,
    side_nm: float = 10_000.0,
    origin_nm: float = 0.0,
    seed: int = 0,
) -> Localizations:
    """Straight filaments whose labels light up at any time, two frames long, to 10 nm."""
    rng = np.random.default_rng(seed)
    angle, x0, y0 = rng.random((3, number)) * np.array([[np.pi], [side_nm], [side_nm]])
    along = rng.uniform(-2000, 2000, (number, labels))
    x = (x0[:, None] + along * np.cos(angle)[:, None]).ravel()
    y = (y0[:, None] + along * np.sin(angle)[:, None]).ravel()
    times = rng.poisson(bursts, len(x))
    x, y = (np.repeat(np.repeat(v, times), 2) for v in (x, y))
    frame = rng.integers(0, FRAMES - 1, len(x) // 2).repeat(2) + np.tile([0, 1], len(x) // 2)
    x, y = (v + origin_nm + rng.normal(0, 10, len(v)) for v in (x, y))
    locs = Localizations(x, y, frame.astype(np.int64))
    low, high = origin_nm, origin_nm + side_nm
    return locs.select((x >= low) & (x < high) & (y >= low) & (y < high))


def drifting(locs: Localizations, x_nm: float, y_nm: float) -> Localizations:
    time = locs.frame / FRAMES - 0.5
    return replace(locs, x_nm=locs.x_nm + x_nm * time, y_nm=locs.y_nm + y_nm * time)


def measured(locs: Localizations, side_nm: float = 10_000.0) -> Drift | None:
    grid = Grid.over((0.0, 0.0, side_nm, side_nm), 20.0)
    return measure_drift(locs, render(locs, grid)[0], grid)


@pytest.mark.parametrize("total", [(0.0, 30.0), (60.0, -60.0), (-160.0, 0.0), (300.0, 200.0)])
def test_a_steady_drift_is_found_with_its_direction(total: tuple[float, float]) -> None:
    found = measured(drifting(filaments(), *total))
    assert found is not None
    assert found.error_nm < 8
    off = np.hypot(found.total_nm[0] - total[0], found.total_nm[1] - total[1])
    assert off < 4 * found.error_nm


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("bursts", [0.2, 3])
def test_without_drift_nothing_is_said(seed: int, bursts: int) -> None:
    found = measured(filaments(bursts=bursts, seed=seed))
    assert found is not None
    assert found.length_nm < 5 * found.error_nm
    assert found.warning is None


def test_a_drift_as_training_shows_is_no_reason_to_warn() -> None:
    found = measured(drifting(filaments(), 30.0, 0.0))
    assert found is not None
    assert found.length_nm > SIGNIFICANT * found.error_nm
    assert not found.is_large


def test_a_large_drift_is_warned_of_in_words() -> None:
    assert Drift((80.0, -60.0), 7.4).warning == (
        "The localizations drift by 100 nm (± 7; x +80, y -60) from the first frame to the last; "
        "the models have learned from less than 50 nm. Structure is drawn blurred or double: "
        "correct the drift in the table and run again, or use fewer frames (--frames)."
    )
    assert Drift((80.0, -60.0), 100 / SIGNIFICANT + 0.1).warning is None
    assert Drift((LIMIT_NM, 0.0), 1.0).warning is None


def test_drift_that_comes_back_has_no_steady_part() -> None:
    locs = filaments()
    there_and_back = 100 * np.abs(locs.frame / FRAMES - 0.5)
    found = measured(replace(locs, x_nm=locs.x_nm + there_and_back))
    assert found is not None
    assert not found.is_large


def test_too_little_says_nothing() -> None:
    locs = filaments()
    assert measured(locs.select(np.arange(200))) is None
    assert measured(locs.select(locs.frame == 7)) is None
    assert measured(locs.select(np.zeros(len(locs), dtype=bool))) is None


def test_evidence_from_few_places_says_nothing() -> None:
    assert LEAST_PATCHES > 4
    small = drifting(filaments(4, side_nm=1500.0), 100.0, 0.0)
    assert len(small) > 500
    assert measured(replace(small, x_nm=small.x_nm + 3000, y_nm=small.y_nm + 3000)) is None


def test_the_fullest_window_is_looked_at_wherever_it_lies() -> None:
    locs = drifting(filaments(origin_nm=25_000.0), 100.0, 40.0)
    found = measured(locs, side_nm=40_000.0)
    assert found is not None
    np.testing.assert_allclose(found.total_nm, (100, 40), atol=4 * found.error_nm)


def test_a_grid_that_begins_elsewhere_gives_the_same() -> None:
    locs = drifting(filaments(), 100.0, 40.0)
    moved = replace(locs, x_nm=locs.x_nm + 4000, y_nm=locs.y_nm - 6000)
    grid = Grid.over((4000.0, -6000.0, 14_000.0, 4000.0), 20.0)
    found, again = measured(locs), measure_drift(moved, render(moved, grid)[0], grid)
    assert found is not None
    assert again is not None
    np.testing.assert_allclose(again.total_nm, found.total_nm, atol=0.1)


def test_a_reconstruction_of_a_table_carries_it_and_one_of_counts_does_not() -> None:
    model = load_model("microtubule", "cpu")
    locs = drifting(filaments(), 120.0, 0.0)
    grid = Grid.over((0.0, 0.0, 10_000.0, 10_000.0), 20.0)
    result = model.reconstruct(locs, grid=grid)
    assert result.drift is not None
    assert result.drift.warning in result.warnings
    record = picture_record(result)["drift"]
    assert record is not None
    assert record["length_nm"] == pytest.approx(120, abs=20)
    assert record["limit_nm"] == LIMIT_NM
    assert math.hypot(*record["total_nm"]) == pytest.approx(record["length_nm"])
    plain = model.reconstruct(render(locs, grid)[0])
    assert plain.drift is None
    assert picture_record(plain)["drift"] is None
