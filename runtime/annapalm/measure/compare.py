"""Two groups of fields: whether they differ, and by how much.

The unit of replication is the field (or what the caller has averaged over): pixels, filaments and
pores of one field are not independent of each other, and counting them would find differences
between any two cells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from annapalm.errors import InvalidValueError

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_FIELDS = 3
"""Fewer in a group give no spread to speak of."""

ALPHA = 0.05
"""A difference is called one where the corrected p is at most this."""

EXACT_UP_TO = 20_000
"""Ways to divide the fields into two groups that are all gone through; of more, as many at random
(less one, the division that was made)."""

BOOTSTRAPS = 4_999

_SEED = 0xC0
"""Of random divisions and bootstraps: the same fields give the same figures."""
_FIVE = 1.645
"""Standard deviations from the middle of a normal distribution to its 5th percentile."""

Verdict: TypeAlias = Literal[
    "difference",
    "difference, perhaps of sampling",
    "no difference shown",
    "too doubtful to conclude",
    "too few fields",
]


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """One measure of one group: arrays float64 [n]."""

    values: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    """Ends of the 90 % interval of each value; equal to it where none is known. The value need not
    lie between them: what is shared by all fields cancels in a change, the width does not."""

    def __post_init__(self) -> None:
        """Check that the arrays belong together."""
        if not self.values.shape == self.low.shape == self.high.shape or self.values.ndim != 1:
            shapes = (self.values.shape, self.low.shape, self.high.shape)
            raise InvalidValueError("group", shapes, "three arrays of one length")
        if not all(np.isfinite(a).all() for a in (self.values, self.low, self.high)):
            raise InvalidValueError("group", "not finite", "finite values")

    @property
    def noise(self) -> NDArray[np.float64]:
        """Standard deviation that the relative width of each interval stands for."""
        middle = np.abs(self.high + self.low) / 2
        relative = (self.high - self.low) / 2 / np.where(middle > 0, middle, 1.0)
        sigma: NDArray[np.float64] = np.abs(self.values) * np.maximum(relative, 0) / _FIVE
        return sigma


@dataclass(frozen=True, slots=True)
class Comparison:
    """One measure of group B beside group A."""

    measure: str
    fields: tuple[int, int]
    """Number of fields of A and B that show the measure."""
    means: tuple[float, float]
    change: float | None
    """Mean of B over mean of A, minus 1; None where the mean of A is 0."""
    change_low: float | None
    change_high: float | None
    """95 % bootstrap interval of `change`."""
    hedges_g: float | None
    """Difference in pooled standard deviations, corrected for small groups."""
    p: float | None
    """Of the permutation test; None with too few fields."""
    p_holm: float | None
    """After Holm's correction for all measures of the comparison."""
    verdict: Verdict


def compare(
    groups: dict[str, tuple[Group, Group]], *, doubtful: bool = False, unlike: bool = False
) -> tuple[Comparison, ...]:
    """Compare measures (name to groups A and B), all of the same two groups of fields.

    `doubtful`: the error map does not allow conclusions in one of the groups; figures are given,
    and the verdict says so. `unlike`: the groups were sampled so unlike that this alone may make a
    difference, and the verdict says so.
    """
    tests = {name: _p_value(a, b) for name, (a, b) in groups.items()}
    corrected = holm({name: p for name, p in tests.items() if p is not None})
    return tuple(
        _comparison(name, a, b, tests[name], corrected.get(name), doubtful=doubtful, unlike=unlike)
        for name, (a, b) in groups.items()
    )


def _comparison(
    name: str,
    a: Group,
    b: Group,
    p: float | None,
    p_holm: float | None,
    *,
    doubtful: bool,
    unlike: bool,
) -> Comparison:
    mean_a, mean_b = (float(g.values.mean()) if len(g.values) else math.nan for g in (a, b))
    known = p is not None
    change = mean_b / mean_a - 1 if known and mean_a > 0 else None
    low, high = bootstrap_change(a, b) if change is not None else (None, None)
    verdict: Verdict = "no difference shown"
    if p_holm is None:
        verdict = "too few fields"
    elif doubtful:
        verdict = "too doubtful to conclude"
    elif p_holm <= ALPHA:
        verdict = "difference, perhaps of sampling" if unlike else "difference"
    return Comparison(
        name,
        (len(a.values), len(b.values)),
        (mean_a, mean_b),
        change,
        low,
        high,
        hedges_g(a.values, b.values) if known else None,
        p,
        p_holm,
        verdict,
    )


def _p_value(a: Group, b: Group) -> float | None:
    if min(len(a.values), len(b.values)) < LEAST_FIELDS:
        return None
    return permutation_test(a.values, b.values)


