"""The study of simulated drugs: truth, effects, intervals, findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from typer.testing import CliRunner

from annapalm.errors import InvalidValueError
from annapalm.grid import Grid
from annapalm.measure.intervals import DOUBT_CLASSES
from annapalm_export.cli import app
from annapalm_export.evaluate.biology import (
    coverage,
    effect_rows,
    interval_table,
    resampled_studies,
)
from annapalm_export.evaluate.field import EvalField
from annapalm_export.evaluate.studies import (
    CONTROL,
    NOISE_FREE,
    STUDIES,
    TREATED,
    TRUTH,
    Sample,
    Values,
    evaluation_seeds,
    threshold_seeds,
    true_values,
)
from annapalm_export.seeds import EVALUATION_SEEDS, THRESHOLD_SEEDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

GRID = Grid(20.0, (0.0, 0.0), (300, 300))


def a_field(lines: Sequence[np.ndarray], structure: str = "microtubules") -> EvalField:
    empty = np.zeros(GRID.shape, np.float32)
    rings = np.array([[1000.0, 1000, 50], [2000, 2000, 60], [-5, 2000, 90]])
    return EvalField("field", empty, None, empty, list(lines), 10.0, GRID, structure, rings=rings)


def made(
    change: float, of_model: Callable[[float], float], number: int = 24, noise: float = 0.1
) -> list[Sample]:
    """Make samples whose truth changes by a factor, and of which the model shows a function."""
    rng = np.random.default_rng(0)
    found = []
    for group, factor in ((CONTROL, 1.0), (TREATED, change)):
        for seed in range(number):
            truth = factor * float(np.exp(rng.normal(0, noise)))
            values: dict[str, Values] = {m: {"length_um_per_um2": v} for m, v in (
                (TRUTH, truth), (NOISE_FREE, truth), ("model", of_model(truth)))}  # fmt: skip
            ends = {"length_um_per_um2": (0.9 * truth, 1.1 * truth if seed % 2 else 0.95 * truth)}
            found.append(Sample(group, 10.0, seed, values, ends, 0.05 if seed % 2 else 0.4))
    return found


def test_the_truth_of_straight_lines() -> None:
    x = np.arange(-1000.0, 7001, 40)
    lines = [np.stack([x, np.full_like(x, y)], axis=1) for y in (1000.0, 3000.0)]
    found = true_values(a_field(lines))
    assert found["length_um_per_um2"] == pytest.approx(12 / 36, rel=0.01)
    assert found["order"] == pytest.approx(1)
    assert found["curvature_per_um"] == pytest.approx(0, abs=1e-6)


def test_the_truth_of_a_circle() -> None:
    angle = np.arange(0, 2 * np.pi, 0.01)
    found = true_values(a_field([3000 + 2000 * np.stack([np.cos(angle), np.sin(angle)], axis=1)]))
    assert found["length_um_per_um2"] == pytest.approx(2 * np.pi * 2 / 36, rel=0.01)
    assert found["order"] == pytest.approx(0, abs=0.01)
    assert found["curvature_per_um"] == pytest.approx(0.5 / 0.6745, rel=0.02)


def test_the_truth_of_pores_and_of_nothing() -> None:
    found = true_values(a_field([], "nuclear pores"))
    assert found == pytest.approx({"pores_per_um2": 2 / 36, "radius_nm": 55})
    assert true_values(a_field([]))["order"] is None


def test_the_effect_that_is_kept() -> None:
    (row,) = effect_rows(made(0.5, lambda truth: 0.5 * truth + 0.5))
    assert row[TRUTH] == pytest.approx(-0.5, abs=0.03)
    assert row["model, kept"] == pytest.approx(0.5, abs=0.03)
    assert row["noise-free image, kept"] == 1.0
    assert row["kept of noise-free"] == row["model, kept"]
    low, high = np.asarray(row["model, kept between"])
    assert low <= np.asarray(row["model, kept"]) <= high
    assert row["doubtful"] == pytest.approx(0.225)


def test_coverage_is_the_share_of_intervals_that_hold_the_truth() -> None:
    found = made(0.5, lambda truth: truth)
    assert coverage(found, 10.0, "length_um_per_um2") == 0.5
    assert coverage(found, 10.0, "order") is None


def test_intervals_follow_from_the_distances_of_a_class() -> None:
    table = interval_table(made(0.5, lambda truth: truth / 1.2))["length_um_per_um2"]
    assert len(table) == len(DOUBT_CLASSES)
    assert table[0] == table[2] == (0.18, 0.18)
    assert table[1] is None
    assert table[3] is None


def test_a_difference_is_found_where_there_is_one_and_rarely_where_there_is_none() -> None:
    found = made(0.5, lambda truth: truth)
    assert resampled_studies(found, 10.0, 20, treated=True)["any"] == pytest.approx(1)
    assert resampled_studies(found, 10.0, 60, treated=False)["any"] <= 0.15
    with pytest.raises(InvalidValueError, match="at least 20 that show a measure"):
        resampled_studies(made(0.5, float, 12), 10.0, 3, treated=False)


def test_groups_and_choices_have_seeds_of_their_own() -> None:
    groups = [*evaluation_seeds().values(), *threshold_seeds().values()]
    seeds = [seed for group in groups for seed in group]
    assert len(set(seeds)) == len(seeds) == len(EVALUATION_SEEDS) + len(THRESHOLD_SEEDS)


def test_a_treated_scene_differs_from_the_control_in_the_treatment_alone() -> None:
    study = STUDIES["actin-1"]
    assert study.scene(TREATED).treatment == "sparse mesh"
    assert study.scene(CONTROL).treatment == "control"
    assert study.scene(CONTROL).structure == study.scene(TREATED).structure == "actin"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--study", "lamin-1"], "is not one of"),
        (["--density", "7"], "is one of 5, 10, 20, 50"),
        (["--study", "actin-1"], "does not know actin"),
        (["--fields", "2"], "--fields"),
    ],
)
def test_calls_that_cannot_be_carried_out(args: list[str], words: str) -> None:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["biology", "microtubule/1.1.0", *args])
    assert result.exit_code == 2
    assert words in result.stderr


def test_a_small_study_runs_from_the_command_line() -> None:
    result = CliRunner().invoke(
        app, ["biology", "microtubule/1.1.0", "--fields", "3", "--density", "20", "--calibrate"]
    )
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith('{"microtubules": {"length_um_per_um2": [')
