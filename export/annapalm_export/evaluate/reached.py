"""What a model reaches of what is aimed at, counted in cases: the first thing that its card says.

A case is one structure at one density, without or with widefield image; its scores are means over
fields. What is missed is named, so that nobody has to look for it in the tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from annapalm_export.evaluate.simulated import BLUR, MODEL, WITH_WIDEFIELD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from annapalm_export.evaluate.simulated import Row

COVERED = (0.88, 0.92)
"""What the nominal 90 % interval should cover."""
OWN_SCORES = {
    "f1_skeleton": "filament F1 (both skeletonised)",
    "pore_f1": "pore F1",
    "iou": "area (intersection over union)",
    "period_contrast": "contrast of the period",
}
"""Scores of a structure by itself, to what they are called."""
_WRONG = "wrong_length"
"""Here alone: false and missed filament length together, what the protocol asks for above all."""
OTHER_MAPS = {
    "constant": "a constant",
    "inverse_density": "the inverse density of localizations",
    "squirrel": "the widefield error (SQUIRREL)",
    "turned": "how much the picture changes when the field is turned",
    "sqrt_dense": "√dense",
}
"""Error maps beside ours, to what they are called."""
_MOST_NAMED = 8
"""More misses than these are counted and not named."""


class _Case(NamedTuple):
    structure: str
    density: float
    method: str
    scores: Mapping[str, float]

    @property
    def name(self) -> str:
        """Short enough to be listed."""
        lit = " with widefield image" if self.method == WITH_WIDEFIELD else ""
        return f"{self.structure} at {self.density:g}{lit}"


def reached(simulated: Sequence[Row], stress: Sequence[Row]) -> str:
    """Render as a Markdown list, from the means of `ProtocolResult.summary`."""
    every = [_case(row) for row in simulated]
    cases = [case for case in every if case.method in (MODEL, WITH_WIDEFIELD)]
    blurs = {case[:2]: case.scores for case in every if case.method == BLUR}
    plain = {case[:2]: case.scores for case in cases if case.method == MODEL}
    lines = [
        _against("MS-SSIM above that of the best blur", cases, "ms_ssim", blurs),
        _against("Pearson r above that of the best blur", cases, "pearson", blurs),
        _against(
            "false + missed filament length below that of the best blur",
            cases,
            _WRONG,
            blurs,
            lower=True,
        ),
        *(
            _against(f"{called} above that of the best blur", cases, score, blurs)
            for score, called in OWN_SCORES.items()
        ),
        _against(
            "MS-SSIM with widefield image above that without",
            [case for case in cases if case.method == WITH_WIDEFIELD],
            "ms_ssim",
            plain,
        ),
        _covered(cases),
        *(_ranks(cases, other, called) for other, called in OTHER_MAPS.items()),
        _range("AUROC of what the report marks, false structure, whole field", cases),
        *_noise(stress),
    ]
    return "".join(f"- {line}\n" for line in lines if line)


def _case(row: Row) -> _Case:
    scores = {
        name: score["mean"]
        for name, score in row.items()
        if isinstance(score, dict) and score.get("mean") is not None
    }
    # Against true centre lines where the structure has them, else against the truth's skeleton.
    for kind in ("", "_skeleton"):
        lengths = [f"{wrong}_um_per_um2{kind}" for wrong in ("false", "missed")]
        if _WRONG not in scores and all(name in scores for name in lengths):
            scores[_WRONG] = sum(scores[name] for name in lengths)
    return _Case(row.get("structure", "structure"), row["density"], row["method"], scores)


def _count(what: str, cases: Iterable[_Case], holds: Callable[[_Case], bool | None]) -> str:
    """Say in how many cases something holds; None where it is not asked of a case."""
    asked = [(case, found) for case in cases if (found := holds(case)) is not None]
    if not asked:
        return ""
    missed = [case.name for case, found in asked if not found]
    text = f"{what}: **{len(asked) - len(missed)} of {len(asked)}**"
    return f"{text}; not: {', '.join(missed)}" if 0 < len(missed) <= _MOST_NAMED else text


def _against(
    what: str,
    cases: Sequence[_Case],
    score: str,
    others: Mapping[tuple[str, float], Mapping[str, float]],
    *,
    lower: bool = False,
) -> str:
    def better(case: _Case) -> bool | None:
        other = others.get(case[:2], {}).get(score)
        mine = case.scores.get(score)
        if mine is None or other is None:
            return None
        return mine < other if lower else mine > other

    return _count(what, cases, better)


def _covered(cases: Sequence[_Case]) -> str:
    name = "coverage_0.9_judged"
    low, high = COVERED

    def within(case: _Case) -> bool | None:
        found = case.scores.get(name)
        return None if found is None else low <= found <= high

    found = [case.scores[name] for case in cases if name in case.scores]
    if not found:
        return ""
    spread = f"{min(found):.1%} to {max(found):.1%}"
    return _count(f"90 % interval covers {low:.0%} to {high:.0%} ({spread})", cases, within)


def _ranks(cases: Sequence[_Case], other: str, called: str) -> str:
    def better(case: _Case) -> bool | None:
        mine, its = (case.scores.get(n) for n in ("ause_judged", f"ause_judged.{other}"))
        return None if mine is None or its is None else mine < its

    return _count(f"`error` ranks errors better than {called} (AUSE)", cases, better)


def _range(what: str, cases: Sequence[_Case]) -> str:
    found = [case.scores["auroc_doubt_field"] for case in cases if "auroc_doubt_field" in case[3]]
    return f"{what}: {min(found):.2f} to {max(found):.2f}" if found else ""


def _noise(stress: Sequence[Row]) -> list[str]:
    """Say what is drawn in localizations at random, by the network and in a run."""
    rows = [row for row in stress if (row["input"], row["method"]) == ("uniform", MODEL)]
    return [
        f"{what}, µm/µm²: "
        + ", ".join(
            f"{row[name]['mean']:.3f} {row.get('structure', '')}".rstrip()
            for row in rows
            if row.get(name)
        )
        for name, what in (
            ("drawn_um_per_um2", "the network draws in localizations at random"),
            ("shown_um_per_um2", "of that a run shows"),
        )
        if any(row.get(name) for row in rows)
    ]
