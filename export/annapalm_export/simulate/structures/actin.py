"""Actin: stress fibres and other bundles, fine filaments, and the meshes of edge and cortex.

What is simulated, its ranges and their sources: docs/structures/actin.md.

`amount` counts lines: the axis of a bundle once, however many filaments it holds, and each single
filament of a mesh, also where the mesh is too fine to be resolved. A filament of a bundle is as
bright as a single one, so that a bundle has more than its share of the labels per µm, a mesh less;
the mean over the field is what `per_unit` says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from annapalm_export.simulate.structures.actin_bundles import (
    SPIKE,
    STRESS_FIBRE,
    Part,
    bundle_part,
    grow_arcs,
    grow_fibres,
    grow_spikes,
)
from annapalm_export.simulate.structures.actin_mesh import (
    filament_part,
    grow_cortex,
    grow_leading_edge,
    grow_singles,
    length_of_mesh,
)
from annapalm_export.simulate.structures.cell_edge import CellEdge, draw_edge
from annapalm_export.simulate.structures.geometry import Points, Truth
from annapalm_export.simulate.structures.patches import draw_patches

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm_export.simulate.structures.geometry import StructureOptions
    from annapalm_export.simulate.structures.lines import Lines

_LABEL_NM = (3.0, 9.0)
"""Standard deviation of labels around a filament: its radius of 3.5 nm with phalloidin, which
binds directly, up to antibodies; order of magnitude."""


_LEAST_UM = 5.0
"""About one line of the longest parts: less cannot be drawn without drawing far too much."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one cell holds: µm of line per µm² of the field for each part."""

    fibres: float
    arcs: float
    spikes: float
    singles: float
    leading_edge: float
    cortex: float
    edge: CellEdge | None
    band_nm: float
    """Width of the leading edge's mesh."""

    @property
    def parts(self) -> dict[str, float]:
        """µm of line per µm² of the field, by part."""
        names = ("fibres", "arcs", "spikes", "singles", "leading_edge", "cortex")
        return {name: getattr(self, name) for name in names}

    @property
    def total(self) -> float:
        """µm of line per µm² of the field."""
        return sum(self.parts.values())

    def with_mesh(self, factor: float) -> Plan:
        """Make the meshes of cortex and leading edge so many times as wide: less line in them."""
        return replace(self, cortex=self.cortex / factor, leading_edge=self.leading_edge / factor)

    def scaled(self, to: float, field_nm: float) -> Plan:
        """All parts alike thinned or thickened to a total of `to` µm per µm².

        Parts of which less than `_LEAST_UM` would be left go into the largest one.
        """
        parts = {name: to / self.total * part for name, part in self.parts.items()}
        least = _LEAST_UM / (field_nm / 1000) ** 2
        largest = max(parts, key=lambda name: parts[name])
        for name, part in parts.items():
            if name != largest and part < least:
                parts[largest] += part
                parts[name] = 0.0
        return replace(self, **parts)  # type: ignore[arg-type]  # the names are of these floats


def draw_plan(rng: np.random.Generator, field_nm: float) -> Plan:
    """Between a cell of fibres alone (35 %), of meshes alone (20 %), and both (45 %)."""
    kind = rng.choice(["fibres", "mesh", "both"], p=[0.35, 0.2, 0.45])
    edge = draw_edge(rng, field_nm) if kind != "fibres" or rng.random() < 0.3 else None
    bundles = 0.0 if kind == "mesh" else float(np.exp(rng.uniform(np.log(0.15), np.log(1.0))))
    arcs = float(rng.choice([0.0, rng.uniform(0.1, 0.5)])) if edge is not None else 0.0
    singles = float(rng.choice([0.0, rng.uniform(0.05, 1.0)], p=[0.3, 0.7]))
    band = float(np.exp(rng.uniform(np.log(500), np.log(3000))))
    mesh = float(np.exp(rng.uniform(np.log(30), np.log(120))))
    fine = (300, 900) if kind == "fibres" else (150, 600)
    cortex = length_of_mesh(float(np.exp(rng.uniform(*np.log(fine)))))
    if kind == "fibres" and rng.random() < 0.6:
        cortex = 0.0
    spikes = leading = 0.0
    if edge is not None:
        centres = (np.arange(64) + 0.5) / 64 * field_nm
        depth = edge.depth(np.stack(np.meshgrid(centres, centres), axis=-1))
        cortex *= float((depth > 0).mean())
        spikes = float(rng.choice([0.0, rng.uniform(0.02, 0.2)]))
        if kind != "fibres":
            leading = length_of_mesh(mesh) * float(((depth > 0) & (depth < band)).mean())
    return Plan(
        fibres=bundles * (1 - arcs),
        arcs=bundles * arcs,
        spikes=spikes,
        singles=singles,
        leading_edge=leading,
        cortex=cortex,
        edge=edge,
        band_nm=band,
    )


