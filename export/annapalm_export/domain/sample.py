"""Fingerprints of simulated fields."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from annapalm.domain import fingerprint
from annapalm.domain.reference import NO_STRUCTURE
from annapalm.render import render
from annapalm_export.evaluate.crew import crew
from annapalm_export.simulate import SceneOptions, simulate_scene
from annapalm_export.simulate.files import block_of_density
from annapalm_export.simulate.structures import STRUCTURES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from annapalm.domain import Fingerprint
    from annapalm_export.simulate import Scene

CLASSES = (*STRUCTURES, NO_STRUCTURE)
"""What a field may be of."""
DENSITIES = (2.0, 120.0)
"""Localizations per unit of structure, as in training; drawn log-uniformly."""
BLOCKS = 2
"""Blocks of frames that are taken of each scene."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The fingerprint of one block of frames."""

    structure: str
    """One of `CLASSES`."""
    seed: int
    """Of the scene."""
    density: float | None
    """Localizations per unit of structure; None without structure."""
    density_per_um2: float
    """Of the window."""
    values: NDArray[np.float64]
    """float64 [K]."""


def draw_samples(seeds: Iterable[int], processes: int, say: Callable[[str], None]) -> list[Sample]:
    """Simulate one scene of each class per seed, and describe blocks of its frames.

    Scenes are those that models are trained on: all kinetics, half of them merged, three of four
    with imperfections, every second one of microtubules with localizations astray. The same seeds
    give the same samples in any number of processes.
    """
    samples: list[Sample] = []
    with crew([], processes) as workers:
        tasks = [(seed,) for seed in seeds]
        for number, found in enumerate(workers.map(_samples_of, tasks), 1):
            samples += found
            if number % 10 == 0:
                say(f"{number} scenes of each structure, {len(samples)} fingerprints")
    return samples


def save_samples(samples: Sequence[Sample], path: Path) -> None:
    """Write samples as .npz, so that another fit need not simulate again."""
    columns: dict[str, Any] = {
        f.name: np.array([getattr(sample, f.name) for sample in samples]) for f in fields(Sample)
    }
    columns["density"] = columns["density"].astype(np.float64)  # None becomes NaN
    with path.open("wb") as stream:
        np.savez_compressed(stream, **columns)


def load_samples(path: Path) -> list[Sample]:
    """Read what `save_samples` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        columns = [stored[f.name] for f in fields(Sample)]
    return [
        Sample(str(name), int(seed), None if np.isnan(known) else float(known), float(per), values)
        for name, seed, known, per, values in zip(*columns, strict=True)
    ]


def _samples_of(_models: object, seed: int) -> list[Sample]:
    return [sample for name in CLASSES for sample in samples_of(name, seed)]


def samples_of(name: str, seed: int) -> Iterator[Sample]:
    """Yield the fingerprints of one scene, those that could be made."""
    empty = name == NO_STRUCTURE
    scene = simulate_scene(
        seed,
        SceneOptions(
            structure=CLASSES[0] if empty else name,
            empty_share=1.0 if empty else 0.0,
            imperfect=seed % 4 != 0,
            kinetics=("any", "merged")[seed // 4 % 2],
            stray=name == "microtubules" and seed // 8 % 2 == 1,
            with_widefield=False,
        ),
    )
    rng = np.random.default_rng([seed, 0xD0])
    for _ in range(BLOCKS):
        density = float(np.exp(rng.uniform(*np.log(DENSITIES))))
        found = _of_noise(scene, rng) if empty else _of_block(scene, density, rng)
        if found is not None:
            known = None if empty else density
            yield Sample(name, seed, known, found.density_per_um2, found.values)


def _of_block(scene: Scene, density: float, rng: np.random.Generator) -> Fingerprint | None:
    if scene.per_unit < 1.2 * density:
        return None
    start, stop = block_of_density(scene, density, rng)
    frame = scene.localizations.frame
    return _describe(scene, (frame >= start) & (frame < stop))


def _of_noise(scene: Scene, rng: np.random.Generator) -> Fingerprint | None:
    """Of consecutive localizations of a scene without structure: from 300 to all of them."""
    total = len(scene.localizations)
    number = int(np.exp(rng.uniform(np.log(300), np.log(total)))) if total > 300 else total
    first = int(rng.integers(0, total - number + 1))
    rows = np.arange(total)
    return _describe(scene, (rows >= first) & (rows < first + number))


def _describe(scene: Scene, chosen: NDArray[np.bool_]) -> Fingerprint | None:
    counts, _ = render(scene.localizations.select(chosen), scene.grid)
    return fingerprint(counts, scene.grid.pixel_nm)
