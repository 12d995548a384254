"""Single actin filaments: fine ones, the branched mesh of a leading edge, the sparse cortex."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annapalm.errors import InvalidValueError
from annapalm_export.simulate.structures.actin_bundles import Part
from annapalm_export.simulate.structures.lines import (
    MARGIN_NM,
    Lines,
    fill,
    grow_paths,
    points_along,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm_export.simulate.structures.cell_edge import CellEdge
    from annapalm_export.simulate.structures.patches import Patches

STEP_NM = 40.0
_PERSISTENCE_NM = 10_000.0
"""Of an actin filament; 17 µm with phalloidin (van Mameren et al. 2009, PubMed 19673071), less in
a crowded cell, where cross-links bend it."""
_CROSS_LINKED_NM = 3_000.0
"""The same for the filaments of the cortex, pulled about by cross-links and motors; order of
magnitude."""
_BRANCH_ANGLE = np.radians(70.0)
"""Between a filament and its branch at Arp2/3 (Mullins et al. 1998,
doi:10.1073/pnas.95.11.6181)."""
_POINTS = 100_000


def length_of_mesh(mesh_nm: float) -> float:
    """µm of filament per µm² of a mesh of that size.

    2 / size: exact for a square lattice, and for random straight lines, where the size is that
    of a disc with the mean area of a mesh (Miles 1964, doi:10.1073/pnas.52.4.901: pi / density²).
    Raises `InvalidValueError` for a size that is not above 0.
    """
    if not 0 < mesh_nm < np.inf:
        raise InvalidValueError("mesh_nm", mesh_nm, "above 0")
    return 2000.0 / mesh_nm


def grow_singles(
    rng: np.random.Generator, wanted_um: float, field_nm: float, edge: CellEdge | None
) -> Lines:
    """Fine filaments of 1 to 8 µm in any direction."""
    mean_nm = rng.uniform(1000, 4000)

    def make(count: int) -> Lines:
        anchor = rng.uniform(-1500, field_nm + 1500, (count, 2))
        heading = rng.uniform(0, 2 * np.pi, count)
        return _filaments(rng, anchor, heading, mean_nm, 2.0, edge)

    return fill(make, wanted_um, field_nm)


def grow_cortex(
    rng: np.random.Generator,
    wanted_um: float,
    field_nm: float,
    edge: CellEdge | None,
    patches: Patches,
) -> Lines:
    """Filaments of 0.3 to 4 µm in any direction, denser where `patches` are high.

    Half or more of them begin on others, so that they make a connected mesh.
    """
    mean_nm = rng.uniform(700, 2200)
    attached = rng.uniform(0.5, 0.85)

    def make(count: int) -> Lines:
        anchor = rng.uniform(-MARGIN_NM, field_nm + MARGIN_NM, (3 * count, 2))
        level = patches(anchor)
        anchor = anchor[rng.random(3 * count) < level / (1.3 * np.quantile(level, 0.95))]
        free = max(int((1 - attached) * len(anchor)), 1)
        heading = rng.uniform(0, 2 * np.pi, free)
        grown = _filaments(rng, anchor[:free], heading, mean_nm, 1.8, edge, _CROSS_LINKED_NM)
        for _ in range(2):
            number = (len(anchor) - free) // 2
            where, along, _ = _places_on(rng, grown, number)
            turned = along + rng.choice([-1, 1], number) * np.radians(rng.uniform(30, 150, number))
            more = _filaments(rng, where, turned, mean_nm, 1.8, edge, _CROSS_LINKED_NM)
            grown = _joined(rng, grown, more)
        return grown

    return fill(make, wanted_um, field_nm)


def grow_leading_edge(
    rng: np.random.Generator, wanted_um: float, field_nm: float, edge: CellEdge, band_nm: float
) -> Lines:
    """Short branched filaments around +-35 degrees to the edge's normal, within a band behind it.

    Half or more start anywhere in the band at +35 or -35 degrees; the others branch off them by
    70 degrees to the other side of the normal. The mesh thins out towards the rear of the band.
    """
    mean_nm = min(rng.uniform(250, 700), 0.6 * band_nm)
    spread = np.radians(rng.uniform(7, 18))
    branching = rng.uniform(0.2, 0.5)
    reach = 0.75 * field_nm + 1500

    def make(count: int) -> Lines:
        mothers = max(int((1 - branching) * count), 1)
        depth = band_nm * rng.beta(1.0, 1.6, mothers) * 1.15
        anchor = edge.place(rng.uniform(-reach, reach, mothers), depth)
        side = rng.choice([-0.5, 0.5], mothers) * _BRANCH_ANGLE
        normal = edge.normal(anchor)
        first = _filaments(
            rng, anchor, normal + side + rng.normal(0, spread, mothers), mean_nm, 1.6, edge
        )
        where, along, mother = _places_on(rng, first, count - mothers)
        turned = along - 2 * side[mother] + rng.normal(0, np.radians(7), len(mother))
        return _joined(rng, first, _filaments(rng, where, turned, mean_nm, 1.6, edge))

    return fill(make, wanted_um, field_nm)


def _places_on(
    rng: np.random.Generator, lines: Lines, number: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Random points [N, 2] on random lines, the direction of the line there, and which line."""
    line = rng.integers(0, len(lines.there), number)
    steps = np.maximum(lines.segments.sum(axis=1), 1)
    at = (rng.random(number) * steps[line]).astype(np.int64)
    move = lines.xy_nm[line, at + 1] - lines.xy_nm[line, at]
    return lines.xy_nm[line, at], np.arctan2(move[:, 1], move[:, 0]), line


