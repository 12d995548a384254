"""A plan in words: one sentence, and what must be known before it is followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annapalm.quality.density import nyquist_nm
from annapalm.write.preview import short
from annapalm.write.verdict import percent

if TYPE_CHECKING:
    from annapalm.plan.choose import Choice
    from annapalm.plan.options import PlanOptions
    from annapalm.plan.score import BlockScore, Scores

UNEVEN = 1.5
"""Blocks of one length whose localizations differ by more than this factor are not exchangeable."""
LEVEL = 0.9
"""The curve is level at its end where half of the frames reach this share of the likelihood."""


def nyquist_frames(scores: Scores, resolution_nm: float) -> int | None:
    """Fewest frames tried from the start with whose localizations sampling reaches a resolution.

    In the structure, without any model; None where even the most do not.
    """
    for row in scores.blocks:
        if row[0].nyquist_nm is not None and row[0].nyquist_nm <= resolution_nm:
            return row[0].frames
    return None


def sentence(scores: Scores, choice: Choice, options: PlanOptions, model: str) -> str:
    """Say in one sentence how many frames to take."""
    most = f"{choice.best_frames:,} frames"
    if choice.frames is None:
        return (
            f"No number of frames can be recommended: even with {most} {model} makes the later "
            "localizations hardly more probable than an empty field would."
        )
    row = _row(scores, choice.frames)
    wanted = f"{choice.frames:,} frames (about {short(row[0].density_per_um2)} localizations/µm²)"
    share = percent(options.share)
    if choice.verdict == "too_short":
        return (
            f"This acquisition is too short to plan from: take at least {wanted}, because with "
            f"fewer {model} falls below {share} of what it reaches with {most}, and there its "
            "quality still rises."
        )
    least = " or fewer" if choice.frames == scores.design.steps[0] else ""
    text = (
        f"Take {wanted}{least}: from them {model} draws an image that makes later localizations of "
        f"the structure at least {share} as probable as the image from {most} does"
    )
    plain, target = nyquist_frames(scores, options.resolution_nm), f"{options.resolution_nm:g} nm"
    if plain is None:
        most_nm = _nm(scores.blocks[-1][0].nyquist_nm)
        return (
            f"{text}; to sample the structure at {target} without a model, "
            f"{scores.design.steps[-1]:,} frames would be too few (Nyquist: {most_nm})."
        )
    return f"{text}; sampling the structure at {target} without a model takes about {plain:,}."


def cautions(scores: Scores, choice: Choice, options: PlanOptions, model: str) -> list[str]:
    """Say what limits the plan; an empty list where nothing is known to."""
    notes = _outside(scores) + _uneven(scores, choice)
    if choice.frames is not None:
        at = _row(scores, choice.frames)
        notes += _rising(choice)
        notes += _beside_blur(scores, choice.frames, model)
        notes += [f"With {choice.frames:,} frames: {warning}" for warning in at[0].warnings]
    most = scores.design.steps[-1]
    if choice.best_frames < most:
        notes.append(
            f"Quality is best with {choice.best_frames:,} frames and falls towards {most:,}: more "
            f"is not better for {model} here, and the plan compares with the best, not the most."
        )
    later = scores.later
    if later.nyquist_nm is not None and later.nyquist_nm > options.resolution_nm:
        notes.append(
            "The later frames that judge are limited by their own density: "
            f"{later.localizations:,} localizations sample the structure at best at "
            f"{_nm(later.nyquist_nm)}, not at {options.resolution_nm:g} nm. The likelihood stays "
            "fair to all numbers of frames, but correlation and FRC with them say less than is "
            "there, and nobody can see here whether finer detail is right."
        )
    return notes


def _outside(scores: Scores) -> list[str]:
    if not scores.outside:
        return []
    return [f"{scores.outside:,} localizations lie outside the field and were not used."]


def _uneven(scores: Scores, choice: Choice) -> list[str]:
    """Say where frames are not exchangeable, in localizations or in the outcome."""
    notes = []
    # The longest blocks of which there are several: later, the start is all that there is.
    at = [row for row in scores.blocks if len(row) == len(scores.blocks[0])][-1]
    numbers = [block.localizations for block in at]
    if min(numbers) * UNEVEN < max(numbers):
        notes.append(
            f"Frames are not exchangeable: blocks of {at[0].frames:,} frames hold {min(numbers):,} "
            f"to {max(numbers):,} localizations, {numbers[0]:,} at the start and "
            f"{np.mean(numbers):,.0f} on average. Go by localizations per µm² rather than by "
            "frames, and begin to record at the point at which this acquisition began."
        )
    if choice.anywhere is not None and choice.from_start is not None:
        few, many = sorted((choice.anywhere, choice.from_start))
        if many >= UNEVEN * few:
            notes.append(
                f"From the start {choice.from_start:,} frames are enough, from all over the "
                f"acquisition {choice.anywhere:,} on average; the larger number is recommended."
            )
    return notes


def _rising(choice: Choice) -> list[str]:
    """Say that the best there is to compare with is not the best that there could be."""
    half = [s for s in choice.steps if 2 * s.frames <= choice.best_frames + 1]
    last = choice.steps[-1]
    if choice.verdict != "enough" or choice.best_frames != last.frames or not half:
        return []
    if half[-1].relative >= LEVEL:
        return []
    note = (
        f"Quality still rises where this acquisition ends: {half[-1].frames:,} frames reach "
        f"{percent(half[-1].relative)} of what {last.frames:,} do. Compared with a longer one, "
        "more frames would be asked for."
    )
    return [note]


def _beside_blur(scores: Scores, frames: int, model: str) -> list[str]:
    """Say with how many frames a blur of them is better than the model."""
    steps, lost = scores.design.steps, None
    for n, row, start in zip(
        reversed(steps), reversed(scores.blocks), reversed(scores.starts), strict=True
    ):
        if row[0].bits > start.blur_bits:
            break
        lost = n
    if lost is not None and lost > frames:
        note = (
            f"From {lost:,} frames on, a Gaussian blur of the localizations explains the later "
            f"ones as well as {model} or better: so many frames need no model."
        )
        return [note]
    at = steps.index(frames)
    bits, blur = scores.blocks[at][0].bits, scores.starts[at]
    if bits > blur.blur_bits:
        return []
    note = (
        f"A Gaussian blur of {blur.blur_nm:.0f} nm explains the later localizations better than "
        f"{model} does with {frames:,} frames ({blur.blur_bits:.2f} against {bits:.2f} bits): the "
        "model may not fit this structure or this sample."
    )
    return [note]


def density_at(scores: Scores, frames: int) -> float:
    """Localizations per µm² of the field in the first so many frames, one of the steps."""
    return _row(scores, frames)[0].density_per_um2


def field_nyquist_nm(scores: Scores, frames: int) -> float | None:
    """Say what sampling would allow if these localizations lay all over the field."""
    return nyquist_nm(density_at(scores, frames))


def _row(scores: Scores, frames: int) -> tuple[BlockScore, ...]:
    return scores.blocks[scores.design.steps.index(frames)]


def _nm(length: float | None) -> str:
    return "not defined" if length is None else f"{short(length)} nm"
