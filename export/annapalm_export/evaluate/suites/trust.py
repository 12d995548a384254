"""Inputs with nothing, or something else, to find: what is invented, and whether it is said."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from annapalm.widefield.errors import WidefieldMisalignedError
from annapalm_export.evaluate.simulated import FALSE_NM, MODEL, WITH_WIDEFIELD
from annapalm_export.evaluate.stress import evaluate_empty, evaluate_erased, evaluate_uniform
from annapalm_export.evaluate.structure_scores import kind_of
from annapalm_export.evaluate.suite import asked_for

if TYPE_CHECKING:
    from annapalm.reconstruction import Reconstruction
    from annapalm_export.evaluate.field import EvalField
    from annapalm_export.evaluate.reconstructor import Reconstructor
    from annapalm_export.evaluate.simulated import FieldScorer, Row


def evaluate_trust(model: Reconstructor, scene: EvalField, scorer: FieldScorer) -> list[Row]:
    """Turn a field into inputs that a model must not believe; one row per input.

    Of the model's own structures: nothing, and what `evaluate_unseen` makes. Of the others: each
    of the model's asked for in their place.
    """
    if scene.structure not in model.info.structures:
        return evaluate_wrong(model, scene)
    rows = [evaluate_empty(model, scene), *evaluate_unseen(model, scene, scorer)]
    return [_about(scene) | row for row in rows]


def evaluate_unseen(model: Reconstructor, scene: EvalField, scorer: FieldScorer) -> list[Row]:
    """Make inputs that training never shows of a field of one of the model's structures.

    As many localizations at random; a piece of a lone filament erased; the widefield image turned
    by half a turn (another field's, to the network); each other structure of the model asked for.
    """
    rows = evaluate_uniform(model, scene, scorer.levels)
    rows += evaluate_erased(model, scene, scorer.levels)
    rows += _other_widefield(model, scene, scorer)
    return [_about(scene) | row for row in (*rows, *evaluate_wrong(model, scene))]


def evaluate_wrong(model: Reconstructor, scene: EvalField) -> list[Row]:
    """Ask for each of the model's structures that the field does not show."""
    names = [name for name in model.info.structures if name != scene.structure]
    return [_about(scene) | _wrong_structure(model, scene, name) for name in names]


def _about(scene: EvalField) -> Row:
    return {"density": scene.density, "unit": scene.unit}


def _other_widefield(model: Reconstructor, scene: EvalField, scorer: FieldScorer) -> list[Row]:
    """Give the widefield image upside down: light of the same kind where the structure is not."""
    if scene.widefield is None:
        return []
    turned = replace(scene.widefield, pixels=scene.widefield.pixels[::-1, ::-1].copy())
    structure = asked_for(model, scene.structure)
    plain = model.reconstruct(scene.counts, None, grid=scene.grid, structure=structure)
    try:
        result = model.reconstruct(scene.counts, turned, grid=scene.grid, structure=structure)
    except WidefieldMisalignedError:
        return [_row(scene, "other widefield", {"refused": 1.0})]
    scored = scorer.model_rows({WITH_WIDEFIELD: result, MODEL: plain})
    gain = scored[0]["ms_ssim"] - scored[1]["ms_ssim"]
    agreement, dense, level = result.widefield, result.dense, scorer.levels[MODEL]
    return [
        _row(
            scene,
            "other widefield",
            _claims(scene, result, scorer.kind.drawn(dense, dense, scene, level))
            | {
                "refused": 0.0,
                "ms_ssim_gain": gain,
                "rsp": agreement.rsp if agreement else None,
                "warnings": len(result.warnings),
            },
        )
    ]


def _wrong_structure(model: Reconstructor, scene: EvalField, name: str) -> Row:
    """Ask for `name` where the field shows something else, and measure how much of it is drawn.

    At the default threshold of `name`: none was chosen for it where it is not.
    """
    structure = asked_for(model, name)
    result = model.reconstruct(scene.counts, None, grid=scene.grid, structure=structure)
    kind, dense = kind_of(name), result.dense
    drawn = kind.drawn(dense, dense, scene, kind.DEFAULT_LEVEL)
    scores = _claims(scene, result, drawn) | {"warnings": len(result.warnings)}
    return _row(scene, f"asked for {name}", scores)


def _claims(scene: EvalField, result: Reconstruction, drawn: dict[str, float]) -> Row:
    """Measure how much of what is `drawn` is false, and what the error map says of it."""
    dense = result.dense
    total = float(dense.sum(dtype=np.float64))
    near = scene.near_structure(FALSE_NM)
    judged = scene.judged(dense)
    k = result.intervals.get("0.9")
    inside = np.abs(dense - scene.truth)[judged] <= (k or 0.0) * result.error[judged]
    return {
        **drawn,
        "false_share": float(dense[~near].sum(dtype=np.float64)) / total if total > 0 else None,
        "relative_error": float(result.error.sum(dtype=np.float64)) / total if total > 0 else None,
        "coverage_0.9": float(inside.mean()) if k is not None and judged.any() else None,
    }


def _row(scene: EvalField, kind: str, scores: Row) -> Row:
    return {
        "input": kind,
        "structure": scene.structure,
        "method": MODEL,
        "field": scene.name,
        **scores,
    }
