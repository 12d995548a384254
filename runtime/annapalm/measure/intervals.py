"""What a drawn measure says of the truth: its correction and its interval, from simulated fields.

What is drawn of a sparse acquisition differs from the truth in ways that simulated threshold fields
show. The more of it the error map doubts, the less of the structure is drawn; and the curvature of
straight lines is raised by noise while strongly bent ones break into pieces too short to show any.
Left as they are, both make a difference between two groups smaller than it is. So the relation
between drawn and true, in logarithms a straight line that depends on the doubt, is fitted to
control fields and solved for the truth (classical calibration: of a truth, not towards the mean of
the fields it was fitted to).

What remains is the interval. A measure of a field is a sum over thousands of pixels whose errors
hang together, so that the error map of the pixels does not say by itself how wrong the sum is. But
the share of the length (or of the pores) that the map doubts says it well, and so the intervals are
taken from the same fields: within each class of doubt, the 5th and 95th percentile of how far the
truth lay from the corrected measure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

DOUBT_CLASSES = (0.1, 0.3, 0.5, 1.0)
"""Upper ends of the classes of `doubtful_share`."""

ADDED = frozenset({"order"})
"""Measures whose distance from the truth is a difference; of the others it is a logarithm of
truth / measure."""

COVERS = 0.9
"""Share of fields whose truth the intervals are made to hold."""

MOST_DOUBT = 0.5
"""Corrections stay the same above this share of doubt, from which nothing is concluded anyway."""

BENT = frozenset({"curvature_per_um"})
"""Measures whose correction has a slope; that of the others is a factor."""

Ends = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Correction:
    """log(drawn) = level + doubted * d + (slope + bent * d) * log(truth), d the share doubted."""

    level: float
    doubted: float
    slope: float = 1.0
    bent: float = 0.0

    def truth_of(self, drawn: float, doubtful_share: float) -> float:
        """Solve for the truth, of a measure above 0."""
        doubt = min(doubtful_share, MOST_DOUBT)
        above = math.log(drawn) - self.level - self.doubted * doubt
        return math.exp(above / (self.slope + self.bent * doubt))


@dataclass(frozen=True, slots=True)
class Fit:
    """What was fitted to one model's pictures of one structure."""

    corrections: dict[str, Correction]
    """By measure; none where the picture hardly shows it, as of actin's finer meshes."""
    distances: dict[str, tuple[Ends | None, ...]]
    """Measure to class of doubt: distance of the truth, low and high. None: too few fields."""


FITS: dict[str, dict[str, Fit]] = {
    "microtubules": {
        "microtubule/1.3.0": Fit(
            {"length_um_per_um2": Correction(-0.137, -1.335)},
            {
                "length_um_per_um2": ((-0.31, 0.46), (-0.56, 0.36), (-0.65, 0.63), (-0.76, 0.87)),
                "order": ((-0.09, 0.11), (-0.13, 0.19), (-0.11, 0.17), (-0.16, 0.39)),
                "curvature_per_um": ((-0.47, 0.45), (-0.86, 0.79), (-1.35, 0.66), (-1.27, 0.27)),
            },
        ),
        "microtubule/1.1.0": Fit(
            {
                "length_um_per_um2": Correction(-0.112, -0.63),
                "curvature_per_um": Correction(-0.481, -1.056, 0.773, -0.671),
            },
            {
                "length_um_per_um2": ((-0.49, 0.43), (-0.92, 0.57), (-0.77, 0.63), (-0.88, 0.77)),
                "order": ((-0.09, 0.17), (-0.11, 0.26), (-0.13, 0.26), (-0.19, 0.45)),
                "curvature_per_um": ((-0.64, 0.68), (-1.23, 0.98), (-1.4, 1.24), (-2.41, 1.99)),
            },
        ),
    },
    "actin": {
        "actin/1.0.0": Fit(
            {},
            {
                "length_um_per_um2": ((-0.08, 2.68), (0.18, 2.46), None, None),
                "order": ((-0.53, 0.02), (-0.54, 0.06), None, None),
                "curvature_per_um": ((-1.68, 1.8), (-2.01, 1.66), None, None),
            },
        ),
        "structures/1.1.0": Fit(
            {},
            {
                "length_um_per_um2": ((0.38, 2.41), (-0.08, 2.63), (0.17, 2.39), None),
                "order": ((-0.48, 0.07), (-0.55, 0.05), (-0.62, 0.09), None),
                "curvature_per_um": ((-0.77, 1.94), (-1.64, 1.83), (-2.23, 2.34), None),
            },
        ),
    },
    "nuclear pores": {
        "structures/1.1.2": Fit(
            {
                "pores_per_um2": Correction(-0.119, -1.001),
                "radius_nm": Correction(-0.16, -0.48),
            },
            {
                "pores_per_um2": ((-0.14, 0.25), (-0.29, 0.31), None, (-0.31, 0.51)),
                "radius_nm": ((-0.18, 0.6), (-0.08, 0.19), None, (-0.2, 0.46)),
            },
        ),
        "structures/1.1.0": Fit(
            {
                "pores_per_um2": Correction(-0.137, -0.895),
                "radius_nm": Correction(-0.17, -0.535),
            },
            {
                "pores_per_um2": ((-0.15, 0.24), None, None, (-0.33, 0.4)),
                "radius_nm": ((-0.19, 0.59), None, None, (-0.14, 0.24)),
            },
        ),
    },
}
"""Structure to model (name/version) to its fit, that of the model chosen for the structure first.

Printed by `annapalm-export biology MODEL --study STUDY --calibrate --fields N`: microtubules-1, 50;
actin-1, 16; nuclear-pores-1, 14.
"""


def fitted_model(structure: str, model: str) -> str | None:
    """Name the model whose fit serves for a model's pictures; None for a structure without one.

    Its own; else that of another version of it; else that of the model chosen for the structure.
    """
    fits = FITS.get(structure)
    if not fits:
        return None
    if model in fits:
        return model
    name = model.partition("/")[0]
    return next((one for one in fits if one.partition("/")[0] == name), next(iter(fits)))


def doubt_class(doubtful_share: float | None) -> int:
    """Find the class; nothing drawn at all counts as the most doubtful."""
    if doubtful_share is None:
        return len(DOUBT_CLASSES) - 1
    return next(i for i, upper in enumerate(DOUBT_CLASSES) if doubtful_share <= upper)


def corrected(
    structure: str, model: str, name: str, drawn: float, doubtful_share: float | None
) -> float:
    """Say what the truth is likely to be where so much is drawn; `drawn` itself if unknown."""
    fitted = fitted_model(structure, model)
    correction = None if fitted is None else FITS[structure][fitted].corrections.get(name)
    if correction is None or doubtful_share is None or not drawn > 0:
        return drawn
    return correction.truth_of(drawn, doubtful_share)


def interval(
    structure: str, model: str, name: str, value: float, doubtful_share: float | None
) -> tuple[float, float] | None:
    """Give the interval of a corrected measure; None where the structure and class have none."""
    fitted = fitted_model(structure, model)
    classes = None if fitted is None else FITS[structure][fitted].distances.get(name)
    ends = classes[doubt_class(doubtful_share)] if classes else None
    if ends is None:
        return None
    if name in ADDED:
        return max(value + ends[0], 0.0), min(value + ends[1], 1.0)
    return value * math.exp(ends[0]), value * math.exp(ends[1])


def distance(name: str, value: float, truth: float) -> float:
    """Say how far the truth lies from a corrected measure, both above 0, as in `Fit.distances`."""
    return truth - value if name in ADDED else math.log(truth / value)
