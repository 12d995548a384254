"""The wavy edge of a spread cell that crosses the field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WAVES = 4


@dataclass(frozen=True, slots=True)
class CellEdge:
    """An edge u = e(v) in axes through the middle of the field: u outward, v along the edge.

    ```
        outside      u ^        e(v): a bulge (the cell is round) plus waves
      ..--^^--..--^^-- | ..     depth > 0 below the line
         inside  ------+-----> v
    ```
    """

    middle_nm: NDArray[np.float64]
    """float64 [2]: (x, y) at u = v = 0."""
    outward: float
    """Direction of u, radians from x."""
    offset_nm: float
    """u of the edge at v = 0, without waves."""
    bulge_per_nm: float
    """Curvature of the cell's outline; positive where it is convex."""
    waves: NDArray[np.float64]
    """float64 [W, 3]: amplitude (nm), wavelength (nm) and phase of each wave."""

    def profile(self, v_nm: NDArray[np.float64], roughness: float = 1.0) -> NDArray[np.float64]:
        """Outward place u = e(v) of the edge, nm; `roughness` scales its waves."""
        amplitude, wavelength, phase = self.waves.T
        waves = amplitude * np.sin(2 * np.pi * v_nm[..., None] / wavelength + phase)
        smooth = self.offset_nm - 0.5 * self.bulge_per_nm * v_nm**2
        edge: NDArray[np.float64] = smooth + roughness * waves.sum(axis=-1)
        return edge

    def slope(self, v_nm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Slope of the profile, e'(v)."""
        amplitude, wavelength, phase = self.waves.T
        number = 2 * np.pi / wavelength
        waves = amplitude * number * np.cos(v_nm[..., None] * number + phase)
        steepness: NDArray[np.float64] = waves.sum(axis=-1) - self.bulge_per_nm * v_nm
        return steepness

    def depth(self, xy_nm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance of (x, y) [..., 2] behind the edge, nm; negative outside the cell.

        Exact for a straight edge, to first order in the waves' curvature else.
        """
        from_middle = xy_nm - self.middle_nm
        u, v = from_middle @ self._outward_axis(), from_middle @ self._along_axis()
        behind: NDArray[np.float64] = (self.profile(v) - u) / np.hypot(1.0, self.slope(v))
        return behind

    def normal(self, xy_nm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Direction of the nearby edge's outward normal at (x, y) [..., 2], radians."""
        v = (xy_nm - self.middle_nm) @ self._along_axis()
        angle: NDArray[np.float64] = self.outward - np.arctan(self.slope(v))
        return angle

    def place(
        self, v_nm: NDArray[np.float64], depth_nm: NDArray[np.float64], roughness: float = 1.0
    ) -> NDArray[np.float64]:
        """(x, y) [..., 2] of points at v along the edge and `depth_nm` behind it."""
        u = self.profile(v_nm, roughness)
        u = u - depth_nm * np.hypot(1.0, self.slope(v_nm) * roughness)
        placed: NDArray[np.float64] = (
            self.middle_nm
            + u[..., None] * self._outward_axis()
            + v_nm[..., None] * self._along_axis()
        )
        return placed

    def _outward_axis(self) -> NDArray[np.float64]:
        return np.array([np.cos(self.outward), np.sin(self.outward)])

    def _along_axis(self) -> NDArray[np.float64]:
        return np.array([-np.sin(self.outward), np.cos(self.outward)])


def draw_edge(rng: np.random.Generator, field_nm: float) -> CellEdge:
    """Draw an edge that leaves from a third to nine tenths of the field inside the cell.

    Waves of 2 to 12 µm with slopes of up to about 0.4 each: the protrusions and notches of a
    spread cell's margin, order of magnitude.
    """
    wavelength = np.exp(rng.uniform(np.log(2000), np.log(12_000), _WAVES))
    amplitude = rng.uniform(0, 0.4, _WAVES) * wavelength / (2 * np.pi) * rng.uniform(0.2, 1.0)
    return CellEdge(
        middle_nm=np.full(2, field_nm / 2),
        outward=float(rng.uniform(0, 2 * np.pi)),
        offset_nm=float(rng.uniform(-0.15, 0.4)) * field_nm,
        bulge_per_nm=float(rng.uniform(0.0, 1 / 8_000)),
        waves=np.column_stack([amplitude, wavelength, rng.uniform(0, 2 * np.pi, _WAVES)]),
    )
