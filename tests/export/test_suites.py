"""Named suites: what they are, how a run goes on, and what it writes."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from scipy.io import savemat

from annapalm import load_model
from annapalm.errors import InvalidValueError
from annapalm_export.evaluate.crew import crew
from annapalm_export.evaluate.fields import make_field, scored_scenes
from annapalm_export.evaluate.simulated import BLUR, MODEL, SPARSE, WITH_WIDEFIELD
from annapalm_export.evaluate.suite import evaluate_simulated
from annapalm_export.evaluate.suites import (
    SUITES,
    Condition,
    Suite,
    in_distribution,
    release_suites,
    suite_named,
)
from annapalm_export.evaluate.suites.alone import (
    WIDEFIELD_ALONE,
    reconstruct_widefield_alone,
)
from annapalm_export.evaluate.suites.plot import plot_quality
from annapalm_export.evaluate.suites.real import NoTablesError, read_veatch, run_real
from annapalm_export.evaluate.suites.report import write_report
from annapalm_export.evaluate.suites.run import Entry, SuiteRunner
from annapalm_export.evaluate.suites.store import DamagedResultsError, Key, Store
from annapalm_export.evaluate.suites.suite import threshold_condition
from annapalm_export.seeds import EVALUATION_SEEDS, THRESHOLD_SEEDS, TooFewSeedsError
from annapalm_export.simulate import SceneOptions
from annapalm_export.simulate.structures import STRUCTURES

if TYPE_CHECKING:
    from annapalm import Model

_SPEC = importlib.util.spec_from_file_location(
    "suite_model", Path(__file__).parents[1] / "runtime" / "contract_model.py"
)
assert _SPEC is not None
assert _SPEC.loader is not None
contract_model = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(contract_model)

SMALL = SceneOptions(field_um=3.6, frames=2000, empty_share=0.0, amount_per_um2=3.0)
SMALL_SUITE = Suite("small", 1, "Small fields", (Condition("microtubules", SMALL, (5.0, 20.0)),))
KEY = Key("small-1", "microtubules", "abc", 5.0, 0)

PUBLISHED = {
    MODEL: (0.7532, 0.8038),
    WITH_WIDEFIELD: (0.9418, 0.9443),
    BLUR: (0.5719, 0.5128),
    SPARSE: (0.4382, 0.3110),
}
"""MS-SSIM and F1 of microtubule 1.0.0 and its baselines on the first field at 20 per µm."""


def quiet(_line: str) -> None:
    """Say nothing."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Load a model of the contract that smooths its counts."""
    path = tmp_path_factory.mktemp("model") / "tiny.onnx"
    info = replace(contract_model.model_info(), structures=("microtubules",))
    path.write_bytes(contract_model.build_model(info).SerializeToString())
    return load_model(path, "cpu")


def run_small(
    model: Model, folder: Path, fields: int = 1, suite: Suite = SMALL_SUITE, processes: int = 1
) -> Any:
    """Run the small suite into a folder and return its rows."""
    store = Store(folder / "results.jsonl")
    entries = [Entry("tiny/1", model)]
    with crew([model], processes) as workers:
        return SuiteRunner(entries, store, fields, quiet, workers, threshold_fields=1).run(suite)


def test_every_structure_has_a_suite_of_its_own_and_a_place_in_the_others() -> None:
    for name in STRUCTURES:
        assert in_distribution(name).structures == (name,)
        assert in_distribution(name).conditions[0].scene.imperfect
    for label in ("photophysics-1", "density-1", "precision-1", "drift-1", "pixel-1", "trust-1"):
        assert SUITES[label].structures == tuple(STRUCTURES)
    for suite in SUITES.values():
        names = [condition.name for condition in suite.conditions]
        assert len(set(names)) == len(names)
        assert not set(suite.seeds) & set(suite.threshold_seeds)


def test_microtubules_1_stays_what_gave_the_published_figures() -> None:
    (suite,) = release_suites(("microtubules",))
    (condition,) = suite.conditions
    assert suite.label == "microtubules-1"
    assert condition.scene == SceneOptions(empty_share=0.0)
    assert condition.densities == (5.0, 10.0, 20.0, 50.0)
    assert (suite.seeds, suite.threshold_seeds) == (EVALUATION_SEEDS, THRESHOLD_SEEDS)
    assert (condition.pixel_nm, condition.jitter_nm) == (20.0, 0.0)


