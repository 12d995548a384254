"""Is the input like what the models were trained on? Told from the localizations alone."""

from annapalm.domain.fingerprint import Fingerprint, fingerprint
from annapalm.domain.judge import Familiarity, judge
from annapalm.domain.reference import Reference, read_reference

__all__ = ["Familiarity", "Fingerprint", "Reference", "fingerprint", "judge", "read_reference"]
