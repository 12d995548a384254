"""The fixed protocol on simulation: thresholds from some fields, figures from others."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from annapalm_export.evaluate.stress import evaluate_empty, evaluate_erased, evaluate_uniform
from annapalm_export.evaluate.suite import choose_levels, evaluate_simulated
from annapalm_export.evaluate.suites import release_suites
from annapalm_export.evaluate.table import STRESS_GROUPS, summarise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from annapalm_export.evaluate.field import EvalField
    from annapalm_export.evaluate.simulated import Row
    from annapalm_export.evaluate.suite import Reconstructor
    from annapalm_export.evaluate.suites import Suite

VALIDATION_FIELDS = 4
"""Fields per density on which each method's threshold is chosen."""
STRESS_FIELDS = 4
"""Fields per density that are answered with random localizations, and with a piece erased."""


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
    model: Reconstructor, fields: int, say: Callable[[str], None] = lambda _line: None
) -> ProtocolResult:
    """Score a model and its baselines on so many fields per structure and density.

    With and without widefield image, for each structure that the model knows, on the suites of
    `release_suites`. Raises `InvalidValueError` for a structure that cannot be simulated.
    """
    result = ProtocolResult({}, [], [])
    for suite in release_suites(model.info.structures):
        _run_suite(model, suite, fields, result, say)
    return result


def _run_suite(
    model: Reconstructor,
    suite: Suite,
    fields: int,
    result: ProtocolResult,
    say: Callable[[str], None],
) -> None:
    (condition,) = suite.conditions
    validation = [
        field
        for density in condition.densities
        for field in _first(VALIDATION_FIELDS, condition.fields(density, suite.threshold_seeds))
    ]
    levels = choose_levels(model, validation)
    result.levels[condition.structure] = levels
    say(f"{suite.label}: thresholds from {len(validation)} validation fields: {levels}")
    unit = validation[0].unit
    for density in condition.densities:
        scenes = _first(fields, condition.fields(density, suite.seeds))
        for number, scene in enumerate(scenes, 1):
            result.simulated.extend(evaluate_simulated(model, [scene], levels))
            if number <= STRESS_FIELDS:
                result.stress.extend(evaluate_uniform(model, scene, levels))
                result.stress.extend(evaluate_erased(model, scene, levels))
            say(f"{suite.label}, {density:g} localizations per {unit}: field {number} of {fields}")
    result.stress.append(evaluate_empty(model, validation[0]))


def _first(number: int, fields: Iterator[tuple[int, EvalField]]) -> Iterator[EvalField]:
    """Yield so many fields; raises `ValueError` where the seeds do not give them."""
    made = 0
    for _, field in islice(fields, number):
        made += 1
        yield field
    if made < number:
        message = f"only {made} of {number} fields could be made from the seeds given"
        raise ValueError(message)
