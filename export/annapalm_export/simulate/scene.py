"""A whole simulated acquisition with known truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm.grid import DEFAULT_PIXEL_NM, Grid
from annapalm.localizations import Localizations
from annapalm_export.simulate.background import place_background
from annapalm_export.simulate.filaments import grow
from annapalm_export.simulate.labelling import (
    MICROTUBULE_RADIUS_NM,
    Label,
    noise_free_rate,
    place_emitters,
    unevenness,
)
from annapalm_export.simulate.photophysics import Events, Photophysics, blink
from annapalm_export.simulate.widefield import take_widefield

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.render import RateImage
    from annapalm.widefield import WidefieldImage

MAX_LOCALIZATIONS = 400_000
"""Bound on one scene's table: denser scenes only repeat what these teach, and cost memory."""


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
    filament_per_um: float | None = None
    """µm of filament per µm²; None draws 0.5 to 6."""


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
    centre_lines: list[NDArray[np.float64]]
    """True filaments, float64 [K, 2] each, (x, y) in nm."""
    length_um: float
    """Length of filament in the field."""
    widefield: WidefieldImage | None
    grid: Grid
    parameters: dict[str, float]
    """What was drawn from the seed, for the record."""


def draw_physics(
    rng: np.random.Generator, frames: int, localizations_per_um: float
) -> Photophysics:
    """Draw kinetics between single events (PALM, PAINT) and many clustered bursts (dSTORM).

    Ranges as DESIGN.md section 6 found to close the gap to real acquisitions. An emitter gives at
    most so many localizations that 25 emitters per µm remain: labels are not sparser than that.
    """
    most = max(localizations_per_um / 25, 1.0)
    per_burst = rng.uniform(1.0, min(3.5, max(most, 1.01)))
    bursts = np.exp(rng.uniform(0, np.log(np.clip(most / per_burst, 1.01, 12))))
    decay = np.inf if rng.random() < 0.4 else frames * np.exp(rng.uniform(np.log(0.3), np.log(3)))
    return Photophysics(
        frames=frames,
        bursts_per_emitter=float(bursts),
        frames_per_burst=float(per_burst),
        dark_frames=float(np.exp(rng.uniform(np.log(30), np.log(6000)))),
        decay_frames=float(decay),
        photons=float(np.exp(rng.uniform(np.log(400), np.log(5000)))),
        precision_at_1000_nm=float(rng.uniform(7, 18)),
    )


def simulate_scene(seed: int, options: SceneOptions | None = None) -> Scene:
    """Simulate one field of microtubules; the same seed and options give the same scene."""
    options = options or SceneOptions()
    rng = np.random.default_rng(seed)
    field_nm = options.field_um * 1000
    grid = Grid.over((0, 0, field_nm, field_nm), DEFAULT_PIXEL_NM)
    drawn = float(np.exp(rng.uniform(np.log(0.5), np.log(6))))
    filaments = grow(rng, field_nm, per_um=options.filament_per_um or drawn)
    if rng.random() < options.empty_share:
        filaments.inside[:] = False
    label = Label(MICROTUBULE_RADIUS_NM + rng.uniform(0, 15), rng.uniform(2, 7))
    length_um = filaments.length_um(field_nm)
    per_um = float(np.exp(rng.uniform(np.log(150), np.log(1000))))
    per_um = min(per_um, MAX_LOCALIZATIONS / max(length_um, 1))
    physics = draw_physics(rng, options.frames, per_um)
    weight = unevenness(rng, filaments)
    emitters = place_emitters(
        rng, filaments, weight, per_um / physics.localizations_per_emitter, label
    )
    structure = blink(rng, emitters, physics)
    background, share = _background(rng, emitters, physics, len(structure.frame), field_nm)
    locs, from_structure = _table(structure, background, field_nm)
    precision = float(np.sqrt(np.mean(structure.precision_nm**2))) if len(emitters) else 10.0
    shape = noise_free_rate(filaments, weight, grid, float(np.hypot(label.spread_nm, precision)))
    # Bursts that the end of the acquisition cuts are the same share everywhere.
    rate = shape * np.float32(from_structure.sum() / max(float(shape.sum()), 1e-9))
    psf_nm = rng.uniform(100, 150)
    widefield = None
    if options.with_widefield:
        dyes = noise_free_rate(filaments, weight, grid, label.spread_nm)
        haze = _haze(background, grid, float(dyes.sum()) * share)
        widefield = take_widefield(rng, dyes, haze, grid, rng.uniform(65, 160), psf_nm)
    return Scene(
        localizations=locs,
        from_structure=from_structure,
        rate=rate.astype(np.float32),
        centre_lines=filaments.centre_lines(),
        length_um=length_um,
        widefield=widefield,
        grid=grid,
        parameters={
            "localizations_per_um": per_um,
            "bursts_per_emitter": physics.bursts_per_emitter,
            "frames_per_burst": physics.frames_per_burst,
            "dark_frames": physics.dark_frames,
            "decay_frames": physics.decay_frames if np.isfinite(physics.decay_frames) else 0.0,
            "precision_nm": precision,
            "label_spread_nm": label.spread_nm,
            "background_share": share,
            "psf_sigma_nm": float(psf_nm),
        },
    )


def _background(
    rng: np.random.Generator,
    emitters: NDArray[np.float64],
    physics: Photophysics,
    structural: int,
    field_nm: float,
) -> tuple[Events, float]:
    """Background events from almost none to dense; single events or bursts of sticking dyes."""
    share = float(np.exp(rng.uniform(np.log(0.005), np.log(0.8))))
    wanted = share * structural if structural else rng.uniform(2_000, 60_000)
    single = Photophysics(
        physics.frames,
        float(rng.choice([1.0, physics.bursts_per_emitter])),
        physics.frames_per_burst,
        physics.dark_frames,
        physics.decay_frames,
        physics.photons * float(rng.uniform(0.4, 1.0)),
        physics.precision_at_1000_nm,
    )
    number = rng.poisson(wanted / single.localizations_per_emitter)
    places = place_background(rng, int(number), field_nm, emitters)
    return blink(rng, places, single), share


def _table(
    structure: Events, background: Events, field_nm: float
) -> tuple[Localizations, NDArray[np.bool_]]:
    """Join the events inside the field into one table sorted by frame, and say which are which."""
    xy = np.concatenate([structure.xy_nm, background.xy_nm])
    frame = np.concatenate([structure.frame, background.frame])
    origin = np.arange(len(xy)) < len(structure.frame)
    inside = np.flatnonzero(((xy >= 0) & (xy < field_nm)).all(axis=1))
    rows = inside[np.argsort(frame[inside], kind="stable")]
    return Localizations(
        x_nm=xy[rows, 0].copy(),
        y_nm=xy[rows, 1].copy(),
        frame=frame[rows],
        precision_nm=np.concatenate([structure.precision_nm, background.precision_nm])[rows],
        photons=np.concatenate([structure.photons, background.photons])[rows],
        field_nm=(field_nm, field_nm),
    ), origin[rows]


def _haze(background: Events, grid: Grid, mass: float) -> RateImage:
    """Light of the background's dyes on `grid`, scaled to `mass` (float32 [Y, X])."""
    from annapalm.render import render

    xy = background.xy_nm
    counts, _ = render(Localizations(xy[:, 0].copy(), xy[:, 1].copy(), background.frame), grid)
    return counts * np.float32(mass / max(float(counts.sum()), 1.0))
