"""The fixed protocol on simulation: thresholds from some fields, figures from others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from annapalm_export.evaluate.crew import crew
from annapalm_export.evaluate.simulated import FieldScorer
from annapalm_export.evaluate.stress import evaluate_empty
from annapalm_export.evaluate.suite import choose_levels, evaluate_simulated, usual_levels
from annapalm_export.evaluate.suites import in_distribution, release_suites
from annapalm_export.evaluate.suites.score import find_fields
from annapalm_export.evaluate.suites.trust import evaluate_unseen, evaluate_wrong
from annapalm_export.evaluate.table import STRESS_GROUPS, summarise
from annapalm_export.simulate.structures import STRUCTURES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from annapalm_export.evaluate.reconstructor import Reconstructor
    from annapalm_export.evaluate.simulated import Row
    from annapalm_export.evaluate.suites import Suite

VALIDATION_FIELDS = 4
"""Fields per density on which each method's threshold is chosen."""
STRESS_FIELDS = 4
"""Fields per density that are turned into what was never shown."""
STRANGER_DENSITIES = (5.0, 20.0)
"""Localizations per unit of the fields of structures that a model does not know."""


@dataclass(frozen=True, slots=True)
class ProtocolResult:
    """Everything that the protocol measured, one row per field and method."""

    levels: dict[str, dict[str, float]]
    """Structure to the threshold of each method, one for all densities."""
    simulated: list[Row]
    stress: list[Row]

    def summary(self) -> dict[str, Any]:
        """Means over fields, for JSON: `levels`, `simulated`, `stress`."""
        return {
            "levels": self.levels,
            "simulated": summarise(self.simulated),
            "stress": summarise(self.stress, tuple(STRESS_GROUPS)),
        }


def run_protocol(
    model: Reconstructor,
    fields: int,
    say: Callable[[str], None] = lambda _line: None,
    processes: int = 1,
) -> ProtocolResult:
    """Score a model and its baselines on so many fields per structure and density.

    With and without widefield image, for each structure that the model knows, on the suites of
    `release_suites`. More `processes` than one need an `annapalm.Model`, which each of them loads
    for itself on one thread of the CPU; the figures are the same. What was never shown: see
    `evaluate_unseen`, and fields of the structures that the model does not know. Raises
    `InvalidValueError` for a structure that cannot be simulated.
    """
    result = ProtocolResult({}, [], [])
    suites = release_suites(model.info.structures)
    with crew([model], processes) as workers:
        chosen, empties = [], []
        for suite, (levels, empty) in zip(
            suites, workers.map(_start, [(s,) for s in suites]), strict=True
        ):
            result.levels[suite.conditions[0].structure] = levels
            chosen.append(levels)
            empties.append(empty)
            say(f"{suite.label}: thresholds from {VALIDATION_FIELDS} fields per density: {levels}")
        tasks = [
            (suite, density, fields, levels)
            for suite, levels in zip(suites, chosen, strict=True)
            for density in suite.conditions[0].densities
        ]
        for (suite, density, *_), (simulated, stress) in zip(
            tasks, workers.map(_score, tasks), strict=True
        ):
            result.simulated.extend(simulated)
            result.stress.extend(stress)
            say(f"{suite.label}, {density:g} localizations per unit: {fields} fields scored")
        strange = [
            (suite, density)
            for suite in _strangers(model.info.structures)
            for density in STRANGER_DENSITIES
        ]
        for rows in workers.map(_mistake, strange):
            result.stress.extend(rows)
    result.stress.extend(empties)
    return result


def _start(models: Sequence[Reconstructor], suite: Suite) -> tuple[dict[str, float], Row]:
    """Choose each method's threshold; and give the model a field with nothing in it."""
    (model,) = models
    (condition,) = suite.conditions
    validation = [
        field
        for density in condition.densities
        for _, field in find_fields(condition, density, suite.threshold_seeds, VALIDATION_FIELDS)
    ]
    return choose_levels(model, validation), evaluate_empty(model, validation[0])


def _score(
    models: Sequence[Reconstructor],
    suite: Suite,
    density: float,
    fields: int,
    levels: dict[str, float],
) -> tuple[list[Row], list[Row]]:
    """Rows of the fields of one density, and of what was never shown."""
    (model,) = models
    (condition,) = suite.conditions
    simulated: list[Row] = []
    stress: list[Row] = []
    for number, (_, scene) in enumerate(find_fields(condition, density, suite.seeds, fields)):
        simulated += evaluate_simulated(model, [scene], levels)
        if number < STRESS_FIELDS:
            scorer = FieldScorer(scene, usual_levels(scene.structure) | levels)
            stress += evaluate_unseen(model, scene, scorer)
    return simulated, stress


def _strangers(structures: Sequence[str]) -> list[Suite]:
    """Suites of the structures that a model does not know."""
    return [in_distribution(name) for name in STRUCTURES if name not in structures]


def _mistake(models: Sequence[Reconstructor], suite: Suite, density: float) -> list[Row]:
    """Rows of fields of which a model is asked for something that they do not show."""
    (model,) = models
    (condition,) = suite.conditions
    fields = find_fields(condition, density, suite.seeds, STRESS_FIELDS)
    return [row for _, scene in fields for row in evaluate_wrong(model, scene)]
