"""The membrane-periodic skeleton: rings of label around axons, seen from above as stripes.

Ranges and their sources: `docs/structures/spectrin.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm.errors import InvalidValueError
from annapalm_export.simulate.filaments import (
    MARGIN_NM,
    STEP_NM,
    Filaments,
    ornstein_uhlenbeck,
)
from annapalm_export.simulate.structures.geometry import Points, Truth

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm_export.simulate.structures.geometry import StructureOptions

RADIUS_NM = (100.0, 1000.0)
"""Radii of axons, everywhere along them."""
MOST_PER_UM2 = 3.0
"""µm of axon per µm²: with more, even the thinnest axons would cover the field."""
_MOST_COVERED = 0.6
"""Share of the field that axons of the scene's radius would cover side by side."""
_ARC_NM = 25.0
"""Distance of points around a ring; with the spread of any label it leaves no gap to be seen."""
_KEPT_NM = 300.0
"""Points farther from the field than that reach no pixel of it."""


@dataclass(frozen=True, slots=True)
class Spectrin:
    """The spectrin lattice's `Structure`."""

    name: str = "spectrin"
    unit: str = "µm of axon"
    least_amount: float = 6.0
    per_unit: tuple[float, float] = (150.0, 1500.0)
    emitters_per_unit: float = 60.0

    def draw(self, rng: np.random.Generator, field_nm: float, options: StructureOptions) -> Points:
        """Lay axons across the square field, with rings of label at one period.

        About `amount_per_um2` µm of axon per µm² (`InvalidValueError` above `MOST_PER_UM2`),
        but always one axon at least. `amount` is the length of all axes within the field;
        `Truth.centre_lines` are these axes, up to 1.5 µm beyond it, with the stretches whose
        rings are in disorder. Dendrite-like neurites carry label but count in neither.
        """
        asked = options.amount_per_um2
        if asked is not None and asked > MOST_PER_UM2:
            raise InvalidValueError(
                "amount_per_um2", asked, f"at most {MOST_PER_UM2:g} for {self.name}"
            )
        empty = rng.random() < options.empty_share
        drawn = float(np.exp(rng.uniform(np.log(0.08), np.log(0.8))))
        period = float(rng.uniform(180, 200))
        antibodies = rng.random() < 0.7
        # A displacement of so many nm in any direction, hence by 1 / sqrt(3) along each axis.
        spread = float(rng.uniform(10, 20) if antibodies else rng.uniform(2, 6)) / np.sqrt(3)
        if empty:
            nothing = np.empty(0)
            return Points(np.empty((0, 2)), nothing, nothing, spread, 0.0, Truth())
        neurites = _lay(rng, field_nm, asked or drawn)
        points, mass = _ring_labels(rng, neurites, period)
        seen = (np.abs(points[:, :2] - field_nm / 2) < field_nm / 2 + _KEPT_NM).all(axis=1)
        points, mass = points[seen], mass[seen]
        axons = neurites.axons()
        return Points(
            xy_nm=points[:, :2],
            z_nm=points[:, 2] if options.depth else np.zeros(len(points)),
            mass=mass,
            spread_nm=spread,
            amount=axons.length_um(field_nm),
            truth=Truth(centre_lines=axons.centre_lines(), period_nm=period),
        )


SPECTRIN = Spectrin()


@dataclass(frozen=True, slots=True, eq=False)
class _Neurites:
    """Axons and dendrites of a scene: F paths of K points each."""

    axes: Filaments
    radius_nm: NDArray[np.float64]
    """float64 [F, K]."""
    is_axon: NDArray[np.bool_]
    """bool [F]."""

    def axons(self) -> Filaments:
        """Return the axes of axons alone."""
        rows, axes = self.is_axon, self.axes
        return Filaments(axes.xy_nm[rows], axes.inside[rows], axes.z_nm[rows])


