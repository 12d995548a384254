"""Simulated fields to calibrate and evaluate on: consecutive frames at a stated density."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

from annapalm.grid import Grid
from annapalm.render import inside, render
from annapalm.widefield.resample import resample
from annapalm_export.evaluate.field import EvalField
from annapalm_export.seeds import TooFewSeedsError
from annapalm_export.simulate import Scene, SceneOptions, simulate_scene
from annapalm_export.simulate.files import block_of_density
from annapalm_export.simulate.structures import structure_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from annapalm.localizations import Localizations
    from annapalm.render import RateImage

DENSITIES = (5.0, 10.0, 20.0, 50.0)
"""Localizations per unit of structure: µm of filament or axon, pore, 0.1 µm² of membrane; 20 per µm
is about 300 frames of the published acquisitions of microtubules."""
STANDARD_FIELD_UM = 12.8
"""Side of the field for which `Structure.least_amount` is stated."""
_JITTER = 0x71
_DRIFT = 0x72
"""Jitter and drift come from generators of their own: with and without, the frames are the same."""


def simulated_fields(
    density: float,
    seeds: Iterable[int],
    number: int,
    *,
    with_widefield: bool,
    options: SceneOptions | None = None,
) -> Iterator[EvalField]:
    """Yield `number` fields with so many localizations per unit of structure.

    `options` are those of the scenes (microtubules if left out); their `empty_share` is taken as 0
    and their `with_widefield` is `with_widefield`. Raises `TooFewSeedsError` when the seeds run
    out.
    """
    made = 0
    for seed, scene in scored_scenes(density, seeds, options, with_widefield=with_widefield):
        made += 1
        yield make_field(scene, density, seed)
        if made == number:
            return
    raise TooFewSeedsError(f"{made} fields of {number} at {density:g} localizations per unit")


def fields_of_densities(
    densities: Sequence[float],
    seeds: Iterable[int],
    number: int,
    *,
    options: SceneOptions | None = None,
) -> Iterator[EvalField]:
    """Yield `number` fields of each density, with widefield images, scene by scene.

    The same fields as from one call of `simulated_fields` for each density; a scene is simulated
    once for all of them. Raises `TooFewSeedsError` when the seeds run out.
    """
    missing = dict.fromkeys(densities, number)
    for seed, scene in scored_scenes(min(densities), seeds, options):
        for density in densities:
            if missing[density] and scene.per_unit >= 2 * density:
                missing[density] -= 1
                yield make_field(scene, density, seed)
        if not any(missing.values()):
            return
    counted = ", ".join(f"{number - left} at {density:g}" for density, left in missing.items())
    raise TooFewSeedsError(f"{counted} localizations per unit, of {number} each")


def scored_scenes(
    density: float,
    seeds: Iterable[int],
    options: SceneOptions | None = None,
    *,
    with_widefield: bool = True,
) -> Iterator[tuple[int, Scene]]:
    """Yield the seeds, and their scenes, that can be scored at `density`.

    The same seeds give the same scenes. Those with too little structure (mostly outside the cell:
    nothing to score), or with less than twice the localizations asked for, are passed over.
    """
    wanted = _scored_options(options or SceneOptions(), with_widefield=with_widefield)
    least = structure_named(wanted.structure).least_amount
    least *= (wanted.field_um / STANDARD_FIELD_UM) ** 2
    for seed in seeds:
        scene = simulate_scene(seed, wanted)
        if scene.amount >= least and scene.per_unit >= 2 * density:
            yield seed, scene


def _scored_options(options: SceneOptions, *, with_widefield: bool) -> SceneOptions:
    """Change the options of training into those of a field that is scored: never an empty one."""
    return replace(options, empty_share=0.0, with_widefield=with_widefield)


def make_field(
    scene: Scene,
    density: float,
    seed: int,
    *,
    pixel_nm: float | None = None,
    jitter_nm: float = 0.0,
    drift_nm: float = 0.0,
) -> EvalField:
    """Cut consecutive frames out of a scene; `seed` chooses when the block begins.

    `pixel_nm` renders onto other pixels than the scene's; its truth is then averaged over them,
    drawn in straight lines between the centres of the scene's pixels. `jitter_nm` moves every
    localization by a Gaussian of that standard deviation, as a worse precision would, and blurs
    the truth alike: the rate of the localizations that there are. `drift_nm` moves them steadily,
    in a direction of the seed's, by so much from the block's first frame to its last; the truth
    stays where the sample was halfway, for a drift is no property of it.
    """
    start, stop = block_of_density(scene, density, np.random.default_rng(seed))
    locs = scene.localizations
    block = (locs.frame >= start) & (locs.frame < stop)
    share = float((block & scene.from_structure).sum()) / max(int(scene.from_structure.sum()), 1)
    seen, truth, grid = locs.select(block), (scene.rate * share).astype(np.float32), scene.grid
    if jitter_nm:
        seen = _jittered(seen, jitter_nm, seed)
        truth = gaussian_filter(truth, jitter_nm / grid.pixel_nm, mode="reflect")
    if pixel_nm is not None and pixel_nm != grid.pixel_nm:
        truth, grid = _on_pixels(truth, grid, pixel_nm)
    if drift_nm:
        seen = _drifting(seen, drift_nm, seed)
    if jitter_nm or drift_nm:
        seen = seen.select(inside(seen, grid))  # a camera sees no others
    counts, _ = render(seen, grid)
    return EvalField(
        name=f"{scene.structure}-{seed}-{density:g}",
        counts=counts,
        widefield=scene.widefield,
        truth=truth,
        centre_lines=scene.truth.centre_lines,
        density=density,
        grid=grid,
        structure=scene.structure,
        unit=scene.unit,
        rings=scene.truth.rings,
        localizations=seen,
        period_nm=scene.truth.period_nm,
    )


def _jittered(locs: Localizations, jitter_nm: float, seed: int) -> Localizations:
    """Move each localization at random; its stated precision says so, as that of a fit would."""
    move = np.random.default_rng([seed, _JITTER]).normal(0, jitter_nm, (2, len(locs)))
    stated = None if locs.precision_nm is None else np.hypot(locs.precision_nm, jitter_nm)
    return replace(locs, x_nm=locs.x_nm + move[0], y_nm=locs.y_nm + move[1], precision_nm=stated)


def _drifting(locs: Localizations, drift_nm: float, seed: int) -> Localizations:
    """Move localizations by their time: half of `drift_nm` back at first, as much on at last."""
    angle = np.random.default_rng([seed, _DRIFT]).uniform(0, 2 * np.pi)
    time = (locs.frame - locs.frame.min()) / max(int(np.ptp(locs.frame)), 1) - 0.5
    moved = drift_nm * time
    return replace(
        locs, x_nm=locs.x_nm + moved * np.cos(angle), y_nm=locs.y_nm + moved * np.sin(angle)
    )


def _on_pixels(truth: RateImage, grid: Grid, pixel_nm: float) -> tuple[RateImage, Grid]:
    """Bring a rate per pixel of `grid` onto pixels of another size over the same field."""
    rows, columns = (int(n * grid.pixel_nm // pixel_nm) for n in grid.shape)
    y, x = (np.arange(n + 1, dtype=np.float64) * pixel_nm for n in (rows, columns))
    rate = resample(truth, grid.pixel_nm, (y, x)) * np.float32((pixel_nm / grid.pixel_nm) ** 2)
    return np.maximum(rate, np.float32(0)), Grid(pixel_nm, grid.origin_nm, (rows, columns))
