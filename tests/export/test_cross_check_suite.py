"""The suite of the cross-check: what is planted, what is erased, and the rows that come of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from test_evaluate_field import line, line_field

from annapalm import Localizations, Model, load_model
from annapalm.errors import InvalidValueError
from annapalm.model import SessionOptions
from annapalm_export.evaluate.crew import crew
from annapalm_export.evaluate.fields import make_field, scored_scenes
from annapalm_export.evaluate.planted import (
    drawn,
    false_pieces,
    joined,
    pixels_near,
    returning_molecules,
    true_pieces,
)
from annapalm_export.evaluate.suites import suite_named
from annapalm_export.evaluate.suites.cross_check import evaluate_cross_check
from annapalm_export.evaluate.suites.report import write_report
from annapalm_export.evaluate.suites.run import Entry, SuiteRunner
from annapalm_export.evaluate.suites.store import Store
from annapalm_export.seeds import EVALUATION_SEEDS, THRESHOLD_SEEDS
from annapalm_export.simulate import SceneOptions

if TYPE_CHECKING:
    from pathlib import Path

LINES = [line((-500, 1000), (9000, 1400)), line((-500, 6000), (9000, 5800))]


@pytest.fixture(scope="module")
def model() -> Model:
    """Load the default model: a test of what it finds needs one that draws filaments."""
    return load_model("microtubule", device="cpu", options=SessionOptions(threads=1))


def test_false_pieces_lie_apart_where_nothing_is() -> None:
    scene = line_field(LINES, (400, 400))
    pieces = false_pieces(scene, np.random.default_rng(1))
    assert 2 <= len(pieces) <= 8
    for points in pieces:
        assert len(points) == 100
        assert np.linalg.norm(points[-1] - points[0]) == pytest.approx(990)
        assert not (scene.near_structure(180.0) & pixels_near(points, 10, scene.grid)).any()
    centres = np.array([points.mean(axis=0) for points in pieces])
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
    assert apart[~np.eye(len(pieces), dtype=bool)].min() >= 1500


def test_true_pieces_are_a_micrometre_of_labelled_filament_inside_the_field() -> None:
    scene = line_field(LINES, (400, 400))
    pieces = true_pieces(scene)
    assert len(pieces) >= 10
    for points in pieces:
        assert len(points) * np.linalg.norm(points[1] - points[0]) == pytest.approx(1000, rel=0.02)
        assert points.min() >= 500
        assert points.max() < 7500
    dark = replace(scene, truth=np.where(np.indices(scene.truth.shape)[0] < 150, 0, scene.truth))
    assert {bool(p[0, 1] > 3000) for p in true_pieces(dark)} == {True}
    assert true_pieces(replace(scene, centre_lines=[])) == []


def test_a_planted_filament_holds_what_it_says() -> None:
    scene = line_field(LINES, (400, 400))
    pieces = false_pieces(scene, np.random.default_rng(1))
    image = drawn(pieces, 20.0, scene.grid)
    assert image.dtype == np.float32
    assert image.sum() == pytest.approx(20 * len(pieces), rel=1e-3)
    for points in pieces:
        assert image[pixels_near(points, 100.0, scene.grid)].sum() == pytest.approx(20, rel=0.03)


def test_pixels_near_a_piece_are_those_of_the_field() -> None:
    scene = line_field(LINES, (60, 80))
    points = np.array([[10.0, 10.0], [50.0, 10.0], [1590.0, 1190.0]])
    near = pixels_near(points, 45.0, scene.grid)
    i, j = np.indices((60, 80))
    centre = np.stack([(j + 0.5) * 20, (i + 0.5) * 20], axis=-1)
    away = np.linalg.norm(centre[:, :, None] - points, axis=-1).min(axis=-1)
    np.testing.assert_array_equal(near, away <= 45)


def test_returning_molecules_are_the_same_in_both_halves() -> None:
    points = np.stack([np.linspace(0, 1000, 101), np.zeros(101)], axis=1)
    one, other = returning_molecules([points], 12.0, np.random.default_rng(1))
    assert len(one) == len(other) == 12
    assert np.abs(one.x_nm - other.x_nm).max() < 100
    assert not np.array_equal(one.x_nm, other.x_nm)
    both = joined(one, other)
    assert len(both) == 24
    none = returning_molecules([], 12.0, np.random.default_rng(1))
    assert [len(n) for n in none] == [0, 0]


def test_planted_and_erased_filaments_are_found_and_the_truth_is_left_alone(model: Model) -> None:
    options = SceneOptions(empty_share=0.0, imperfect=True)
    _, scene = next(scored_scenes(20.0, THRESHOLD_SEEDS, options, with_widefield=False))
    field = make_field(scene, 20.0, THRESHOLD_SEEDS[0])
    assert field.localizations is not None
    assert len(field.localizations) == field.counts.sum()
    (row,) = evaluate_cross_check(model, field)
    assert row["not_done"] == 0
    assert row["auroc_false"] > 0.85
    assert row["auroc_missing"] > 0.85
    assert row["auroc_false_region"] > row["auroc_returning_region"] > 0.7
    assert row["truth_marked"] < 0.05
    assert row["unconfirmed_share"] < 0.025
    assert row["contradicted"] == 0


def test_what_cannot_be_cut_is_a_row_that_says_so(model: Model) -> None:
    scene = line_field(LINES, (400, 400))
    with pytest.raises(InvalidValueError, match="a field with its table"):
        evaluate_cross_check(model, scene)
    few = Localizations(np.ones(9), np.ones(9), np.arange(9))
    (row,) = evaluate_cross_check(model, replace(scene, localizations=few))
    assert row["not_done"] == 1
    assert "misfit" not in row


def test_the_suite_is_what_was_published() -> None:
    suite = suite_named("cross-check-1")
    assert suite.kind == "cross-check"
    assert suite.seeds is EVALUATION_SEEDS
    assert suite.structures == ("microtubules", "nuclear pores")
    assert [c.densities for c in suite.conditions] == [(5.0, 10.0, 20.0, 50.0)] * 2


def test_a_run_of_the_suite_gives_tables(model: Model, tmp_path: Path) -> None:
    folder = tmp_path
    suite = suite_named("cross-check-1").smaller((20.0,), 6.4)
    entries = [Entry("microtubule", model)]
    store = Store(folder / "results.jsonl")
    with crew([model], 1) as workers:
        rows = SuiteRunner(entries, store, 1, lambda _line: None, workers).run(suite)
    assert {row["structure"] for row in rows} == {"microtubules", "nuclear pores"}
    write_report(folder, [(suite, rows)], entries, 1)
    text = (folder / "tables.md").read_text(encoding="utf-8")
    assert "AUROC, false" in text
    assert "| nuclear pores | microtubule | 20 | 1 |" in text
