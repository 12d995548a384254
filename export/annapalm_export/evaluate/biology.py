"""Does a reconstruction keep the biology? The figures of a study of simulated drugs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annapalm.errors import InvalidValueError
from annapalm.measure.compare import ALPHA, LEAST_FIELDS, holm, permutation_test
from annapalm.measure.field import conclusive
from annapalm.measure.groups import too_doubtful
from annapalm.measure.intervals import (
    ADDED,
    BENT,
    COVERS,
    DOUBT_CLASSES,
    MOST_DOUBT,
    Correction,
    distance,
    doubt_class,
)
from annapalm_export.evaluate.simulated import BLUR, MODEL
from annapalm_export.evaluate.studies import CONTROL, DRAWN, NOISE_FREE, TREATED, TRUTH

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from annapalm_export.evaluate.studies import Sample

PER_GROUP = 10
"""Fields of a group in the resampled studies, which ask how often a difference is found."""

_MOST = 2_000
"""Divisions that a test of a resampled study goes through: thousands of studies are tested."""
_BOOTSTRAPS = 1_000
_LEAST_IN_CLASS = 8
"""Fields that a class of doubt must have for an interval."""
_MOST_FACTOR = 2.0
"""Of what is drawn without any doubt; a correction by more is no measurement."""
_LEAST_SLOPE = 0.4
"""Of log(drawn) over log(truth); solving for the truth would blow up the noise of less."""
_LEAST_TO_FIT = 12
"""Fields, over all densities, that a correction is fitted to."""


def _of(found: Sequence[Sample], group: str, density: float) -> Iterator[Sample]:
    return (s for s in found if s.group == group and s.density == density)


def measures_of(found: Sequence[Sample]) -> tuple[str, ...]:
    """Names of the measures, in order."""
    return tuple(found[0].values[TRUTH])


def effect_rows(found: Sequence[Sample]) -> list[dict[str, object]]:
    """Give each method's effect (treated over control, minus 1) by density and measure.

    `kept` is a method's effect over the truth's, with the 5th and 95th percentile of a bootstrap
    over the fields. Noise-free image, blur and "model, drawn" are not corrected.
    """
    rows: list[dict[str, object]] = []
    for density in sorted({sample.density for sample in found}):
        for measure in measures_of(found):
            row: dict[str, object] = {"density": density, "measure": measure}
            # The blur by itself: it lacks a measure in many fields that the others show.
            for methods in ((TRUTH, BLUR), (TRUTH, NOISE_FREE, DRAWN, MODEL)):
                if methods[1] not in found[0].values:
                    continue
                table = {g: _table(found, g, density, measure, methods) for g in (CONTROL, TREATED)}
                if all(len(t) for t in table.values()):
                    row |= _effects(table[CONTROL], table[TREATED], methods)
            row["coverage"] = coverage(found, density, measure)
            doubts = [s.doubtful_share for s in found if s.density == density]
            row["doubtful"] = float(np.mean([1.0 if d is None else d for d in doubts]))
            rows.append(row)
    return rows


def _table(
    found: Sequence[Sample], group: str, density: float, measure: str, methods: Sequence[str]
) -> NDArray[np.float64]:
    """Fields of a group that all methods show the measure of: float64 [fields, methods]."""
    rows = [[s.value(m, measure) for m in methods] for s in _of(found, group, density)]
    return np.array([r for r in rows if None not in r], dtype=np.float64).reshape(-1, len(methods))


def _effects(
    control: NDArray[np.float64], treated: NDArray[np.float64], methods: Sequence[str]
) -> dict[str, object]:
    rng = np.random.default_rng(PER_GROUP)
    at = {method: number for number, method in enumerate(methods)}
    effect = treated.mean(axis=0) / control.mean(axis=0) - 1
    drawn = np.array([_drawn(rng, treated) / _drawn(rng, control) - 1 for _ in range(_BOOTSTRAPS)])
    row: dict[str, object] = {"fields": (len(control), len(treated))}
    for method, number in at.items():
        row[method] = float(effect[number])
        row[f"{method}, control mean"] = float(control[:, number].mean())
        if method == TRUTH or not effect[0]:
            continue
        row[f"{method}, kept"] = float(effect[number] / effect[0])
        with np.errstate(divide="ignore", invalid="ignore"):
            low, high = np.nanquantile(drawn[:, number] / drawn[:, 0], (0.05, 0.95))
        row[f"{method}, kept between"] = (float(low), float(high))
    return row


def _drawn(rng: np.random.Generator, table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means [methods] over fields drawn with replacement."""
    means: NDArray[np.float64] = table[rng.integers(0, len(table), len(table))].mean(axis=0)
    return means


