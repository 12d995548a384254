"""Simulated fields to calibrate and evaluate on: consecutive frames at a stated density."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annapalm.render import render
from annapalm_export.evaluate.field import EvalField
from annapalm_export.simulate import Scene, SceneOptions, simulate_scene
from annapalm_export.simulate.files import block_of_density

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DENSITIES_PER_UM = (5.0, 10.0, 20.0, 50.0)
"""Localizations per µm of filament; 20 is about 300 frames of the published acquisitions."""
SHORTEST_UM = 60.0
"""Scenes with less filament (mostly outside the cell) are passed over: nothing to score."""


def simulated_fields(
    density_per_um: float, seeds: Iterable[int], number: int, *, with_widefield: bool
) -> Iterator[EvalField]:
    """Yield `number` fields of 12.8 x 12.8 µm at so many localizations per µm of filament.

    The same seeds give the same fields; the seeds of scenes with too little filament, or with less
    than twice the localizations asked for, are passed over. Raises `ValueError` when they run out.
    """
    made = 0
    for seed in seeds:
        scene = simulate_scene(seed, SceneOptions(empty_share=0.0, with_widefield=with_widefield))
        if scene.length_um < SHORTEST_UM or _held_per_um(scene) < 2 * density_per_um:
            continue
        made += 1
        yield make_field(scene, density_per_um, seed)
        if made == number:
            return
    message = f"only {made} of {number} fields could be made from the seeds given"
    raise ValueError(message)


def make_field(scene: Scene, density_per_um: float, seed: int) -> EvalField:
    """Cut consecutive frames out of a scene; `seed` chooses when the block begins."""
    start, stop = block_of_density(scene, density_per_um, np.random.default_rng(seed))
    locs = scene.localizations
    block = (locs.frame >= start) & (locs.frame < stop)
    counts, _ = render(locs.select(block), scene.grid)
    share = float((block & scene.from_structure).sum()) / max(int(scene.from_structure.sum()), 1)
    return EvalField(
        name=f"microtubules-{seed}-{density_per_um:g}",
        counts=counts,
        widefield=scene.widefield,
        truth=(scene.rate * share).astype(np.float32),
        centre_lines=scene.centre_lines,
        density_per_um=density_per_um,
        grid=scene.grid,
    )


def _held_per_um(scene: Scene) -> float:
    return float(scene.from_structure.sum()) / scene.length_um
