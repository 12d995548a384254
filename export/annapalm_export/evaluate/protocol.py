"""The fixed protocol on simulation: thresholds from some fields, figures from others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from annapalm_export.evaluate.fields import DENSITIES_PER_UM, simulated_fields
from annapalm_export.evaluate.stress import evaluate_empty, evaluate_erased, evaluate_uniform
from annapalm_export.evaluate.suite import choose_levels, evaluate_simulated
from annapalm_export.evaluate.table import STRESS_GROUPS, summarise
from annapalm_export.seeds import EVALUATION_SEEDS, THRESHOLD_SEEDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from annapalm_export.evaluate.simulated import Row
    from annapalm_export.evaluate.suite import Reconstructor

VALIDATION_FIELDS = 4
"""Fields per density on which each method's skeleton threshold is chosen."""
STRESS_FIELDS = 4
"""Fields per density that are answered with random localizations, and with a piece erased."""


@dataclass(frozen=True, slots=True)
class ProtocolResult:
    """Everything that the protocol measured, one row per field and method."""

    levels: dict[str, float]
    """Skeleton threshold of each method, one for all densities."""
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
    """Score a model and its baselines on so many fields per density, with and without widefield."""
    validation = [
        field
        for density in DENSITIES_PER_UM
        for field in simulated_fields(
            density, THRESHOLD_SEEDS, VALIDATION_FIELDS, with_widefield=True
        )
    ]
    levels = choose_levels(model, validation)
    say(f"skeleton thresholds from {len(validation)} validation fields: {levels}")
    simulated: list[Row] = []
    stress: list[Row] = []
    for density in DENSITIES_PER_UM:
        scenes = simulated_fields(density, EVALUATION_SEEDS, fields, with_widefield=True)
        for number, scene in enumerate(scenes, 1):
            simulated += evaluate_simulated(model, [scene], levels)
            if number <= STRESS_FIELDS:
                stress += evaluate_uniform(model, scene, levels)
                stress += evaluate_erased(model, scene, levels["model"])
            say(f"{density:g} localizations per µm: field {number} of {fields}")
    stress.append(evaluate_empty(model, validation[0].grid))
    return ProtocolResult(levels, simulated, stress)
