"""Kinetics of labels: presets for PALM, dSTORM, DNA-PAINT, from which each scene draws its own.

Ranges are between what different dyes, buffers, lasers and cameras give; `docs/simulation.md` has
the table with its sources.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annapalm.errors import InvalidValueError
from annapalm_export.simulate.photophysics import Photophysics


@dataclass(frozen=True, slots=True)
class Kinetics:
    """Ranges; all but `frames_per_burst` and precision are drawn log-uniformly."""

    frames_per_burst: tuple[float, float]
    """Mean frames in which one burst is localized."""
    bursts: tuple[float, float]
    """Mean bursts of an emitter before it has bleached (while a paint site is being watched)."""
    dark_frames: tuple[float, float]
    """Mean dark time between two bursts of an emitter."""
    decays: float
    """Share of scenes whose activations fall off in time, over 0.3 to 3 acquisitions: labels
    bleach, and not everybody turns up the activating laser to make up for it."""
    photons: tuple[float, float]
    """Median photons per localization (one frame's share of a burst)."""
    precision_at_1000_nm: tuple[float, float]
    """Precision at 1,000 photons, drawn evenly: Mortensen et al. 2010 (doi:10.1038/nmeth.1447) give
    7 nm for a PSF of 130 nm, pixels of 100 nm and a background of 20 photons per pixel, 18 nm for
    150 nm and 200 photons, and the square root of 2 more with an electron-multiplying camera."""
    stationary: bool = False
    """Emitters are exchanged and never bleach: bursts at any time (PAINT)."""

    def draw(
        self,
        rng: np.random.Generator,
        frames: int,
        per_unit: float,
        emitters_per_unit: float,
        *,
        exact: bool = False,
    ) -> Photophysics:
        """Draw the photophysics of one scene with `per_unit` localizations per unit of structure.

        At most so many localizations per emitter that `emitters_per_unit` remain: labels are not
        sparser than that. `exact`: the labels are counted (binding sites), so the bursts are as
        many as give `per_unit`, but within the preset's range times four.
        """
        most = max(per_unit / emitters_per_unit, 1.0)
        low, high = self.frames_per_burst
        per_burst = rng.uniform(low, min(high, max(most, low + 0.01)))
        least, top = self.bursts
        bursts = _log_uniform(rng, least, float(np.clip(most / per_burst, least + 0.01, top)))
        if exact:
            bursts = float(np.clip(most / per_burst, 1.0, 4 * top))
        decay = np.inf if rng.random() < 1 - self.decays else frames * _log_uniform(rng, 0.3, 3)
        return Photophysics(
            frames=frames,
            bursts_per_emitter=bursts,
            frames_per_burst=float(per_burst),
            dark_frames=_log_uniform(rng, *self.dark_frames),
            decay_frames=float(decay),
            photons=_log_uniform(rng, *self.photons),
            precision_at_1000_nm=float(rng.uniform(*self.precision_at_1000_nm)),
            stationary=self.stationary,
        )


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


KINETICS: dict[str, Kinetics] = {
    "any": Kinetics((1.0, 3.5), (1.0, 12.0), (30.0, 6000.0), 0.6, (400.0, 5000.0), (7.0, 18.0)),
    "palm": Kinetics((1.0, 3.0), (1.0, 4.0), (5.0, 300.0), 0.3, (150.0, 900.0), (8.0, 18.0)),
    "dstorm": Kinetics((1.0, 3.5), (2.0, 26.0), (300.0, 8000.0), 0.6, (600.0, 5000.0), (7.0, 20.0)),
    "paint": Kinetics(
        (1.5, 8.0),
        (1.0, 60.0),
        (500.0, 5000.0),
        0.0,
        (800.0, 15000.0),
        (7.0, 20.0),
        stationary=True,
    ),
    "merged": Kinetics((1.0, 1.3), (1.0, 12.0), (30.0, 6000.0), 0.6, (600.0, 10000.0), (7.0, 18.0)),
}
"""By name. "any" is what the microtubule models of version 1 were trained and scored on; its ranges
stay as they are, so that the published figures can be made again. "merged" is "any" after the
localizations of consecutive frames have been joined, as localization software offers to do: a burst
is one row, of the photons of several frames."""


def kinetics_named(name: str) -> Kinetics:
    """Find a preset; raises `InvalidValueError` with the known names."""
    if name not in KINETICS:
        raise InvalidValueError("kinetics", name, f"one of {', '.join(KINETICS)}")
    return KINETICS[name]
