"""Centre lines of microtubules in a cell: curved, crossing, bundled, cut by the cell's edge.

A filament is a path whose curvature is an Ornstein-Uhlenbeck process along its length: smooth on
the scale of micrometres and now and then sharply bent, as microtubules in cells are (they buckle;
thermal bending alone, persistence length of millimetres, would leave them straight).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEP_NM = 40.0
"""Distance of two points of a centre line; the sagitta over one step is below 1 nm at the sharpest
bend simulated."""

MOST_CURVED = 2.0
"""Sharpest bend simulated, per µm: a radius of 0.5 µm."""

MARGIN_NM = 1500.0
"""Filaments are grown this far beyond the field, so that its border is like its inside."""


@dataclass(frozen=True, slots=True)
class Filaments:
    """Centre lines as one array, padded with what `inside` masks away."""

    xy_nm: NDArray[np.float64]
    """float64 [F, K, 2], (x, y) in nm, `STEP_NM` apart along K."""
    inside: NDArray[np.bool_]
    """bool [F, K]: the filament exists here (not ended, cut by the edge, or in a gap)."""
    z_nm: NDArray[np.float64]
    """float64 [F, K]: depth from the focal plane."""

    def length_um(self, field_nm: float) -> float:
        """Total length within the square field [0, field_nm)²."""
        seen = self.inside & ((self.xy_nm >= 0) & (self.xy_nm < field_nm)).all(axis=-1)
        return float(seen.sum()) * STEP_NM / 1000

    def centre_lines(self) -> list[NDArray[np.float64]]:
        """Unbroken pieces as arrays float64 [K, 2], (x, y) in nm, of at least two points."""
        pieces = []
        for path, inside in zip(self.xy_nm, self.inside, strict=True):
            cuts = np.flatnonzero(np.diff(inside.astype(np.int8))) + 1
            runs = zip(np.split(path, cuts), np.split(inside, cuts), strict=True)
            pieces += [run for run, there in runs if there[0] and len(run) > 1]
        return pieces


def ornstein_uhlenbeck(
    rng: np.random.Generator, shape: tuple[int, int], steps_to_forget: float
) -> NDArray[np.float64]:
    """Stationary noise of mean 0 and variance 1 along the last axis, float64 `shape`.

    Correlation exp(-k / steps_to_forget) at a distance of k steps.
    """
    from scipy.signal import lfilter

    keep = np.exp(-1.0 / max(steps_to_forget, 1e-3))
    noise = rng.standard_normal(shape) * np.sqrt(1 - keep**2)
    noise[:, 0] = rng.standard_normal(shape[0])
    filtered: NDArray[np.float64] = lfilter([1.0], [1.0, -keep], noise, axis=-1)
    return filtered


def grow(
    rng: np.random.Generator,
    field_nm: float,
    per_um: float,
    *,
    length: float = 1.0,
    bend: float = 1.0,
    curvature_per_um: float | None = None,
) -> Filaments:
    """Fill the field with about `per_um` µm of filament per µm², single or in bundles.

    `length` and `bend` are factors on the mean length and on the rms curvature that are drawn;
    `curvature_per_um` is taken in place of the drawn curvature.
    """
    side = field_nm + 2 * MARGIN_NM
    steps = int(min(1.6 * side, 30_000) / STEP_NM)
    mean_length = rng.uniform(4_000, 25_000) * length
    wanted = per_um * (side / 1000) ** 2 / (min(mean_length, 0.8 * side) / 1000)
    count = max(int(rng.poisson(wanted)), 1)
    start, heading = _starts(rng, count, side)
    drawn = float(np.exp(rng.uniform(np.log(0.04), np.log(0.45))))  # rms curvature, per µm
    rms = (curvature_per_um or drawn) * bend
    memory = rng.uniform(0.3, 2.5) * 1000 / STEP_NM
    curvature = rms * ornstein_uhlenbeck(rng, (count, steps), memory)
    curvature *= np.exp(rng.normal(0, 0.4, (count, 1)))
    curvature = np.clip(curvature, -MOST_CURVED, MOST_CURVED)
    angle = heading[:, None] + np.cumsum(curvature, axis=1) * STEP_NM / 1000
    moves = np.stack([np.cos(angle), np.sin(angle)], axis=-1) * STEP_NM
    paths = start[:, None] + np.cumsum(moves, axis=1) - MARGIN_NM
    ends = rng.exponential(mean_length, count) / STEP_NM
    alive = np.arange(steps) < ends[:, None]
    paths, alive = _bundle(rng, paths, alive)
    alive &= _in_cell(rng, paths, field_nm)
    return Filaments(paths, alive, np.zeros(alive.shape))


def _starts(
    rng: np.random.Generator, count: int, side: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw starting points and headings: random, along one axis, or from a centre."""
    arrangement = rng.choice(["random", "aligned", "radial"], p=[0.4, 0.25, 0.35])
    start = rng.uniform(0, side, (count, 2))
    heading = rng.uniform(0, 2 * np.pi, count)
    if arrangement == "aligned":
        heading = rng.uniform(0, np.pi) + rng.normal(0, rng.uniform(0.1, 0.5), count)
        heading += np.pi * rng.integers(0, 2, count)
    elif arrangement == "radial":
        centre = rng.uniform(-0.3 * side, 1.3 * side, 2)
        away = start - centre
        heading = np.arctan2(away[:, 1], away[:, 0]) + rng.normal(0, rng.uniform(0.1, 0.5), count)
        near = rng.random(count) < 0.3
        start[near] = centre + rng.normal(0, 300, (int(near.sum()), 2))
    return start, heading


