"""Intervals of measures: how far from the truth they were on simulated fields of equal doubt.

A measure of a field is a sum over thousands of pixels whose errors hang together, so that the error
map of the pixels does not say by itself how wrong the sum is. But the share of the length (or of
the pores) that the map doubts says it well, and so the intervals are taken from simulated fields:
within each class of doubt, the 5th and 95th percentile of how far the truth lay from the measure.
"""

from __future__ import annotations

import math

DOUBT_CLASSES = (0.1, 0.3, 0.5, 1.0)
"""Upper ends of the classes of `doubtful_share`."""

ADDED = frozenset({"order"})
"""Measures whose distance from the truth is a difference; of the others it is a logarithm of
truth / measure."""

COVERS = 0.9
"""Share of fields whose truth the intervals are made to hold."""

Ends = tuple[float, float]

TABLE: dict[str, dict[str, tuple[Ends | None, ...]]] = {}
"""Structure, measure, class of doubt: distance of the truth, low and high. None: too few fields."""


def doubt_class(doubtful_share: float | None) -> int:
    """Find the class; nothing drawn at all counts as the most doubtful."""
    if doubtful_share is None:
        return len(DOUBT_CLASSES) - 1
    return next(i for i, upper in enumerate(DOUBT_CLASSES) if doubtful_share <= upper)


def interval(
    structure: str, name: str, value: float, doubtful_share: float | None
) -> tuple[float, float] | None:
    """Give the interval of a measure; None where there is none for the structure and class.

    It is not centred on the value: doubtful fields show less length than there is.
    """
    classes = TABLE.get(structure, {}).get(name)
    ends = classes[doubt_class(doubtful_share)] if classes else None
    if ends is None:
        return None
    if name in ADDED:
        return max(value + ends[0], 0.0), min(value + ends[1], 1.0)
    return value * math.exp(ends[0]), value * math.exp(ends[1])


def distance(name: str, value: float, truth: float) -> float:
    """Say how far the truth lies from a measure, both above 0, as in `TABLE`."""
    return truth - value if name in ADDED else math.log(truth / value)
