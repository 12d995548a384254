"""What is said of usual and shifted fields: what intervals cover, which drift is found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from typer.testing import CliRunner

from annapalm import Model, load_model
from annapalm.domain import Drift
from annapalm_export.cli import app
from annapalm_export.domain.coverage import (
    USUAL,
    Covered,
    cover,
    coverage_tables,
    measure_coverage,
    shifted_suites,
)
from annapalm_export.domain.drift import Found, drift_tables
from annapalm_export.evaluate.simulated import MODEL, WITH_WIDEFIELD
from annapalm_export.evaluate.suites import SUITES
from annapalm_export.evaluate.suites.suite import Condition, in_distribution
from annapalm_export.seeds import THRESHOLD_SEEDS
from annapalm_export.simulate import SceneOptions

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model("microtubule", "cpu")


def small(structure: str = "microtubules", **shift: float) -> Condition:
    scene = SceneOptions(structure=structure, field_um=6.0, empty_share=0.0)
    return Condition(structure, scene, (20.0,), **shift)


def test_every_shifted_suite_is_asked_and_the_usual_ones_once() -> None:
    labels = [suite.label for suite in shifted_suites()]
    assert labels[:2] == ["microtubules-2", "nuclear-pores-1"]
    assert {"photophysics-1", "density-1", "precision-1", "drift-1", "pixel-1"} <= set(labels)
    assert "microtubules-1" not in labels
    assert len(labels) == len(set(labels))


def test_a_field_gives_a_share_without_and_with_its_widefield_image(model: Model) -> None:
    suite = replace(in_distribution("microtubules"), conditions=(small(),), seeds=THRESHOLD_SEEDS)
    plain, seen = measure_coverage(model, 1, lambda _line: None, [suite])
    assert (plain.method, seen.method) == (MODEL, WITH_WIDEFIELD)
    assert (plain.shift, plain.structure, plain.density) == (USUAL, "microtubules", 20.0)
    assert 0.7 < plain.share < 1
    assert plain.share != seen.share
    assert plain.warned == seen.warned


def test_structures_that_a_model_does_not_know_are_left_out(model: Model) -> None:
    suite = replace(in_distribution("actin"), conditions=(small("actin"),))
    assert measure_coverage(model, 1, lambda _line: None, [suite]) == []


def test_the_run_warns_of_what_the_table_alone_tells(model: Model) -> None:
    _, scene = next(small(jitter_nm=40.0).fields(20.0, THRESHOLD_SEEDS))
    assert all(row.warned for row in cover(model, scene, "40 nm worse"))
    by_image = replace(scene, localizations=None)
    assert not any(row.warned for row in cover(model, by_image, "40 nm worse"))


def test_the_table_counts_what_is_off_and_not_warned_of() -> None:
    def row(share: float, *, warned: bool, method: str = MODEL) -> Covered:
        return Covered("far", "actin", 5.0, method, share, warned)

    rows = [row(0.7, warned=False), row(0.98, warned=True), row(0.8, warned=False)]
    rows += [row(0.9, warned=False, method=WITH_WIDEFIELD)]
    text = coverage_tables(rows)
    assert "| far | 3 | 82.7% | 90.0% | 33% | 33.3% | 0.0% |" in text
    assert "| far | 84.5%; 25% |" in text
    # On average the fields of both sets are within; only what is off as a set is named.
    assert "Of 2 sets" in text
    assert " 0 cover less than 80% or more than 97% on average" in text
    assert USUAL not in text
    usual = [replace(row(share, warned=False), shift=USUAL) for share in (0.8, 0.9)]
    assert "| actin, model | 85.0% ± 5.0% |" in coverage_tables(usual)
    text = coverage_tables([*rows, row(0.5, warned=True)])
    assert " 1 cover less than 80% or more than 97% on average, and 0 of these" in text
    assert "| actin, far, 5 per unit, model | 74.5% | 50% |" in text
    assert "and 1 of these" in coverage_tables([*rows, row(0.5, warned=False)])


def test_a_suite_that_is_not_there_is_a_usage_error() -> None:
    found = CliRunner().invoke(app, ["domain", "coverage", "microtubule", "--suite", "trust-1"])
    assert found.exit_code == 2
    assert "'trust-1' is not one of: microtubules-2" in " ".join(found.output.split())


def test_the_tables_are_written_into_a_file_or_to_stdout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conditions = tuple(one for one in SUITES["drift-1"].conditions if one.structure == "spectrin")
    few = replace(SUITES["drift-1"], conditions=conditions[:1])
    monkeypatch.setitem(SUITES, "drift-1", few)
    command = ["domain", "drift", "--fields", "1"]
    told = CliRunner().invoke(app, command)
    assert told.exit_code == 0
    assert (
        "| drift put in, nm | 5 per unit | 10 per unit | 20 per unit | 50 per unit |" in told.stdout
    )
    written = CliRunner().invoke(app, [*command, "-o", str(tmp_path / "drift.md")])
    assert written.exit_code == 0
    assert (tmp_path / "drift.md").read_text(encoding="utf-8").strip() == told.stdout.strip()


@pytest.mark.parametrize("drift_nm", [80.0, 160.0])
def test_a_drifting_field_moves_with_time_and_stays_where_it_was(drift_nm: float) -> None:
    _, still = next(small().fields(20.0, THRESHOLD_SEEDS))
    _, moved = next(small(drift_nm=drift_nm).fields(20.0, THRESHOLD_SEEDS))
    np.testing.assert_array_equal(moved.truth, still.truth)
    before, after = still.localizations, moved.localizations
    assert before is not None
    assert after is not None
    assert moved.counts.sum() == len(after)
    assert before.photons is not None
    assert after.photons is not None
    # Some have left the field; those that stay keep their photons, by which they are known.
    kept = np.isin(before.photons, after.photons)
    assert kept.mean() > 0.9
    x, y = (getattr(after, name) - getattr(before, name)[kept] for name in ("x_nm", "y_nm"))
    time = (after.frame - before.frame.min()) / np.ptp(before.frame) - 0.5
    np.testing.assert_allclose(np.hypot(x, y), drift_nm * np.abs(time), atol=1e-6)


def test_the_drift_suite_holds_four_drifts_of_each_structure() -> None:
    drifts = [condition.drift_nm for condition in SUITES["drift-1"].conditions]
    assert sorted(set(drifts)) == [20.0, 40.0, 80.0, 160.0]
    assert len(drifts) == 20


def test_the_drift_table_counts_what_is_warned_of() -> None:
    found = [
        Found("actin", 5.0, 0.0, None),
        Found("actin", 5.0, 0.0, Drift((3.0, 4.0), 2.0)),
        Found("actin", 5.0, 80.0, Drift((0.0, 90.0), 5.0)),
        Found("actin", 5.0, 80.0, Drift((0.0, 90.0), 40.0)),
    ]
    text = drift_tables(found)
    assert "| 0 | 0.0% of 2 | 50% | 5 | 5 | 2 |" in text
    assert "| 80 | 50.0% of 2 | 0% | 10 | 10 | 22 |" in text
