"""Is there enough to learn from? Measured on the part that is learned from, before any training.

The limits are judgement, not measurement: nobody has swept them. Below the least ones, a network
of a million weights sees the same few hundred molecules thousands of times and learns them by
heart; between them and the recommended ones, the held-out score must decide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm.errors import AnnaPalmError
from annapalm.quality import GAP_FRAMES
from annapalm_export.train.table_crops import density_range

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annapalm_export.train.division import Division, Region

RESOLUTION_NM = 40.0
"""Resolution at which sampling is stated: the distance at which filaments are scored."""
OCCUPIED_NM = 100.0
"""Side of the squares that count as structure where they hold at least two localizations."""

LEAST_LOCALIZATIONS, GOOD_LOCALIZATIONS = 10_000, 100_000
"""Learned from, in all tables together."""
LEAST_FRAMES, GOOD_FRAMES = 500, 3_000
"""Length of each acquisition: input, target and the gaps between them."""
LEAST_PLACES, GOOD_PLACES = 2, 20
"""Crops that fit side by side, in all tables together."""
LEAST_BLOCKS, GOOD_BLOCKS = 4, 20
"""Disjoint inputs in time, of each table."""
LEAST_PER_UM2 = 5.0
"""Localizations per µm² of each field: the sparsest inputs (1 per µm²) are a fifth of that."""
LEAST_HELD_OUT, GOOD_HELD_OUT = 1_000, 10_000
"""Localizations held out, in all tables together: fewer cannot tell models apart."""
MOST_IN_ONE_FRAME = 0.05
"""Share of a table in its fullest frame: with more, the frame is hardly a frame."""


class TooLittleDataError(AnnaPalmError, ValueError):
    """The tables are not enough to train on."""

    def __init__(self, reasons: Sequence[str]) -> None:
        listed = "".join(f"\n- {reason}" for reason in reasons)
        super().__init__(
            f"These tables are too little to train on.{listed}\nUntil then, use a released model "
            "as it is (annapalm-run) and measure how well it explains your later frames: "
            "annapalm-export evaluate MODEL --fields 0 --table TABLE."
        )


@dataclass(frozen=True, slots=True)
class Measure:
    """What the learned part of one table holds."""

    stem: str
    localizations: int
    frames: int
    """From the first to the last frame with a localization."""
    area_um2: float
    per_um2: float
    """Localizations per µm² of the field."""
    per_cell: float
    """Localizations per Nyquist cell (a square of half of `RESOLUTION_NM`) of structure: of the
    squares of `OCCUPIED_NM` with two localizations or more. Blinking counts one molecule several
    times, so that this is the best case."""
    sampled_nm: float
    """The resolution at which `per_cell` would be 1; infinite where nothing counts as structure."""
    places: int
    """Crops that fit side by side."""
    blocks: int
    """Disjoint inputs of a typical density that the frames can be cut into, gaps between them."""
    in_one_frame: float
    """Share of the localizations in the fullest frame."""

    @property
    def samples(self) -> int:
        """Inputs that share neither place nor time: what cannot be had from turning and overlap."""
        return self.places * self.blocks


@dataclass(frozen=True, slots=True)
class Advice:
    """The measures and what follows from them."""

    measures: tuple[Measure, ...]
    held_out: int
    """Localizations held out in all tables."""
    reasons: tuple[str, ...]
    """Why these tables are not enough; empty where they are."""
    warnings: tuple[str, ...]

    def check(self) -> None:
        """Raise `TooLittleDataError` where the tables are not enough."""
        if self.reasons:
            raise TooLittleDataError(self.reasons)

    def table(self) -> str:
        """Render the measures as a Markdown table."""
        lines = [
            (
                f"| table | localizations | frames | µm² | per µm² | per {RESOLUTION_NM / 2:g} nm "
                "cell of structure | sampled for, nm | places x blocks |"
            ),
            "| --- | --: | --: | --: | --: | --: | --: | --: |",
        ]
        for m in self.measures:
            sampled = f"{m.sampled_nm:.0f}" if math.isfinite(m.sampled_nm) else "-"
            lines.append(
                f"| {m.stem} | {m.localizations:,} | {m.frames:,} | {m.area_um2:.1f} | "
                f"{m.per_um2:.1f} | {m.per_cell:.2f} | {sampled} | {m.places} x {m.blocks} |"
            )
        return "\n".join(lines) + "\n"


def advise(division: Division, crop_px: int) -> Advice:
    """Measure what is learned from and say whether it is enough, and what to do if not."""
    measures = tuple(measure(region, crop_px) for region in division.learned)
    held_out = sum(len(region.locs) for region in division.held_out)
    reasons = [*_in_all(measures, held_out), *(r for m in measures for r in _of_table(m))]
    warnings = [
        *_warn_in_all(measures, held_out),
        *(w for m in measures for w in _warn_of_table(m)),
    ]
    return Advice(measures, held_out, tuple(reasons), () if reasons else tuple(warnings))


def measure(region: Region, crop_px: int) -> Measure:
    """Measure one region; it may hold no localization."""
    locs, grid = region.locs, region.grid
    number = len(locs)
    per_cell, sampled_nm = _sampling(region)
    fullest = int(np.unique(locs.frame, return_counts=True)[1].max()) if number else 0
    return Measure(
        stem=region.source.stem,
        localizations=number,
        frames=region.frames,
        area_um2=grid.area_um2,
        per_um2=number / grid.area_um2,
        per_cell=per_cell,
        sampled_nm=sampled_nm,
        places=(grid.shape[0] // crop_px) * (grid.shape[1] // crop_px),
        blocks=_blocks(region),
        in_one_frame=fullest / max(number, 1),
    )


def _sampling(region: Region) -> tuple[float, float]:
    """Localizations per Nyquist cell of structure, and the resolution (nm) at which it is 1."""
    column, row = (
        np.floor(values / OCCUPIED_NM).astype(np.int64)
        for values in (region.locs.x_nm, region.locs.y_nm)
    )
    _, counts = np.unique(np.stack([row, column]), axis=1, return_counts=True)
    counts = counts[counts >= 2]
    if not len(counts):
        return 0.0, math.inf
    per_nm2 = float(counts.mean()) / OCCUPIED_NM**2
    return per_nm2 * (RESOLUTION_NM / 2) ** 2, 2 / math.sqrt(per_nm2)


def _blocks(region: Region) -> int:
    """Cut the frames into inputs of the geometric mean of the densities, with gaps, and count."""
    frame = region.locs.frame
    if not len(frame):
        return 0
    number = max(int(math.prod(density_range(region)) ** 0.5 * region.grid.area_um2), 1)
    row = blocks = 0
    while row + number <= len(frame):
        blocks += 1
        resume = frame[row + number - 1] + 1 + GAP_FRAMES
        row = int(np.searchsorted(frame, resume))
    return blocks


def _more_frames(missing: float, measures: Sequence[Measure]) -> str:
    """Say how many frames would bring so many localizations more, at the rate of these tables."""
    rate = sum(m.localizations for m in measures) / max(sum(m.frames for m in measures), 1)
    if rate <= 0:
        return "Acquire more frames"
    frames = math.ceil(missing / rate / 100) * 100
    return f"Acquire about {frames:,} more frames at the present rate ({rate:.2f} per frame)"


def _in_all(measures: Sequence[Measure], held_out: int) -> list[str]:
    reasons = []
    number, places = sum(m.localizations for m in measures), sum(m.places for m in measures)
    if number < LEAST_LOCALIZATIONS:
        more = _more_frames(LEAST_LOCALIZATIONS - number, measures)
        reasons.append(
            f"{number:,} localizations to learn from; at least {LEAST_LOCALIZATIONS:,}. {more}, or "
            "add acquisitions of other cells."
        )
    if held_out < LEAST_HELD_OUT:
        reasons.append(
            f"{held_out:,} localizations held out; at least {LEAST_HELD_OUT:,}. Hold out more "
            "(--hold-out 0.3) or add acquisitions."
        )
    if places < LEAST_PLACES:
        reasons.append(
            f"Crops fit into {places} place side by side; at least {LEAST_PLACES}. Add fields or "
            "make the crops smaller (crop_px in [data] of the recipe)."
        )
    return reasons


def _of_table(m: Measure) -> list[str]:
    reasons = []
    if m.frames < LEAST_FRAMES:
        reasons.append(
            f"{m.stem}: {m.frames:,} frames; at least {LEAST_FRAMES:,}. Acquire about "
            f"{LEAST_FRAMES - m.frames:,} more."
        )
    if m.in_one_frame > MOST_IN_ONE_FRAME:
        reasons.append(
            f"{m.stem}: {m.in_one_frame:.0%} of the localizations are in one frame; at most "
            f"{MOST_IN_ONE_FRAME:.0%}. Name the column of the frames with --columns, or leave out "
            "the frames before blinking set in."
        )
    if m.per_um2 < LEAST_PER_UM2:
        more = _more_frames(LEAST_PER_UM2 * m.area_um2 - m.localizations, [m])
        reasons.append(
            f"{m.stem}: {m.per_um2:.2f} localizations per µm²; at least {LEAST_PER_UM2:g}. {more}, "
            "or state the part of the camera's field that shows cells."
        )
    elif m.blocks < LEAST_BLOCKS:
        reasons.append(
            f"{m.stem}: its frames make {m.blocks} disjoint inputs; at least {LEAST_BLOCKS}. "
            f"{_more_frames(m.localizations * (LEAST_BLOCKS / max(m.blocks, 1) - 1), [m])}."
        )
    return reasons


def _warn_in_all(measures: Sequence[Measure], held_out: int) -> list[str]:
    warnings = []
    number, places = sum(m.localizations for m in measures), sum(m.places for m in measures)
    if number < GOOD_LOCALIZATIONS:
        more = _more_frames(GOOD_LOCALIZATIONS - number, measures)
        warnings.append(
            f"{number:,} localizations to learn from; {GOOD_LOCALIZATIONS:,} and more are better. "
            f"{more}. Until then start from a trained model (--start), keep the share of "
            "simulation, and train for few steps."
        )
    if places < GOOD_PLACES:
        warnings.append(
            f"Crops fit into {places} places side by side; {GOOD_PLACES} and more are better: "
            "other fields teach more than longer ones. Do not train for long."
        )
    if held_out < GOOD_HELD_OUT:
        warnings.append(
            f"{held_out:,} localizations held out; {GOOD_HELD_OUT:,} and more are better: small "
            "differences will not be seen."
        )
    if len(measures) == 1:
        warnings.append(
            "One acquisition: the held-out part shows the same cell on the same day. What the "
            "score says of other cells is not known."
        )
    return warnings


def _warn_of_table(m: Measure) -> list[str]:
    warnings = []
    if m.frames < GOOD_FRAMES:
        warnings.append(
            f"{m.stem}: {m.frames:,} frames; {GOOD_FRAMES:,} and more are better: molecules that "
            "blink for long are on both sides of every cut."
        )
    if m.blocks < GOOD_BLOCKS:
        warnings.append(
            f"{m.stem}: its frames make {m.blocks} disjoint inputs; {GOOD_BLOCKS} and more are "
            "better."
        )
    if m.per_cell < 1:
        warnings.append(
            f"{m.stem}: {m.per_cell:.2f} localizations per cell of {RESOLUTION_NM / 2:g} nm where "
            f"the structure lies: sampled for {m.sampled_nm:.0f} nm, not {RESOLUTION_NM:g} nm. "
            "Learning needs no dense image, but finer detail is taught by the simulation alone."
        )
    return warnings
