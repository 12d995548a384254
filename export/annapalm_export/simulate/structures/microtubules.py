"""Microtubules: single or bundled, unevenly labelled (`filaments.py`, `labelling.py`)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from annapalm_export.simulate.filaments import STEP_NM, Filaments, grow, ornstein_uhlenbeck
from annapalm_export.simulate.labelling import (
    MICROTUBULE_RADIUS_NM,
    Label,
    noise_free_rate,
    place_emitters,
    unevenness,
)
from annapalm_export.simulate.structures.geometry import Truth

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.grid import Grid
    from annapalm.render import RateImage
    from annapalm_export.simulate.focus import Focus
    from annapalm_export.simulate.structures.geometry import StructureOptions


class FilamentGeometry:
    """The filaments of one field; the `Geometry` of microtubules."""

    labels_per_unit = None

    def __init__(self, filaments: Filaments, label: Label, field_nm: float) -> None:
        self.filaments, self._label = filaments, label
        self.amount = filaments.length_um(field_nm)
        self.truth = Truth(centre_lines=filaments.centre_lines())
        self.spread_nm = label.spread_nm
        self._weight: NDArray[np.float64] | None = None

    def label(self, rng: np.random.Generator, emitters_per_unit: float) -> NDArray[np.float64]:
        """Label unevenly and place fluorophores: float64 [E, 3], x, y, z in nm."""
        self._weight = unevenness(rng, self.filaments)
        return place_emitters(rng, self.filaments, self._weight, emitters_per_unit, self._label)

    def rate(self, grid: Grid, precision_nm: float, focus: Focus | None) -> RateImage:
        """Draw the labelling density: float32 [Y, X], µm of evenly labelled filament per pixel.

        Raises `RuntimeError` before `label`, which decides it.
        """
        if self._weight is None:
            message = "label() comes before rate()"
            raise RuntimeError(message)
        return noise_free_rate(
            self.filaments, self._weight, grid, self.spread_nm, precision_nm, focus
        )


class Microtubules:
    """The structure `microtubules`."""

    name = "microtubules"
    unit = "µm of filament"
    least_amount = 60.0
    per_unit = (150.0, 1000.0)
    emitters_per_unit = 25.0

    def draw(
        self, rng: np.random.Generator, field_nm: float, options: StructureOptions
    ) -> FilamentGeometry:
        """Grow 0.5 to 6 µm of filament per µm², or as many as asked for, and as treated."""
        drawn = float(np.exp(rng.uniform(np.log(0.5), np.log(6))))
        drug = options.treatment
        per_um = (options.amount_per_um2 or drawn) * drug.amount
        filaments = grow(
            rng,
            field_nm,
            per_um,
            length=drug.length,
            bend=drug.bend,
            curvature_per_um=options.curvature_per_um,
        )
        if rng.random() < options.empty_share:
            filaments.inside[:] = False
        label = Label(MICROTUBULE_RADIUS_NM + rng.uniform(0, 15), rng.uniform(2, 7))
        if options.depth:
            # From a generator of its own: a seed grows the same filaments with and without depth.
            filaments = dataclasses.replace(filaments, z_nm=_depths(rng.spawn(1)[0], filaments))
        return FilamentGeometry(filaments, label, field_nm)


def _depths(rng: np.random.Generator, filaments: Filaments) -> NDArray[np.float64]:
    """Depth of each point: filaments at their own heights that rise and sink over micrometres.

    Flat at a cell's edge, up to half a micrometre around its middle.
    """
    shape = filaments.inside.shape
    height = rng.uniform(0, 350)
    between = rng.normal(0, 0.7 * height, (shape[0], 1))
    along = 0.7 * height * ornstein_uhlenbeck(rng, shape, rng.uniform(2000, 8000) / STEP_NM)
    deep: NDArray[np.float64] = between + along
    return deep


MICROTUBULES = Microtubules()
