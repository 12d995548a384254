"""Which frames are input and which judge them: the acquisition cut up, before any network runs.

first          start          start + frames         stop     resume            last
  |--------------[ one block of input ]----------------|        |-----------------|
  |<------- the most frames that can be input -------->|< gap ->|<- later frames ->|

All blocks are judged by the same later frames, which hold half of the localizations: a reference
that changed with the number of frames would be a curve of the reference. Up to `BLOCKS` blocks of
each length are spread evenly from the first frame to `stop`, without overlap, the first of them
where a short acquisition would lie: at the start.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annapalm.errors import InvalidValueError
from annapalm.plan.errors import StepError, TooFewFramesError, TooFewLocalizationsError
from annapalm.quality.heldout import GAP_FRAMES, split_frames

if TYPE_CHECKING:
    from annapalm.localizations import Localizations

BLOCKS = 4
"""Blocks of one length: enough for a spread, and few enough to wait for."""
LATER_SHARE = 0.5
"""Share of the localizations that judge: as many as can be input, neither side the weaker one."""
LEAST_FRAMES = 8
"""Fewer frames of input leave no three steps of a factor of two."""
LEAST_LOCALIZATIONS = 500
"""Fewer localizations on either side: the score of a field then varies by more than its steps."""
_LEAST_IN_BLOCK = 50
"""Shorter blocks than hold so many on average are not tried."""
_MOST_STEPS = 17
"""Steps of the square root of 2: a factor of 256 from the fewest frames to the most."""


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What the user asks of a plan. Raises `InvalidValueError` for what cannot be."""

    share: float = 0.9
    """What is enough: the share of the best likelihood of a later localization (geometric mean)
    that the recommended number of frames must reach; 0.5 to below 1."""
    resolution_nm: float = 40.0
    """Resolution for which the Nyquist criterion is stated, nm: 40 is two pixels of a 20 nm
    image, the distance at which filaments are scored."""
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


@dataclass(frozen=True, slots=True)
class Design:
    """Frames of an acquisition and their parts; see the module."""

    first: int
    """First frame that holds a localization."""
    stop: int
    """First frame that can be no input."""
    resume: int
    """First frame that judges."""
    last: int
    """Last frame that holds a localization."""
    steps: tuple[int, ...]
    """Numbers of frames tried, rising."""

    @property
    def most(self) -> int:
        """The most frames that can be input."""
        return self.stop - self.first

    def starts(self, frames: int) -> tuple[int, ...]:
        """First frames of the blocks of so many frames; the first of them is `first`."""
        count = min(BLOCKS, self.most // frames)
        room = self.most - frames
        return tuple(self.first + i * room // max(count - 1, 1) for i in range(count))


def cut(locs: Localizations, options: PlanOptions) -> tuple[Design, Localizations]:
    """Design the blocks of `locs`, and give the later localizations that judge them.

    `locs` are those inside the field; their order does not matter. Raises `TooFewFramesError`,
    `TooFewLocalizationsError`, and `StepError` for a number of frames beyond the most.
    """
    if not len(locs):
        raise TooFewLocalizationsError(0, 0, LEAST_LOCALIZATIONS)
    first, last = int(locs.frame.min()), int(locs.frame.max())
    try:
        halves = split_frames(locs, 1 - LATER_SHARE, options.gap_frames)
    except InvalidValueError as error:
        raise TooFewFramesError(last - first + 1, options.gap_frames, LEAST_FRAMES) from error
    most = halves.stop - first
    if most < LEAST_FRAMES:
        raise TooFewFramesError(last - first + 1, options.gap_frames, LEAST_FRAMES)
    seen, later = len(halves.seen), len(halves.held_out)
    if min(seen, later) < LEAST_LOCALIZATIONS:
        raise TooFewLocalizationsError(seen, later, LEAST_LOCALIZATIONS)
    steps = options.frames or _steps(most, seen)
    if steps[-1] > most:
        raise StepError(steps[-1], most)
    return Design(first, halves.stop, halves.resume, last, steps), halves.held_out


def _steps(most: int, localizations: int) -> tuple[int, ...]:
    """Halve twice over, in steps of the square root of 2, while blocks hold enough."""
    least = max(math.ceil(most * _LEAST_IN_BLOCK / localizations), 1)
    every = {math.ceil(most * 2 ** (-j / 2) - 1e-9) for j in range(_MOST_STEPS)}
    return tuple(sorted(frames for frames in every if frames >= least))
