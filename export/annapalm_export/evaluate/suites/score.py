"""What is computed of one field, or of the fields that thresholds are chosen on."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from annapalm_export.evaluate.simulated import FieldScorer
from annapalm_export.evaluate.suite import LevelTables, reconstruct_both
from annapalm_export.evaluate.suites.alone import WIDEFIELD_ALONE, reconstruct_widefield_alone
from annapalm_export.evaluate.suites.cross_check import evaluate_cross_check
from annapalm_export.evaluate.suites.suite import METHODS
from annapalm_export.evaluate.suites.trust import evaluate_trust
from annapalm_export.seeds import TooFewSeedsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from annapalm.model import Model
    from annapalm.reconstruction import Reconstruction
    from annapalm_export.evaluate.field import EvalField
    from annapalm_export.evaluate.simulated import Row
    from annapalm_export.evaluate.suites.suite import Condition, Suite

Levels: TypeAlias = "Mapping[str, Mapping[str, float]]"
"""Thresholds by sha256 of the model ("" for the baselines), then by method."""


def find_fields(
    condition: Condition, density: float, seeds: range, fields: int, first: int = 0
) -> Iterator[tuple[int, EvalField]]:
    """Yield seeds and fields `first` to `fields` of a condition; `seeds` begin at the first's.

    Raises `TooFewSeedsError` where the seeds do not give as many.
    """
    found = condition.fields(density, seeds)
    for number in range(first, fields):
        one = next(found, None)
        if one is None:
            raise TooFewSeedsError(
                f"{number} fields of '{condition.name}' at {density:g} localizations per unit"
            )
        yield one


def choose_levels(
    models: Sequence[Model], condition: Condition, seeds: range, fields: int, wanted: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Choose thresholds for those of the models (by sha256; "" for the baselines) in `wanted`.

    On so many `fields` of the condition for each density; by sha256, then by method.
    """
    tables = {sha: LevelTables() for sha in wanted}
    for density in condition.densities:
        for _, scene in find_fields(condition, density, seeds, fields):
            if "" in tables:
                tables[""].add_baselines(scene)
            for model in models:
                if model.sha256 in tables:
                    tables[model.sha256].add_model(scene, _reconstruct(model, scene, METHODS))
    return {sha: table.best() for sha, table in tables.items()}


def score_field(
    models: Sequence[Model],
    suite: Suite,
    condition: Condition,
    density: float,
    number: int,
    seeds: range,
    levels: Levels,
    wanted: Sequence[str],
) -> tuple[int, dict[str, list[Row]]]:
    """Score those of the models (and "", the baselines) in `wanted` on one field.

    It is the first that `seeds` give; `number` is for the message where they give none. Returns
    its seed, and rows by sha256.
    """
    seed, scene = next(find_fields(condition, density, seeds, number + 1, number))
    scorer = FieldScorer(scene, dict(levels.get("", {})))
    rows = {"": scorer.baseline_rows()} if "" in wanted else {}
    for model in models:
        if model.sha256 in wanted:
            scorer.levels = {**levels.get("", {}), **levels.get(model.sha256, {})}
            rows[model.sha256] = _model_rows(model, suite, scene, scorer)
    return seed, rows


def _model_rows(model: Model, suite: Suite, scene: EvalField, scorer: FieldScorer) -> list[Row]:
    if suite.kind == "cross-check":
        return evaluate_cross_check(model, scene)
    if suite.kind == "trust":
        return evaluate_trust(model, scene, scorer)
    return scorer.model_rows(_reconstruct(model, scene, suite.methods))


def _reconstruct(
    model: Model, scene: EvalField, methods: Sequence[str]
) -> dict[str, Reconstruction]:
    """Results of those of a model's methods that the field allows."""
    results = reconstruct_both(model, scene)
    if WIDEFIELD_ALONE in methods:
        alone = reconstruct_widefield_alone(model, scene)
        if alone is not None:
            results[WIDEFIELD_ALONE] = alone
    return {method: result for method, result in results.items() if method in methods}