def _joined(rng: np.random.Generator, first: Lines, then: Lines) -> Lines:
    """Both sets in random order, so that any number of them from the front is a fair sample."""
    order = rng.permutation(len(first.there) + len(then.there))
    return Lines(
        np.concatenate([first.xy_nm, then.xy_nm])[order],
        np.concatenate([first.there, then.there])[order],
        STEP_NM,
    )


def _filaments(
    rng: np.random.Generator,
    anchor: NDArray[np.float64],
    heading: NDArray[np.float64],
    mean_nm: float,
    longest: float,
    edge: CellEdge | None,
    persistence_nm: float = _PERSISTENCE_NM,
) -> Lines:
    """Bent filaments from `anchor`, their lengths even up to `longest` times the mean.

    They end at the cell's edge. A worm-like chain in the plane turns by a random angle of
    variance step / persistence length at each step.
    """
    steps = max(int(longest * mean_nm / STEP_NM), 3)
    shape = (len(anchor), steps)
    turns = rng.normal(0, np.sqrt(STEP_NM / persistence_nm), shape)
    paths = grow_paths(anchor, heading, turns, STEP_NM)
    length = rng.uniform(2 - longest, longest, (len(anchor), 1)) * mean_nm / STEP_NM
    there = np.arange(steps + 1) <= np.maximum(length, 2)
    if edge is not None:
        near = np.flatnonzero(edge.depth(anchor) < 1.5 * longest * mean_nm)  # others cannot leave
        inside = np.logical_and.accumulate(edge.depth(paths[near]) > 0, axis=1)
        there[near] &= inside
    return Lines(paths, there, STEP_NM)


def filament_part(
    rng: np.random.Generator,
    lines: Lines,
    height_nm: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> Part:
    """Points along the lines, 10 to 20 nm apart; filaments differ in label by a factor or so.

    `height_nm`: z of each line's start [F] and end of its range [F]; a line lies flat between.
    """
    per_step = int(np.clip(_POINTS // max(int(lines.segments.sum()), 1), 2, 4))
    points, line, um = points_along(lines, per_step)
    bright = np.exp(rng.normal(0, rng.uniform(0.1, 0.6), len(lines.there)))
    low, high = height_nm
    z = rng.uniform(low, np.maximum(high, low + 1e-6))
    return Part(lines, points, z[line], um * bright[line])
