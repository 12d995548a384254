"""The widefield image of a field: read, freed of background, registered, resampled, compared."""

from __future__ import annotations

from annapalm.widefield.agreement import compare, explain
from annapalm.widefield.image import WidefieldImage, check_covers, read_widefield
from annapalm.widefield.prepare import PreparedWidefield, prepare_widefield

__all__ = [
    "PreparedWidefield",
    "WidefieldImage",
    "check_covers",
    "compare",
    "explain",
    "prepare_widefield",
    "read_widefield",
]
