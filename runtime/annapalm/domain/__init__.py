"""Is the input like what the models were trained on? Told from the localizations alone."""

from annapalm.domain.drift import Drift, measure_drift
from annapalm.domain.fingerprint import Fingerprint, fingerprint
from annapalm.domain.judge import Familiarity, judge
from annapalm.domain.precision import Precision, measure_precision
from annapalm.domain.reference import Reference, read_reference

__all__ = [
    "Drift",
    "Familiarity",
    "Fingerprint",
    "Precision",
    "Reference",
    "fingerprint",
    "judge",
    "measure_drift",
    "measure_precision",
    "read_reference",
]
