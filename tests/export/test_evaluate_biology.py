"""The study of simulated drugs: truth, effects, intervals, findings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from typer.testing import CliRunner

from annapalm.errors import InvalidValueError
from annapalm.grid import Grid
from annapalm.measure import intervals
from annapalm.measure.intervals import DOUBT_CLASSES, Correction
from annapalm_export.cli import app
from annapalm_export.evaluate.biology import (
    corrections,
    coverage,
    effect_rows,
    interval_table,
    resampled_studies,
)
from annapalm_export.evaluate.field import EvalField
from annapalm_export.evaluate.sample_store import OtherStudyError, SampleStore
from annapalm_export.evaluate.studies import (
    CONTROL,
    DRAWN,
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
    from pathlib import Path

LENGTH = "length_um_per_um2"
GRID = Grid(20.0, (0.0, 0.0), (300, 300))


def a_field(lines: Sequence[np.ndarray], structure: str = "microtubules") -> EvalField:
    empty = np.zeros(GRID.shape, np.float32)
    rings = np.array([[1000.0, 1000, 50], [2000, 2000, 60], [-5, 2000, 90]])
    return EvalField("field", empty, None, empty, list(lines), 10.0, GRID, structure, rings=rings)


def made(
    change: float, of_model: Callable[[float], float], number: int = 24, noise: float = 0.1
) -> list[Sample]:
    """Make samples whose truth changes by a factor, and of which the model draws a function."""
    rng = np.random.default_rng(0)
    found = []
    for group, factor in ((CONTROL, 1.0), (TREATED, change)):
        for seed in range(number):
            truth = factor * float(np.exp(rng.normal(0, noise)))
            values: dict[str, Values] = {m: {LENGTH: v} for m, v in (
                (TRUTH, truth), (NOISE_FREE, truth), (DRAWN, of_model(truth)))}  # fmt: skip
            doubt = 0.05 if seed % 2 else 0.4
            found.append(Sample(group, 10.0, seed, "microtubules", values, doubt))
    return found


def test_the_truth_of_straight_lines() -> None:
    x = np.arange(-1000.0, 7001, 40)
    lines = [np.stack([x, np.full_like(x, y)], axis=1) for y in (1000.0, 3000.0)]
    found = true_values(a_field(lines))
    assert found[LENGTH] == pytest.approx(12 / 36, rel=0.01)
    assert found["order"] == pytest.approx(1)
    assert found["curvature_per_um"] == pytest.approx(0, abs=1e-6)


def test_the_truth_of_a_circle() -> None:
    angle = np.arange(0, 2 * np.pi, 0.01)
    found = true_values(a_field([3000 + 2000 * np.stack([np.cos(angle), np.sin(angle)], axis=1)]))
    assert found[LENGTH] == pytest.approx(2 * np.pi * 2 / 36, rel=0.01)
    assert found["order"] == pytest.approx(0, abs=0.01)
    assert found["curvature_per_um"] == pytest.approx(0.5 / 0.6745, rel=0.02)


def test_the_truth_of_pores_and_of_nothing() -> None:
    found = true_values(a_field([], "nuclear pores"))
    assert found == pytest.approx({"pores_per_um2": 2 / 36, "radius_nm": 55})
    assert true_values(a_field([]))["order"] is None


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Correct nothing: the model's values are what it drew."""
    monkeypatch.setattr(intervals, "FITS", {})


@pytest.mark.usefixtures("plain")
def test_the_effect_that_is_kept() -> None:
    (row,) = effect_rows(made(0.5, lambda truth: 0.5 * truth + 0.5))
    assert row[TRUTH] == pytest.approx(-0.5, abs=0.03)
    assert row["model, kept"] == pytest.approx(0.5, abs=0.03)
    assert row["noise-free image, kept"] == 1.0
    low, high = np.asarray(row["model, kept between"])
    assert low <= np.asarray(row["model, kept"]) <= high
    assert row["doubtful"] == pytest.approx(0.225)


def test_the_effect_is_that_of_corrected_values(monkeypatch: pytest.MonkeyPatch) -> None:
    half = intervals.Fit({LENGTH: Correction(0.0, 0.0, 0.5)}, {})
    monkeypatch.setattr(intervals, "FITS", {"microtubules": {"a/1": half}})
    (row,) = effect_rows(made(0.5, lambda truth: truth**0.5))
    assert row["model, kept"] == pytest.approx(1)
    assert row["model, drawn, kept"] == pytest.approx(0.58, abs=0.03)