def test_names_that_do_not_exist_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="microtubules-1, microtubules-2"):
        suite_named("microtubules-9")
    with pytest.raises(InvalidValueError, match="hair"):
        release_suites(("microtubules", "hair"))


def test_thresholds_of_shifted_fields_are_those_of_usual_ones() -> None:
    shifted = SUITES["photophysics-1"].conditions[0]
    assert threshold_condition(shifted) == in_distribution(shifted.structure).conditions[0]
    usual = in_distribution("microtubules").conditions[0]
    assert threshold_condition(usual) is usual


def test_fields_for_choosing_are_neither_those_of_evaluation_nor_those_of_thresholds(
    model: Model, tmp_path: Path
) -> None:
    suite = SMALL_SUITE.smaller((20.0,))
    other = suite.for_choosing()
    assert other.label == "small-choosing-1"
    assert set(other.seeds) | set(other.threshold_seeds) == set(THRESHOLD_SEEDS)
    assert not set(other.seeds) & set(other.threshold_seeds)
    rows = run_small(model, tmp_path, 1, suite), run_small(model, tmp_path, 1, other)
    assert len(rows[0]) == len(rows[1])
    scores = [{row["method"]: row["ms_ssim"] for row in some} for some in rows]
    assert all(scores[0][method] != scores[1][method] for method in scores[0])


def test_a_smaller_suite_keeps_the_densities_that_are_named() -> None:
    smaller = SUITES["microtubules-1"].smaller((20.0, 3.0), field_um=4.0)
    (condition,) = smaller.conditions
    assert (condition.densities, condition.scene.field_um) == ((20.0,), 4.0)
    assert SUITES["microtubules-1"].smaller((3.0,)).conditions == ()


def test_a_record_is_found_again_by_its_key_and_by_no_other(tmp_path: Path) -> None:
    Store(tmp_path / "a.jsonl").add(KEY, {"rows": [{"ms_ssim": 0.5}]})
    store = Store(tmp_path / "a.jsonl")
    assert store.get(KEY) == {"rows": [{"ms_ssim": 0.5}]}
    for other in (
        replace(KEY, model="abd"),
        replace(KEY, suite="small-2"),
        replace(KEY, number=1),
        replace(KEY, density=10.0),
        replace(KEY, thresholds=2),
    ):
        assert store.get(other) is None


@pytest.mark.parametrize("rest", ['{"format": 3, "key": {"su', '{"format": 3}\n', "garbage\n"])
def test_a_broken_last_line_is_cut_off(tmp_path: Path, rest: str) -> None:
    path = tmp_path / "a.jsonl"
    Store(path).add(KEY, {"rows": []})
    whole = path.read_text()
    path.write_text(whole + rest)
    store = Store(path)
    assert store.get(KEY) == {"rows": []}
    assert path.read_text() == whole
    store.add(replace(KEY, number=1), {"rows": []})
    assert Store(path).get(replace(KEY, number=1)) == {"rows": []}


def test_a_broken_line_inside_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    Store(path).add(KEY, {"rows": []})
    path.write_text("garbage\n" + path.read_text())
    with pytest.raises(DamagedResultsError, match=r"a\.jsonl, line 1"):
        Store(path)


def test_a_run_scores_the_model_and_the_baselines(model: Model, tmp_path: Path) -> None:
    rows = run_small(model, tmp_path)
    methods = {MODEL, WITH_WIDEFIELD, WIDEFIELD_ALONE, BLUR, SPARSE}
    for density in (5.0, 20.0):
        some = [row for row in rows if row["density"] == density]
        assert {row["method"] for row in some} <= methods
        assert {row["method"] for row in some} >= {MODEL, WITH_WIDEFIELD, BLUR, SPARSE}
    for row in rows:
        assert row["model"] == ("" if row["method"] in (BLUR, SPARSE) else "tiny/1")
        assert row["f1_skeleton"] is not None