def corrections(found: Sequence[Sample]) -> dict[str, Correction]:
    """Fit a structure's entry of `annapalm.measure.intervals.FITS` to control fields.

    By least squares in log(drawn): its noise is that of what is drawn, the truth has none. Where
    the picture hardly shows the measure there is no correction (`_solvable`).
    """
    fitted = {}
    for measure in measures_of(found):
        rows = [
            (value, truth, min(sample.doubtful_share, MOST_DOUBT))
            for sample in found
            if (value := sample.value(DRAWN, measure))
            and (truth := sample.value(TRUTH, measure))
            and sample.doubtful_share is not None
        ]
        if measure in ADDED or len(rows) < _LEAST_TO_FIT:
            continue
        drawn, truth, doubt = np.array(rows, dtype=np.float64).T
        drawn, truth = np.log(drawn), np.log(truth)
        parts = [np.ones_like(doubt), doubt]
        if measure in BENT:
            parts += [truth, truth * doubt]
        else:
            drawn = drawn - truth
        found_best = np.linalg.lstsq(np.stack(parts, axis=1), drawn, rcond=None)[0]
        one = Correction(*(round(float(number), 3) for number in found_best))
        if _solvable(one):
            fitted[measure] = one
    return fitted


def _solvable(one: Correction) -> bool:
    """Say whether the truth follows from what is drawn: most of it is, and it follows the truth."""
    mostly = one.slope != 1 or abs(one.level) <= np.log(_MOST_FACTOR)
    return mostly and min(one.slope, one.slope + one.bent * MOST_DOUBT) >= _LEAST_SLOPE


def interval_table(
    found: Sequence[Sample], fitted: Mapping[str, Correction]
) -> dict[str, tuple[tuple[float, float] | None, ...]]:
    """Make a structure's entry of `annapalm.measure.intervals.FITS`: measure to classes of doubt.

    Of the values that `fitted` corrects. Percentiles are taken outwards, so that few fields give
    wide intervals.
    """
    tail = (1 - COVERS) / 2
    table = {}
    for measure in measures_of(found):
        classes: list[list[float]] = [[] for _ in DOUBT_CLASSES]
        for sample in found:
            value, truth = sample.value(DRAWN, measure), sample.value(TRUTH, measure)
            if value and truth:
                if measure in fitted and sample.doubtful_share is not None:
                    value = fitted[measure].truth_of(value, sample.doubtful_share)
                classes[doubt_class(sample.doubtful_share)].append(distance(measure, value, truth))
        table[measure] = tuple(
            (
                round(float(np.quantile(one, tail, method="lower")), 2),
                round(float(np.quantile(one, 1 - tail, method="higher")), 2),
            )
            if len(one) >= _LEAST_IN_CLASS
            else None
            for one in classes
        )
    return table


def coverage(found: Sequence[Sample], density: float, measure: str) -> float | None:
    """Share of the fields whose interval holds the truth; None without intervals."""
    held = []
    for sample in found:
        ends, truth = sample.interval(measure), sample.value(TRUTH, measure)
        if sample.density == density and ends is not None and truth is not None:
            held.append(ends[0] <= truth <= ends[1])
    return float(np.mean(held)) if held else None


def resampled_studies(
    found: Sequence[Sample],
    density: float,
    number: int,
    *,
    treated: bool,
    other_density: float | None = None,
) -> dict[str, float]:
    """Draw studies of `PER_GROUP` fields a group and give the share that finds a difference.

    Control against control (`treated` False: all differences are false), or against treated, which
    may be sampled at another density. Of the model's values, with the rules of `annapalm compare`:
    `any` is for any of the measures after Holm's correction, the names of measures for each by
    itself, `too doubtful` the share of studies in which nothing is concluded. Raises
    `InvalidValueError` for too few fields.

    Halves of one pool of controls, at one density, differ as rarely as stated whatever the pool
    holds: that is what a permutation test is. At two densities the test is one of the measures.
    """
    rng = np.random.default_rng(PER_GROUP)
    control = list(_of(found, CONTROL, density))
    there = list(_of(found, TREATED if treated else CONTROL, other_density or density))
    other = there if treated else there[PER_GROUP:]
    if min(len(control), len(other)) < PER_GROUP:
        needed = PER_GROUP if treated else 2 * PER_GROUP
        raise InvalidValueError("fields", len(control), f"at least {needed} in a group")
    hits = dict.fromkeys(("too doubtful", "any", *measures_of(found)), 0.0)
    for _ in range(number):
        first = rng.permutation(len(control))
        second = rng.permutation(len(there)) if treated else first[PER_GROUP:]
        a, b = ([of[at] for at in which[:PER_GROUP]] for of, which in
                ((control, first), (there, second)))  # fmt: skip
        said = _findings(a, b)
        for name in said:
            hits[name] += 1 / number
    return hits


def _findings(a: Sequence[Sample], b: Sequence[Sample]) -> set[str]:
    """Say what one study finds: measures that differ, "any", or that it is too doubtful."""
    shares = [[sample.doubtful_share for sample in group] for group in (a, b)]
    if any(too_doubtful(sum(not conclusive(s) for s in of), len(of)) for of in shares):
        return {"too doubtful"}
    p = {}
    for measure in measures_of(a):
        values = [[sample.value(MODEL, measure) for sample in group] for group in (a, b)]
        shown = [np.array([v for v in of if v is not None], np.float64) for of in values]
        if min(len(of) for of in shown) >= LEAST_FIELDS:
            p[measure] = permutation_test(shown[0], shown[1], _MOST)
    different = {measure for measure, one in p.items() if one <= ALPHA}
    return different | ({"any"} if p and min(holm(p).values()) <= ALPHA else set())
