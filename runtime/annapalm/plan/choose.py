"""The rule that recommends a number of frames; docs/plan.md says how it was tested.

The score of a block is how probable its reconstruction makes the later localizations of the
structure: their likelihood, as geometric mean. Enough are the fewest frames with which, and with
any more, this likelihood is at least a stated share (80 %) of the best.

- A ratio of likelihoods, not a share of the bits: an empty margin around the cell adds the same
  bits to every block, and would make any number of frames look good enough.
- Per localization of the structure: diffuse ones are as probable after few frames as after many,
  and would make the difference look small. So the bits that a block lacks are divided by
  the part of the later localizations that the best block lays to structure.
- Both the mean over the blocks and the block at the start must reach it, because a microscopist
  who records few frames records the first ones, and those may hold fewer localizations.
- Twice the recommended frames must have been tried, else the curve had not flattened and a
  longer acquisition would have asked for more: then it is a lower bound.
- Where even the best explains next to nothing, no number is recommended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annapalm.plan.score import BlockScore, Scores

Verdict = Literal["enough", "too_short", "no_structure"]
"""Frames are recommended; only a lower bound is known; nothing can be said."""

LEAST_BITS = 0.2
"""Below it a later localization is not 15 % more probable than in an empty field: no structure that
could be seen better or worse."""


@dataclass(frozen=True, slots=True)
class StepChoice:
    """Where one number of frames stands on the curve."""

    frames: int
    blocks: int
    bits: float
    """Mean over the blocks."""
    bits_sd: float | None
    """Standard deviation over the blocks; None for one block."""
    relative: float
    """Likelihood of a later localization of the structure, mean over blocks, over the best."""
    relative_start: float
    """The same of the block at the start."""
    doubling: float | None
    """Bits that twice the frames add; None where they were not tried."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is recommended, and why."""

    verdict: Verdict
    frames: int | None
    """Fewest frames that are enough; with `too_short` only a lower bound; None: `no_structure`."""
    anywhere: int | None
    """The same for the mean of blocks from all over the acquisition alone."""
    from_start: int | None
    """The same for the block at the start alone."""
    between: tuple[int, int] | None
    """Where the mean plus and minus one standard deviation over blocks would have put it; None
    with a single block. The upper end is the most frames where it never gets there."""
    best_frames: int
    """Number of frames that scored best."""
    structure_part: float
    """Share of the later localizations that the best block at the start lays to structure."""
    steps: tuple[StepChoice, ...]
    """By rising number of frames."""


def choose(scores: Scores, share: float) -> Choice:
    """Apply the rule of the module to the scores of an acquisition."""
    frames = scores.design.steps
    mean = np.array([np.mean([b.bits for b in row]) for row in scores.blocks])
    start = np.array([row[0].bits for row in scores.blocks])
    sd = [_sd(row) for row in scores.blocks]
    at_best = int(np.argmax(mean))
    best = float(mean[at_best])
    by_frames = dict(zip(frames, (float(m) for m in mean), strict=True))
    part = scores.blocks[at_best][0].structure_part
    no_structure = best < LEAST_BITS or part <= 0

    def relative(bits: NDArray[np.float64]) -> list[float]:
        return [relative_likelihood(value, best, part) for value in bits]

    steps = tuple(
        StepChoice(n, len(row), float(m), d, r, rs, _doubling(by_frames, n))
        for n, row, m, d, r, rs in zip(
            frames, scores.blocks, mean, sd, relative(mean), relative(start), strict=True
        )
    )
    if no_structure:
        return Choice("no_structure", None, None, None, None, frames[at_best], part, steps)

    def fewest(bits: NDArray[np.float64]) -> int:
        return _fewest(frames[: at_best + 1], relative(bits[: at_best + 1]), share)

    anywhere, from_start = fewest(mean), fewest(start)
    wanted = max(anywhere, from_start)
    known = np.array([d or 0.0 for d in sd])
    between = None
    if any(d is not None for d in sd):
        between = (fewest(mean + known), fewest(mean - known))
    verdict: Verdict = "enough" if 2 * wanted <= frames[-1] + 1 else "too_short"
    return Choice(verdict, wanted, anywhere, from_start, between, frames[at_best], part, steps)


def relative_likelihood(bits: float, best: float, structure_part: float) -> float:
    """Likelihood of a later localization of the structure over that with `best` bits.

    2^((bits - best) / structure_part), both bits per localization of any origin; 1 for a part of 0.
    """
    return float(2 ** ((bits - best) / structure_part)) if structure_part > 0 else 1.0


def _fewest(frames: Sequence[int], relative: Sequence[float], share: float) -> int:
    """Fewest frames from which on all reach `share`; the most where even they do not."""
    enough = frames[-1]
    for n, value in zip(reversed(frames), reversed(relative), strict=True):
        if value < share:
            break
        enough = n
    return enough


def _sd(row: Sequence[BlockScore]) -> float | None:
    return float(np.std([b.bits for b in row], ddof=1)) if len(row) > 1 else None


def _doubling(by_frames: dict[int, float], frames: int) -> float | None:
    """Bits gained by doubling; steps are rounded up, so that twice may be one too many."""
    twice = next((n for n in (2 * frames, 2 * frames - 1) if n in by_frames), None)
    return None if twice is None else by_frames[twice] - by_frames[frames]
