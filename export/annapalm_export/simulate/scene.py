"""A whole simulated acquisition with known truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm.errors import InvalidValueError
from annapalm.grid import DEFAULT_PIXEL_NM, Grid
from annapalm.localizations import Localizations
from annapalm_export.simulate.acquisition import (
    Imperfections,
    acquire,
    missed_neighbours,
    remaining_share,
)
from annapalm_export.simulate.background import lead_astray, place_background
from annapalm_export.simulate.kinetics import kinetics_named
from annapalm_export.simulate.photophysics import Events, Photophysics, blink
from annapalm_export.simulate.structures import structure_named
from annapalm_export.simulate.structures.geometry import StructureOptions, Truth
from annapalm_export.simulate.treatments import treatment_named
from annapalm_export.simulate.widefield import take_widefield

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.render import RateImage
    from annapalm.widefield import WidefieldImage
    from annapalm_export.simulate.structures.geometry import Geometry

MAX_LOCALIZATIONS = 400_000
"""Bound on one scene's table: denser scenes only repeat what these teach, and cost memory."""

_EMPTY = (20_000, 400_000)
"""Localizations of a scene without structure: their density reaches that of the densest fields, for
beyond the densities it was shown a network takes crowded background for structure."""

_IMPERFECTIONS = 0x1A
"""Imperfections come from a generator of their own, so that with and without them a seed gives the
same structure and labels (actin and mitochondria, whose depth decides what is drawn: nearly)."""
_STRAY = 0x57
"""So does what goes astray."""


