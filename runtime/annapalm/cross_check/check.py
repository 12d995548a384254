"""Any picture against localizations that it was not made of: a map of signed z, and a score."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annapalm.blocks import at_full_size, block_sum, pixels_per_block
from annapalm.cross_check.errors import NothingDrawnError, TooFewLocalizationsError
from annapalm.cross_check.statistic import clump_factor, own_clump_factor, signed_z
from annapalm.errors import InvalidValueError
from annapalm.quality.structure import structure_mask
from annapalm.render import pixels_of
from annapalm.widefield.filter import gaussian_blur

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.grid import Grid
    from annapalm.localizations import Localizations
    from annapalm.render import RateImage

WINDOW_NM = 120.0
"""Standard deviation of the Gaussian window in which localizations are counted: along a filament
it gathers 0.4 µm. Chosen on simulated fields: docs/cross-check.md."""
BLOCK_NM = 80.0
"""Counts are summed to pixels of about this size first: the map cannot be finer than its window."""
APART_NM = 60.0
"""A localization this near to one that the picture was made of may be the same molecule again: it
does not confirm what is drawn there. Some 4 precisions."""
LEAST_APART = 0.1
"""Share of the expected localizations that must lie apart for them alone to judge; where a dense
table leaves less, all are counted, those that may be the same molecules too."""
LEVEL = 0.05
LEVEL_Z = 1.96
"""Nominal share of places that are marked although all is well, and its |z|: half on each side."""
MOST_EXCUSE = 1.7
"""A picture's own misfit looks like clumping. Clumps are taken to be at most so many times as
large as the held-out localizations show by themselves: a wrong picture cannot excuse itself.
Simulated fields of the right structure mostly have 1.1 to 1.8, chiefly by molecules that both
halves show."""

MOST_MISFIT = 2.0
"""Above it a picture is contradicted; see `CrossCheck.misfit`. Chosen on simulated fields."""
MOST_UNCONFIRMED = 0.1
"""Above this `unconfirmed_share`, too: four times the nominal rate of this side."""


@dataclass(frozen=True, slots=True)
class RegionCheck:
    """What the held-out localizations say of one region."""

    z: float
    """Below 0: fewer than drawn; above 0: more."""
    observed: float
    """Held-out localizations in the region, of those that count."""
    expected: float
    """What the picture leads to expect of them."""


@dataclass(frozen=True, slots=True, eq=False)
class _Tally:
    """Observed and expected held-out localizations per block of pixels: float32 [y, x]."""

    observed: NDArray[np.float32]
    expected: NDArray[np.float32]

    def z(
        self, clump: float, window_px: float
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float32]]:
        """Signed z in a Gaussian window of `window_px` blocks, and where 0 would be too few."""
        seen = gaussian_blur(self.observed, window_px)
        wanted = gaussian_blur(self.expected, window_px)
        # The square of a Gaussian window is a narrower one, of this sum.
        square = gaussian_blur(self.expected, window_px / math.sqrt(2))
        variance = square * np.float32(clump / (4 * math.pi * window_px**2))
        return (
            signed_z(seen, wanted, variance),
            signed_z(np.zeros_like(seen), wanted, variance) <= -LEVEL_Z,
            wanted,
        )

    def over(self, weight: NDArray[np.float32], clump: float) -> RegionCheck:
        """Test one region, given as the share of each block that belongs to it."""
        seen, wanted = (
            float((image * weight).sum(dtype=np.float64))
            for image in (self.observed, self.expected)
        )
        variance = clump * float((self.expected * weight**2).sum(dtype=np.float64))
        z = signed_z(np.array(seen), np.array(wanted), np.array(variance))
        return RegionCheck(float(z), seen, wanted)


@dataclass(frozen=True, slots=True, eq=False)
class CrossCheck:
    """A picture, judged by localizations that it was not made of. Images are [Y, X]."""

    z: RateImage
    """Signed z, float32 [Y, X]. Below 0: drawn, but the held-out localizations do not bear it out;
    above 0: they lie where the picture has too little. |z| of 1.96 is the nominal 5 % level of one
    place. About 0 means no contradiction, not confirmation: see `testable`."""
    testable: NDArray[np.bool_]
    """Where so much is drawn that its absence would have been noticed (z at or below -1.96)."""
    grid: Grid
    """Where the pixels lie."""
    clump_factor: float
    """Variance over mean of held-out counts: 1 for single localizations, about twice the mean
    number of localizations per molecule less one for blinking molecules."""
    misfit: float | None
    """Clumping about the picture over clumping of the held-out localizations by themselves. Mostly
    1.1 to 1.8 where picture and structure agree; above 2, the picture is wrong throughout, or the
    table so dense that it shows finer detail. None where the localizations it was made of were
    not given."""
    total_ratio: float
    """Held-out localizations over those expected in total; the map is taken after dividing it
    out, so that it shows places, not exposure."""
    seen: int
    """Localizations in the field that the picture was made of; 0 where not given."""
    held_out: int
    """Localizations in the field that it was tested with."""
    unconfirmed_share: float | None
    """Share of the drawn structure with z at or below -1.96; None where nothing is drawn."""
    missing_share: float
    """Share of the field with z at or above 1.96."""
    testable_share: float | None
    """Share of the drawn structure that is testable; None where nothing is drawn."""
    level_z: float = LEVEL_Z
    """|z| at which a place counts as marked in the shares."""
    cuts: tuple[int, int] | None = None
    """Frames at which the table was cut in halves; None where that was not done here."""
    burst_frames: int | None = None
    """Duration of a burst in frames, as found in the table; None where it was not looked for."""
    seconds: float = 0.0
    """Wall time, the half picture included."""
    _all: _Tally | None = None
    _apart: _Tally | None = None
    _block: int = 1

    @property
    def contradicted(self) -> bool:
        """Whether the picture as a whole is contradicted, so that a run warns."""
        return bool(warn_of(self))

    def region(self, mask: NDArray[np.bool_]) -> RegionCheck:
        """Test one region, bool [Y, X]: one z for all of it, as for a filament drawn by hand.

        Whether too little is there is judged as in the map: by localizations apart from those that
        the picture was made of, where they are enough. Raises `InvalidValueError` for a mask of
        another shape.
        """
        if mask.shape != self.grid.shape:
            raise InvalidValueError("mask's shape", mask.shape, f"the grid's, {self.grid.shape}")
        if self._all is None or self._apart is None:
            raise InvalidValueError("this cross-check", "made by hand", "made by `check`")
        share = block_sum(mask.astype(np.float32), self._block) / np.float32(self._block**2)
        every = self._all.over(share, self.clump_factor)
        apart = self._apart.over(share, self.clump_factor)
        if apart.expected < LEAST_APART * every.expected:
            return every
        return every if every.z > -min(apart.z, 0.0) else apart


def check(
    rate: RateImage,
    held_out: Localizations,
    seen: Localizations | None,
    grid: Grid,
    *,
    structure: NDArray[np.bool_] | None = None,
    window_nm: float = WINDOW_NM,
) -> CrossCheck:
    """Test a picture by localizations that it was not made of.

    Args:
        rate: float32 [Y, X] on `grid`, >= 0: localizations per pixel that the picture leads to
            expect, structure and background together, over any exposure: the total is fitted.
        held_out: localizations of other frames; those outside `grid` are not counted.
        seen: localizations that the picture was made of; None where it was made of none of this
            sample. Held-out localizations within 60 nm of one may be the same molecule again and
            do not confirm what is drawn.
        grid: where the pixels lie.
        structure: bool [Y, X], which pixels are drawn structure, for the shares; None: the
            brightest that hold 90 % of `rate`.
        window_nm: standard deviation of the window in which localizations are counted.

    Localizations of one molecule come in clumps, so counts scatter more than Poisson's: by
    `clump_factor`, which is estimated from the pairs in `held_out` (quasi-Poisson; the mid-p tail
    of the number of clumps).

    Raises `TooFewLocalizationsError` where none is held out, `NothingDrawnError` for a rate of 0
    everywhere, `InvalidValueError` for one that cannot be.
    """
    total = _check_rate(rate, grid, structure, window_nm)
    row, column = pixels_of(held_out, grid)
    if not len(row):
        raise TooFewLocalizationsError(0, 1)
    ratio = np.float32(len(row) / total)
    block = max(1, round(BLOCK_NM / grid.pixel_nm))
    every = _Tally(_counted(row, column, block, grid), block_sum(rate, block) * ratio)
    apart, misfit, number = every, None, 0
    clump = clump_factor(every.observed, every.expected)
    if seen is not None:
        made_of = pixels_of(seen, grid)
        number = len(made_of[0])
        own = own_clump_factor(every.observed, _counted(*made_of, block, grid))
        misfit, clump = clump / own, min(clump, MOST_EXCUSE * own)
        far = _far_from(*made_of, APART_NM / grid.pixel_nm, grid.shape)
        is_far = far[row, column]
        counts = _counted(row[is_far], column[is_far], block, grid)
        apart = _Tally(counts, block_sum(rate * far, block) * ratio)
    z, testable = _map(every, apart, clump, window_nm / (grid.pixel_nm * block))
    drawn = structure_mask(rate) if structure is None else structure
    weight = block_sum(drawn.astype(np.float32), block)  # pixels of structure in each block
    number_drawn = float(weight.sum(dtype=np.float64))
    whole = pixels_per_block(grid.shape, block)
    return CrossCheck(
        z=at_full_size(z, block, grid.shape),
        testable=at_full_size(testable, block, grid.shape),
        grid=grid,
        clump_factor=clump,
        misfit=misfit,
        total_ratio=float(ratio),
        seen=number,
        held_out=len(row),
        unconfirmed_share=_share(z <= -LEVEL_Z, weight) if number_drawn else None,
        missing_share=_share(z >= LEVEL_Z, whole),
        testable_share=_share(testable, weight) if number_drawn else None,
        _all=every,
        _apart=apart,
        _block=block,
    )


def warn_of(found: CrossCheck) -> tuple[str, ...]:
    """Say what the user should know before believing the picture."""
    warnings = []
    if found.misfit is not None and found.misfit > MOST_MISFIT:
        warnings.append(
            "The held-out frames contradict the picture: the localizations of one half of the "
            f"frames scatter about the picture of the other {found.misfit:.1f} times as much as by "
            f"themselves, where a picture of the right structure rarely has {MOST_MISFIT:g}. The "
            "sample may show another structure than the model draws, or finer detail."
        )
    if found.unconfirmed_share is not None and found.unconfirmed_share > MOST_UNCONFIRMED:
        warnings.append(
            f"The held-out frames do not bear out {found.unconfirmed_share * 100:.0f} % of the "
            "drawn structure: see the map of the cross-check. The sample may have moved, or show "
            "another structure than the model draws."
        )
    return tuple(warnings)


def _map(
    every: _Tally, apart: _Tally, clump: float, window_px: float
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Signed z and what is testable, per block: too little by those apart, too much by all."""
    z_all, testable_all, wanted_all = every.z(clump, window_px)
    z_apart, testable_apart, wanted_apart = apart.z(clump, window_px)
    is_apart = wanted_apart >= np.float32(LEAST_APART) * wanted_all
    few = np.minimum(np.where(is_apart, z_apart, z_all), 0)
    many = np.maximum(z_all, 0)
    # Where the two contradict each other the worse is shown; drawn without reason is the worse.
    z = np.where(-few >= many, few, many).astype(np.float32)
    testable: NDArray[np.bool_] = np.where(is_apart, testable_apart, testable_all).astype(bool)
    return z, testable


