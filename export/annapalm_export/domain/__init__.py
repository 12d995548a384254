"""What simulated fields look like, for the runtime to tell others from them."""

from annapalm_export.domain.check import check, tables
from annapalm_export.domain.fit import fit
from annapalm_export.domain.sample import Sample, draw_samples

__all__ = ["Sample", "check", "draw_samples", "fit", "tables"]
