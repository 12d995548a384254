"""How the mitochondria of a cell lie: their axes, widths, branches, and the room between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from annapalm_export.simulate.filaments import ornstein_uhlenbeck
from annapalm_export.simulate.structures.cell_edge import draw_edge
from annapalm_export.simulate.structures.lines import connected, grow_paths
from annapalm_export.simulate.structures.membrane import Tube, make_tube

if TYPE_CHECKING:
    from numpy.typing import NDArray

MARGIN_NM = 1500.0
"""Mitochondria begin up to this far beyond the field, so that its border is like its inside."""
DIAMETER_NM = (250.0, 600.0)
LENGTH_NM = (500.0, 10_000.0)
_RASTER_NM = 80.0
_TRIES = 1500
"""After so many starting places without enough membrane the cell is full."""


@dataclass(frozen=True, slots=True)
class Habit:
    """The look of one cell's mitochondria."""

    shares: NDArray[np.float64]
    """float64 [3]: chance of a branched network, a single tubule, a fragment."""
    diameter_nm: float
    length_nm: float
    """Median of single tubules."""
    bend_per_um: float
    """Root mean square of the axes' curvature."""
    branches_per_um: float
    swollen: float
    """Share of mitochondria with swellings."""
    crossing: float
    """Share of mitochondria that run over or under others."""
    direction: float
    disorder: float
    """Standard deviation of headings from `direction`, radians."""


@dataclass(slots=True)
class Chondriome:
    """All mitochondria of a field."""

    tubes: list[Tube] = field(default_factory=list)
    owner: list[int] = field(default_factory=list)
    """Which mitochondrion each tube belongs to; the branches of one share it."""
    joints: list[tuple[int, int]] = field(default_factory=list)
    """Tube and the branch that begins inside it."""


def draw_habit(rng: np.random.Generator) -> Habit:
    """Mostly one kind of mitochondria in a cell, others among them."""
    shares = np.full(3, rng.uniform(0.02, 0.15))
    shares[rng.choice(3, p=[0.4, 0.35, 0.25])] = 1.0
    return Habit(
        shares=shares / shares.sum(),
        diameter_nm=float(rng.uniform(270, 500)),
        length_nm=float(rng.uniform(1500, 4500)),
        bend_per_um=float(np.exp(rng.uniform(np.log(0.15), np.log(1.0)))),
        branches_per_um=float(rng.uniform(0.1, 0.6)),
        swollen=float(rng.choice([0.0, rng.uniform(0.0, 0.4)])),
        crossing=float(rng.choice([0.0, rng.uniform(0.0, 0.35)])),
        direction=float(rng.uniform(0, 2 * np.pi)),
        disorder=float(np.exp(rng.uniform(np.log(0.2), np.log(4.0)))),
    )


