"""The surface of a tube with closed ends as weighted points: a labelled membrane in 3D."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from annapalm.errors import InvalidValueError

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

    def area_within(self, low_nm: float, high_nm: float) -> float:
        """Membrane, nm², of the rings whose middle lies in the square [low, high)²."""
        seen = ((self.axis_nm >= low_nm) & (self.axis_nm < high_nm)).all(axis=1)
        return float(self.ring_area_nm2()[seen].sum())

    def part_within(self, low_nm: float, high_nm: float) -> Tube | None:
        """Cut the tube from its first to its last ring in the square; None with fewer than two."""
        seen = ((self.axis_nm >= low_nm) & (self.axis_nm < high_nm)).all(axis=1)
        rings = np.flatnonzero(seen)
        if len(rings) < 2:
            return None
        a, b = int(rings[0]), int(rings[-1]) + 1
        radius2 = self.radius2_nm2[2 * a : 2 * b + 1]
        return Tube(self.axis_nm[a:b], self.heading[a:b], self.step_nm, radius2)

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
        """Tell which points [P, 3] (z from the axis' plane) lie inside this tube: bool [P]."""
        from scipy.spatial import cKDTree

        reach = float(self.radius_nm.max()) + self.step_nm
        tree = cKDTree(np.column_stack([self.axis_nm, np.zeros(len(self.heading))]))
        distance, ring = tree.query(xyz_nm, distance_upper_bound=reach)
        inside = np.isfinite(distance)  # others are out of reach
        ring = ring[inside]
        along = np.stack([np.cos(self.heading[ring]), np.sin(self.heading[ring])], axis=-1)
        ahead = ((xyz_nm[inside, :2] - self.axis_nm[ring]) * along).sum(axis=-1)
        edges = np.arange(len(self.radius2_nm2)) * self.step_nm / 2
        place = (ring + 0.5) * self.step_nm + ahead
        radius2 = np.interp(place, edges, self.radius2_nm2, left=0.0, right=0.0)
        inside[inside] = distance[inside] ** 2 - ahead**2 < radius2
        within: NDArray[np.bool_] = inside
        return within


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
    Raises `InvalidValueError` for radii that are not above 0 or not as many.
    """
    number = 2 * len(heading) + 1
    if len(body_radius_nm) != number:
        raise InvalidValueError("len(body_radius_nm)", len(body_radius_nm), str(number))
    if not (body_radius_nm > 0).all():
        raise InvalidValueError("body_radius_nm", float(body_radius_nm.min()), "above 0")
    place = np.arange(len(body_radius_nm)) * step_nm / 2
    length = place[-1]
    wanted = float(body_radius_nm[[0, -1]].mean()) if cap_nm is None else cap_nm
    cap = min(wanted, length / 2)
    from_tip = np.clip(np.minimum(place, length - place) / cap, 0, 1)
    return Tube(axis_nm, heading, step_nm, body_radius_nm**2 * from_tip * (2 - from_tip))
