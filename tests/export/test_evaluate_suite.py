"""The whole evaluation, on models whose scores are known, and on a real ONNX model."""

from __future__ import annotations

import importlib.util
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from test_evaluate_field import draw, line, line_field

from annapalm import Grid, Localizations, Reconstruction, load_model
from annapalm.errors import InvalidValueError
from annapalm.quality import heldout
from annapalm.quality.structure import structure_mask
from annapalm.render import render
from annapalm.widefield import WidefieldImage
from annapalm_export.evaluate.baseline import blur
from annapalm_export.evaluate.field import EvalField
from annapalm_export.evaluate.filaments import LEVELS
from annapalm_export.evaluate.simulated import FieldScorer
from annapalm_export.evaluate.suite import (
    BLUR,
    MODEL,
    SPARSE,
    TRUTH,
    WITH_WIDEFIELD,
    choose_levels,
    evaluate_real,
    evaluate_simulated,
    usual_levels,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annapalm import Model
    from annapalm.contract import ModelInfo

_SPEC = importlib.util.spec_from_file_location(
    "evaluated_model", Path(__file__).parents[1] / "runtime" / "contract_model.py"
)
assert _SPEC is not None
assert _SPEC.loader is not None
contract_model = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(contract_model)


class Drawn:
    """A reconstructor that applies a function to the counts: what it must score is known."""

    def __init__(
        self, dense: Callable[..., Any], error: float = 0.5, background: float = 0
    ) -> None:
        self.info: ModelInfo = contract_model.model_info()
        self._dense, self._error, self._background = dense, error, background

    def reconstruct(
        self,
        localizations_or_counts: Localizations | NDArray[np.float32],
        _widefield: WidefieldImage | NDArray[np.float32] | None = None,
        /,
        *,
        grid: Grid | None = None,
        structure: str | None = None,
        withhold: bool = True,
    ) -> Reconstruction:
        del withhold  # it never withholds anything
        assert grid is not None
        assert structure is None  # it has only one
        counts = localizations_or_counts
        if isinstance(counts, Localizations):
            counts, _ = render(counts, grid)
        dense = np.asarray(self._dense(counts), np.float32)
        quarter = tuple(math.ceil(n / 4) for n in grid.shape)
        return Reconstruction(
            dense=dense,
            error=self._error * dense,
            background=np.full(quarter, self._background, np.float32),
            counts=counts,
            grid=grid,
            outside=0,
            exposure=1.0,
            intervals=dict(self.info.intervals),
        )


def some_field(*, widefield: bool = False, seed: int = 0) -> EvalField:
    """Make a field of crossing filaments, 4 x 4 µm."""
    lines = [line((-200, 1000), (4200, 3000)), line((1000, -100), (2500, 4100))]
    field = line_field(lines, seed=seed)
    if not widefield:
        return field
    image = blur(field.truth, 130.0, 20.0).reshape(40, 5, 40, 5).sum(axis=(1, 3)) * 100 + 50
    return EvalField(
        "with widefield",
        field.counts,
        WidefieldImage(image.astype(np.float32), 100.0, None),
        field.truth,
        lines,
        field.density,
        field.grid,
    )


def by_method(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Look rows of one field up by method."""
    return {row["method"]: row for row in rows}


def test_a_model_that_finds_the_truth_has_perfect_scores() -> None:
    field = some_field()
    rows = by_method(evaluate_simulated(Drawn(lambda _: field.truth), [field]))
    perfect = rows[MODEL]
    for name in ("ms_ssim", "ms_ssim_foreground", "ms_ssim_full_range", "pearson"):
        assert perfect[name] == pytest.approx(1)
    assert perfect["nrmse"] == pytest.approx(0, abs=1e-6)
    assert perfect["f1"] > 0.98
    assert perfect["false_um_per_um2"] < 0.01
    assert perfect["total_ratio"] == pytest.approx(1)
    assert perfect["coverage_0.9_foreground"] == 1
    assert perfect["auroc_false"] is None
    for method in (BLUR, SPARSE):
        assert 0.1 < rows[method]["ms_ssim"] < 0.95


def test_a_model_that_blurs_scores_as_the_best_blur_at_most() -> None:
    field = some_field()
    rows = by_method(evaluate_simulated(Drawn(lambda c: blur(c, 48.0, 20.0)), [field]))
    for name in ("ms_ssim", "ms_ssim_foreground", "pearson", "f1"):
        assert rows[MODEL][name] <= rows[BLUR][name]
        if rows[BLUR][f"bandwidth_nm.{name}"] == 48.0:
            assert rows[MODEL][name] == pytest.approx(rows[BLUR][name])
    assert rows[MODEL]["nrmse"] >= rows[BLUR]["nrmse"]
    assert rows[BLUR]["ms_ssim"] > rows[SPARSE]["ms_ssim"]
    assert rows[MODEL]["spearman_foreground"] == pytest.approx(
        rows[MODEL]["spearman_foreground.sqrt_dense"]
    )


def test_a_model_that_returns_the_counts_is_the_sparse_image() -> None:
    rows = by_method(evaluate_simulated(Drawn(lambda c: c), [some_field()]))
    shared = set(rows[SPARSE]) - {"method"}
    assert {n: rows[MODEL][n] for n in shared} == {n: rows[SPARSE][n] for n in shared}


@pytest.mark.parametrize("found_out", [True, False])
def test_an_error_map_that_lights_up_where_structure_is_false_finds_it_out(
    found_out: bool,  # noqa: FBT001 - a case of the test
) -> None:
    field = some_field()
    invented = draw([line((-100, 300), (4100, 300))]) * np.float32(40)
    false, _ = field.false_and_missed(field.truth + invented, 60.0)
    assert false.sum() > 400
    model = Drawn(lambda _: field.truth + invented)
    plain = model.reconstruct(field.counts, grid=field.grid)
    said = np.where(false == found_out, plain.dense + 1, 0).astype(np.float32)
    scorer = FieldScorer(field, usual_levels(field.structure))
    (row,) = scorer.model_rows({MODEL: replace(plain, error=said)})
    for where in ("judged", "field"):
        assert row[f"auroc_false_{where}"] == float(found_out)
        assert row[f"auroc_missed_{where}"] is None
    # The report marks by error / dense, and never what is not drawn.
    assert row["auroc_doubt_drawn"] == float(found_out)
    background = 1 - (structure_mask(plain.dense) & ~false).sum() / (~false).sum()
    ties = background / 2  # unmarked as what is not drawn
    assert row["auroc_doubt_field"] == pytest.approx(1 if found_out else ties)


def test_absolute_scale_counts_for_totals_and_errors_only() -> None:
    field = some_field()
    one, twice = (
        by_method(evaluate_simulated(Drawn(lambda _, k=k: k * field.truth), [field]))[MODEL]
        for k in (1, 2)
    )
    assert twice["ms_ssim"] == pytest.approx(one["ms_ssim"])
    assert twice["f1"] == one["f1"]
    assert twice["total_ratio"] == pytest.approx(2)
    # |2 t - t| = t and the error map says 0.5 * 2 t: mean error right, pixel by pixel.
    assert twice["ence_foreground"] == pytest.approx(0, abs=1e-4)
    assert twice["coverage_0.8_foreground"] == 1
    assert twice["coverage_0.5_foreground"] < 0.1  # k = 0.7


def test_background_counts_for_the_share_and_not_for_the_picture() -> None:
    field = some_field()
    row = by_method(evaluate_simulated(Drawn(lambda _: field.truth, background=0.01), [field]))
    assert row[MODEL]["background_share"] == pytest.approx(0.01 * 40_000 / field.counts.sum())
    assert row[MODEL]["ms_ssim"] == pytest.approx(1)


def test_fields_with_a_widefield_image_have_a_row_for_it() -> None:
    rows = evaluate_simulated(Drawn(lambda c: c), [some_field(), some_field(widefield=True)])
    assert [r["method"] for r in rows] == [
        MODEL, BLUR, SPARSE, MODEL, WITH_WIDEFIELD, BLUR, SPARSE,
    ]  # fmt: skip


def test_a_field_without_structure_is_refused_by_name() -> None:
    field = line_field([])
    with pytest.raises(InvalidValueError, match="'lines'"):
        evaluate_simulated(Drawn(lambda c: c), [field])


def test_thresholds_are_chosen_per_method_on_validation_fields() -> None:
    fields = [some_field(seed=s, widefield=True) for s in (1, 2)]
    levels = choose_levels(Drawn(lambda c: blur(c, 33.0, 20.0)), fields)
    assert set(levels) == {MODEL, WITH_WIDEFIELD, BLUR, SPARSE, TRUTH}
    assert set(levels.values()) <= set(LEVELS)
    best = by_method(evaluate_simulated(Drawn(lambda c: blur(c, 33.0, 20.0)), fields[:1], levels))
    default = by_method(evaluate_simulated(Drawn(lambda c: blur(c, 33.0, 20.0)), fields[:1]))
    assert best[MODEL]["f1"] > 0.9
    assert best[SPARSE]["f1"] >= default[SPARSE]["f1"]
    with pytest.raises(InvalidValueError, match="validation"):
        choose_levels(Drawn(lambda c: c), [])


def blinking_table() -> Localizations:
    """Make 20,000 localizations of one filament over 1,000 frames, and as much background."""
    rng = np.random.default_rng(6)
    along = rng.uniform(0, 6000, 20_000)
    on = np.stack([along, 2000 + 0.3 * along], axis=1) + rng.normal(0, 25, (20_000, 2))
    xy = np.concatenate([on, rng.uniform(0, 6000, (20_000, 2))])
    return Localizations(
        xy[:, 0].copy(),
        xy[:, 1].copy(),
        rng.integers(0, 1000, 40_000),
        field_nm=(6000.0, 6000.0),
    )


def test_real_tables_are_scored_by_their_later_frames() -> None:
    locs = blinking_table()
    truth = render(locs, Grid.around(locs))[0]
    rows = evaluate_real(Drawn(lambda _: blur(truth, 25.0, 20.0)), "table", locs, gap_frames=10)
    assert [(r["share"], r["method"]) for r in rows] == [
        (share, method) for share in heldout.SHARES for method in (MODEL, BLUR)
    ]
    for knows, blurred in zip(rows[::2], rows[1::2], strict=True):
        assert knows["bits"] > blurred["bits"] > 0.5
        assert knows["pearson_later"] > blurred["pearson_later"]
        assert knows["seen"] == pytest.approx(knows["share"] * 40_000, rel=0.02)
        assert knows["held_out_from_frame"] - knows["seen_before_frame"] == 10
        assert blurred["bandwidth_nm"] > 10
        assert knows["bandwidth_nm"] is None


def test_real_tables_are_explained_by_structure_and_background_together() -> None:
    locs = blinking_table()
    model = Drawn(lambda c: 0 * c, background=0.5)
    rows = evaluate_real(model, "table", locs, shares=(0.1,))
    assert rows[0]["bits"] == pytest.approx(0, abs=1e-6)
    assert rows[0]["total_ratio"] == pytest.approx(0.5 * 300 * 300 / rows[0]["seen"])


@pytest.fixture(scope="module")
def onnx_model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = tmp_path_factory.mktemp("evaluated") / "tiny.onnx"
    path.write_bytes(contract_model.build_model().SerializeToString())
    return load_model(path, "cpu")


def test_a_real_model_is_evaluated_from_end_to_end(onnx_model: Model) -> None:
    field = some_field(widefield=True)
    rows = by_method(evaluate_simulated(onnx_model, [field]))
    assert set(rows) == {MODEL, WITH_WIDEFIELD, BLUR, SPARSE}
    for row in rows.values():
        for name, value in row.items():
            assert value is None or isinstance(value, str) or math.isfinite(value), name
    result = onnx_model.reconstruct(field.counts, grid=field.grid)
    expected = float(result.dense.sum()) / float(field.truth.sum())
    assert rows[MODEL]["total_ratio"] == pytest.approx(expected, rel=1e-5)
    table = evaluate_real(onnx_model, "table", blinking_table(), shares=(0.1,))
    assert table[0]["bits"] > 0


def test_a_field_of_640_px_has_all_scores(onnx_model: Model) -> None:
    lines = [line((-200, 700 * n), (13_000, 900 * n + 300)) for n in range(12)]
    row = evaluate_simulated(onnx_model, [line_field(lines, (640, 640))])[0]
    # Where hardly a pixel is false or missed, nothing can be told from the rest.
    assert all(name.startswith("auroc_") for name, value in row.items() if value is None)
    assert row["ms_ssim"] > 0
    assert row["filament_um_per_um2"] == pytest.approx(0.9, abs=0.2)
