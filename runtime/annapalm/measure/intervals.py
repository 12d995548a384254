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

TABLE: dict[str, dict[str, tuple[Ends | None, ...]]] = {
    "microtubules": {
        "length_um_per_um2": ((-0.37, 0.6), (-0.07, 0.78), (-0.22, 0.96), (0.06, 1.31)),
        "order": ((-0.11, 0.08), (-0.19, 0.09), (-0.16, 0.17), (-0.23, 0.47)),
        "curvature_per_um": ((-0.7, 0.79), (-0.86, 0.85), (-0.98, 1.17), (-1.5, 1.41)),
    },
    "actin": {
        "length_um_per_um2": ((0.58, 2.67), (0.04, 2.45), (0.2, 2.19), (0.33, 1.7)),
        "order": ((-0.66, 0.03), (-0.73, 0.05), (-0.67, 0.01), (-0.53, 0.31)),
        "curvature_per_um": ((-1.21, 1.83), (-1.75, 1.82), (-1.8, 1.64), (-2.17, 1.15)),
    },
    "nuclear pores": {
        "pores_per_um2": ((-0.02, 0.63), (-0.04, 0.54), (-0.3, 0.88), None),
        "radius_nm": ((0.04, 0.49), (0.23, 0.78), (0.17, 0.74), None),
    },
}
"""Structure, measure, class of doubt: distance of the truth, low and high. None: too few fields.

Printed by `annapalm-export biology MODEL --study STUDY --calibrate --fields N`: microtubule/1.1.0,
microtubules-1, 25; structures/1.0.0, actin-1, 30, and nuclear-pores-1, 10 (fields of a group).
"""


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
