"""Mitochondria with a labelled outer membrane: networks, single tubules, fragments, swollen ones.

What is simulated, its ranges and their sources: docs/structures/mitochondria.md.

`amount` is the labelled membrane's area in 3D, in units of 0.1 µm², not the area of its picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annapalm_export.simulate.structures.chondriome import (
    MARGIN_NM,
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
_PER_UM2 = (2.0, 10.0)
"""Units per µm² of cytoplasm; a tenth of it over pi is the share that mitochondria cover."""
_POINTS = 200_000
_FINEST_NM = 14.0
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
        density = float(np.exp(rng.uniform(*np.log(_PER_UM2)))) * room.open_share()
        if options.amount_per_um2 is not None:
            density = options.amount_per_um2
        wanted = density * (field_nm / 1000) ** 2 * UNIT_NM2
        whole = wanted * (1 + 2 * MARGIN_NM / field_nm) ** 2
        spacing = max(float(np.sqrt(whole / _POINTS)), _FINEST_NM)
        cell = populate(rng, room, draw_habit(rng), wanted, spacing)
        xyz, owner, area, weight = _label(rng, cell, spacing, field_nm)
        inside = ((xyz[:, :2] >= 0) & (xyz[:, :2] < field_nm)).all(axis=1)
        amount = float(area[inside].sum()) / UNIT_NM2
        mass = area * weight
        mass *= amount / max(float(mass[inside].sum()), 1e-9)
        z = np.zeros(len(xyz))
        if options.depth:
            heights = rng.normal(0, rng.uniform(50, 350), int(owner.max(initial=0)) + 1)
            z = xyz[:, 2] + heights[owner] - rng.uniform(-200, 200)
        return Points(xyz[:, :2], z, mass, spread_nm, amount, Truth())


def _label(
    rng: np.random.Generator, cell: Chondriome, spacing_nm: float, field_nm: float
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Points [P, 3] on the membranes near the field, owner [P], area [P] nm² and density [P].

    Membrane that would lie inside a trunk or a branch where they join is left out. The label is
    patchy, differs between mitochondria, and falls or rises across the cell.
    """
    surfaces = [tube.surface(spacing_nm, float(rng.uniform(0, 6))) for tube in cell.tubes]
    kept = [surface.area_nm2 > 0 for surface in surfaces]
    for trunk, branch in cell.joints:
        for one, other in ((trunk, branch), (branch, trunk)):
            kept[one] &= ~cell.tubes[other].holds(surfaces[one].xyz_nm)
    patch_nm = np.exp(rng.uniform(np.log(25), np.log(120)))
    strength = rng.uniform(0.2, 1.1)
    between = np.exp(rng.normal(0, rng.uniform(0.05, 0.4), max(cell.owner, default=0) + 1))
    slope = rng.uniform(-0.4, 0.4, 2) / field_nm
    xyz, areas, weights = [np.empty((0, 3))], [np.empty(0)], [np.empty(0)]
    owners = [np.empty(0, np.int64)]
    for surface, keep, owner in zip(surfaces, kept, cell.owner, strict=True):
        xy = surface.xyz_nm[..., :2]
        near = keep & ((xy > -MARGIN_NM) & (xy < field_nm + MARGIN_NM)).all(axis=-1)
        patchy = np.exp(strength * _patches(rng, surface, spacing_nm, patch_nm))
        across = np.exp((xy - field_nm / 2) @ slope)
        xyz.append(surface.xyz_nm[near])
        owners.append(np.full(int(near.sum()), owner))
        areas.append(surface.area_nm2[near])
        weights.append((between[owner] * patchy * across)[near])
    return (
        np.concatenate(xyz),
        np.concatenate(owners),
        np.concatenate(areas),
        np.concatenate(weights),
    )


def _patches(
    rng: np.random.Generator, surface: Surface, spacing_nm: float, patch_nm: float
) -> NDArray[np.float64]:
    """Gaussian field on a surface [K, T]: mean 0, variance about 1, blurred by `patch_nm`."""
    from scipy.ndimage import gaussian_filter

    sigma = max(patch_nm / spacing_nm, 0.3)
    level = gaussian_filter(
        rng.standard_normal(surface.area_nm2.shape), sigma, mode=("nearest", "wrap")
    )
    scaled: NDArray[np.float64] = level * max(2 * np.sqrt(np.pi) * sigma, 1.0)
    return scaled


MITOCHONDRIA = Mitochondria()