def _lay(rng: np.random.Generator, field_nm: float, per_um: float) -> _Neurites:
    """Lay axons, and in some scenes dendrites, as isotropic or aligned curves across the field.

    `per_um` µm of axon per µm² are lines of which 2 R per_um hit a circle of radius R. The
    first is put across the field, where it is 1.05 fields long on average.
    """
    reach = field_nm / np.sqrt(2) + MARGIN_NM
    more = 2 * reach / 1000 * per_um - 1.05 * 2 * reach / field_nm
    axons = 1 + int(rng.poisson(max(more, 0.0)))
    dendrites = int(rng.integers(1, 3)) if rng.random() < 0.2 else 0
    count = axons + dendrites
    heading = rng.uniform(0, 2 * np.pi, count)
    if rng.random() < 0.35:  # a tract
        heading = heading[0] + rng.normal(0, rng.uniform(0.03, 0.3), count)
    beside = rng.uniform(-reach, reach, count)
    beside[0] = rng.uniform(-0.35, 0.35) * field_nm
    paths = _curves(rng, heading, beside, reach) + field_nm / 2
    x, y = np.moveaxis(np.abs(paths - field_nm / 2) < field_nm / 2 + MARGIN_NM, 2, 0)
    is_axon = np.arange(count) < axons
    radius = _radii(rng, is_axon, per_um, paths.shape[1])
    # Neurites lie on the coverslip; the focus is between it and the axis of the middle one.
    focus = rng.uniform(0, 1) * min(float(np.median(radius)), 500.0)
    lift = rng.normal(0, 50, (count, 1)) + 60 * ornstein_uhlenbeck(rng, radius.shape, 75.0)
    return _Neurites(Filaments(paths, x & y, radius - focus + lift), radius, is_axon)


def _curves(
    rng: np.random.Generator,
    heading: NDArray[np.float64],
    beside: NDArray[np.float64],
    reach: float,
) -> NDArray[np.float64]:
    """Grow smooth paths, [F, K, 2], in both directions from the point nearest to the origin."""
    half = int(1.6 * reach / STEP_NM)
    bend = np.exp(rng.uniform(np.log(0.02), np.log(0.1)))  # rms curvature, per µm
    memory = rng.uniform(2.0, 6.0) * 1000 / STEP_NM
    # The tightest bend, of 2 µm, is twice the radius of the thickest axon.
    curvature = bend * ornstein_uhlenbeck(rng, (len(heading), 2 * half + 1), memory)
    turned = np.cumsum(np.clip(curvature, -0.5, 0.5), axis=1) * STEP_NM / 1000
    angle = heading[:, None] + turned - turned[:, [half]]
    paths = np.cumsum(np.stack([np.cos(angle), np.sin(angle)], axis=-1) * STEP_NM, axis=1)
    across = np.column_stack([-np.sin(heading), np.cos(heading)])
    grown: NDArray[np.float64] = paths - paths[:, [half]] + (beside[:, None] * across)[:, None]
    return grown


def _radii(
    rng: np.random.Generator, is_axon: NDArray[np.bool_], per_um: float, steps: int
) -> NDArray[np.float64]:
    """Radii in nm, [F, K]: one size of axon per scene, varied between and along them."""
    widest = np.clip(_MOST_COVERED / 2 / per_um * 1000, 1.1 * RADIUS_NM[0], RADIUS_NM[1])
    # Thin axons are the rule in culture: the median of the scenes is 230 nm where it can be.
    typical = RADIUS_NM[0] * (widest / RADIUS_NM[0]) ** (rng.random() ** 1.5)
    middle = np.where(is_axon, typical, rng.uniform(400, 1000))
    each = middle * np.exp(rng.normal(0, 0.2, len(is_axon)))
    along = rng.uniform(0.02, 0.2) * ornstein_uhlenbeck(
        rng, (len(is_axon), steps), rng.uniform(1, 4) * 1000 / STEP_NM
    )
    radii: NDArray[np.float64] = np.clip(each[:, None] * np.exp(along), *RADIUS_NM)
    return radii


@dataclass(frozen=True, slots=True, eq=False)
class _Rings:
    """The rings of all neurites in one list, n of them."""

    neurite: NDArray[np.int64]
    """int64 [n]: row of the path."""
    along_nm: NDArray[np.float64]
    """float64 [n]: arc length of the ring's centre on the path."""
    radius_nm: NDArray[np.float64]
    weight: NDArray[np.float64]
    """float64 [n]: relative density of label on the ring; 0 where it is missing."""
    ordered: NDArray[np.bool_]
    """bool [n]: false where the lattice is lost and the label lies anywhere between the rings."""