@dataclass(frozen=True, slots=True)
class SceneOptions:
    """What a simulation is asked for; the rest is drawn from the seed."""

    field_um: float = 12.8
    """Side of the square field of view, µm."""
    frames: int = 20_000
    """Length of the acquisition."""
    empty_share: float = 0.06
    """Share of scenes without any structure: background alone."""
    with_widefield: bool = True
    structure: str = "microtubules"
    """A name of `annapalm_export.simulate.structures.STRUCTURES`."""
    amount_per_um2: float | None = None
    """Units of the structure (µm of filament, pores, ...) per µm²; None draws it."""
    curvature_per_um: float | None = None
    """Root mean square curvature; of microtubules alone. None draws it."""
    kinetics: str = "any"
    """A name of `annapalm_export.simulate.kinetics.KINETICS`."""
    imperfect: bool = False
    """Drift residue, uneven illumination, a structure with depth and its defocus, and events lost
    to neighbours in the same frame."""
    stray: bool = False
    """A part of the localizations lies beside the structure and counts as background
    (`background.lead_astray`)."""
    treatment: str = "control"
    """A name of `annapalm_export.simulate.treatments.TREATMENTS`."""

    def __post_init__(self) -> None:
        """Refuse names that do not exist before anything is simulated."""
        structure_named(self.structure)
        kinetics_named(self.kinetics)
        treatment_named(self.treatment, self.structure)
        if self.curvature_per_um is not None and self.structure != "microtubules":
            must = f"None for {self.structure}: it is of microtubules alone"
            raise InvalidValueError("curvature_per_um", self.curvature_per_um, must)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One simulated acquisition."""

    localizations: Localizations
    """Sorted by frame."""
    from_structure: NDArray[np.bool_]
    """bool [N]: the localization comes from the structure, not from background."""
    rate: RateImage
    """Noise-free rate of the structure's localizations per pixel over the whole acquisition,
    float32 [Y, X] on `grid`; its sum is the number of structural localizations expected."""
    truth: Truth
    """Centre lines, rings, period: what the structure was drawn from."""
    structure: str
    unit: str
    """In what `amount` is counted."""
    amount: float
    """Units of the structure in the field: µm of filament, pores, ..."""
    widefield: WidefieldImage | None
    grid: Grid
    parameters: dict[str, float]
    """What was drawn from the seed, for the record."""

    @property
    def per_unit(self) -> float:
        """Structural localizations of the whole acquisition per unit of structure."""
        return float(self.from_structure.sum()) / max(self.amount, 1e-9)


def simulate_scene(seed: int, options: SceneOptions | None = None) -> Scene:
    """Simulate one field; the same seed and options give the same scene."""
    options = options or SceneOptions()
    rng = np.random.default_rng(seed)
    other = np.random.default_rng([seed, _IMPERFECTIONS])
    field_nm = options.field_um * 1000
    grid = Grid.over((0, 0, field_nm, field_nm), DEFAULT_PIXEL_NM)
    structure = structure_named(options.structure)
    wanted = StructureOptions(
        options.empty_share,
        options.amount_per_um2,
        options.curvature_per_um,
        options.imperfect,
        treatment_named(options.treatment, options.structure),
    )
    geometry = structure.draw(rng, field_nm, wanted)
    low, high = structure.per_unit
    per_unit = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    per_unit = min(per_unit, MAX_LOCALIZATIONS / max(geometry.amount, 1))
    counted = geometry.labels_per_unit
    physics = kinetics_named(options.kinetics).draw(
        rng,
        options.frames,
        per_unit,
        counted or structure.emitters_per_unit,
        exact=counted is not None,
    )
    emitters = geometry.label(rng, per_unit / physics.localizations_per_emitter)
    events = blink(rng, emitters[:, :2], physics)
    background, share = _background(rng, emitters[:, :2], physics, len(events.frame), field_nm)
    precision = float(np.sqrt(np.mean(events.precision_nm**2))) if len(events.frame) else 10.0
    flaws = Imperfections.draw(other) if options.imperfect else None
    if flaws is not None:
        events = acquire(other, events, emitters, flaws, field_nm, options.frames)
    strays = background
    if options.stray:
        events, astray = lead_astray(np.random.default_rng([seed, _STRAY]), events)
        strays = background.joined(astray)
    locs, from_structure, remaining = _table(events, strays, field_nm, flaws, other, grid)
    shape = _rate(geometry, grid, precision, flaws) * remaining
    # Bursts that the end of the acquisition cuts are the same share everywhere.
    rate = shape * np.float32(from_structure.sum() / max(float(shape.sum()), 1e-9))
    psf_nm = rng.uniform(100, 150)
    widefield = None
    if options.with_widefield:
        dyes = geometry.rate(grid, 0.0, None)
        haze = _haze(background, grid, float(dyes.sum()) * share)
        widefield = take_widefield(rng, dyes, haze, grid, rng.uniform(65, 160), psf_nm)
    return Scene(
        localizations=locs,
        from_structure=from_structure,
        rate=rate.astype(np.float32),
        truth=geometry.truth,
        structure=structure.name,
        unit=structure.unit,
        amount=geometry.amount,
        widefield=widefield,
        grid=grid,
        parameters={
            "localizations_per_unit": per_unit,
            "bursts_per_emitter": physics.bursts_per_emitter,
            "frames_per_burst": physics.frames_per_burst,
            "dark_frames": physics.dark_frames,
            "decay_frames": physics.decay_frames if np.isfinite(physics.decay_frames) else 0.0,
            "precision_nm": precision,
            "label_spread_nm": geometry.spread_nm,
            "background_share": share,
            "psf_sigma_nm": float(psf_nm),
            "drift_nm": flaws.drift_nm if flaws else 0.0,
            "illumination_at_corner": flaws.dim if flaws else 1.0,
        },
    )


def _rate(
    geometry: Geometry, grid: Grid, precision_nm: float, flaws: Imperfections | None
) -> RateImage:
    """Noise-free shape over the whole acquisition; `precision_nm` is that in focus."""
    if flaws is None:
        return geometry.rate(grid, precision_nm, None)
    shape = geometry.rate(grid, float(np.hypot(precision_nm, flaws.drift_nm)), flaws.focus)
    row, column = np.indices(grid.shape)
    centres = np.stack([column, row], axis=-1).astype(np.float64) * grid.pixel_nm
    centres += 0.5 * grid.pixel_nm
    side_nm = grid.shape[0] * grid.pixel_nm
    lit: RateImage = shape * flaws.illumination(centres, side_nm).astype(np.float32)
    return lit


def _background(
    rng: np.random.Generator,
    emitters: NDArray[np.float64],
    physics: Photophysics,
    structural: int,
    field_nm: float,
) -> tuple[Events, float]:
    """Background events from almost none to dense; single events or bursts of sticking dyes."""
    share = float(np.exp(rng.uniform(np.log(0.005), np.log(0.8))))
    wanted = share * structural if structural else np.exp(rng.uniform(*np.log(_EMPTY)))
    single = Photophysics(
        physics.frames,
        float(rng.choice([1.0, physics.bursts_per_emitter])),
        physics.frames_per_burst,
        physics.dark_frames,
        physics.decay_frames,
        physics.photons * float(rng.uniform(0.4, 1.0)),
        physics.precision_at_1000_nm,
        physics.stationary,
    )
    number = rng.poisson(wanted / single.localizations_per_emitter)
    places = place_background(rng, int(number), field_nm, emitters)
    return blink(rng, places, single), share


def _table(
    structure: Events,
    background: Events,
    field_nm: float,
    flaws: Imperfections | None,
    rng: np.random.Generator,
    grid: Grid,
) -> tuple[Localizations, NDArray[np.bool_], RateImage | np.float32]:
    """Join the events inside the field into one table sorted by frame.

    Returns it, which rows are the structure's, and the share of events [Y, X] (or 1) that were not
    lost to neighbours.
    """
    xy = np.concatenate([structure.xy_nm, background.xy_nm])
    frame = np.concatenate([structure.frame, background.frame])
    origin = np.arange(len(xy)) < len(structure.frame)
    inside = np.flatnonzero(((xy >= 0) & (xy < field_nm)).all(axis=1))
    remaining: RateImage | np.float32 = np.float32(1)
    if flaws is not None:
        lost = missed_neighbours(rng, xy[inside], frame[inside], flaws)
        remaining = remaining_share(xy[inside], lost, grid)
        inside = inside[~lost]
    rows = inside[np.argsort(frame[inside], kind="stable")]
    table = Localizations(
        x_nm=xy[rows, 0].copy(),
        y_nm=xy[rows, 1].copy(),
        frame=frame[rows],
        precision_nm=np.concatenate([structure.precision_nm, background.precision_nm])[rows],
        photons=np.concatenate([structure.photons, background.photons])[rows],
        field_nm=(field_nm, field_nm),
    )
    return table, origin[rows], remaining


def _haze(background: Events, grid: Grid, mass: float) -> RateImage:
    """Light of the background's dyes on `grid`, scaled to `mass` (float32 [Y, X])."""
    from annapalm.render import render

    xy = background.xy_nm
    counts, _ = render(Localizations(xy[:, 0].copy(), xy[:, 1].copy(), background.frame), grid)
    return counts * np.float32(mass / max(float(counts.sum()), 1.0))
