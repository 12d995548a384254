"""What a real acquisition adds: drift residue, uneven illumination, defocus, missed neighbours.

Everything that changes how often a place is localized changes the noise-free rate alike; what only
blurs (drift, defocus) blurs it too. So the truth stays what a long acquisition of the same sample
on the same microscope would show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm_export.simulate.focus import Focus
from annapalm_export.simulate.photophysics import Events

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.grid import Grid
    from annapalm.render import RateImage

_DRIFT_KNOTS = 40
"""Places in time between which the drift residue is a straight line: drift is corrected in blocks
of some hundred frames, and what is left wanders from block to block."""
_MISS_CELL_NM = 200.0
"""Scale on which the share of missed neighbours is measured and given to the truth."""


@dataclass(frozen=True, slots=True)
class Imperfections:
    """What one scene's acquisition does to it."""

    drift_nm: float
    """Standard deviation of the drift that correction leaves, per axis; 0 for none. Fiducials or
    cross-correlation leave some nm (Wang et al. 2014, doi:10.1364/OE.22.015982)."""
    dim: float
    """Illumination at the field's corners relative to that at its brightest place; 1 for even."""
    centre: tuple[float, float]
    """Brightest place, as a share of the field (x, y)."""
    focus: Focus
    neighbour_nm: float
    """Two events of one frame nearer than this are both lost to a single-emitter fitter, as far as
    `missed`; 0 for none. From the width of a PSF (about 250 nm) to the half width of a generous
    fitting window (5 to 7 camera pixels of 110 to 160 nm): `docs/simulation.md` has what real
    tables show."""
    missed: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Imperfections:
        """Draw from what well-kept microscopes show."""
        return cls(
            drift_nm=float(rng.choice([0.0, rng.uniform(2, 15)], p=[0.3, 0.7])),
            dim=float(rng.uniform(0.35, 1.0)),
            centre=(float(rng.uniform(0.2, 0.8)), float(rng.uniform(0.2, 0.8))),
            focus=Focus(float(rng.uniform(300, 500))),
            neighbour_nm=float(rng.uniform(250, 800)),
            missed=float(rng.uniform(0.6, 1.0)),
        )

    def illumination(self, xy_nm: NDArray[np.float64], field_nm: float) -> NDArray[np.float64]:
        """Relative chance that an event at (x, y) [M, 2] is localized: a Gaussian beam."""
        away = ((xy_nm / field_nm - np.asarray(self.centre)) ** 2).sum(axis=-1)
        lit: NDArray[np.float64] = self.dim ** (away / 0.5)
        return lit


def acquire(
    rng: np.random.Generator,
    events: Events,
    emitters_nm: NDArray[np.float64],
    imperfections: Imperfections,
    field_nm: float,
    frames: int,
) -> Events:
    """Lose events out of focus and in the dark, widen those out of focus, and let all drift.

    `emitters_nm` float64 [E, 3] are the true places that `events.emitter` counts.
    """
    home = emitters_nm[events.emitter]
    focus = imperfections.focus
    chance = imperfections.illumination(home[:, :2], field_nm) * focus.detected(home[:, 2])
    kept = rng.random(len(chance)) < chance
    wide = focus.widening(home[:, 2])
    precision = events.precision_nm * wide
    xy = home[:, :2] + (events.xy_nm - home[:, :2]) * wide[:, None]
    xy = xy + _drift(rng, events.frame, imperfections.drift_nm, frames)
    return Events(
        xy[kept],
        events.frame[kept],
        precision[kept],
        events.photons[kept],
        events.emitter[kept],
    )


def _drift(
    rng: np.random.Generator, frame: NDArray[np.int64], drift_nm: float, frames: int
) -> NDArray[np.float64]:
    """Displacement of each event, float64 [M, 2]: mean 0, `drift_nm` rms over the acquisition."""
    walk = np.cumsum(rng.normal(size=(_DRIFT_KNOTS, 2)), axis=0)
    # A corrected drift has no trend left: what wanders slowly is what was corrected.
    trend = np.linspace(0, 1, _DRIFT_KNOTS)[:, None]
    walk = walk - walk[:1] * (1 - trend) - walk[-1:] * trend
    walk = (walk - walk.mean(axis=0)) / max(float(walk.std()), 1e-9)
    time = np.linspace(0, frames, _DRIFT_KNOTS)
    moved = [np.interp(frame, time, walk[:, axis]) * drift_nm for axis in (0, 1)]
    return np.stack(moved, axis=1)


def missed_neighbours(
    rng: np.random.Generator,
    xy_nm: NDArray[np.float64],
    frame: NDArray[np.int64],
    imperfections: Imperfections,
) -> NDArray[np.bool_]:
    """Which events (x, y) [M, 2] are lost because another of the same frame overlaps: bool [M]."""
    from scipy.spatial import cKDTree

    if not len(xy_nm) or imperfections.neighbour_nm <= 0:
        return np.zeros(len(xy_nm), dtype=bool)
    # Frames are laid far apart along a third axis, so that one tree finds pairs within frames.
    # From 1 on: where denormal numbers are taken as 0, as in training, scipy's tree looks without
    # end (until the process dies) for the number next to a coordinate of 0 that many points share.
    far = 10 * imperfections.neighbour_nm
    tree = cKDTree(np.column_stack([xy_nm, (frame + 1) * far]))
    pairs = tree.query_pairs(imperfections.neighbour_nm, output_type="ndarray")
    close = np.zeros(len(xy_nm), dtype=bool)
    close[pairs.ravel()] = True
    lost: NDArray[np.bool_] = close & (rng.random(len(xy_nm)) < imperfections.missed)
    return lost


def remaining_share(xy_nm: NDArray[np.float64], lost: NDArray[np.bool_], grid: Grid) -> RateImage:
    """Share of events that are not lost, smooth over 0.2 µm: float32 [Y, X], 1 where none is."""
    from scipy.ndimage import gaussian_filter

    from annapalm_export.simulate.draw import splat

    sigma = _MISS_CELL_NM / grid.pixel_nm
    every = gaussian_filter(splat(xy_nm, np.ones(len(xy_nm)), grid), sigma, mode="reflect")
    gone = gaussian_filter(
        splat(xy_nm[lost], np.ones(int(lost.sum())), grid), sigma, mode="reflect"
    )
    share: RateImage = (1 - gone / np.maximum(every, 1e-6)).clip(0, 1).astype(np.float32)
    return share
