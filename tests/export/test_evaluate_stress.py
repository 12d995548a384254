"""Inputs with nothing to find: empty, uniform, erased."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from test_evaluate_field import line, line_field
from test_evaluate_suite import Drawn, contract_model, some_field

from annapalm import load_model
from annapalm_export.evaluate.baseline import blur
from annapalm_export.evaluate.stress import (
    evaluate_empty,
    evaluate_erased,
    evaluate_uniform,
    lone_piece,
    uniform_counts,
)

if TYPE_CHECKING:
    from annapalm_export.evaluate.field import EvalField


def lonely() -> EvalField:
    """Make a field with a lone filament at y = 3000 nm and two close ones at 1000 nm."""
    lines = [
        line((-200, 3010), (4200, 3010)),
        line((-200, 1010), (4200, 1010)),
        line((-200, 1110), (4200, 1110)),
    ]
    return line_field(lines, per_um=400)


def test_an_empty_input_to_a_real_model_gives_nothing_and_a_warning(tmp_path: Any) -> None:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(contract_model.build_model().SerializeToString())
    row = evaluate_empty(load_model(path, "cpu"), some_field())
    assert (row["dense_sum"], row["error_sum"], row["background_sum"]) == (0, 0, 0)
    assert row["warnings"] >= 1


def test_uniform_counts_have_the_number_of_the_field_s() -> None:
    field = some_field()
    counts = uniform_counts(field, seed=1)
    assert counts.sum() == field.counts.sum()
    halves = counts[:100].sum(), counts[100:].sum()
    assert abs(halves[0] - halves[1]) < 5 * np.sqrt(counts.sum())
    assert (counts != uniform_counts(field, seed=2)).any()
    assert (counts == uniform_counts(field, seed=1)).all()


def test_a_blur_draws_filaments_into_uniform_localizations() -> None:
    field = some_field()
    model, blurred = evaluate_uniform(Drawn(lambda c: blur(c, 48.0, 20.0)), field)
    for row in (model, blurred):
        assert row["drawn_um_per_um2"] > 0.5
        assert row["structure_share"] == pytest.approx(1, rel=1e-3)
    assert model["background_share"] == 0


def test_a_model_that_calls_uniform_localizations_diffuse_draws_none() -> None:
    field = some_field()

    def dense(counts: np.ndarray) -> np.ndarray:
        return field.truth if (counts == field.counts).all() else 0.01 * field.truth.mean()

    def image(counts: np.ndarray) -> np.ndarray:
        return np.broadcast_to(dense(counts), counts.shape)

    level = field.counts.sum() / field.counts.size
    row, _ = evaluate_uniform(Drawn(image, background=float(level)), field)
    assert row["drawn_um_per_um2"] == 0
    assert row["drawn_um_per_um2_reference"] > 0.4
    assert row["structure_share"] < 0.02
    assert row["background_share"] == pytest.approx(1, rel=1e-3)


def test_the_piece_to_erase_is_alone_inside_and_of_that_length() -> None:
    field = lonely()
    for length in (200.0, 500.0, 1000.0, 2000.0):
        piece = lone_piece(field, length)
        assert piece is not None
        assert np.abs(piece[:, 1] - 3010).max() < 1e-6
        assert piece[-1, 0] - piece[0, 0] == pytest.approx(length, abs=15)
        assert piece[:, 0].min() >= 500
        assert piece[:, 0].max() < 3500
    assert lone_piece(field, 3500.0) is None


def test_close_and_unlabelled_filaments_are_not_erased() -> None:
    close = [line((-200, 1010), (4200, 1010)), line((-200, 1110), (4200, 1110))]
    assert lone_piece(line_field(close), 500.0) is None
    dark = line_field(close[:1], truth=np.zeros((200, 200), np.float32))
    assert lone_piece(dark, 500.0) is None


def test_a_model_that_draws_what_it_sees_leaves_the_gap_open() -> None:
    rows = evaluate_erased(Drawn(lambda c: blur(c, 20.0, 20.0)), lonely(), lengths_nm=(1000.0,))
    assert len(rows) == 1
    assert rows[0]["bridged"] < 0.15
    assert rows[0]["bridged_intact"] == 1
    assert rows[0]["coverage_0.9"] < 0.6


def test_a_model_that_bridges_is_seen_to_and_its_doubt_is_measured() -> None:
    field = lonely()
    sure = Drawn(lambda _: field.truth, error=0.5)
    row = evaluate_erased(sure, field, lengths_nm=(1000.0,))[0]
    assert (row["bridged"], row["bridged_intact"]) == (1, 1)
    assert row["doubt_ratio"] == pytest.approx(1)
    assert row["coverage_0.9"] == 1


def test_a_gap_that_stays_open_needs_no_doubt() -> None:
    row = evaluate_erased(Drawn(lambda c: c * 0), lonely(), lengths_nm=(500.0,))[0]
    assert (row["bridged"], row["doubt_ratio"]) == (0, None)


def test_lengths_without_a_lone_piece_have_no_row() -> None:
    rows = evaluate_erased(Drawn(lambda c: c), lonely(), lengths_nm=(500.0, 50_000.0))
    assert [row["erased_nm"] for row in rows] == [500.0]