@pytest.mark.usefixtures("plain")
def test_coverage_is_the_share_of_intervals_that_hold_the_truth(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ends = ((-0.1, 0.1), None, (0.1, 0.2), None)  # the second class of doubt: above 0.3
    fit = intervals.Fit({}, {LENGTH: ends})
    monkeypatch.setattr(intervals, "FITS", {"microtubules": {"a/1": fit}})
    found = made(0.5, lambda truth: truth)
    assert coverage(found, 10.0, LENGTH) == 0.5
    assert coverage(found, 10.0, "order") is None


def test_intervals_follow_from_the_distances_of_a_class() -> None:
    found = made(0.5, lambda truth: truth / 1.2)
    table = interval_table(found, {})[LENGTH]
    assert len(table) == len(DOUBT_CLASSES)
    assert table[0] == table[2] == (0.18, 0.18)
    assert table[1] is None
    assert table[3] is None
    right = {LENGTH: Correction(-float(np.log(1.2)), 0.0)}
    assert interval_table(found, right)[LENGTH][0] == pytest.approx((0, 0))


def test_a_correction_of_length_is_a_factor_that_depends_on_the_doubt() -> None:
    found = made(0.5, lambda truth: truth / 1.2, noise=0.3)
    assert corrections(found) == {LENGTH: Correction(-0.182, 0.0)}
    assert not corrections(found[:4])
    hardly = made(0.5, lambda truth: truth / 2.2, noise=0.3)
    assert not corrections(hardly)


def test_a_correction_of_curvature_finds_the_slope_that_made_it() -> None:
    rng, found = np.random.default_rng(1), []
    right = Correction(-0.4, -0.5, 0.8, -0.6)
    for _ in range(200):
        truth, doubt = float(np.exp(rng.normal(-2, 0.6))), float(rng.uniform(0, 0.5))
        of_log = (right.slope + right.bent * doubt) * np.log(truth)
        drawn = float(np.exp(right.level + right.doubted * doubt + of_log))
        values: dict[str, Values] = {m: {"curvature_per_um": v} for m, v in (
            (TRUTH, truth), (DRAWN, drawn))}  # fmt: skip
        found.append(Sample(CONTROL, 10.0, 0, "microtubules", values, doubt))
        assert right.truth_of(drawn, doubt) == pytest.approx(truth)
    assert corrections(found) == {"curvature_per_um": right}


@pytest.mark.usefixtures("plain")
def test_a_difference_is_found_where_there_is_one_and_rarely_where_there_is_none() -> None:
    found = made(0.5, lambda truth: truth)
    assert resampled_studies(found, 10.0, 20, treated=True)["any"] == pytest.approx(1)
    assert resampled_studies(found, 10.0, 60, treated=False)["any"] <= 0.15
    with pytest.raises(InvalidValueError, match="at least 20 in a group"):
        resampled_studies(made(0.5, float, 12), 10.0, 3, treated=False)


@pytest.mark.usefixtures("plain")
def test_what_is_drawn_less_of_where_it_is_sampled_less_is_found_as_a_difference() -> None:
    dense = made(0.5, lambda truth: truth)
    sparse = [replace(sample, density=5.0) for sample in made(0.5, lambda truth: 0.6 * truth)]
    shares = resampled_studies([*dense, *sparse], 5.0, 10, treated=False, other_density=10.0)
    assert shares[LENGTH] == pytest.approx(1)


@pytest.mark.usefixtures("plain")
def test_studies_of_doubtful_fields_find_nothing_and_are_counted() -> None:
    found = [replace(sample, doubtful_share=0.6) for sample in made(0.5, lambda truth: truth)]
    shares = resampled_studies(found, 10.0, 5, treated=True)
    assert shares == pytest.approx({"too doubtful": 1, "any": 0, LENGTH: 0})


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


def biology(*args: str) -> Any:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["biology", "microtubule/1.1.0", *args])


def test_a_small_study_is_kept_and_goes_on(tmp_path: Path) -> None:
    kept = tmp_path / "kept.jsonl"
    asked = ("--density", "20", "--calibrate", "--keep", str(kept))
    first = biology(*asked, "--fields", "3")
    assert first.exit_code == 0, first.stderr
    assert first.stdout.startswith('{"corrections": {"microtubules": {}}}\n{"table": {"microtub')
    whole = kept.read_bytes()
    assert whole.count(b"\n") == 4
    kept.write_bytes(whole[:-9])  # cut off while the last field was written
    again = biology(*asked, "--fields", "3")
    assert again.stdout == first.stdout
    assert again.stderr.count("field 3 of 3") == 1
    assert "field 2 of 3" not in again.stderr
    assert kept.read_bytes() == whole
    refused = biology(*asked[:2], "--fields", "3", "--keep", str(kept))
    assert refused.exit_code == 2
    assert "does not hold the fields of this study" in refused.stderr
    assert kept.read_bytes() == whole


@pytest.mark.parametrize("text", ["", "no JSON\n", "[]\n", '{"study": {}}\n', "{}"])
def test_a_file_of_something_else_is_not_gone_on_with(tmp_path: Path, text: str) -> None:
    kept = tmp_path / "notes.txt"
    kept.write_text(text, encoding="utf-8")
    with pytest.raises(OtherStudyError, match=r"notes\.txt does not hold the fields"):
        SampleStore(kept).read({"study": "mine"})
    assert kept.read_text(encoding="utf-8") == text