class Actin:
    """The structure `actin`."""

    name = "actin"
    unit = "µm of filament"
    least_amount = 20.0
    per_unit = (60.0, 1000.0)
    emitters_per_unit = 25.0

    def draw(self, rng: np.random.Generator, field_nm: float, options: StructureOptions) -> Points:
        """Draw a cell, or as much of everything in it as `options` ask for."""
        spread_nm = float(rng.uniform(*_LABEL_NM))
        if rng.random() < options.empty_share:
            return Points(np.empty((0, 2)), np.empty(0), np.empty(0), spread_nm, 0.0, Truth())
        plan = draw_plan(rng, field_nm)
        if options.amount_per_um2 is not None:
            plan = plan.scaled(options.amount_per_um2, field_nm)
        plan = plan.with_mesh(options.treatment.mesh)
        parts = _parts(rng, plan, field_nm)
        amount = float(sum(part.lines.lengths_um(field_nm).sum() for part in parts))
        xy = np.concatenate([part.xy_nm for part in parts])
        uneven = draw_patches(rng, field_nm, rng.uniform(0.05, 0.5), rng.uniform(200, 2000))
        mass = np.concatenate([part.mass for part in parts]) * uneven(xy)
        inside = ((xy >= 0) & (xy < field_nm)).all(axis=1)
        mass *= amount / max(float(mass[inside].sum()), 1e-9)
        z = np.zeros(len(xy))
        if options.depth:
            z = np.concatenate([part.z_nm for part in parts]) - rng.uniform(0, 400)
        lines = [line for part in parts for line in part.lines.centre_lines()]
        return Points(xy, z, mass, spread_nm, amount, Truth(centre_lines=lines))


def _parts(rng: np.random.Generator, plan: Plan, field_nm: float) -> list[Part]:
    """Grow the parts that the plan names."""
    area, edge = (field_nm / 1000) ** 2, plan.edge
    parts = []
    if plan.fibres:
        lines = grow_fibres(rng, plan.fibres * area, field_nm, edge).near(field_nm)
        parts.append(bundle_part(rng, lines, STRESS_FIBRE, rng.uniform(50, 250, len(lines.there))))
    if plan.arcs and edge is not None:
        lines = grow_arcs(rng, plan.arcs * area, field_nm, edge).near(field_nm)
        parts.append(bundle_part(rng, lines, STRESS_FIBRE, rng.uniform(200, 900, len(lines.there))))
    if plan.spikes and edge is not None:
        lines = grow_spikes(rng, plan.spikes * area, field_nm, edge).near(field_nm)
        parts.append(bundle_part(rng, lines, SPIKE, rng.uniform(50, 300, len(lines.there))))
    if plan.singles:
        lines = grow_singles(rng, plan.singles * area, field_nm, edge).near(field_nm)
        parts.append(filament_part(rng, lines, _heights(rng, lines, edge, dorsal=0.3)))
    if plan.leading_edge and edge is not None:
        wanted = plan.leading_edge * area
        lines = grow_leading_edge(rng, wanted, field_nm, edge, plan.band_nm).near(field_nm)
        parts.append(filament_part(rng, lines, _heights(rng, lines, edge, dorsal=0.0)))
    if plan.cortex:
        patches = draw_patches(rng, field_nm, rng.uniform(0, 0.7), rng.uniform(300, 2000))
        lines = grow_cortex(rng, plan.cortex * area, field_nm, edge, patches).near(field_nm)
        parts.append(filament_part(rng, lines, _heights(rng, lines, edge, dorsal=0.4)))
    return parts


def _heights(
    rng: np.random.Generator, lines: Lines, edge: CellEdge | None, dorsal: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest z of each line [F]: at the coverslip, or (`dorsal`) at the upper side.

    A cell is about 0.2 µm thick at its edge and rises inwards; order of magnitude.
    """
    number = len(lines.there)
    top = np.full(number, rng.uniform(500, 2000))
    if edge is not None:
        top = 200 + 0.2 * np.clip(edge.depth(lines.xy_nm[:, 0]), 0, 9000)
    above = rng.random(number) < dorsal
    return np.where(above, top - 100, 0.0), np.where(above, top, np.minimum(top, 200))


ACTIN = Actin()
