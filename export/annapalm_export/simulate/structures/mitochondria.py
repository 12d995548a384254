"""Mitochondria with a labelled outer membrane: networks, single tubules, fragments, swollen ones.

What is simulated, its ranges and their sources: docs/structures/mitochondria.md.

`amount` is the labelled membrane's area in 3D, in units of 0.1 µm², not the area of its picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from annapalm_export.simulate.structures.chondriome import (
    Chondriome,
    draw_habit,
    draw_room,
    populate,
)
from annapalm_export.simulate.structures.geometry import Points, Truth

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm_export.simulate.structures.geometry import StructureOptions
    from annapalm_export.simulate.structures.membrane import Surface

UNIT_NM2 = 1e5
"""0.1 µm²."""
_PER_UM2 = (3.0, 11.0)
"""Units per µm² of cytoplasm; a tenth of it over pi is the share that mitochondria cover."""
_POINTS = 220_000
_RING_NM = 16.0
"""Distance of a tube's rings: below the blur of labels and localizations, so that the bright rims
are smooth; around a ring, where two walls overlay, points may lie further apart."""
_FINEST_NM = 16.0
POINTS_TO_NM = 400.0
"""Membrane is labelled this far beyond the field."""
_LABEL_NM = (4.0, 12.0)
"""Standard deviation of labels around the membrane: nanobodies to two layers of antibodies, each
about 10 nm long; order of magnitude."""


class Mitochondria:
    """The structure `mitochondria`."""

    name = "mitochondria"
    unit = "0.1 µm² of membrane"
    least_amount = 50.0
    per_unit = (60.0, 500.0)
    emitters_per_unit = 12.0

    def draw(self, rng: np.random.Generator, field_nm: float, options: StructureOptions) -> Points:
        """Draw the mitochondria of a field, or as many as `options` ask for and find room."""
        spread_nm = float(rng.uniform(*_LABEL_NM))
        if rng.random() < options.empty_share:
            return Points(np.empty((0, 2)), np.empty(0), np.empty(0), spread_nm, 0.0, Truth())
        room = draw_room(rng, field_nm)
        drawn = float(np.exp(rng.uniform(*np.log(_PER_UM2)))) * room.open_share()
        per_um2 = drawn if options.amount_per_um2 is None else options.amount_per_um2
        wanted = per_um2 * (field_nm / 1000) ** 2 * UNIT_NM2
        cell = populate(rng, room, draw_habit(rng), wanted, _RING_NM)
        xyz, owner, area, density = label_membranes(rng, cell, field_nm)
        inside = ((xyz[:, :2] >= 0) & (xyz[:, :2] < field_nm)).all(axis=1)
        amount = float(area[inside].sum()) / UNIT_NM2
        mass = area * density
        mass *= amount / max(float(mass[inside].sum()), 1e-9)
        z = np.zeros(len(xyz))
        if options.depth:
            heights = rng.normal(0, rng.uniform(50, 350), int(owner.max(initial=0)) + 1)
            z = xyz[:, 2] + heights[owner] - rng.uniform(-200, 200)
        return Points(xyz[:, :2], z, mass, spread_nm, amount, Truth())


class LabelledMembrane(NamedTuple):
    """Points on all membranes near a field."""

    xyz_nm: NDArray[np.float64]
    """float64 [P, 3]; z from the middle of the mitochondrion."""
    owner: NDArray[np.int64]
    """int64 [P]: which mitochondrion."""
    area_nm2: NDArray[np.float64]
    """float64 [P]: membrane that each point stands for."""
    density: NDArray[np.float64]
    """float64 [P]: relative density of label, > 0."""


def label_membranes(
    rng: np.random.Generator, cell: Chondriome, field_nm: float
) -> LabelledMembrane:
    """Cover the membranes within `POINTS_TO_NM` of the field with points.

    Membrane that would lie inside a trunk or a branch where they join is left out. The label is
    patchy, differs between mitochondria, and falls or rises across the cell.
    """
    low, high = -POINTS_TO_NM, field_nm + POINTS_TO_NM
    whole = sum(tube.area_within(low, high) for tube in cell.tubes)
    most = _POINTS * max(field_nm / 12_800, 1.0) ** 2
    spacing_nm = max(whole / (most * _RING_NM), _FINEST_NM)
    near = {i: tube.part_within(low, high) for i, tube in enumerate(cell.tubes)}
    surfaces = {i: tube.surface(spacing_nm) for i, tube in near.items() if tube is not None}
    kept = {i: surface.area_nm2 > 0 for i, surface in surfaces.items()}
    for joint in cell.joints:
        _open_joint(cell, surfaces, kept, joint)
    patch_nm = np.exp(rng.uniform(np.log(25), np.log(120)))
    strength = rng.uniform(0.2, 1.1)
    between = np.exp(rng.normal(0, rng.uniform(0.05, 0.4), max(cell.owner, default=0) + 1))
    slope = rng.uniform(-0.4, 0.4, 2) / field_nm
    xyz, areas, weights = [np.empty((0, 3))], [np.empty(0)], [np.empty(0)]
    owners = [np.empty(0, np.int64)]
    for i, surface in surfaces.items():
        owner, keep = cell.owner[i], kept[i]
        places = surface.xyz_nm[keep]
        patchy = np.exp(strength * _patches(rng, surface, (_RING_NM, spacing_nm), patch_nm)[keep])
        across = np.exp((places[:, :2] - field_nm / 2) @ slope)
        xyz.append(places)
        owners.append(np.full(len(places), owner))
        areas.append(surface.area_nm2[keep])
        weights.append(between[owner] * patchy * across)
    return LabelledMembrane(
        np.concatenate(xyz),
        np.concatenate(owners),
        np.concatenate(areas),
        np.concatenate(weights),
    )


def _open_joint(
    cell: Chondriome,
    surfaces: dict[int, Surface],
    kept: dict[int, NDArray[np.bool_]],
    joint: tuple[int, int],
) -> None:
    """Strike out of `kept` what of trunk and branch lies inside the other, near their joint."""
    trunk, branch = (cell.tubes[i] for i in joint)
    place = branch.axis_nm[0]
    reach = 2 * (trunk.radius_nm.max() + branch.radius_nm.max())
    for one, other in ((joint[0], branch), (joint[1], trunk)):
        if one not in surfaces:
            continue
        xyz = surfaces[one].xyz_nm
        near = (np.abs(xyz[..., :2] - place) < reach).all(axis=-1)
        kept[one][near] &= ~other.holds(xyz[near])


def _patches(
    rng: np.random.Generator, surface: Surface, spacing_nm: tuple[float, float], patch_nm: float
) -> NDArray[np.float64]:
    """Gaussian field on a surface [K, T]: mean 0, variance about 1, blurred by `patch_nm`."""
    from scipy.ndimage import gaussian_filter

    sigma = [max(patch_nm / spacing, 0.3) for spacing in spacing_nm]
    white = rng.standard_normal(surface.area_nm2.shape, dtype=np.float32)
    level = gaussian_filter(white, sigma, mode=("nearest", "wrap"))
    # White noise blurred by sigma steps has the variance 1 / (4 pi sigma_1 sigma_2).
    scaled: NDArray[np.float64] = level * max(2 * np.sqrt(np.pi * sigma[0] * sigma[1]), 1.0)
    return scaled


MITOCHONDRIA = Mitochondria()