class Room:
    """A raster of the field with what lies in it."""

    def __init__(self, field_nm: float) -> None:
        self.field_nm = field_nm
        self._origin_nm = -2 * MARGIN_NM
        side = int((field_nm + 4 * MARGIN_NM) / _RASTER_NM) + 1
        self.closed = np.zeros((side, side), dtype=bool)
        """bool [Y, X]: no mitochondria here (nucleus, outside of the cell)."""
        self._taken = np.zeros((side, side), dtype=bool)

    def centres(self) -> NDArray[np.float64]:
        """(x, y) of the raster's pixels: float64 [Y, X, 2]."""
        place = (np.arange(len(self.closed)) + 0.5) * _RASTER_NM + self._origin_nm
        return np.stack(np.meshgrid(place, place), axis=-1)

    def open_share(self) -> float:
        """Share of the field that mitochondria may lie in."""
        centres = self.centres()
        seen = ((centres >= 0) & (centres < self.field_nm)).all(axis=-1)
        return float((~self.closed)[seen].mean())

    def free(self, xy_nm: NDArray[np.float64], *, crossing: bool = False) -> NDArray[np.bool_]:
        """Tell for (x, y) [..., 2] whether nothing lies there.

        With `crossing`, other mitochondria do not count, closed areas do.
        """
        y, x = self._pixel(xy_nm)
        full = self.closed[y, x] if crossing else self.closed[y, x] | self._taken[y, x]
        return ~full

    def take(self, tube: Tube) -> None:
        """Mark where a tube lies."""
        stride = max(int(_RASTER_NM / tube.step_nm), 1)
        axis, radius = tube.axis_nm[::stride], tube.radius_nm.max()
        offset = np.arange(-radius, radius + _RASTER_NM, _RASTER_NM)
        disc = np.stack(np.meshgrid(offset, offset), axis=-1).reshape(-1, 2)
        disc = disc[(disc**2).sum(axis=1) <= radius**2]
        y, x = self._pixel(axis[:, None] + disc)
        self._taken[y, x] = True

    def _pixel(self, xy_nm: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        pixel = ((xy_nm - self._origin_nm) / _RASTER_NM).astype(np.int64)
        pixel = np.clip(pixel, 0, len(self.closed) - 1)
        return pixel[..., 1], pixel[..., 0]


def draw_room(rng: np.random.Generator, field_nm: float) -> Room:
    """Draw a field of cytoplasm, in some scenes with the cell's edge or a nucleus in it."""
    room = Room(field_nm)
    centres = room.centres()
    if rng.random() < 0.3:
        edge = draw_edge(rng, field_nm)
        room.closed |= edge.depth(centres) < rng.uniform(300, 1500)
    if rng.random() < 0.25:
        radius = rng.uniform(3000, 8000)
        away = rng.uniform(0, 2 * np.pi)
        distance = 0.5 * field_nm + rng.uniform(-0.2, 0.6) * radius
        centre = field_nm / 2 + distance * np.array([np.cos(away), np.sin(away)])
        room.closed |= np.linalg.norm(centres - centre, axis=-1) < radius
    if room.open_share() < 0.3:
        room.closed[:] = False
    return room


def populate(
    rng: np.random.Generator, room: Room, habit: Habit, wanted_nm2: float, step_nm: float
) -> Chondriome:
    """Place mitochondria until they have about `wanted_nm2` of membrane within the field.

    Each ends where it would run into another or into a closed area, unless it crosses; fewer are
    placed where there is no more room.
    """
    cell, area = Chondriome(), 0.0
    for _ in range(_TRIES):
        if area >= wanted_nm2:
            break
        anchor = rng.uniform(-MARGIN_NM, room.field_nm + MARGIN_NM, 2)
        crossing = bool(rng.random() < habit.crossing)
        if not room.free(anchor, crossing=crossing):
            continue
        kind = int(rng.choice(3, p=habit.shares))
        heading = habit.direction + rng.normal(0, habit.disorder)
        tube = _draw_tube(rng, room, habit, (anchor, heading), kind, step_nm, crossing=crossing)
        if tube is None:
            continue
        room.take(tube)
        family = [tube]
        if kind == 0:
            family, joints = _branched(rng, room, habit, tube, wanted_nm2 - area)
            cell.joints += [(a + len(cell.tubes), b + len(cell.tubes)) for a, b in joints]
        cell.owner += [max(cell.owner, default=-1) + 1] * len(family)
        cell.tubes += family
        area += sum(member.area_within(0, room.field_nm) for member in family)
    return cell


def _branched(
    rng: np.random.Generator, room: Room, habit: Habit, stem: Tube, wanted_nm2: float
) -> tuple[list[Tube], list[tuple[int, int]]]:
    """Let branches grow off a tube, and off these: all tubes, and which begins inside which."""
    family, joints = [stem], []
    area, parent = stem.area_within(0, room.field_nm), 0
    while parent < len(family) <= 12 and area < wanted_nm2:
        trunk = family[parent]
        own = trunk.radius_nm.max()
        for _ in range(rng.poisson(habit.branches_per_um * trunk.length_nm / 1000)):
            at = int(rng.uniform(0.1, 0.9) * len(trunk.heading))
            side = rng.choice([-1, 1]) * np.radians(rng.uniform(50, 100))
            start = (trunk.axis_nm[at], float(trunk.heading[at] + side))
            branch = _draw_tube(rng, room, habit, start, 0, trunk.step_nm, inside_nm=1.3 * own)
            if branch is not None:
                joints.append((parent, len(family)))
                family.append(branch)
                room.take(branch)
                area += branch.area_within(0, room.field_nm)
        parent += 1
    return family, joints


def _draw_tube(
    rng: np.random.Generator,
    room: Room,
    habit: Habit,
    start: tuple[NDArray[np.float64], float],
    kind: int,
    step_nm: float,
    *,
    crossing: bool = False,
    inside_nm: float = 0.0,
) -> Tube | None:
    """One tube of a kind (0 network, 1 tubule, 2 fragment) at a place and heading.

    A branch (`inside_nm` > 0) begins at the place and may lie in its trunk for that far; others
    reach to both sides of it. None where there is no room for the shortest.
    """
    length = _length(rng, habit, kind)
    steps = max(int(length / step_nm), 4)
    if kind == 2:
        diameter = length / rng.uniform(1.0, 2.0)
    else:
        diameter = float(np.clip(habit.diameter_nm * np.exp(rng.normal(0, 0.12)), *DIAMETER_NM))
    middle = 0 if inside_nm else steps // 2
    bend = habit.bend_per_um * ornstein_uhlenbeck(rng, (1, steps), rng.uniform(500, 2000) / step_nm)
    tightest = 0.6 / (diameter / 2)
    turns = np.clip(bend / 1000, -tightest, tightest) * step_nm
    anchor, heading = start
    edges = grow_paths(anchor[None], np.array([heading]), turns, step_nm, middle)[0]
    run = _room_for(room, edges, 0.7 * diameter, crossing=crossing, inside_nm=inside_nm, to=middle)
    shortest = inside_nm + max(0.8 * LENGTH_NM[0], diameter) if kind != 2 else length - 2 * step_nm
    if (run.sum() - 1) * step_nm < shortest:
        return None
    edges = edges[run]
    moves = np.diff(edges, axis=0)
    radius = diameter / 2 * _thickness(rng, 2 * len(moves) + 1, step_nm / 2, habit.swollen, kind)
    return make_tube(
        (edges[:-1] + edges[1:]) / 2,
        np.arctan2(moves[:, 1], moves[:, 0]),
        step_nm,
        radius,
        cap_nm=length if kind == 2 else None,
    )


def _length(rng: np.random.Generator, habit: Habit, kind: int) -> float:
    """Length from tip to tip, nm."""
    if kind == 2:
        largest = 1500 if rng.random() < habit.swollen else 900
        return float(rng.uniform(0.8, 1.0) * rng.uniform(LENGTH_NM[0], largest))
    median = habit.length_nm * (1.5 if kind == 0 else 1.0)
    return float(np.clip(median * np.exp(rng.normal(0, 0.5)), 800, LENGTH_NM[1]))


def _room_for(
    room: Room,
    edges: NDArray[np.float64],
    clearance_nm: float,
    *,
    crossing: bool,
    inside_nm: float,
    to: int,
) -> NDArray[np.bool_]:
    """Points of a path [K, 2], around index `to`, that have room to both sides and ahead."""
    stride = max(int(0.5 * _RASTER_NM / np.linalg.norm(edges[1] - edges[0])), 1)
    coarse = edges[::stride]
    moves = np.diff(coarse, axis=0, append=2 * coarse[-1:] - coarse[-2:-1])
    across = np.stack([-moves[:, 1], moves[:, 0]], axis=1)
    across *= clearance_nm / np.linalg.norm(moves[0])
    beside = np.concatenate([coarse - across, coarse, coarse + across])
    clear = room.free(beside, crossing=crossing).reshape(3, -1).all(axis=0)
    free = np.repeat(clear, stride)[: len(edges)]
    if inside_nm:
        travelled = np.arange(len(edges)) * np.linalg.norm(edges[1] - edges[0])
        free |= travelled < inside_nm + clearance_nm
    roomy: NDArray[np.bool_] = connected(free[None], to)[0]
    return roomy


def _thickness(
    rng: np.random.Generator, number: int, step_nm: float, swollen: float, kind: int
) -> NDArray[np.float64]:
    """Relative radius at `number` points: uneven by some per cent, and beads where swollen."""
    from scipy.ndimage import gaussian_filter1d

    place = np.arange(number) * step_nm
    rough = gaussian_filter1d(rng.standard_normal(number), 200 / step_nm, mode="nearest")
    # White noise blurred by sigma steps has the variance 1 / (2 sqrt(pi) sigma).
    rough *= np.sqrt(2 * np.sqrt(np.pi) * 200 / step_nm)
    relative: NDArray[np.float64] = np.exp(0.07 * np.clip(rough, -2.5, 2.5))
    if kind != 2 and rng.random() < swollen:
        for _ in range(int(rng.integers(1, 4))):
            bead = (place - rng.uniform(0, place[-1])) / rng.uniform(200, 450)
            relative = relative + rng.uniform(0.3, 1.0) * np.exp(-0.5 * bead**2)
    return relative
