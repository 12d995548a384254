"""Held-out frames: whether localizations that a picture was not made of bear it out.

The acquisition is cut in time into two halves; the picture of the one is asked how many of the
other's localizations to expect where, and the difference is judged against the clumping that
blinking gives. No widefield image and no ground truth is needed. What it can tell, and what not:
docs/cross-check.md.
"""

from __future__ import annotations

from annapalm.cross_check.check import CrossCheck, RegionCheck, check, warn_of
from annapalm.cross_check.errors import (
    CrossCheckError,
    NothingDrawnError,
    TooFewFramesError,
    TooFewLocalizationsError,
    UnevenFramesError,
)
from annapalm.cross_check.halves import Halves, burst_frames, split_halves

__all__ = [
    "CrossCheck",
    "CrossCheckError",
    "Halves",
    "NothingDrawnError",
    "RegionCheck",
    "TooFewFramesError",
    "TooFewLocalizationsError",
    "UnevenFramesError",
    "burst_frames",
    "check",
    "split_halves",
    "warn_of",
]