def _counted(
    row: NDArray[np.int64], column: NDArray[np.int64], block: int, grid: Grid
) -> NDArray[np.float32]:
    """Count localizations, given by their pixels, in blocks of pixels: float32 [y, x]."""
    rows, columns = (-(-n // block) for n in grid.shape)
    place = (row // block) * columns + column // block
    counts = np.bincount(place, minlength=rows * columns).reshape(rows, columns)
    return counts.astype(np.float32)


def _far_from(
    row: NDArray[np.int64], column: NDArray[np.int64], distance_px: float, shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """Pixels further than `distance_px` (rows and columns) from all of these: bool [Y, X]."""
    near = np.zeros(shape, dtype=bool)
    near[row, column] = True
    steps = max(1, round(distance_px))
    for axis in (0, 1):
        lines = near if axis == 0 else near.T
        grown = lines.copy(order="K")  # lying in memory as they do
        for step in range(1, min(steps, len(lines) - 1) + 1):
            grown[step:] |= lines[:-step]
            grown[:-step] |= lines[step:]
        near = grown if axis == 0 else grown.T
    far: NDArray[np.bool_] = np.logical_not(near)
    return far


def _share(mask: NDArray[np.bool_], weight: NDArray[Any]) -> float:
    """Share of the weight that lies where `mask` is set; both [y, x]."""
    return float(weight[mask].sum(dtype=np.float64) / weight.sum(dtype=np.float64))


def _check_rate(
    rate: RateImage, grid: Grid, structure: NDArray[np.bool_] | None, window_nm: float
) -> float:
    """Refuse what cannot be meant; give the sum of `rate`."""
    if rate.shape != grid.shape:
        raise InvalidValueError("rate's shape", rate.shape, f"the grid's, {grid.shape}")
    total = float(rate.sum(dtype=np.float64))
    if not math.isfinite(total) or rate.min() < 0:
        raise InvalidValueError("rate", "negative or not finite", "finite and at least 0")
    if not total > 0:
        raise NothingDrawnError
    if structure is not None and structure.shape != grid.shape:
        raise InvalidValueError("structure's shape", structure.shape, f"the grid's, {grid.shape}")
    if not (math.isfinite(window_nm) and window_nm > 0):
        raise InvalidValueError("window_nm", window_nm, "a finite number above 0, in nm")
    return total
