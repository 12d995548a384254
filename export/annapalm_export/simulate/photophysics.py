"""Fluorophores in time: which emitter is localized in which frame, where, and how precisely.

An emitter is activated once, then switches on in a number of bursts (geometric) separated by dark
times (exponential), each burst lasting some frames (geometric); after its last burst it has
bleached. So a short block of consecutive frames shows few emitters, each of them several times:
this, and not a random thinning, is what a sparse acquisition looks like.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Photophysics:
    """Kinetics and brightness of one fluorophore in one buffer."""

    frames: int
    """Length of the acquisition."""
    bursts_per_emitter: float
    """Mean, >= 1, of a geometric distribution."""
    frames_per_burst: float
    """Mean number of frames, >= 1, in which a burst is localized."""
    dark_frames: float
    """Mean dark time between two bursts of an emitter, in frames."""
    decay_frames: float
    """Activations fall off as exp(-t / decay_frames); inf for none."""
    photons: float
    """Median photons per localization (log-normal, sigma 0.5)."""
    precision_at_1000_nm: float
    """Localization precision at 1,000 photons; falls as the square root of photons."""
    stationary: bool = False
    """Bursts come at any time of the acquisition, as many at its end as at its beginning, and no
    emitter bleaches (PAINT: labels are exchanged). `dark_frames` and `decay_frames` then mean
    nothing."""

    @property
    def localizations_per_emitter(self) -> float:
        """Mean, before the end of the acquisition cuts any."""
        return self.bursts_per_emitter * self.frames_per_burst


@dataclass(frozen=True, slots=True)
class Events:
    """Localizations of a set of emitters, unordered; all arrays of length M."""

    xy_nm: NDArray[np.float64]
    """float64 [M, 2]: true place plus localization error."""
    frame: NDArray[np.int64]
    precision_nm: NDArray[np.float64]
    photons: NDArray[np.float64]
    emitter: NDArray[np.int64]

    def select(self, rows: NDArray[np.bool_]) -> Events:
        """Keep some events: bool [M]."""
        return Events(*(getattr(self, f.name)[rows] for f in fields(self)))

    def moved(self, by_nm: NDArray[np.float64]) -> Events:
        """Move each event: float64 [M, 2]."""
        return replace(self, xy_nm=self.xy_nm + by_nm)

    def joined(self, others: Events) -> Events:
        """Put others behind these; their emitters are counted on."""
        count = int(self.emitter.max()) + 1 if len(self.emitter) else 0
        behind = replace(others, emitter=others.emitter + count)
        pairs = ((getattr(self, f.name), getattr(behind, f.name)) for f in fields(self))
        return Events(*(np.concatenate(pair) for pair in pairs))


def blink(
    rng: np.random.Generator, emitters_nm: NDArray[np.float64], physics: Photophysics
) -> Events:
    """Let the emitters float64 [E, 2] blink and localize every frame in which one is on."""
    if physics.stationary:
        bursts = rng.poisson(physics.bursts_per_emitter, len(emitters_nm))
        start = rng.random(int(bursts.sum())) * physics.frames
    else:
        bursts = rng.geometric(1 / physics.bursts_per_emitter, len(emitters_nm))
        start = _burst_starts(rng, bursts, physics)
    emitter = np.repeat(np.arange(len(emitters_nm)), bursts)
    length = rng.geometric(1 / physics.frames_per_burst, len(emitter))
    seen = start < physics.frames
    emitter, start, length = emitter[seen], start[seen], length[seen]
    within = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    frame = np.repeat(start.astype(np.int64), length) + within
    emitter = np.repeat(emitter, length)
    kept = frame < physics.frames
    emitter, frame = emitter[kept], frame[kept]
    photons = physics.photons * np.exp(rng.normal(0, 0.5, len(frame)))
    precision = np.clip(physics.precision_at_1000_nm * np.sqrt(1000 / photons), 2.0, 40.0)
    error = rng.standard_normal((len(frame), 2)) * precision[:, None]
    return Events(emitters_nm[emitter] + error, frame, precision, photons, emitter)


def _burst_starts(
    rng: np.random.Generator, bursts: NDArray[np.int64], physics: Photophysics
) -> NDArray[np.float64]:
    """Frame at which each burst begins, float64 [sum of bursts], grouped by emitter."""
    activation = _activation_times(rng, len(bursts), physics)
    gaps = rng.exponential(physics.dark_frames, int(bursts.sum()))
    first = np.cumsum(bursts) - bursts
    gaps[first] = 0
    since = np.cumsum(gaps)
    starts: NDArray[np.float64] = np.repeat(activation - since[first], bursts) + since
    return starts


def _activation_times(
    rng: np.random.Generator, count: int, physics: Photophysics
) -> NDArray[np.float64]:
    """Draw times in [0, frames) from the decaying activation rate by inversion."""
    uniform = rng.random(count)
    if not np.isfinite(physics.decay_frames):
        return uniform * physics.frames
    whole = -np.expm1(-physics.frames / physics.decay_frames)
    times: NDArray[np.float64] = -physics.decay_frames * np.log1p(-uniform * whole)
    return times