def _bundle(
    rng: np.random.Generator, paths: NDArray[np.float64], alive: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Give some filaments companions that run 30 to 100 nm beside them for a part of the way."""
    share = rng.choice([0.0, rng.uniform(0.05, 0.5)], p=[0.4, 0.6])
    chosen = np.flatnonzero(rng.random(len(paths)) < share)
    if not len(chosen):
        return paths, alive
    chosen = np.repeat(chosen, rng.integers(1, 4, len(chosen)))
    along = np.gradient(paths[chosen], axis=1)
    along /= np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-9)
    normal = np.stack([-along[..., 1], along[..., 0]], axis=-1)
    offset = rng.choice([-1, 1], len(chosen)) * rng.uniform(30, 100, len(chosen))
    wander = 40 * ornstein_uhlenbeck(rng, paths[chosen].shape[:2], 1500 / STEP_NM)
    beside = paths[chosen] + normal * (offset[:, None] + wander)[..., None]
    step = np.arange(paths.shape[1])
    first = rng.uniform(0, 0.5, (len(chosen), 1)) * paths.shape[1]
    last = first + rng.uniform(0.1, 1.0, (len(chosen), 1)) * paths.shape[1]
    together = alive[chosen] & (step >= first) & (step < last)
    return np.concatenate([paths, beside]), np.concatenate([alive, together])


def _in_cell(
    rng: np.random.Generator, paths: NDArray[np.float64], field_nm: float
) -> NDArray[np.bool_]:
    """Cut the filaments at a wavy cell edge and around an empty region, each in some scenes."""
    kept = np.ones(paths.shape[:2], dtype=bool)
    if rng.random() < 0.35:
        axis = rng.uniform(0, 2 * np.pi)
        across = paths @ np.array([np.cos(axis), np.sin(axis)])
        along = paths @ np.array([-np.sin(axis), np.cos(axis)])
        middle = field_nm / 2 * (np.cos(axis) + np.sin(axis))
        wave = 600 * np.sin(along / rng.uniform(800, 4000) + rng.uniform(0, 6))
        outside = across - middle > rng.uniform(-0.3, 0.45) * field_nm + wave
        kept &= ~np.maximum.accumulate(outside, axis=1)
    if rng.random() < 0.25:
        centre = rng.uniform(0, field_nm, 2)
        kept &= np.linalg.norm(paths - centre, axis=-1) > rng.uniform(800, 4000)
    return kept
