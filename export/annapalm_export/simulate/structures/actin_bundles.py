"""Bundles of actin filaments: stress fibres, transverse arcs and the spikes of a cell's edge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from annapalm_export.simulate.filaments import ornstein_uhlenbeck
from annapalm_export.simulate.structures.lines import Lines, connected, fill, grow_paths

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm_export.simulate.structures.cell_edge import CellEdge

STEP_NM = 80.0
"""Bundles bend on the scale of micrometres."""
_FINE_NM = 20.0
"""Distance of the points along a strand: one pixel."""
_STRANDS_UM = 1600.0
"""All strands of a field together; thicker bundles are then drawn with fewer, heavier strands."""


class Part(NamedTuple):
    """One part of the actin of a field."""

    lines: Lines
    """What its amount is measured on."""
    xy_nm: NDArray[np.float64]
    z_nm: NDArray[np.float64]
    mass: NDArray[np.float64]
    """float64 [P]: µm of single filament that each point stands for."""


@dataclass(frozen=True, slots=True)
class Thickness:
    """Drawn for each bundle from these ranges."""

    width_nm: tuple[float, float]
    """Full width of the bundle where it is thickest."""
    filaments: tuple[float, float]
    """Filaments side by side, growing with the width."""
    taper_nm: tuple[float, float]
    """Length over which the filaments end at each end of the bundle."""


STRESS_FIBRE = Thickness((50.0, 300.0), (6.0, 30.0), (300.0, 3000.0))
SPIKE = Thickness((60.0, 200.0), (10.0, 20.0), (100.0, 600.0))


def grow_fibres(
    rng: np.random.Generator, wanted_um: float, field_nm: float, edge: CellEdge | None
) -> Lines:
    """Near-parallel stress fibres in one or two directions, some branching, cut by the edge."""
    families = rng.uniform(0, np.pi) + np.array([0.0, rng.uniform(0.3, 1.3)])
    second = rng.choice([0.0, rng.uniform(0.05, 0.4)])
    spread = np.radians(rng.uniform(2, 10))
    bend = np.exp(rng.uniform(np.log(0.005), np.log(0.08)))  # rms curvature, per µm
    longest = min(1.2 * field_nm, 30_000.0)
    steps = int(longest / STEP_NM)
    share_branching = rng.uniform(0, 0.35)

    def make(count: int) -> Lines:
        anchor = rng.uniform(-0.5 * longest, field_nm + 0.5 * longest, (count, 2))
        heading = families[(rng.random(count) < second).astype(int)]
        heading = heading + rng.normal(0, spread, count)
        turns = bend * ornstein_uhlenbeck(rng, (count, steps), 4000 / STEP_NM) * STEP_NM / 1000
        paths = grow_paths(anchor, heading, turns, STEP_NM, steps // 2)
        half = rng.uniform(0.12, 0.5, (count, 1)) * steps
        there = np.abs(np.arange(steps + 1) - steps // 2) <= half
        branch = np.flatnonzero(rng.random(count) < share_branching)
        stems = np.setdiff1d(np.arange(count), branch)
        if len(stems):
            grown = _branches(rng, paths[stems], turns[branch], steps)
            paths[branch], there[branch] = grown
        if edge is not None:
            at = np.where(np.isin(np.arange(count), branch), 0, steps // 2)
            deep = edge.depth(paths) > rng.uniform(0, 800, (count, 1))
            for start in (0, steps // 2):
                there[at == start] &= connected(deep[at == start], start)
        return Lines(paths, there, STEP_NM)

    return fill(make, wanted_um, field_nm)


def _branches(
    rng: np.random.Generator,
    paths: NDArray[np.float64],
    turns: NDArray[np.float64],
    steps: int,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Bundles that leave others at 5 to 20 degrees: paths [B, K, 2] and where they exist."""
    number = len(turns)
    parent = rng.integers(0, len(paths), number)
    where = rng.integers(int(0.4 * steps), int(0.6 * steps) + 1, number)
    along = paths[parent, where + 1] - paths[parent, where]
    angle = np.radians(rng.uniform(5, 20, number)) * rng.choice([-1, 1], number)
    heading = np.arctan2(along[:, 1], along[:, 0]) + angle + np.pi * rng.integers(0, 2, number)
    grown = grow_paths(paths[parent, where], heading, turns, STEP_NM)
    return grown, np.arange(steps + 1) < rng.uniform(0.08, 0.5, (number, 1)) * steps


def grow_arcs(rng: np.random.Generator, wanted_um: float, field_nm: float, edge: CellEdge) -> Lines:
    """Transverse arcs: bundles that follow the cell's edge 1.5 to 7 µm behind it."""
    steps = int(12_000 / STEP_NM)
    nearest = rng.uniform(1500, 3500)

    def make(count: int) -> Lines:
        start = rng.uniform(-0.9 * field_nm - 12_000, 0.9 * field_nm, (count, 1))
        along = start + np.arange(steps + 1) * STEP_NM
        wobble = 150 * ornstein_uhlenbeck(rng, (count, steps + 1), 20.0)
        wobble = np.cumsum(wobble, axis=1) / 20
        drift = rng.normal(0, 0.06, (count, 1)) * np.arange(steps + 1) * STEP_NM
        depth = nearest + rng.uniform(0, 3500, (count, 1)) + wobble + drift
        paths = _even_steps(edge.place(along, depth, roughness=0.4))
        there = np.arange(steps + 1) < rng.uniform(0.25, 1.0, (count, 1)) * steps
        return Lines(paths, there & connected(edge.depth(paths) > 300, 0), STEP_NM)

    return fill(make, wanted_um, field_nm)


