"""The surface of a tube with closed ends as weighted points: a labelled membrane in 3D."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GOLDEN = (np.sqrt(5) - 1) / 2
"""Turn from ring to ring, in distances of points: no two near rings line up."""


class Surface(NamedTuple):
    """Points on a membrane."""

    xyz_nm: NDArray[np.float64]
    """float64 [K, T, 3]: T points on each of K rings; z from the plane of the axis."""
    area_nm2: NDArray[np.float64]
    """float64 [K, T]: the part of the membrane that each point stands for."""


@dataclass(frozen=True, slots=True, eq=False)
class Tube:
    """A tube around a flat, curved axis; its radius falls to 0 at both ends.

    ```
      r(s)   .-'''''''''''--.          rings at the middles of equal steps of the axis
           .'                '.
      s=0 |--x--x--x--x--x--x--| s=L   x: points of the axis, one per ring
    ```
    """

    axis_nm: NDArray[np.float64]
    """float64 [K, 2]: (x, y) of the rings' middles."""
    heading: NDArray[np.float64]
    """float64 [K]: direction of the axis there, radians."""
    step_nm: float
    """Distance of the rings."""
    radius2_nm2: NDArray[np.float64]
    """float64 [2 K + 1]: square of the radius at both edges (even) and the middle of each step."""

    @property
    def radius_nm(self) -> NDArray[np.float64]:
        """Radius of each ring [K]."""
        radius: NDArray[np.float64] = np.sqrt(self.radius2_nm2[1::2])
        return radius

    @property
    def length_nm(self) -> float:
        """From tip to tip along the axis."""
        return len(self.heading) * self.step_nm

    def ring_area_nm2(self) -> NDArray[np.float64]:
        """Area of the membrane of each step [K], of a straight axis.

        2 pi r sqrt(1 + r'^2) ds, written with r r' = (r²)' / 2, which stays finite at the tips:
        exact for cylinders and spheres (Archimedes).
        """
        slope = np.diff(self.radius2_nm2[::2]) / (2 * self.step_nm)
        area: NDArray[np.float64] = (
            2 * np.pi * np.sqrt(self.radius2_nm2[1::2] + slope**2) * self.step_nm
        )
        return area

    def surface(self, spacing_nm: float, turn: float = 0.0) -> Surface:
        """Points at most about `spacing_nm` apart around each ring, the first at `turn` radians.

        On a bent axis the inner side has less membrane than the outer, by 1 -+ curvature * r.
        """
        radius = self.radius_nm
        number = max(int(np.ceil(2 * np.pi * radius.max() / spacing_nm)), 6)
        first = turn + 2 * np.pi / number * (_GOLDEN * np.arange(len(radius)) % 1)
        angle = first[:, None] + 2 * np.pi / number * np.arange(number)
        sideways, up = np.cos(angle) * radius[:, None], np.sin(angle) * radius[:, None]
        normal = np.stack([-np.sin(self.heading), np.cos(self.heading)], axis=-1)
        xy = self.axis_nm[:, None] + sideways[..., None] * normal[:, None]
        curvature = np.gradient(np.unwrap(self.heading), self.step_nm)
        bent = np.maximum(1 - curvature[:, None] * sideways, 0.0)
        area = self.ring_area_nm2()[:, None] / number * bent
        return Surface(np.concatenate([xy, up[..., None]], axis=-1), area)

    def holds(self, xyz_nm: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which points [..., 3] (z from the plane of the axis) lie inside this tube."""
        flat = xyz_nm.reshape(-1, 3)
        reach = self.radius_nm.max()
        low, high = self.axis_nm.min(axis=0) - reach, self.axis_nm.max(axis=0) + reach
        near = np.flatnonzero(((flat[:, :2] >= low) & (flat[:, :2] <= high)).all(axis=1))
        inside = np.zeros(len(flat), dtype=bool)
        if len(near):
            apart = flat[near, None, :2] - self.axis_nm
            distance2 = (apart**2).sum(axis=-1) + flat[near, 2:] ** 2
            # The ring that a point is nearest to: beyond the tips none reaches it.
            ring = distance2.argmin(axis=1)
            inside[near] = distance2[np.arange(len(near)), ring] < self.radius2_nm2[1::2][ring]
        return inside.reshape(xyz_nm.shape[:-1])


def make_tube(
    axis_nm: NDArray[np.float64],
    heading: NDArray[np.float64],
    step_nm: float,
    body_radius_nm: NDArray[np.float64],
    cap_nm: float | None = None,
) -> Tube:
    """Close a tube of radius `body_radius_nm` [2 K + 1] with round ends `cap_nm` long.

    By default they are half spheres of the radius there. Caps of half the tube's length, and
    the default of a tube shorter than its width, make an ellipsoid of revolution.
    """
    place = np.arange(len(body_radius_nm)) * step_nm / 2
    length = place[-1]
    wanted = float(body_radius_nm[[0, -1]].mean()) if cap_nm is None else cap_nm
    cap = min(wanted, length / 2)
    from_tip = np.clip(np.minimum(place, length - place) / cap, 0, 1)
    return Tube(axis_nm, heading, step_nm, body_radius_nm**2 * from_tip * (2 - from_tip))
