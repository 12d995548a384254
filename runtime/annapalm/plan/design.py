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
from annapalm.quality.heldout import split_frames

if TYPE_CHECKING:
    from annapalm.localizations import Localizations
    from annapalm.plan.options import PlanOptions

BLOCKS = 4
"""Blocks of one length: enough for a spread, and few enough to wait for."""
LATER_SHARE = 0.5
"""Share of the localizations that judge: as many as can be input, neither side the weaker one."""
LEAST_FRAMES = 8
"""Fewer frames of input leave no three steps of a factor of two."""
LEAST_LOCALIZATIONS = 500
"""On either side. Fewer leave no three steps of a factor of two above `_LEAST_IN_BLOCK`."""
_LEAST_IN_BLOCK = 50
"""Shorter blocks than hold so many on average are not tried."""
_MOST_STEPS = 17
"""Steps of the square root of 2: a factor of 256 from the fewest frames to the most."""


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
