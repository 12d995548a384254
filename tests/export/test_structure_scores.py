"""What is scored of which structure: tiny fields of each, and what must come out of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from test_evaluate_field import line, line_field
from test_evaluate_pores import RINGS, picture
from test_evaluate_suite import Drawn, by_method

from annapalm import Grid
from annapalm.errors import InvalidValueError
from annapalm_export.evaluate.baseline import blur
from annapalm_export.evaluate.field import EvalField
from annapalm_export.evaluate.stress import evaluate_uniform
from annapalm_export.evaluate.structure_scores import (
    KINDS,
    LineScores,
    PoreScores,
    TracedScores,
    best_of,
    kind_of,
)
from annapalm_export.evaluate.suite import (
    BLUR,
    MODEL,
    SPARSE,
    TRUTH,
    choose_levels,
    evaluate_simulated,
)
from annapalm_export.evaluate.table import simulated_tables, stress_table
from annapalm_export.simulate.structures import STRUCTURES

if TYPE_CHECKING:
    from numpy.typing import NDArray

LINE_SCORES = {"f1", "precision", "recall", "false_um_per_um2", "missed_um_per_um2"}
TRACED = {"f1_skeleton", "precision_skeleton", "recall_skeleton"}
PORES = {
    "pore_f1",
    "pore_precision",
    "pore_recall",
    "false_pores_per_um2",
    "missed_pores_per_um2",
    "radius_bias_nm",
    "radius_spread_nm",
    "ring_contrast",
}
AREA = {
    "dice",
    "iou",
    "area_precision",
    "area_recall",
    "false_um2_per_um2",
    "missed_um2_per_um2",
    "boundary_f1",
}
PERIOD = {
    "period_nm",
    "period_bias_nm",
    "period_found",
    "period_contrast",
    "period_modulation",
}
SCORES = {
    "microtubules": LINE_SCORES | TRACED,
    "nuclear pores": PORES,
    "actin": TRACED | {"false_um_per_um2_skeleton", "missed_um_per_um2_skeleton"},
    "mitochondria": AREA,
    "spectrin": AREA | PERIOD,
}
PERFECT = {
    "microtubules": ("f1", "f1_skeleton"),
    "nuclear pores": ("pore_f1", "pore_precision", "pore_recall"),
    "actin": ("f1_skeleton", "precision_skeleton", "recall_skeleton"),
    "mitochondria": ("dice", "iou", "area_precision", "area_recall", "boundary_f1"),
    "spectrin": ("dice", "period_found"),
}
DRAWN = {
    "microtubules": "drawn_um_per_um2",
    "nuclear pores": "drawn_pores_per_um2",
    "actin": "drawn_um_per_um2",
    "mitochondria": "drawn_share",
    "spectrin": "drawn_share",
}


def _field(
    structure: str, unit: str, truth: NDArray[np.floating], seed: int, most: float, **more: Any
) -> EvalField:
    """Sample the counts of a field, `most` localizations in the brightest pixel."""
    rate = (most * truth / truth.max()).astype(np.float32)
    counts = np.random.default_rng(seed).poisson(rate).astype(np.float32)
    grid = Grid(20.0, (0.0, 0.0), truth.shape)
    lines = more.pop("centre_lines", [])
    return EvalField(
        structure, counts, None, rate, lines, 20.0, grid, structure=structure, unit=unit, **more
    )


def lines_of(structure: str, seed: int = 0) -> EvalField:
    """Crossing lines."""
    lines = [line((-200, 1000), (4200, 3000)), line((1000, -100), (2500, 4100))]
    return replace(line_field(lines, seed=seed), structure=structure)


def mesh(seed: int = 0) -> EvalField:
    """Two bundles, and between them a mesh of 60 nm, far finer than what is drawn."""
    bundles = [line((-200, 500), (4200, 500)), line((-200, 3500), (4200, 3500))]
    fine = [line((x, 1500), (x, 2500)) for x in range(1000, 3000, 60)]
    fine += [line((1000, y), (2980, y)) for y in range(1500, 2500, 60)]
    return replace(line_field(bundles + fine, seed=seed), structure="actin")


def pores(seed: int = 0) -> EvalField:
    """Rings of 54 nm, 400 nm apart."""
    truth = np.pad(picture(RINGS), ((0, 20), (0, 20)))  # as large as MS-SSIM needs
    return _field("nuclear pores", "pore", truth, seed, 0.3, rings=RINGS)


def tubes(seed: int = 0) -> EvalField:
    """Three tubes of 400 nm."""
    truth = np.zeros((200, 200), np.float32)
    for row in (40, 100, 160):
        truth[row - 10 : row + 10, 20:180] = 1
    return _field("mitochondria", "0.1 µm² of membrane", blur(truth, 20.0, 20.0), seed, 1.0)


def lattice(seed: int = 0) -> EvalField:
    """Three axons with stripes 190 nm apart."""
    x = (np.arange(240) + 0.5) * 20
    stripes = np.exp(4 * (np.cos(2 * np.pi * x / 190) - 1))
    truth = np.zeros((240, 240), np.float32)
    for row in (40, 120, 200):
        truth[row - 10 : row + 10] = stripes
    axes = [line((0, row * 20), (4800, row * 20)) for row in (40, 120, 200)]
    truth = blur(truth, 10.0, 20.0)
    more = {"centre_lines": axes, "period_nm": 190.0}
    return _field("spectrin", "µm of axon", truth, seed, 1.0, **more)


def field_of(structure: str, seed: int = 0) -> EvalField:
    """Make a tiny field of any structure."""
    if structure == "nuclear pores":
        return pores(seed)
    if structure == "mitochondria":
        return tubes(seed)
    return lattice(seed) if structure == "spectrin" else lines_of(structure, seed)


def test_every_structure_that_is_simulated_has_a_way_to_be_scored() -> None:
    assert set(KINDS) == set(STRUCTURES) == set(SCORES)
    assert kind_of("hair") is LineScores


@pytest.mark.parametrize("structure", list(STRUCTURES))
def test_rows_hold_the_scores_of_their_structure_and_no_others(structure: str) -> None:
    field = field_of(structure)
    rows = by_method(evaluate_simulated(Drawn(lambda c: blur(c, 20.0, 20.0)), [field]))
    for method in (MODEL, BLUR, SPARSE):
        every = set().union(*SCORES.values())
        assert set(rows[method]) & every == SCORES[structure]
    best = f"bandwidth_nm.{kind_of(structure).MAIN}"
    assert rows[BLUR][best] >= 10
    assert rows[BLUR][kind_of(structure).MAIN] >= rows[MODEL][kind_of(structure).MAIN]


@pytest.mark.parametrize("structure", list(STRUCTURES))
def test_levels_are_chosen_and_the_truth_scores_at_the_top(structure: str) -> None:
    field = field_of(structure)
    perfect = Drawn(lambda _: field.truth)
    levels = choose_levels(perfect, [field])
    assert set(levels) == {MODEL, BLUR, SPARSE, TRUTH}
    assert set(levels.values()) <= set(kind_of(structure).LEVELS)
    rows = by_method(evaluate_simulated(perfect, [field], levels))
    for name in PERFECT[structure]:
        assert rows[MODEL][name] == pytest.approx(1, abs=0.03), name
        assert rows[MODEL][name] >= rows[BLUR][name] - 1e-9, name
    assert rows[MODEL][kind_of(structure).MAIN] > rows[SPARSE][kind_of(structure).MAIN]


@pytest.mark.parametrize("structure", list(STRUCTURES))
def test_a_chosen_level_is_the_best_of_those_that_are_tried(structure: str) -> None:
    field = field_of(structure, seed=1)
    level = choose_levels(Drawn(lambda c: c), [field])[SPARSE]
    kind = kind_of(structure)
    shown = kind(field)
    tried = shown.by_level(field.counts)
    assert tried.shape == (len(kind.LEVELS),)
    assert tried.max() == pytest.approx(shown.score(field.counts, level)[kind.MAIN])


def test_levels_of_several_structures_are_not_mixed() -> None:
    with pytest.raises(InvalidValueError, match="mitochondria and nuclear pores"):
        choose_levels(Drawn(lambda c: c), [tubes(), pores()])


def test_fields_without_anything_to_score_have_no_say() -> None:
    bare = replace(pores(), rings=np.empty((0, 3)))
    assert choose_levels(Drawn(lambda c: c), [bare]) == {}
    assert PoreScores(bare).score(bare.counts, 0.3) == {}
    both = choose_levels(Drawn(lambda c: c), [bare, pores()])
    assert both == choose_levels(Drawn(lambda c: c), [pores()])


def test_a_mesh_too_fine_to_be_drawn_is_no_fault_of_an_ideal_picture() -> None:
    field = mesh()
    assert LineScores(field).score(field.truth, 0.1)["recall"] < 0.8
    assert TracedScores(field).score(field.truth, 0.1)["recall_skeleton"] == 1
    # Lines where nothing is are false, however near to each other the true ones lie elsewhere.
    wrong = field.truth.copy()
    wrong[140:144, :] = field.truth.max()
    scores = TracedScores(field).score(wrong, 0.1)
    assert scores["false_um_per_um2_skeleton"] == pytest.approx(0.25, abs=0.05)


def test_the_threshold_of_actin_s_truth_is_fixed() -> None:
    field = lines_of("actin")
    levels = {MODEL: 0.1, BLUR: 0.1, SPARSE: 0.1, TRUTH: 0.75}
    model = Drawn(lambda _: field.truth)
    assert by_method(evaluate_simulated(model, [field], levels))[MODEL]["f1_skeleton"] == 1


def test_false_lines_of_actin_are_those_off_the_truth_s_skeleton() -> None:
    field = lines_of("actin")
    wrong = field.truth.copy()
    wrong[180:184, :] = field.truth.max()
    row = by_method(evaluate_simulated(Drawn(lambda _: wrong), [field]))[MODEL]
    assert row["auroc_false"] is not None
    assert "auroc_false" not in by_method(evaluate_simulated(Drawn(lambda c: c), [tubes()]))[MODEL]


def test_smooth_axons_have_no_period_and_the_wrong_area() -> None:
    field = lattice()
    smooth = by_method(evaluate_simulated(Drawn(lambda _: blur(field.truth, 200.0, 20.0)), [field]))
    assert smooth[MODEL]["period_contrast"] < 0.1
    assert smooth[MODEL]["dice"] < 0.8
    right = by_method(evaluate_simulated(Drawn(lambda _: field.truth), [field]))[MODEL]
    assert right["period_nm"] == pytest.approx(190, abs=2)
    assert right["period_bias_nm"] == pytest.approx(0, abs=2)
    short = replace(field, centre_lines=[line((0, 800), (500, 800))])
    row = by_method(evaluate_simulated(Drawn(lambda _: field.truth), [short]))[MODEL]
    assert set(row) & (AREA | PERIOD) == AREA


def test_the_best_blur_has_a_bandwidth_for_each_score_that_decides() -> None:
    scored: dict[float, dict[str, Any]] = {
        10.0: {"pore_f1": 0.5, "pore_recall": 0.9, "radius_bias_nm": -1.0, "ring_contrast": 0.9},
        33.0: {"pore_f1": 0.8, "pore_recall": 0.7, "radius_bias_nm": 4.0, "ring_contrast": 0.2},
        70.0: {"pore_f1": 0.8, "pore_recall": 0.6, "radius_bias_nm": None, "ring_contrast": None},
    }
    full = {nm: dict.fromkeys(SCORES["nuclear pores"], 0.0) | row for nm, row in scored.items()}
    best = best_of(full, PoreScores)
    assert best["bandwidth_nm.pore_f1"] == 33
    assert (best["pore_f1"], best["pore_recall"]) == (0.8, 0.7)
    assert (best["radius_bias_nm"], best["ring_contrast"]) == (-1.0, 0.9)
    assert best_of({10.0: {}}, PoreScores) == {}


@pytest.mark.parametrize("structure", list(STRUCTURES))
def test_noise_is_measured_in_the_unit_of_the_structure(structure: str) -> None:
    field = field_of(structure)
    name = DRAWN[structure]
    model, blurred = evaluate_uniform(Drawn(lambda c: blur(c, 48.0, 20.0)), field)
    for row in (model, blurred):
        assert set(row) & {*DRAWN.values()} == {name, "drawn_um_per_um2"}
        assert row[f"{name}_reference"] > 0
        assert row[name] >= 0
    noisy = model[name] + blurred[name]
    assert noisy > 0

    def honest(counts: NDArray[np.float32]) -> NDArray[np.float32]:
        return field.truth if (counts == field.counts).all() else np.zeros_like(counts)

    row, _ = evaluate_uniform(Drawn(honest), field)
    assert (row[name], row["drawn_um_per_um2"]) == (0, 0)
    assert row[f"{name}_reference"] > 0


def test_tables_have_a_section_for_what_a_structure_has() -> None:
    fields = [field_of(name) for name in STRUCTURES]
    rows = evaluate_simulated(Drawn(lambda c: blur(c, 20.0, 20.0)), fields)
    text = simulated_tables(rows)
    sections: dict[str, list[str]] = {}
    for heading in (s for s in text.splitlines() if s.startswith("#")):
        level, title = heading.split(" ", 1)
        if level == "###":
            sections[title] = []
        else:
            sections[list(sections)[-1]].append(title)
    assert sections == {
        "Microtubules": ["Pictures", "Filaments", "Error map"],
        "Nuclear pores": ["Pictures", "Pores", "Error map"],
        "Actin": ["Pictures", "Filaments", "Error map"],
        "Mitochondria": ["Pictures", "Area", "Error map"],
        "Spectrin": ["Pictures", "Area", "Period", "Error map"],
    }
    noise = [r for f in fields for r in evaluate_uniform(Drawn(lambda c: blur(c, 48.0, 20.0)), f)]
    assert "| pores, per µm² | (on pores) | area share | (on the structure) |" in stress_table(
        noise
    )


def test_tables_of_microtubules_have_the_columns_that_they_always_had() -> None:
    field = lines_of("microtubules")
    rows = evaluate_simulated(Drawn(lambda c: blur(c, 20.0, 20.0)), [field])
    heads = [s for s in simulated_tables(rows).splitlines() if s.startswith("| method")]
    assert heads[1] == (
        "| method | localizations/µm | fields | F1 at 40 nm | precision | recall | false, µm/µm² | "
        "missed, µm/µm² | F1, truth's own skeleton | precision | recall |"
    )
    noise = evaluate_uniform(Drawn(lambda c: blur(c, 48.0, 20.0)), field)
    assert stress_table(noise).splitlines()[0] == (
        "| input | method | erased, nm | fields | drawn, µm/µm² | (on filaments) | withheld | "
        "left, µm/µm² | share called structure | share called diffuse |"
    )
