"""How often the runtime speaks up: on fields like those of training, and on others."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from annapalm.domain import judge
from annapalm.domain.reference import NO_STRUCTURE
from annapalm.grid import DEFAULT_PIXEL_NM
from annapalm.render import render
from annapalm_export.evaluate.crew import crew
from annapalm_export.evaluate.stress import uniform_counts
from annapalm_export.evaluate.suites import SUITES
from annapalm_export.markdown import table_lines
from annapalm_export.seeds import EVALUATION_SEEDS
from annapalm_export.simulate import SceneOptions, simulate_scene
from annapalm_export.simulate.structures import STRUCTURES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from annapalm.render import CountImage
    from annapalm_export.evaluate.field import EvalField
    from annapalm_export.evaluate.suites.suite import Condition

RANDOM = "localizations at random"
BACKGROUND = "background in bursts"
"""Scenes that are simulated without structure: single localizations and bursts of them."""
_ASKED_AS_EACH = (*STRUCTURES, RANDOM, BACKGROUND)
_BACKGROUND_SHARES = (0.01, 0.05, 0.2)
"""Of a scene's localizations, from the first on."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was said of one field."""

    suite: str
    """Name without version: the structure's own for usual fields, else the shift."""
    condition: str
    structure: str
    """What the field shows."""
    asked: str
    """What was asked for."""
    density: float | None
    """Localizations per unit of structure; None where there is none."""
    judged: bool
    """Whether anything could be said."""
    unlike: bool
    """Whether the user is warned."""
    mistaken_for: str | None
    withheld: bool = False
    """Whether a run would draw nothing of it."""


def check(fields: int, processes: int, say: Callable[[str], None]) -> list[Verdict]:
    """Judge `fields` fields per condition and density of every simulated suite.

    Each is asked for as what it is. Those of the in-distribution suites are also asked for as every
    other structure, and so are as many localizations at random, and background in bursts.
    """
    tasks = [
        (suite.label, number, density, fields)
        for suite in SUITES.values()
        if suite.kind == "simulated"
        for number, condition in enumerate(suite.conditions)
        for density in condition.densities
    ]
    verdicts: list[Verdict] = []
    with crew([], processes) as workers:
        for task, found in zip(tasks, workers.map(_check_task, tasks), strict=True):
            verdicts += found
            say(f"{task[0]}, {task[2]:g} per unit: {len(verdicts)} verdicts")
        seeds = [(seed,) for seed in EVALUATION_SEEDS[:fields]]
        for found in workers.map(_check_background, seeds):
            verdicts += found
    say(f"{BACKGROUND}: {len(verdicts)} verdicts")
    return verdicts


def _check_background(_models: object, seed: int) -> list[Verdict]:
    """Judge the first localizations of a scene without structure, asked for as each structure."""
    scene = simulate_scene(seed, SceneOptions(empty_share=1.0, imperfect=True))
    verdicts = []
    for share in _BACKGROUND_SHARES:
        rows = np.arange(int(share * len(scene.localizations)))
        counts, _ = render(scene.localizations.select(rows), scene.grid)
        about = "background", BACKGROUND, BACKGROUND, None
        verdicts += [_verdict(counts, asked, about) for asked in STRUCTURES]
    return verdicts


def _check_task(
    _models: object, label: str, number: int, density: float, fields: int
) -> list[Verdict]:
    suite = SUITES[label]
    return [
        verdict
        for _, scene in islice(suite.conditions[number].fields(density, suite.seeds), fields)
        for verdict in judge_field(label, suite.conditions[number], scene)
    ]


def judge_field(label: str, condition: Condition, scene: EvalField) -> Iterator[Verdict]:
    """Yield what is said of one field of a suite, asked for in every way that the suite is for."""
    usual = condition.name == condition.structure
    inputs = {condition.name: scene.counts}
    if usual:
        inputs[RANDOM] = uniform_counts(scene, seed=0)
    for name, counts in inputs.items():
        shows = scene.structure if name != RANDOM else NO_STRUCTURE
        about = label.rsplit("-", 1)[0], name, shows, float(scene.density)
        for asked in STRUCTURES if usual else (scene.structure,):
            yield _verdict(counts, asked, about)


def _verdict(counts: CountImage, asked: str, about: tuple[str, str, str, float | None]) -> Verdict:
    """Judge counts; `about` is suite, condition, structure and density."""
    suite, condition, structure, density = about
    # A shifted pixel is given as if it were the model's own.
    found = judge(counts, DEFAULT_PIXEL_NM, asked)
    return Verdict(
        suite=suite,
        condition=condition,
        structure=structure,
        asked=asked,
        density=density,
        judged=found is not None,
        unlike=found is not None and found.is_unlike,
        mistaken_for=None if found is None else found.mistaken_for,
        withheld=found is not None and found.is_bare,
    )


def tables(verdicts: list[Verdict]) -> str:
    """Render as Markdown: share of fields of which the user is warned, and of how many."""
    parts = []
    usual = [v for v in verdicts if v.condition in _ASKED_AS_EACH]
    for density in (None, *sorted({v.density for v in usual if v.density is not None})):
        some = [v for v in usual if density in (None, v.density)]
        title = "all densities" if density is None else f"{density:g} localizations per unit"
        parts.append(f"### Asked for what it is, and for others: {title}\n\n{_matrix(some)}")
    shifted = [v for v in verdicts if v.condition not in _ASKED_AS_EACH]
    parts.append(f"### Shifted fields, asked for what they are\n\n{_list(shifted)}")
    parts.append(f"### Of which nothing is drawn\n\n{_matrix(usual, _withheld)}")
    parts.append(f"Of the shifted fields: {_withheld(shifted)}.\n")
    return "\n".join(parts)


def _matrix(verdicts: list[Verdict], say: Callable[[list[Verdict]], str] | None = None) -> str:
    """Say of each structure what became of it, asked for as each; how often it was warned of."""
    say = say or _share
    shown = dict.fromkeys(v.structure for v in verdicts)
    head = ["shows \\ asked for", *STRUCTURES]
    lines = []
    for structure in shown:
        cells = [
            say([v for v in verdicts if (v.structure, v.asked) == (structure, asked)])
            for asked in STRUCTURES
        ]
        lines.append([structure, *cells])
    return "\n".join(table_lines(head, lines)) + "\n"


def _list(verdicts: list[Verdict]) -> str:
    groups: dict[tuple[str, str, float | None], list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        groups[verdict.suite, verdict.condition, verdict.density].append(verdict)
    lines = [
        (suite, condition, f"{density:g}", _share(some))
        for (suite, condition, density), some in groups.items()
    ]
    return "\n".join(table_lines(("suite", "fields", "per unit", "warned"), lines, left=2)) + "\n"


def _withheld(verdicts: list[Verdict]) -> str:
    judged = [v for v in verdicts if v.judged]
    return f"{sum(v.withheld for v in judged)} of {len(judged)}"


def _share(verdicts: list[Verdict]) -> str:
    judged = [v for v in verdicts if v.judged]
    if not judged:
        return "–"  # noqa: RUF001 - a dash
    return f"{np.mean([v.unlike for v in judged]):.0%} of {len(judged)}"
