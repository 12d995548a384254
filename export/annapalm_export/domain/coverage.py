"""Whether the intervals hold on fields unlike those of training, or else the run warns of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm_export.evaluate.crew import crew
from annapalm_export.evaluate.simulated import MODEL, NEAR_90, is_off
from annapalm_export.evaluate.suite import reconstruct_both
from annapalm_export.evaluate.suites import SUITES, in_distribution
from annapalm_export.evaluate.suites.score import find_fields
from annapalm_export.markdown import table_lines
from annapalm_export.simulate.structures import STRUCTURES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from annapalm_export.evaluate.field import EvalField
    from annapalm_export.evaluate.reconstructor import Reconstructor
    from annapalm_export.evaluate.suites.suite import Condition, Suite

USUAL = "as in training"
NOMINAL = "0.9"
MOST = 0.5
"""Share of the fields of a set from which the set counts as warned of."""


@dataclass(frozen=True, slots=True)
class Covered:
    """What the 90 % interval of one picture of one field covers."""

    shift: str
    """In what the field differs from those of training; `USUAL` where in nothing."""
    structure: str
    density: float
    """Localizations per unit of structure."""
    method: str
    """Without or with widefield image."""
    share: float
    """Of the pixels on which error maps are judged (`EvalField.judged`)."""
    warned: bool
    """Whether the run warns of the localizations; what it says of a widefield image is left out."""

    @property
    def is_off(self) -> bool:
        """Whether the interval covers less or more than may be."""
        return is_off(self.share)


def measure_coverage(
    model: Reconstructor,
    fields: int,
    say: Callable[[str], None],
    suites: Sequence[Suite] | None = None,
    processes: int = 1,
) -> list[Covered]:
    """Score `fields` fields per condition and density of the structures that the model knows.

    `suites` None: those as in training, and all shifted ones. `processes` as for `crew`.
    """
    found: list[Covered] = []
    with crew([model], processes) as workers:
        for suite in suites or shifted_suites():
            tasks = [
                (condition, density, fields, suite.seeds)
                for condition in suite.conditions
                if condition.structure in model.info.structures
                for density in condition.densities
            ]
            for covered in workers.map(_condition, tasks):
                found += covered
            say(f"{suite.label}: {len(found)} pictures")
    return found


def shifted_suites() -> list[Suite]:
    """Give the suites of usual fields, the newest of each structure, and of shifted ones."""
    usual = [in_distribution(name) for name in STRUCTURES]
    names = {suite.name for suite in usual}
    return usual + [s for s in SUITES.values() if s.kind == "simulated" and s.name not in names]


def _condition(
    models: Sequence[Reconstructor], condition: Condition, density: float, fields: int, seeds: range
) -> list[Covered]:
    (model,) = models
    shift = condition.name.removeprefix(condition.structure).removeprefix(", ") or USUAL
    if shift == "far":
        shift = f"{density:g} per unit"
    return [
        covered
        for _, scene in find_fields(condition, density, seeds, fields)
        for covered in cover(model, scene, shift)
    ]


def cover(model: Reconstructor, scene: EvalField, shift: str) -> Iterator[Covered]:
    """Yield what the 90 % interval covers of one field, without and with widefield image."""
    results = reconstruct_both(model, scene)
    for method, result in results.items():
        judged = scene.judged(result.dense)
        if judged.any():
            off = np.abs(result.dense - scene.truth)[judged]
            inside = off <= result.intervals[NOMINAL] * result.error[judged]
            yield Covered(
                shift=shift,
                structure=scene.structure,
                density=scene.density,
                method=method,
                share=float(inside.mean()),
                warned=bool(results[MODEL].warnings),
            )


def coverage_tables(rows: Sequence[Covered]) -> str:
    """Render as Markdown: all structures together, each, the usual ones by density, what is off."""
    methods = list(dict.fromkeys(row.method for row in rows))
    head = ["shift", "fields", *(f"covered, {m}" for m in methods), "warned"]
    head += [f"off and not warned, {m}" for m in methods]
    summary = []
    for shift, some in _groups(rows, "shift"):
        plain = [row for row in some if row.method == MODEL]
        by = [[row for row in some if row.method == method] for method in methods]
        cells = [shift, str(len(plain)), *(f"{_mean(r.share for r in own):.1%}" for own in by)]
        cells.append(f"{_mean(row.warned for row in plain):.0%}")
        cells += [f"{_mean(row.is_off and not row.warned for row in own):.1%}" for own in by]
        summary.append(cells)
    parts = (table_lines(head, summary), _by_structure(rows), _usual_by_density(rows), _sets(rows))
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _by_structure(rows: Sequence[Covered]) -> list[str]:
    names = list(dict.fromkeys(row.structure for row in rows))
    lines = []
    for shift, some in _groups(rows, "shift"):
        cells = [shift]
        for name in names:
            own = [row for row in some if row.structure == name]
            off = _mean(row.is_off and not row.warned for row in own)
            cells.append(f"{_mean(row.share for row in own):.1%}; {off:.0%}")
        lines.append(cells)
    return table_lines(["covered; off and not warned", *names], lines)


def _usual_by_density(rows: Sequence[Covered]) -> list[str]:
    """Show what is covered of usual fields and its standard error; nothing where there are none."""
    usual = [row for row in rows if row.shift == USUAL]
    densities = sorted({row.density for row in usual})
    if not usual:
        return []
    lines = []
    for key in dict.fromkeys((row.structure, row.method) for row in usual):
        cells = [", ".join(key)]
        for density in densities:
            some = [
                row.share
                for row in usual
                if (row.structure, row.method) == key and row.density == density
            ]
            error = float(np.std(some, ddof=1) / len(some) ** 0.5) if len(some) > 1 else np.nan
            cells.append(f"{_mean(some):.1%} ± {error:.1%}")
        lines.append(cells)
    return table_lines([USUAL, *(f"{density:g} per unit" for density in densities)], lines)


def _sets(rows: Sequence[Covered]) -> list[str]:
    """Name the sets that are off on average, and say how many of their fields are warned of."""
    sets: dict[tuple[str, str, float, str], list[Covered]] = {}
    for row in rows:
        sets.setdefault((row.shift, row.structure, row.density, row.method), []).append(row)
    low, high = NEAR_90
    off = [
        (key, share, _mean(row.warned for row in some))
        for key, some in sets.items()
        if is_off(share := _mean(row.share for row in some))
    ]
    silent = sum(warned < MOST for _, _, warned in off)
    said = (
        f"Of {len(sets)} sets (shift, structure, density, without or with widefield image) "
        f"{len(off)} cover less than {low:.0%} or more than {high:.0%} on average, and "
        f"{silent} of these with a warning for fewer than half of their fields:"
    )
    lines = [
        (f"{structure}, {shift}, {density:g} per unit, {method}", f"{share:.1%}", f"{warned:.0%}")
        for (shift, structure, density, method), share, warned in off
    ]
    return [said, "", *table_lines(("off", "covered", "warned"), lines)]


def _groups(rows: Sequence[Covered], key: str) -> list[tuple[str, list[Covered]]]:
    names = dict.fromkeys(getattr(row, key) for row in rows)
    return [(name, [row for row in rows if getattr(row, key) == name]) for name in names]


def _mean(values: Iterable[float]) -> float:
    found = [float(value) for value in values]
    return sum(found) / len(found) if found else float("nan")
