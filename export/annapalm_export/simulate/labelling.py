"""From filaments to the places of fluorophores, and the noise-free rate that they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm_export.simulate.draw import draw_rate
from annapalm_export.simulate.filaments import STEP_NM, Filaments, ornstein_uhlenbeck

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.grid import Grid
    from annapalm.render import RateImage
    from annapalm_export.simulate.focus import Focus

MICROTUBULE_RADIUS_NM = 12.5
"""Outer radius of a microtubule; labels sit on it or, with antibodies, up to 15 nm further out."""
_FINE = 4
"""Points per step of the centre line when the rate is drawn: 10 nm, half a pixel."""


@dataclass(frozen=True, slots=True)
class Label:
    """How a structure is labelled."""

    radius_nm: float
    """Distance of the fluorophores from the centre line."""
    linkage_nm: float
    """Standard deviation of the linkage error, isotropic."""

    @property
    def spread_nm(self) -> float:
        """Standard deviation of fluorophores across the filament, seen in projection."""
        return float(np.hypot(self.radius_nm / np.sqrt(2), self.linkage_nm))


def unevenness(rng: np.random.Generator, filaments: Filaments) -> NDArray[np.float64]:
    """Relative labelling density at each point of the filaments, float64 [F, K], mean about 1.

    Differs between filaments (log-normal), varies along each on scales of 0.1 to 2 µm, and
    has gaps without any label.
    """
    shape = filaments.inside.shape
    between = np.exp(rng.normal(0, rng.uniform(0.05, 0.6), (shape[0], 1)))
    patch = rng.uniform(0, 0.8) * ornstein_uhlenbeck(
        rng, shape, np.exp(rng.uniform(np.log(100), np.log(2000))) / STEP_NM
    )
    weight = between * np.exp(patch)
    if rng.random() < 0.4:
        level = ornstein_uhlenbeck(rng, shape, rng.uniform(50, 500) / STEP_NM)
        weight = np.where(level > rng.uniform(1.2, 2.5), 0.0, weight)
    weight = weight * filaments.inside
    mean = weight[filaments.inside].mean() if filaments.inside.any() else 1.0
    scaled: NDArray[np.float64] = weight / max(mean, 1e-9)
    return scaled


def place_emitters(
    rng: np.random.Generator,
    filaments: Filaments,
    weight: NDArray[np.float64],
    emitters_per_um: float,
    label: Label,
) -> NDArray[np.float64]:
    """Put fluorophores around the filaments: float64 [E, 3], x, y and z in nm."""
    number = rng.poisson(weight * emitters_per_um * STEP_NM / 1000)
    filament, point = np.nonzero(number)
    repeat = number[filament, point]
    filament, point = np.repeat(filament, repeat), np.repeat(point, repeat)
    following = np.minimum(point + 1, weight.shape[1] - 1)
    here = filaments.xy_nm[filament, point]
    step = filaments.xy_nm[filament, following] - here
    on_line = here + step * rng.random((len(here), 1))
    length = np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-9)
    normal = np.stack([-step[:, 1], step[:, 0]], axis=1) / length
    across = label.radius_nm * np.sin(rng.uniform(0, 2 * np.pi, (len(here), 1)))
    placed: NDArray[np.float64] = on_line + normal * across
    placed = placed + rng.normal(0, label.linkage_nm, placed.shape)
    return np.column_stack([placed, filaments.z_nm[filament, point]])


def noise_free_rate(
    filaments: Filaments,
    weight: NDArray[np.float64],
    grid: Grid,
    spread_nm: float,
    precision_nm: float = 0.0,
    focus: Focus | None = None,
) -> RateImage:
    """Draw the labelling density, blurred by `spread_nm` and the precision: float32 [Y, X].

    In µm of evenly labelled filament per pixel, so that the sum is the length within the
    field; multiplied by localizations per µm it is the rate that localizations are drawn from.
    """
    steps = np.diff(filaments.xy_nm, axis=1)[:, :, None] * (np.arange(_FINE) / _FINE)[:, None]
    points = (filaments.xy_nm[:, :-1, None] + steps).reshape(-1, 2)
    mass = np.repeat(weight[:, :-1].ravel(), _FINE) * STEP_NM / 1000 / _FINE
    depth = None
    if focus is not None:
        depth = (np.repeat(filaments.z_nm[:, :-1].ravel(), _FINE), focus)
    return draw_rate(points, mass, grid, spread_nm, precision_nm, depth)
