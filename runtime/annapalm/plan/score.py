"""Each block of frames reconstructed, and judged by the later frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm.plan.design import cut
from annapalm.plan.options import PlanOptions
from annapalm.quality.blur import blur
from annapalm.quality.density import nyquist_nm
from annapalm.quality.frc import SMALLEST_SIDE, frc_curve, frc_resolution_nm
from annapalm.quality.heldout import BANDWIDTHS_NM, SEEN_BLUR_NM, bits_per_localization
from annapalm.quality.structure import sampling_per_um2, structure_mask
from annapalm.render import inside, render
from annapalm.widefield.pearson import pearson
from annapalm.write.trust import measure_trust

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annapalm.grid import Grid
    from annapalm.localizations import Localizations
    from annapalm.model import Model
    from annapalm.plan.design import Design
    from annapalm.render import CountImage, RateImage

_BANDWIDTHS_NM = BANDWIDTHS_NM[::2]
"""Every other one, a factor of 1.5 apart; a test holds the best of them against the best of all."""


@dataclass(frozen=True, slots=True)
class BlockScore:
    """One block of frames as input. Lengths in nm; None where there is no such length."""

    start: int
    frames: int
    localizations: int
    """Of the block, inside the field."""
    density_per_um2: float
    """Over the whole field."""
    bits: float
    """Mean log2 of the likelihood of a later localization over that of a uniform field."""
    uniform_share: float
    """Share of a uniform field, mixed in, that suits the later frames best."""
    structure_part: float
    """Share of the later localizations that the reconstruction lays to structure, 0 to 1: of
    `dense` in `dense` and background, less the uniform share."""
    pearson_later: float
    """Pearson r of reconstruction and later localizations, both blurred by 40 nm."""
    doubtful_share: float | None
    """Share of the structure drawn that the error map calls doubtful."""
    nyquist_nm: float | None
    """What sampling allows in the structure, which is the same for all blocks: where the longest
    block draws it."""
    warnings: tuple[str, ...]
    """Of the model."""


@dataclass(frozen=True, slots=True)
class StartScore:
    """What is measured only for the block at the start, because it takes long."""

    frames: int
    blur_bits: float
    """Bits of the Gaussian blur of the same localizations that suits the later frames best."""
    blur_nm: float
    """Its standard deviation."""
    frc_halves_nm: float | None
    """FRC of the block's localizations of its first with those of its second half of time."""
    frc_later_nm: float | None
    """FRC of the reconstruction with the localizations of the later frames."""


@dataclass(frozen=True, slots=True)
class Later:
    """The frames that judge."""

    localizations: int
    density_per_um2: float
    nyquist_nm: float | None
    """What sampling allows in the structure."""
    frc_halves_nm: float | None
    """FRC of its localizations of the first with those of the second half of time."""


@dataclass(frozen=True, slots=True)
class Scores:
    """All that was measured of an acquisition."""

    design: Design
    blocks: tuple[tuple[BlockScore, ...], ...]
    """Per step of the design; the first of each lies at the start."""
    starts: tuple[StartScore, ...]
    """Per step of the design."""
    later: Later
    outside: int
    """Localizations outside the field, which were not used."""


def score_acquisition(
    model: Model,
    locs: Localizations,
    grid: Grid,
    options: PlanOptions | None = None,
    *,
    structure: str | None = None,
    say: Callable[[str], None] = lambda _line: None,
) -> Scores:
    """Reconstruct blocks of the frames of `locs` and judge each by the later frames.

    `locs` outside `grid` are left out and counted. `say` hears a line per number of frames.
    Raises a `PlanError` where the acquisition does not allow it, and what `Model.reconstruct`
    raises.
    """
    used = locs.select(inside(locs, grid))
    design, later = cut(used, options or PlanOptions())
    judge = _Judge(model, used, grid, later, structure)
    blocks: list[tuple[BlockScore, ...]] = []
    starts: list[StartScore] = []
    for frames in reversed(design.steps):  # the longest first: it says where the structure is
        at = design.starts(frames)
        start, first = judge.begin(at[0], frames)
        blocks.append((first, *(judge.block(s, frames)[0] for s in at[1:])))
        starts.append(start)
        say(
            f"{frames:,} frames: {first.bits:.3f} bits per later localization from the start, "
            f"{len(at)} block(s)"
        )
    outside = len(locs) - len(used)
    return Scores(
        design, tuple(reversed(blocks)), tuple(reversed(starts)), judge.of_later(), outside
    )


