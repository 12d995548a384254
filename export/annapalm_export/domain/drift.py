"""How often the runtime finds a drift that was put in, and one that was not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from annapalm.domain import measure_drift
from annapalm_export.evaluate.crew import crew
from annapalm_export.evaluate.fields import DENSITIES
from annapalm_export.evaluate.suites import SUITES, in_distribution
from annapalm_export.evaluate.suites.score import find_fields
from annapalm_export.markdown import table_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from annapalm.domain import Drift
    from annapalm_export.evaluate.suites.suite import Condition

KINETICS = ("any", "merged")
"""Fields of each, half and half: bursts as they come, and joined as software offers."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was said of one field."""

    structure: str
    density: float
    """Localizations per unit of structure."""
    put_in_nm: float
    """On top of the residue of up to 15 nm rms that every usual field may have."""
    drift: Drift | None


def check_drift(fields: int, say: Callable[[str], None], processes: int = 1) -> list[Found]:
    """Measure the drift of `fields` fields per structure, density, kinetics and drift put in."""
    shifted = SUITES["drift-1"].conditions
    structures = dict.fromkeys(condition.structure for condition in shifted)
    usual = [in_distribution(structure).conditions[0] for structure in structures]
    conditions = [*usual, *shifted]  # without drift once of each structure
    found: list[Found] = []
    with crew([], processes) as workers:
        tasks = [(condition, fields) for condition in conditions]
        for one, some in zip(conditions, workers.map(_of_condition, tasks), strict=True):
            found += some
            say(f"{one.name}: {len(found)} fields")
    return found


def _of_condition(_models: object, condition: Condition, fields: int) -> list[Found]:
    seeds = SUITES["drift-1"].seeds
    return [
        Found(
            scene.structure,
            density,
            condition.drift_nm,
            measure_drift(scene.localizations, scene.counts, scene.grid),
        )
        for kinetics in KINETICS
        for one in [replace(condition, scene=replace(condition.scene, kinetics=kinetics))]
        for density in DENSITIES
        for _, scene in find_fields(one, density, seeds, fields)
        if scene.localizations is not None
    ]


def drift_tables(found: Sequence[Found]) -> str:
    """Render as Markdown: share of fields that are warned of by density, then by structure."""
    return f"{_table(found, 'density')}\n{_table(found, 'structure')}"


def _table(found: Sequence[Found], key: str) -> str:
    names = list(dict.fromkeys(getattr(one, key) for one in found))
    head = [
        "drift put in, nm",
        *(f"{name:g} per unit" if key == "density" else name for name in names),
    ]
    head += ["not measured", "off by, median nm", "off by, 95 %", "stated error, median"]
    lines = []
    for put_in in sorted({one.put_in_nm for one in found}):
        some = [one for one in found if one.put_in_nm == put_in]
        cells = [f"{put_in:g}"]
        for name in names:
            own = [one for one in some if getattr(one, key) == name]
            warned = [one.drift is not None and one.drift.is_large for one in own]
            cells.append(f"{np.mean(warned):.1%} of {len(own)}")
        told = [one.drift for one in some if one.drift is not None]
        off = [abs(drift.length_nm - put_in) for drift in told]
        cells.append(f"{1 - len(told) / len(some):.0%}")
        cells += [f"{np.quantile(off, q):.0f}" for q in (0.5, 0.95)] if told else ["", ""]
        cells.append(f"{np.median([drift.error_nm for drift in told]):.0f}" if told else "")
        lines.append(cells)
    return "\n".join(table_lines(head, lines, left=0)) + "\n"
