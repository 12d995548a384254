"""Crops of simulated acquisitions: consecutive frames in, the disjoint frames as target."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from annapalm.contract import QUARTER
from annapalm.errors import InvalidValueError
from annapalm.grid import Grid
from annapalm.render import inside, render
from annapalm.widefield import prepare_widefield
from annapalm_export.seeds import TRAINING_SEEDS_FROM
from annapalm_export.simulate import Scene, SceneOptions, simulate_scene
from annapalm_export.simulate.kinetics import kinetics_named
from annapalm_export.simulate.structures import structure_named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


_LEAST_NOISE = 100
"""Localizations of the sparsest input of a scene without structure."""


@dataclass(frozen=True, slots=True)
class DataConfig:
    """How training samples are drawn."""

    crop_px: int = 224
    """Side of a crop, a multiple of the stride."""
    batch: int = 6
    pool: int = 40
    """Scenes kept at a time."""
    crops_per_scene: int = 40
    """Crops drawn from a scene before it is replaced by a new one."""
    structures: tuple[str, ...] = ("microtubules",)
    """What is simulated, in the order of the model's structure input."""
    shares: tuple[float, ...] = ()
    """Share of the scenes of each structure, any scale; all alike if left out."""
    kinetics: tuple[str, ...] = ()
    """Each scene takes one of these presets (`annapalm_export.simulate.kinetics`) at random, a name
    that stands twice twice as often; left out: that of the section [scene]."""
    density: tuple[float, float] = (2.0, 120.0)
    """Range of the input's localizations per unit of structure (µm of filament, pore, ...), drawn
    log-uniformly."""
    widefield_share: float = 0.45
    """Share of the samples that see the widefield image."""
    gap_frames: int = 200
    """Up to so many frames beside the input are left out of the target: bursts straddle the cut."""

    def __post_init__(self) -> None:
        """Check names and shares once."""
        for name in self.structures:
            structure_named(name)
        for name in self.kinetics:
            kinetics_named(name)
        if not self.structures or len(set(self.structures)) < len(self.structures):
            raise InvalidValueError("structures", self.structures, "different names, at least one")
        if self.shares and (
            len(self.shares) != len(self.structures) or min(self.shares) < 0 or not any(self.shares)
        ):
            must = "one number >= 0 per structure, not all 0"
            raise InvalidValueError("shares", self.shares, must)

    def probabilities(self) -> NDArray[np.float64]:
        """Chance of each structure: float64 [S], sum 1."""
        shares = np.asarray(self.shares or (1.0,) * len(self.structures), dtype=np.float64)
        chance: NDArray[np.float64] = shares / shares.sum()
        return chance


class Batch(NamedTuple):
    """One training batch; float32, images [N,1,H,W]."""

    counts: Tensor
    widefield: Tensor
    """[N,1,H/4,W/4], zeros where absent."""
    widefield_scale: Tensor
    """[N,1], 0 where absent."""
    held_structure: Tensor
    """Held-out localizations of the structure per pixel."""
    held_background: Tensor
    rate: Tensor
    """Noise-free rate of the structure per pixel over the input's exposure."""
    ratio: Tensor
    """[N,1]: exposure of the held-out frames relative to the input's."""
    structure: Tensor
    """[N,S]: 1 for the structure that the sample shows, 0 for the others."""


class _Ready(NamedTuple):
    """A scene with what is made from it once."""

    scene: Scene
    quarter: NDArray[np.float32]
    structural: NDArray[np.int64]


