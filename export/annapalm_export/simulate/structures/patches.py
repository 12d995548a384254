"""Smooth random unevenness over the plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm_export.simulate.structures.lines import MARGIN_NM

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STEP_NM = 100.0
"""Raster of the field; finer than half its shortest scale."""


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """exp(strength * g), with g a Gaussian field of mean 0 and variance 1 over the plane."""

    strength: float
    level: NDArray[np.float64]
    """float64 [Y, X]: g on a raster that begins `MARGIN_NM` before the field."""

    def __call__(self, xy_nm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Relative density > 0 at (x, y) [P, 2]; the border's beyond the raster."""
        from scipy.ndimage import map_coordinates

        place = (xy_nm.T[::-1] + MARGIN_NM) / _STEP_NM
        level = map_coordinates(self.level, place, order=1, mode="nearest")
        density: NDArray[np.float64] = np.exp(self.strength * level)
        return density


def draw_patches(
    rng: np.random.Generator, field_nm: float, strength: float, scale_nm: float
) -> Patches:
    """Patches whose correlation falls to 1/e at twice `scale_nm` (at least 200 nm)."""
    from scipy.ndimage import gaussian_filter

    side = int((field_nm + 2 * MARGIN_NM) / _STEP_NM) + 2
    level = gaussian_filter(rng.standard_normal((side, side)), scale_nm / _STEP_NM, mode="wrap")
    return Patches(strength, (level - level.mean()) / max(float(level.std()), 1e-9))
