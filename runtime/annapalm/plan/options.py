"""What may be asked of a plan. Free of numpy, for the command line."""

from __future__ import annotations

import math
from dataclasses import dataclass

from annapalm.errors import InvalidValueError
from annapalm.quality import GAP_FRAMES

SHARE = 0.8
"""Chosen on simulated scenes set aside for choices: at 0.9 half of the acquisitions of 20,000
frames were called too short to tell (docs/plan.md)."""
RESOLUTION_NM = 40.0
"""Two pixels of a 20 nm image, and the distance at which filaments are scored."""


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What the user asks of a plan. Raises `InvalidValueError` for what cannot be."""

    share: float = SHARE
    """What is enough: the share of the best likelihood of a later localization of the structure
    (geometric mean) that the recommended number of frames must reach; 0.5 to below 1."""
    resolution_nm: float = RESOLUTION_NM
    """Resolution for which the Nyquist criterion is stated, nm."""
    gap_frames: int = GAP_FRAMES
    """Frames between input and later frames, several times as long as a burst."""
    frames: tuple[int, ...] | None = None
    """Numbers of frames to try, rising; None: steps of the square root of 2."""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if not 0.5 <= self.share < 1:
            raise InvalidValueError("share", self.share, "at least 0.5 and below 1")
        if not (math.isfinite(self.resolution_nm) and self.resolution_nm > 0):
            raise InvalidValueError("resolution_nm", self.resolution_nm, "finite and above 0")
        if self.gap_frames < 0:
            raise InvalidValueError("gap_frames", self.gap_frames, "at least 0")
        steps = self.frames
        if steps is not None and (not steps or min(steps) < 1 or list(steps) != sorted(set(steps))):
            raise InvalidValueError("frames", steps, "whole numbers above 0, rising")
