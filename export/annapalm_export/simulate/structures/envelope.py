"""The nuclear envelope near the coverslip: where it lies, how high, how steep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEEPEST = 4.0
"""Slope (76 degrees) at which the envelope ends: beyond, pores stand on edge, one over another."""


@dataclass(frozen=True, slots=True, eq=False)
class Envelope:
    r"""A surface z(x, y), flat or undulating, that may bend upwards at the nucleus' outline.

    ```
       z  |            |      outline: r(phi) = radius (1 + sum of two harmonics)
          |            |      rim: quarter circle of radius `rim_nm` between flat and vertical
           \__________/
    ```
    """

    centre_nm: NDArray[np.float64]
    """(x, y) of the nucleus."""
    radius_nm: float
    """Of the outline; infinite where the envelope covers the whole field."""
    rim_nm: float
    """Radius of curvature at the outline."""
    outline: NDArray[np.float64]
    """float64 [2, 2]: amplitude (of the radius) and phase of its second and third harmonic."""
    waves: NDArray[np.float64]
    """float64 [W, 4]: wave vector (per nm, x and y), phase, amplitude (nm) of the undulation."""
    focus_nm: float
    """Height of the focal plane above the flat part."""
    islands: NDArray[np.float64]
    """float64 [I, 3]: x, y, radius of regions without pores."""

    def depth_inside(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance [N] from the outline, inwards, in nm (exact for a circle)."""
        if np.isinf(self.radius_nm):
            return np.full(len(xy), np.inf)
        away = xy - self.centre_nm
        angle = np.arctan2(away[:, 1], away[:, 0])
        (a2, p2), (a3, p3) = self.outline
        edge = self.radius_nm * (1 + a2 * np.cos(2 * angle - p2) + a3 * np.cos(3 * angle - p3))
        inside: NDArray[np.float64] = edge - np.linalg.norm(away, axis=1)
        return inside

    def height(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Height [N] over the focal plane in nm; any number outside the nucleus."""
        z = np.full(len(xy), -self.focus_nm)
        for kx, ky, phase, amplitude in self.waves:
            z += amplitude * np.sin(kx * xy[:, 0] + ky * xy[:, 1] + phase)
        left = np.clip(1 - self.depth_inside(xy) / self.rim_nm, 0, 1)
        return z + self.rim_nm * (1 - np.sqrt(1 - left**2))

    def slope(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Gradient [N, 2] of the height, by central differences over 2 nm."""
        x, y = np.array([1.0, 0.0]), np.array([0.0, 1.0])
        return np.column_stack([(self.height(xy + d) - self.height(xy - d)) / 2 for d in (x, y)])

    def stretch(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Area of envelope that can hold pores per area of its projection: [N], 0 outside."""
        # Slope of the quarter circle reaches STEEPEST where 1 - d / rim = sin(atan(STEEPEST)).
        least = self.rim_nm * (1 - STEEPEST / np.hypot(1, STEEPEST))
        there = self.depth_inside(xy) > least
        for x, y, radius in self.islands:
            there &= np.hypot(xy[:, 0] - x, xy[:, 1] - y) > radius
        steepness = np.zeros(len(xy))
        steepness[there] = np.linalg.norm(self.slope(xy[there]), axis=1)
        stretch: NDArray[np.float64] = there * np.hypot(1, steepness)
        return stretch

    def scatter(
        self, rng: np.random.Generator, start_nm: float, side_nm: float, per_um2: float
    ) -> tuple[NDArray[np.float64], float]:
        """Scatter points evenly over the surface above the square [start, start + side)².

        Returns (x, y) [N, 2] in random order, `per_um2` of them per µm² of surface, and the
        surface's area in µm².
        """
        tallest = np.hypot(1, STEEPEST) * 1.2 if np.isfinite(self.radius_nm) else 1.2
        number = rng.poisson(per_um2 * tallest * (side_nm / 1000) ** 2)
        xy = start_nm + rng.uniform(0, side_nm, (number, 2))
        stretch = self.stretch(xy)
        area = float(stretch.mean()) * (side_nm / 1000) ** 2 if number else 0.0
        return xy[rng.random(number) * tallest < stretch], area


def draw_envelope(rng: np.random.Generator, field_nm: float) -> Envelope:
    """Draw an envelope that covers the field [0, field_nm)² as a whole or in part."""
    whole = rng.random() < 0.45
    radius = rng.uniform(4_000, 9_000)
    rim = rng.uniform(500, 2_500)
    # The nucleus holds a point of the field, anywhere between its centre and its rim.
    away, direction = 0.9 * radius * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
    point = rng.uniform(0.1, 0.9, 2) * field_nm
    centre = point + away * np.array([np.cos(direction), np.sin(direction)])
    return Envelope(
        centre_nm=centre,
        radius_nm=np.inf if whole else radius,
        rim_nm=rim,
        outline=np.array([[rng.uniform(0, 0.2), rng.uniform(0, 6.3)] for _ in range(2)])
        * np.array([[1.0, 1.0], [0.3, 1.0]]),
        waves=_waves(rng),
        focus_nm=float(rng.normal(0, 80)),
        islands=_islands(rng, field_nm),
    )


def _waves(rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw two undulations of 2.5 to 10 µm, a slope of at most 0.15 each."""
    length = np.exp(rng.uniform(np.log(2_500), np.log(10_000), 2))
    direction = rng.uniform(0, 2 * np.pi, 2)
    number = 2 * np.pi / length
    amplitude = rng.uniform(0, 0.15, 2) / number
    return np.column_stack(
        [
            number * np.cos(direction),
            number * np.sin(direction),
            rng.uniform(0, 2 * np.pi, 2),
            amplitude,
        ]
    )


def _islands(rng: np.random.Generator, field_nm: float) -> NDArray[np.float64]:
    """Draw regions without pores, in 3 of 10 fields one to four."""
    number = int(rng.integers(1, 5)) if rng.random() < 0.3 else 0
    return np.column_stack([rng.uniform(0, field_nm, (number, 2)), rng.uniform(300, 1_500, number)])