def permutation_test(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    most: int = EXACT_UP_TO,
) -> float:
    """Two-sided permutation test of Welch's t: p of values float64 [n] and [m].

    The share of divisions of all values into groups of n and m whose |t| is at least that of the
    groups given. All divisions are gone through where there are at most `most`, else `most` - 1 at
    random and the one given, so that p is valid and never 0. Where both groups are alike in all
    but chance, at most a share alpha of tests gives p <= alpha, whatever the distribution; with
    Welch's t it also holds, for large groups, where only the means are alike (Janssen 1997,
    doi:10.1016/S0167-7152(97)00043-6; Chung and Romano 2013, doi:10.1214/13-AOS1090).
    """
    values, size = np.concatenate([a, b]), len(a)
    total = math.comb(len(values), size)
    if total <= most:
        chosen = np.array(list(combinations(range(len(values)), size)))
    else:
        rng = np.random.default_rng(_SEED)
        shuffled = rng.random((most - 1, len(values))).argsort(axis=1)
        chosen = np.concatenate([np.arange(size)[None], shuffled[:, :size]])
    within = np.zeros((len(chosen), len(values)), dtype=bool)
    np.put_along_axis(within, chosen, values=True, axis=1)
    t = _welch(values, within)
    # The first is the division that was made; equal ones differ by rounding.
    return float((t >= t[0] * (1 - 1e-9)).mean())


def _welch(values: NDArray[np.float64], within: NDArray[np.bool_]) -> NDArray[np.float64]:
    """|t| of each division [N, n + m]; infinite where the groups differ but hold no spread."""
    centred = values - values.mean()
    parts = []
    for chosen in (within, ~within):
        number = chosen[0].sum()
        mean = (chosen @ centred) / number
        spread = (chosen @ centred**2) - number * mean**2
        parts.append((mean, np.maximum(spread, 0) / (number - 1) / number))
    (mean_a, var_a), (mean_b, var_b) = parts
    apart, error = np.abs(mean_a - mean_b), np.sqrt(var_a + var_b)
    least = 1e-12 * (float(np.abs(values).max()) or 1.0)
    flat = error <= least
    t: NDArray[np.float64] = apart / np.where(flat, 1.0, error)
    return np.where(flat, np.where(apart <= least, 0.0, np.inf), t)


def smallest_p(fields_a: int, fields_b: int) -> float:
    """Give the smallest p that the test can reach with so many fields in each group."""
    total = math.comb(fields_a + fields_b, fields_a)
    # In groups of one size, exchanging them gives the same |t|.
    return (2 if fields_a == fields_b else 1) / min(total, EXACT_UP_TO)


def holm(p: dict[str, float]) -> dict[str, float]:
    """Correct p for several measures (Holm 1979): any false difference is as rare as one was."""
    corrected, highest = {}, 0.0
    for rank, name in enumerate(sorted(p, key=lambda one: p[one])):
        highest = max(highest, min(p[name] * (len(p) - rank), 1.0))
        corrected[name] = highest
    return {name: corrected[name] for name in p}


def hedges_g(a: NDArray[np.float64], b: NDArray[np.float64]) -> float | None:
    """Hedges' g of b against a; None without spread (1981, doi:10.3102/10769986006002107)."""
    freedom = len(a) + len(b) - 2
    pooled = (((a - a.mean()) ** 2).sum() + ((b - b.mean()) ** 2).sum()) / freedom
    if not pooled > 0:
        return None
    return float((b.mean() - a.mean()) / math.sqrt(pooled) * (1 - 3 / (4 * freedom - 1)))


def bootstrap_change(
    a: Group, b: Group, number: int = BOOTSTRAPS, covers: float = 0.95
) -> tuple[float, float]:
    """Percentile bootstrap interval of mean(b) / mean(a) - 1 over fields.

    Each field drawn is moved by chance within its own interval, so that what the error map does not
    know widens the result. (The spread of the fields holds a part of that already: the interval is
    rather too wide. With fewer than some ten fields a percentile bootstrap is rather too narrow.)
    """
    rng = np.random.default_rng(_SEED)
    means = []
    for group in (a, b):
        drawn = rng.integers(0, len(group.values), (number, len(group.values)))
        moved = rng.standard_normal(drawn.shape) * group.noise[drawn]
        means.append(np.maximum(group.values[drawn] + moved, 0).mean(axis=1))
    change = means[1] / np.maximum(means[0], 1e-12) - 1
    low, high = np.quantile(change, [(1 - covers) / 2, (1 + covers) / 2])
    return float(low), float(high)