def _even_steps(paths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give paths [F, K, 2] equal steps of `STEP_NM` along their own directions."""
    moves = np.diff(paths, axis=1)
    heading = np.arctan2(moves[..., 1], moves[..., 0])
    turns = np.diff(np.unwrap(heading, axis=1), axis=1, prepend=heading[:, :1])
    return grow_paths(paths[:, 0], heading[:, 0], turns, STEP_NM)


def grow_spikes(
    rng: np.random.Generator, wanted_um: float, field_nm: float, edge: CellEdge
) -> Lines:
    """Filopodia and microspikes: straight bundles from behind the edge out over it."""
    steps = int(8000 / STEP_NM)
    tilt = np.radians(rng.uniform(5, 25))

    def make(count: int) -> Lines:
        rooted = rng.uniform(200, 1500, count)
        root = edge.place(rng.uniform(-0.9 * field_nm, 0.9 * field_nm, count), rooted)
        heading = edge.normal(root) + rng.normal(0, tilt, count)
        turns = 0.08 * ornstein_uhlenbeck(rng, (count, steps), 25.0) * STEP_NM / 1000
        paths = grow_paths(root, heading, turns, STEP_NM)
        reach = rooted + np.minimum(200 + rng.exponential(1500, count), 6000)
        return Lines(paths, np.arange(steps + 1) * STEP_NM <= reach[:, None], STEP_NM)

    return fill(make, wanted_um, field_nm)


def bundle_part(
    rng: np.random.Generator, lines: Lines, thickness: Thickness, height_nm: NDArray[np.float64]
) -> Part:
    """Make a bundle of strands along each line: points about `_FINE_NM` apart on each strand.

    `height_nm` [F] is added to the strands' depth within their bundle.
    """
    rough = rng.uniform(0.05, 0.4)
    pieces = lines.pieces()
    length_um = sum(columns.stop - columns.start for _, columns in pieces) * STEP_NM / 1000
    most = int(np.clip(_STRANDS_UM / max(length_um, 1e-3), 4, 16))
    drawn = [
        _bundle(rng, lines.xy_nm[row, columns], thickness, most, rough) for row, columns in pieces
    ]
    xy = np.concatenate([np.empty((0, 2)), *(d[0] for d in drawn)])
    z = np.concatenate(
        [np.empty(0), *(d[1] + height_nm[row] for d, (row, _) in zip(drawn, pieces, strict=True))]
    )
    mass = np.concatenate([np.empty(0), *(d[2] for d in drawn)])
    return Part(lines, xy, z, mass)


def _bundle(
    rng: np.random.Generator,
    axis: NDArray[np.float64],
    thickness: Thickness,
    most: int,
    rough: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Points [P, 2], their z [P] within the bundle, and µm of filament for each.

    Strands fill a round cross-section, wander within it, and end at random within the taper;
    towards the ends the bundle also narrows. Its brightness is uneven along its length.
    """
    fine = int(STEP_NM / _FINE_NM)
    at = np.arange((len(axis) - 1) * fine) / fine + 0.5 / fine
    step = np.arange(len(axis))
    path = np.column_stack([np.interp(at, step, axis[:, i]) for i in (0, 1)])
    along = np.diff(axis, axis=0)[at.astype(np.int64)] / STEP_NM
    size = rng.random()
    width = thickness.width_nm[0] * (thickness.width_nm[1] / thickness.width_nm[0]) ** size
    filaments = thickness.filaments[0] * (thickness.filaments[1] / thickness.filaments[0]) ** size
    strands = int(min(max(filaments, 3), most))
    end = (at * STEP_NM, (len(axis) - 1 - at) * STEP_NM)
    taper = rng.uniform(*thickness.taper_nm, 2)
    narrow = np.minimum(*(0.35 + 0.65 * e / (e + t) for e, t in zip(end, taper, strict=True)))
    swell = np.exp(0.15 * ornstein_uhlenbeck(rng, (1, len(at)), 1000 / _FINE_NM))
    radius = width / 2 * narrow * swell
    r = np.sqrt(rng.random((strands, 1)))
    turn = rng.uniform(0, 2 * np.pi, (strands, 1))
    wander = 0.3 * ornstein_uhlenbeck(rng, (strands, len(at)), 2500 / _FINE_NM)
    across = np.clip(r * np.cos(turn) + wander, -1, 1) * radius
    high = np.broadcast_to(r * np.sin(turn), across.shape) * radius
    there = np.ones(across.shape, dtype=bool)
    for e, t in zip(end, taper, strict=True):
        there &= e > t * rng.random((strands, 1)) ** 1.5
    bright = np.exp(
        rough * ornstein_uhlenbeck(rng, (1, len(at)), rng.uniform(200, 1200) / _FINE_NM)
    )
    mass = np.broadcast_to(bright * _FINE_NM / 1000 * filaments / strands, across.shape)
    normal = np.column_stack([-along[:, 1], along[:, 0]])
    points = path + across[..., None] * normal
    return points[there], high[there], mass[there]