def test_a_second_run_computes_nothing_and_a_changed_model_everything(
    model: Model, tmp_path: Path
) -> None:
    first = run_small(model, tmp_path)
    results = tmp_path / "results.jsonl"
    lines = results.read_text().splitlines()
    assert run_small(model, tmp_path) == first
    assert results.read_text().splitlines() == lines
    info = replace(contract_model.model_info(), structures=("microtubules",), version="2.0.0")
    path = tmp_path / "other.onnx"
    path.write_bytes(contract_model.build_model(info).SerializeToString())
    run_small(load_model(path, "cpu"), tmp_path)
    # Thresholds and two fields of the new model; the baselines stay.
    assert len(results.read_text().splitlines()) == len(lines) + 3


def test_a_run_that_was_broken_off_gives_the_same_rows(model: Model, tmp_path: Path) -> None:
    first = run_small(model, tmp_path)
    results = tmp_path / "results.jsonl"
    lines = results.read_text().splitlines(keepends=True)
    results.write_text("".join(lines[:-2]) + lines[-2][:50])
    assert run_small(model, tmp_path) == first


def test_several_processes_give_the_rows_of_one_and_go_on_where_it_was(
    model: Model, tmp_path: Path
) -> None:
    one = run_small(model, tmp_path / "one", 2)
    assert run_small(model, tmp_path / "two", 2, processes=2) == one
    results = tmp_path / "one" / "results.jsonl"
    lines = results.read_text().splitlines(keepends=True)
    others = (tmp_path / "two" / "results.jsonl").read_text().splitlines(keepends=True)
    assert sorted(others) == sorted(lines)
    results.write_text("".join(lines[:-3]))
    assert run_small(model, tmp_path / "one", 2, processes=2) == one


def test_more_fields_add_to_those_that_are_there(model: Model, tmp_path: Path) -> None:
    suite = SMALL_SUITE.smaller((20.0,))
    one = run_small(model, tmp_path, 1, suite)
    two = run_small(model, tmp_path, 2, suite)
    assert two[: len(one)] == one
    assert len({row["field"] for row in two}) == 2


def test_seeds_that_run_out_are_an_error_that_says_so(model: Model, tmp_path: Path) -> None:
    suite = replace(SMALL_SUITE.smaller((20.0,)), seeds=range(3_000_000, 3_000_001))
    with pytest.raises(TooFewSeedsError, match=r"only [01] fields of 'microtubules' at 20"):
        run_small(model, tmp_path, 2, suite)


def test_a_structure_that_no_model_knows_is_passed_over(tmp_path: Path) -> None:
    info = replace(contract_model.model_info(), structures=("hair",))
    path = tmp_path / "hair.onnx"
    path.write_bytes(contract_model.build_model(info).SerializeToString())
    said: list[str] = []
    entries = [Entry("hair/1", load_model(path, "cpu"))]
    with crew([entries[0].model], 1) as workers:
        runner = SuiteRunner(entries, Store(tmp_path / "r.jsonl"), 1, said.append, workers)
        assert runner.run(SMALL_SUITE) == []
    assert said == ["small-1, microtubules: no model here knows this structure"]


def test_the_widefield_image_alone_gives_a_picture_in_the_unit_of_the_truth(model: Model) -> None:
    seed, scene = next(scored_scenes(20.0, EVALUATION_SEEDS, SMALL))
    field = make_field(scene, 20.0, seed)
    result = reconstruct_widefield_alone(model, field)
    assert result is not None
    assert result.dense.shape == field.counts.shape
    assert np.isfinite(result.dense).all()
    assert not result.counts.any()
    assert reconstruct_widefield_alone(model, replace(field, widefield=None)) is None
    # The exposure asked for is that of the truth, however many the light is said to stand for.
    ratio = field.counts.sum() / field.grid.area_um2
    assert result.exposure == pytest.approx(ratio / 3.0)


def test_jitter_moves_localizations_and_blurs_the_truth() -> None:
    seed, scene = next(scored_scenes(20.0, EVALUATION_SEEDS, SMALL))
    plain, worse = (make_field(scene, 20.0, seed, jitter_nm=nm) for nm in (0.0, 40.0))
    assert worse.truth.sum() == pytest.approx(plain.truth.sum(), rel=1e-4)
    assert worse.truth.max() < 0.8 * plain.truth.max()
    assert (worse.counts != plain.counts).any()
    assert worse.counts.sum() == pytest.approx(plain.counts.sum(), rel=0.05)


