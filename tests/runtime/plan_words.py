"""Words for the tests of plans: acquisitions of a ring, and curves made up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from annapalm.localizations import Localizations
from annapalm.plan.design import Design
from annapalm.plan.score import BlockScore, Later, Scores, StartScore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

STEPS = (100, 200, 400, 800)


def a_ring(count: int = 6000, frames: int = 2000, seed: int = 0) -> Localizations:
    """Localizations on a ring of 1.2 µm in a field of 4 x 4 µm, in frames at random."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, count)
    radius = 1200 + rng.normal(0, 15, count)
    return Localizations(
        x_nm=2000 + radius * np.cos(angle),
        y_nm=2000 + radius * np.sin(angle),
        frame=rng.integers(0, frames, count),
    )


def in_frames(frames: Sequence[int] | NDArray[np.int64]) -> Localizations:
    """Localizations in these frames, all at one place."""
    place = np.full(len(frames), 500.0)
    return Localizations(place, place, np.array(frames, dtype=np.int64))


def scores(bits: Sequence[float | Sequence[float]], **changes: Any) -> Scores:
    """Scores with these bits per step of `STEPS`; several numbers are those of several blocks."""
    rows = [[b] if isinstance(b, (int, float)) else list(b) for b in bits]
    steps = STEPS[: len(rows)]
    given: dict[str, Any] = {
        "part": 1.0,
        "blur_bits": 0.0,
        "nyquist_nm": 100.0,
        "later_nm": 30.0,
        "localizations": None,
        "warnings": (),
        "outside": 0,
    } | changes

    blur = given["blur_bits"]
    blurs = blur if isinstance(blur, dict) else dict.fromkeys(steps, blur)

    def block(step: int, number: int, value: float) -> BlockScore:
        held = given["localizations"]
        count = 10 * step if held is None else held[number]
        nm = given["nyquist_nm"]
        return BlockScore(
            start=number * step,
            frames=step,
            localizations=count,
            density_per_um2=count / 16,
            bits=value,
            uniform_share=0.1,
            structure_part=given["part"],
            pearson_later=0.5,
            doubtful_share=0.2,
            nyquist_nm=nm if isinstance(nm, float) or nm is None else nm[step],
            warnings=given["warnings"],
        )

    return Scores(
        design=Design(first=0, stop=steps[-1], resume=steps[-1] + 50, last=2000, steps=steps),
        blocks=tuple(
            tuple(block(step, number, value) for number, value in enumerate(row))
            for step, row in zip(steps, rows, strict=True)
        ),
        starts=tuple(StartScore(step, blurs[step], 40.0, 90.0, 80.0) for step in steps),
        later=Later(8000, 500.0, given["later_nm"], 70.0),
        outside=given["outside"],
    )