def _draw_rings(rng: np.random.Generator, neurites: _Neurites, period: float) -> _Rings:
    """Draw where the rings are, which are missing, and where there is no order."""
    from scipy.ndimage import gaussian_filter1d

    count, steps = neurites.radius_nm.shape
    length = (steps - 1) * STEP_NM
    number = int(length / period)
    gap = period + rng.normal(0, rng.uniform(2, 8), (count, number))
    along = np.cumsum(gap, axis=1) - gap[:, :1] + rng.uniform(0, period, (count, 1))
    along += rng.normal(0, rng.uniform(2, 10), (count, number))
    at = np.clip((along / STEP_NM).astype(np.int64), 0, steps - 1)
    row = np.broadcast_to(np.arange(count)[:, None], at.shape)
    there = neurites.axes.inside[row, at] & (along >= 0) & (along < length - STEP_NM)
    level = ornstein_uhlenbeck(rng, (count, steps), rng.uniform(1, 4) * 1000 / STEP_NM)
    level = gaussian_filter1d(level, 400 / STEP_NM, axis=1)  # order is lost for several rings
    disorder = rng.choice([np.inf, rng.uniform(0.8, 2.0)], p=[0.4, 0.6])
    ordered = (level[row, at] < disorder) & neurites.is_axon[:, None]
    weight = np.exp(rng.normal(0, rng.uniform(0.05, 0.5), at.shape))
    weight *= (rng.random(at.shape) >= rng.uniform(0, 0.15)) | ~ordered
    brightness = np.exp(rng.normal(0, 0.3, (count, 1)))
    # A dendrite is dim per µm, not only per area of its wider membrane.
    width = neurites.radius_nm.mean(axis=1, keepdims=True)
    brightness[~neurites.is_axon] *= width[0] / width[~neurites.is_axon]
    weight *= brightness * np.where(ordered, 1.0, rng.uniform(0.2, 0.8))
    return _Rings(
        row[there], along[there], neurites.radius_nm[row, at][there], weight[there], ordered[there]
    )


def _ring_labels(
    rng: np.random.Generator, neurites: _Neurites, period: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points on the rings: x, y, z [P, 3] in nm, and mass [P] in µm of evenly labelled axon.

    The mean mass of an axon, missing rings and dim stretches included, is its length.
    """
    rings = _draw_rings(rng, neurites, period)
    number = np.maximum(np.round(2 * np.pi * rings.radius_nm / _ARC_NM), 12).astype(np.int64)
    ring = np.repeat(np.arange(len(number)), number)
    turn = (np.arange(len(ring)) - np.repeat(np.cumsum(number) - number, number)) / number[ring]
    around = 2 * np.pi * (turn + rng.random(len(number))[ring])
    off = _off_plane(rng, rings, ring, around, period)
    clumps = np.exp(rng.uniform(np.log(1.0), np.log(8.0)))
    # Label per ring grows with its circumference, and so does the number of points on it.
    mass = rings.weight[ring] * rng.gamma(clumps, 1 / clumps, len(ring))
    points = _on_paths(neurites, rings.neurite[ring], rings.along_nm[ring] + off)
    points[:, :2] += points[:, 3:] * (rings.radius_nm[ring] * np.cos(around))[:, None]
    points[:, 2] += rings.radius_nm[ring] * np.sin(around)
    axon = neurites.is_axon[rings.neurite[ring]]
    length_um = float(neurites.axons().inside.sum()) * STEP_NM / 1000
    mass *= length_um / max(float(mass[axon].sum()), 1e-9)
    return points[mass > 0, :3], mass[mass > 0]


def _off_plane(
    rng: np.random.Generator,
    rings: _Rings,
    ring: NDArray[np.int64],
    around: NDArray[np.float64],
    period: float,
) -> NDArray[np.float64]:
    """Distance [P] in nm along the axon between a point and its ring's centre.

    Rings are slightly tilted and a little thick; a share of the label lies anywhere between
    two rings, and all of it where there is no order.
    """
    tilt = rng.normal(0, rng.uniform(0, 0.08), len(rings.weight)) * rings.radius_nm
    off = np.clip(tilt, -0.2 * period, 0.2 * period)[ring] * np.cos(
        around - rng.uniform(0, 2 * np.pi, len(tilt))[ring]
    )
    off += rng.normal(0, rng.uniform(3, 15), len(ring))
    stray = rng.random(len(ring)) < rng.uniform(0.02, 0.25)
    off = np.where(stray, period * rng.uniform(-0.5, 0.5, len(ring)), off)
    lost = ~rings.ordered[ring]
    off[lost] = rng.normal(0, period, int(lost.sum()))
    placed: NDArray[np.float64] = off
    return placed


def _on_paths(
    neurites: _Neurites, row: NDArray[np.int64], along_nm: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Interpolate x, y, z and the normal in the plane at arc lengths [P]: [P, 5]."""
    paths = neurites.axes.xy_nm
    step = np.diff(paths, axis=1, append=2 * paths[:, -1:] - paths[:, -2:-1])
    normal = np.stack([-step[..., 1], step[..., 0]], axis=-1) / STEP_NM
    known = np.concatenate([paths, neurites.axes.z_nm[..., None], normal], axis=-1)
    place = np.clip(along_nm / STEP_NM, 0, paths.shape[1] - 1.001)
    at = place.astype(np.int64)
    part = (place - at)[:, None]
    between: NDArray[np.float64] = known[row, at] * (1 - part) + known[row, at + 1] * part
    return between