class _Judge:
    """The later frames, and what is kept from block to block."""

    def __init__(
        self,
        model: Model,
        locs: Localizations,
        grid: Grid,
        later: Localizations,
        structure: str | None,
    ) -> None:
        self._model, self._locs, self._grid, self._asked = model, locs, grid, structure
        self._later = later
        self._counts, _ = render(later, grid)
        self._seen = blur(self._counts, SEEN_BLUR_NM, grid.pixel_nm)
        self._structure: NDArray[np.bool_] | None = None
        self._bandwidth = 0
        """Index of the best bandwidth of the block before, which was longer or as long."""

    def begin(self, start: int, frames: int) -> tuple[StartScore, BlockScore]:
        """Score the block at the start of the acquisition."""
        score, dense, counts = self.block(start, frames)
        bits, bandwidth_nm = self._best_blur(counts)
        extra = StartScore(
            frames=frames,
            blur_bits=bits,
            blur_nm=bandwidth_nm,
            frc_halves_nm=self._frc_of_halves(self._locs.in_frames(start, start + frames)),
            frc_later_nm=self._frc(dense, self._counts),
        )
        return extra, score

    def block(self, start: int, frames: int) -> tuple[BlockScore, RateImage, CountImage]:
        """Score one block; also what was drawn of it, and its counts."""
        grid = self._grid
        seen = self._locs.in_frames(start, start + frames)
        # What the network draws is scored, however few frames it was given.
        result = self._model.reconstruct(seen, grid=grid, structure=self._asked, withhold=False)
        if self._structure is None:
            self._structure = structure_mask(result.dense)
        density = result.total_rate()
        score = bits_per_localization(density, self._counts)
        used = round(float(result.counts.sum(dtype=np.float64)))
        block = BlockScore(
            start=start,
            frames=frames,
            localizations=used,
            density_per_um2=used / grid.area_um2,
            bits=score.bits,
            uniform_share=score.uniform_share,
            structure_part=(1 - score.uniform_share) * _part(result.dense, density),
            pearson_later=pearson(blur(density, SEEN_BLUR_NM, grid.pixel_nm), self._seen),
            doubtful_share=measure_trust(result)["doubtful_share"],
            nyquist_nm=self._nyquist_nm(result.counts),
            warnings=result.warnings,
        )
        return block, result.dense, result.counts

    def of_later(self) -> Later:
        """Describe the later frames; after the first block."""
        used = round(float(self._counts.sum(dtype=np.float64)))
        return Later(
            localizations=used,
            density_per_um2=used / self._grid.area_um2,
            nyquist_nm=self._nyquist_nm(self._counts),
            frc_halves_nm=self._frc_of_halves(self._later),
        )

    def _nyquist_nm(self, counts: CountImage) -> float | None:
        if self._structure is None or not self._structure.any():
            return None
        return nyquist_nm(sampling_per_um2(counts, self._structure, self._grid))

    def _best_blur(self, counts: CountImage) -> tuple[float, float]:
        """Widen the blur while it scores better: a shorter block never wants a narrower one."""
        best = -1.0
        for at in range(max(self._bandwidth - 1, 0), len(_BANDWIDTHS_NM)):
            image = blur(counts, _BANDWIDTHS_NM[at], self._grid.pixel_nm)
            bits = bits_per_localization(image, self._counts).bits
            if bits <= best:
                break
            best, self._bandwidth = bits, at
        return best, _BANDWIDTHS_NM[self._bandwidth]

    def _frc_of_halves(self, locs: Localizations) -> float | None:
        """Cut in time where each half has as many localizations, not by dealing them out.

        A molecule's burst is then in one half but for the one cut; dealt out, it would be in both.
        """
        if len(locs) < 2:
            return None
        middle = int(np.sort(locs.frame)[len(locs) // 2])
        halves = (locs.select(locs.frame < middle), locs.select(locs.frame >= middle))
        return self._frc(*(render(half, self._grid)[0] for half in halves))

    def _frc(self, first: RateImage, second: RateImage) -> float | None:
        if min(self._grid.shape) < SMALLEST_SIDE:
            return None
        return frc_resolution_nm(frc_curve(first, second, self._grid.pixel_nm))


def _part(dense: RateImage, density: RateImage) -> float:
    """Share of `density` that `dense` holds; 0 where there is nothing."""
    total = float(density.sum(dtype=np.float64))
    return float(dense.sum(dtype=np.float64)) / total if total > 0 else 0.0
