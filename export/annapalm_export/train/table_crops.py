"""Crops of real acquisitions: consecutive frames in, the disjoint frames of the table as target.

A real table has no noise-free rate, and nobody knows which of its localizations are background:
`rate` is NaN, and `held_structure` holds all (`annapalm_export.train.losses.combined.known_truth`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.utils.data import IterableDataset

from annapalm.contract import QUARTER
from annapalm.errors import InvalidValueError
from annapalm.grid import Grid
from annapalm.quality import GAP_FRAMES
from annapalm.render import render
from annapalm_export.seeds import TRAINING_SEEDS_FROM
from annapalm_export.train.dataset import Batch, collate, stream_seed, turned
from annapalm_export.train.tables import within

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from annapalm_export.train.dataset import DataConfig
    from annapalm_export.train.division import Region

DENSITY_PER_UM2 = (1.0, 100.0)
"""Range of the input's localizations per µm² of the field, drawn log-uniformly: what `density` is
for simulated scenes, of which a table does not know the units of structure."""
MOST_SEEN = 0.4
"""Share of a table that an input holds at most, so that most of it is left to be held out."""
FEW = 20
"""A crop with fewer localizations over the whole acquisition teaches little; up to `TRIES` others
are looked at instead. Some remain: that nothing is to be drawn there must be learned too."""
TRIES = 4
_STREAM = 0x7AB1E
"""Sets the random numbers of this stream apart from those of the simulated one."""


def density_range(region: Region) -> tuple[float, float]:
    """Densities (localizations per µm²) that inputs of this region are drawn from."""
    low, high = DENSITY_PER_UM2
    most = MOST_SEEN * len(region.locs) / region.grid.area_um2
    return min(low, most / 2), min(high, most)


class TableCrops(IterableDataset[Batch]):
    """An endless, seeded stream of batches of `batch` crops.

    A region is chosen by the square root of its localizations: large tables count more, and do not
    drown small ones. Raises `InvalidValueError` for a structure that `config` does not have.
    """

    def __init__(
        self, regions: Sequence[Region], config: DataConfig, structure: str, batch: int, seed: int
    ) -> None:
        super().__init__()
        if structure not in config.structures:
            raise InvalidValueError("structure", structure, f"one of {list(config.structures)}")
        self.regions, self.config, self.structure = tuple(regions), config, structure
        self.batch, self.seed = batch, seed

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches; the same seed yields the same ones."""
        rng = np.random.default_rng([TRAINING_SEEDS_FROM, _STREAM, *stream_seed(self.seed)])
        weight = np.sqrt([len(region.locs) for region in self.regions])
        chance = weight / weight.sum()
        while True:
            chosen = rng.choice(len(self.regions), size=self.batch, p=chance)
            samples = [
                draw_table_crop(rng, self.regions[int(i)], self.config, self.structure)
                for i in chosen
            ]
            yield collate(samples)


def choose_frames(rng: np.random.Generator, region: Region) -> tuple[int, int]:
    """Find consecutive frames (start, stop) that hold a number of localizations drawn at random."""
    low, high = np.log(density_range(region))
    frame = region.locs.frame
    wanted = float(np.exp(rng.uniform(low, high))) * region.grid.area_um2
    number = int(np.clip(wanted, 1, MOST_SEEN * len(frame)))
    first = int(rng.integers(0, len(frame) - number))
    start, stop = int(frame[first]), int(frame[first + number])
    return start, max(stop, start + 1)


def choose_gap(rng: np.random.Generator, region: Region, most: int) -> int:
    """Draw how many frames beside the input are left out: bursts straddle the cut.

    At least the gap of the evaluation and at most `most`, but never more than a tenth of the
    acquisition.
    """
    longest = region.frames // 10
    high = min(max(most, GAP_FRAMES), longest)
    return int(rng.integers(min(GAP_FRAMES, high), high + 1))


def draw_table_crop(
    rng: np.random.Generator, region: Region, config: DataConfig, structure: str
) -> dict[str, Tensor]:
    """Cut one sample out of a region, turned and mirrored at random."""
    locs, frame = region.locs, region.locs.frame
    start, stop = choose_frames(rng, region)
    gap = choose_gap(rng, region, config.gap_frames)
    grid, window = _place(rng, region, config.crop_px)
    local = locs.select(within(locs, grid))
    chosen = (local.frame >= start) & (local.frame < stop)
    held = (local.frame < start - gap) | (local.frame >= stop + gap)
    rows = np.searchsorted(frame, (start - gap, start, stop, stop + gap))
    inputs = max(int(rows[2] - rows[1]), 1)
    quarter = np.zeros((grid.shape[0] // QUARTER, grid.shape[1] // QUARTER), np.float32)
    scale = 0.0
    if region.quarter is not None and rng.random() < config.widefield_share:
        quarter, scale = region.quarter[window], float(region.quarter.sum()) / inputs
    held_out, _ = render(local.select(held), grid)
    images: dict[str, NDArray[np.float32]] = {
        "counts": render(local.select(chosen), grid)[0],
        "widefield": quarter,
        "held_structure": held_out,
        "held_background": np.zeros_like(held_out),
        "rate": np.full_like(held_out, np.nan),
    }
    sample = turned(rng, images)
    sample["widefield_scale"] = torch.tensor([scale], dtype=torch.float32)
    sample["ratio"] = torch.tensor([(len(locs) - float(rows[3] - rows[0])) / inputs])
    sample["structure"] = torch.tensor([float(name == structure) for name in config.structures])
    return sample


def _place(rng: np.random.Generator, region: Region, side: int) -> tuple[Grid, tuple[slice, slice]]:
    """Choose where a crop lies: its grid, and its window on the quarter grid."""
    pixel, (x0, y0) = region.grid.pixel_nm, region.grid.origin_nm
    for _ in range(TRIES):
        top, left = (
            QUARTER * int(rng.integers(0, (n - side) // QUARTER + 1)) for n in region.grid.shape
        )
        grid = Grid(pixel, (x0 + left * pixel, y0 + top * pixel), (side, side))
        if np.count_nonzero(within(region.locs, grid)) >= FEW:
            break
    quarter = side // QUARTER
    rows, columns = (slice(n // QUARTER, n // QUARTER + quarter) for n in (top, left))
    return grid, (rows, columns)