class SimulatedCrops(IterableDataset[Batch]):
    """An endless, seeded stream of batches."""

    def __init__(self, config: DataConfig, options: SceneOptions, seed: int) -> None:
        super().__init__()
        self.config, self.options, self.seed = config, options, seed

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches; the same seed yields the same ones."""
        rng = np.random.default_rng([TRAINING_SEEDS_FROM, *stream_seed(self.seed)])
        pool: list[_Ready] = []
        drawn = 0
        while True:
            samples: list[dict[str, Tensor]] = []
            while len(samples) < self.config.batch:
                if len(pool) < self.config.pool or drawn >= self.config.crops_per_scene:
                    drawn = 0
                    ready = prepare(self._scene(rng))
                    if len(ready.scene.localizations) < 200:
                        continue  # hardly anything in the field: nothing to hold out
                    if len(pool) < self.config.pool:
                        pool.append(ready)
                    else:
                        pool[int(rng.integers(len(pool)))] = ready
                drawn += 1
                samples.append(draw_crop(rng, pool[int(rng.integers(len(pool)))], self.config))
            yield collate(samples)

    def _scene(self, rng: np.random.Generator) -> Scene:
        names = self.config.structures
        name = names[int(rng.choice(len(names), p=self.config.probabilities()))]
        seed = int(TRAINING_SEEDS_FROM + rng.integers(2**40))
        kinetics = self.options.kinetics
        if self.config.kinetics:
            kinetics = self.config.kinetics[int(rng.integers(len(self.config.kinetics)))]
        return simulate_scene(seed, replace(self.options, structure=name, kinetics=kinetics))


def prepare(scene: Scene) -> _Ready:
    """Bring the widefield image to the contract's grid, with the runtime's own code."""
    rows, columns = (n // QUARTER for n in scene.grid.shape)
    quarter = np.zeros((rows, columns), np.float32)
    if scene.widefield is not None:
        counts, _ = render(scene.localizations, scene.grid)
        sigma = scene.parameters["psf_sigma_nm"]
        ready = prepare_widefield(scene.widefield, scene.grid, counts, sigma, registered=True)
        quarter = ready.quarter
    return _Ready(scene, quarter, np.flatnonzero(scene.from_structure))


def choose_block(rng: np.random.Generator, ready: _Ready, density: float) -> tuple[int, int]:
    """Find consecutive frames (start, stop) that hold about so many localizations per unit.

    At most 40 % of the table, so that most of it is left to be held out. In a scene without
    structure a part of that, from next to nothing to all: both the sparsest and the most crowded
    noise must be known for what it is.
    """
    frame = ready.scene.localizations.frame
    structural = ready.structural
    if len(structural) < 50:
        most = 0.4 * len(frame)
        number = int(np.exp(rng.uniform(np.log(min(_LEAST_NOISE, most)), np.log(most))))
        rows = np.arange(len(frame))
    else:
        number, rows = int(density * ready.scene.amount), structural
    number = int(np.clip(number, 1, 0.4 * len(rows)))
    first = int(rng.integers(0, len(rows) - number))
    start, stop = int(frame[rows[first]]), int(frame[rows[first + number]])
    return start, max(stop, start + 1)


def draw_crop(rng: np.random.Generator, ready: _Ready, config: DataConfig) -> dict[str, Tensor]:
    """Cut one sample out of a scene, turned and mirrored at random."""
    low, high = np.log(config.density)
    start, stop = choose_block(rng, ready, float(np.exp(rng.uniform(low, high))))
    scene, locs, side = ready.scene, ready.scene.localizations, config.crop_px
    gap = int(rng.integers(0, config.gap_frames + 1))
    top, left = (
        QUARTER * int(rng.integers(0, (n - side) // QUARTER + 1)) for n in scene.grid.shape
    )
    pixel = scene.grid.pixel_nm
    grid = Grid(pixel, (left * pixel, top * pixel), (side, side))
    window = (slice(top, top + side), slice(left, left + side))
    quarter = tuple(slice(w.start // QUARTER, w.stop // QUARTER) for w in window)
    near = inside(locs, grid)
    local, structural = locs.select(near), scene.from_structure[near]
    chosen = (local.frame >= start) & (local.frame < stop)
    held = (local.frame < start - gap) | (local.frame >= stop + gap)
    seen = rng.random() < config.widefield_share and scene.widefield is not None
    rows = np.searchsorted(locs.frame, (start - gap, start, stop, stop + gap))
    inputs = max(int(rows[2] - rows[1]), 1)
    scale = float(ready.quarter.sum()) / inputs if seen else 0.0
    in_block = float(scene.from_structure[rows[1] : rows[2]].sum())
    share = in_block / max(len(ready.structural), 1)
    images = {
        "counts": render(local.select(chosen), grid)[0],
        "widefield": ready.quarter[quarter] * np.float32(seen),
        "held_structure": render(local.select(held & structural), grid)[0],
        "held_background": render(local.select(held & ~structural), grid)[0],
        "rate": scene.rate[window] * np.float32(share),
    }
    sample = turned(rng, images)
    sample["widefield_scale"] = torch.tensor([scale], dtype=torch.float32)
    sample["ratio"] = torch.tensor([(len(locs) - float(rows[3] - rows[0])) / inputs])
    names = config.structures
    sample["structure"] = torch.tensor([float(name == scene.structure) for name in names])
    return sample


def collate(samples: list[dict[str, Tensor]]) -> Batch:
    """Stack samples into a batch."""
    return Batch(**{name: torch.stack([s[name] for s in samples]) for name in Batch._fields})


def turned(rng: np.random.Generator, images: dict[str, NDArray[np.float32]]) -> dict[str, Tensor]:
    """Turn and mirror the images [H,W] of a sample alike, at random: tensors [1,H,W]."""
    turns, mirror = int(rng.integers(4)), bool(rng.integers(2))
    return {
        name: torch.from_numpy(_turn(image, turns, mirror=mirror))[None]
        for name, image in images.items()
    }


def stream_seed(seed: int) -> tuple[int, ...]:
    """Seed a stream in this process: each further process of a loader has a stream of its own."""
    worker = get_worker_info()
    return (seed,) if worker is None or worker.id == 0 else (seed, worker.id)


def _turn(image: NDArray[np.float32], turns: int, *, mirror: bool) -> NDArray[np.float32]:
    turned = np.rot90(image, turns)
    return np.ascontiguousarray(turned[:, ::-1] if mirror else turned)