@pytest.mark.parametrize("pixel_nm", [15.0, 25.0])
def test_another_pixel_keeps_totals_and_places(pixel_nm: float) -> None:
    seed, scene = next(scored_scenes(20.0, EVALUATION_SEEDS, SMALL))
    plain, other = (make_field(scene, 20.0, seed, pixel_nm=nm) for nm in (None, pixel_nm))
    assert other.grid.pixel_nm == pixel_nm
    assert other.grid.shape == (int(3600 // pixel_nm),) * 2
    assert other.counts.sum() == plain.counts.sum()
    assert other.truth.sum() == pytest.approx(plain.truth.sum(), rel=1e-3)
    centre = [
        (image.sum(axis=0) * (np.arange(len(image)) + 0.5)).sum() * nm / image.sum()
        for image, nm in ((plain.truth, 20.0), (other.truth, pixel_nm))
    ]
    assert centre[0] == pytest.approx(centre[1], abs=0.5)


def _row(method: str, density: float, value: float, label: str = "a<b/1") -> dict[str, Any]:
    return {
        "suite": "s-1",
        "condition": "microtubules",
        "structure": "microtubules",
        "unit": "µm of filament",
        "model": "" if method == BLUR else label,
        "method": method,
        "density": density,
        "density_per_um2": {"mean": 2 * density, "sem": None, "n": 1},
        "ms_ssim": {"mean": value, "sem": 0.01, "n": 3},
        "fields": 3,
    }


def test_the_plot_has_a_line_per_method_and_better_is_higher() -> None:
    rows = [_row(m, d, v * d / 50) for m, v in ((MODEL, 0.9), (BLUR, 0.5)) for d in (5.0, 50.0)]
    root = ET.fromstring(plot_quality("a & b", rows, ("ms_ssim", "f1")))  # noqa: S314
    lines = [e.get("points", "") for e in root.iter("{http://www.w3.org/2000/svg}polyline")]
    assert len(lines) == 2
    places = [[tuple(map(float, p.split(","))) for p in text.split()] for text in lines]
    for line in places:
        assert line[0][0] < line[1][0]
        assert line[0][1] > line[1][1]
    assert places[0][1][1] < places[1][1][1]
    texts = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"a & b", "MS-SSIM", "a<b/1, localizations", BLUR} <= set(texts)
    assert "Filament F1 at 40 nm" not in texts


def test_a_report_holds_models_tables_and_plots(model: Model, tmp_path: Path) -> None:
    rows = run_small(model, tmp_path)
    paths = write_report(tmp_path, [(SMALL_SUITE, rows)], [Entry("tiny/1", model)], 1)
    names = {path.name for path in paths}
    assert names == {"summary.json", "tables.md", "quality-small-1.svg"}
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["models"][0]["sha256"] == model.sha256
    assert {row["density"] for row in summary["suites"]["small-1"]["rows"]} == {5.0, 20.0}
    text = (tmp_path / "tables.md").read_text()
    assert "| tiny/1 | model | 5 | 1 |" in text
    assert "![quality-small-1](quality-small-1.svg)" in text


def test_inputs_with_nothing_to_find_are_scored_too(model: Model, tmp_path: Path) -> None:
    suite = replace(SMALL_SUITE.smaller((20.0,)), kind="trust", plotted=())
    rows = run_small(model, tmp_path, 1, suite)
    inputs = {row["input"] for row in rows}
    assert {"empty", "uniform", "other widefield"} <= inputs
    paths = write_report(tmp_path, [(suite, rows)], [Entry("tiny/1", model)], 1)
    assert {path.name for path in paths} == {"summary.json", "tables.md"}
    assert "| microtubules | uniform | tiny/1 | model |" in (tmp_path / "tables.md").read_text()


def test_each_structure_of_a_model_is_scored_in_its_own_way(tmp_path: Path) -> None:
    info = replace(contract_model.model_info(), structures=("nuclear pores", "mitochondria"))
    path = tmp_path / "two.onnx"
    path.write_bytes(contract_model.build_model(info).SerializeToString())
    two = load_model(path, "cpu")
    scene = replace(SMALL, structure="nuclear pores", amount_per_um2=6.0)
    membranes = replace(SMALL, structure="mitochondria", amount_per_um2=None)
    conditions = (
        Condition("nuclear pores", scene, (20.0,)),
        Condition("mitochondria", membranes, (20.0,)),
    )
    suite = Suite("small", 1, "Small fields", conditions)
    rows = run_small(two, tmp_path, 1, suite)
    wanted = {"nuclear pores": "pore_f1", "mitochondria": "iou"}
    for row in rows:
        assert set(row) & {"f1", *wanted.values()} == {wanted[row["structure"]]}
    write_report(tmp_path, [(suite, rows)], [Entry("two/1", two)], 1)
    text = (tmp_path / "tables.md").read_text()
    headings = [s for s in text.splitlines() if s.startswith("####")]
    assert headings == [
        *("#### Pictures", "#### Pores", "#### Error map"),
        *("#### Pictures", "#### Area", "#### Error map"),
    ]
    trust = replace(suite, name="trusted", kind="trust", plotted=())
    claims = {(r["structure"], r["input"]): r for r in run_small(two, tmp_path, 1, trust)}
    assert "drawn_share" in claims["nuclear pores", "asked for mitochondria"]
    assert "drawn_pores_per_um2" in claims["mitochondria", "asked for nuclear pores"]
    assert "drawn_pores_per_um2" in claims["nuclear pores", "uniform"]


def test_the_released_model_gives_its_published_scores_on_a_field_of_microtubules_1() -> None:
    """A field of the suite by which 1.0.0 was released: scores as on the day of the release."""
    suite = SUITES["microtubules-1"]
    seed, field = next(suite.conditions[0].fields(20.0, suite.seeds))
    assert (seed, field.name) == (3_000_000, "microtubules-3000000-20")
    levels = {MODEL: 0.3, WITH_WIDEFIELD: 0.2, BLUR: 0.02, SPARSE: 0.02}
    model = load_model("microtubule/1.0.0", device="cpu")
    rows = {row["method"]: row for row in evaluate_simulated(model, [field], levels)}
    for method, (similarity, f1) in PUBLISHED.items():
        assert rows[method]["ms_ssim"] == pytest.approx(similarity, abs=2e-4)
        assert rows[method]["f1"] == pytest.approx(f1, abs=2e-3)


def test_a_table_of_veatch_s_lab_has_its_times_as_frames(tmp_path: Path) -> None:
    path = tmp_path / "pores.mat"
    data = {"x": [10.0, 30.0, 20.0], "y": [1.0, 3.0, 2.0], "t": [0.5, 7.25, 0.5]}
    savemat(path, {"data": {name: np.array(values)[:, None] for name, values in data.items()}})
    locs = read_veatch(path)
    assert locs.x_nm.tolist() == data["x"]
    assert locs.y_nm.tolist() == data["y"]
    assert locs.frame.tolist() == [0, 1, 0]


def test_real_tables_are_scored_once_for_each_model(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "data" / "event_camera_tubulin" / "localizations.csv"
    path.parent.mkdir(parents=True)
    rng = np.random.default_rng(0)
    along = rng.uniform(5, 60, 3000)
    frame = np.sort(rng.integers(0, 2000, 3000))
    table = np.column_stack([frame, along, 30 + 0.3 * along + rng.normal(0, 0.3, 3000)])
    np.savetxt(path, table, "%g", header="frame, x, y")
    store = Store(tmp_path / "results.jsonl")
    entries = [Entry("tiny/1", model)]
    rows = run_real(SUITES["real-1"], entries, tmp_path / "data", store, quiet)
    assert [(r["model"], r["method"]) for r in rows[:2]] == [("tiny/1", MODEL), ("", BLUR)]
    assert len(rows) == 6
    said: list[str] = []
    assert run_real(SUITES["real-1"], entries, tmp_path / "data", store, said.append) == rows
    assert said == []
    with pytest.raises(NoTablesError, match="npc_veatch"):
        run_real(SUITES["real-1"], entries, tmp_path, store, quiet)
