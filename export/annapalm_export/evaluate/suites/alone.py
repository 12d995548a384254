"""The widefield image alone: what a model makes of it where nothing was localized.

The contract gives a widefield image its scale by the localizations: `widefield_scale` is
sum(widefield) / sum(counts), which no localizations leave undefined, and the runtime then shows
nothing. The network itself can be asked: it is told that the light stands for as many
localizations as usual (`TYPICAL_PER_UM2`), shown none of them, and its outputs are asked for at the
exposure of the field's truth through the contract's `exposure`. Training has never shown it light
without localizations, so this is a test of what it makes of the unknown, error map included. So
shape and error map are the model's; the absolute scale, which a widefield image does not hold, is
given to it, as a user would have to. The image is taken to lie right: with nothing to register to,
its misregistration counts among the errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annapalm.memory import BYTES_PER_PX, budget_bytes
from annapalm.model import Model
from annapalm.model.inputs import structure_weights
from annapalm.model.run import FieldInput
from annapalm.reconstruction import Reconstruction
from annapalm.tile import choose_tile
from annapalm.widefield import prepare_widefield
from annapalm_export.evaluate.suite import asked_for

if TYPE_CHECKING:
    from annapalm_export.evaluate.field import EvalField
    from annapalm_export.evaluate.reconstructor import Reconstructor

WIDEFIELD_ALONE = "widefield alone"

TYPICAL_PER_UM2 = 3.0
"""Localizations per µm² for which the light is said to stand: the geometric mean of what training
shows (0.05 to 185 for microtubule 1.0.0); the same for every model, so that they compare."""


def reconstruct_widefield_alone(
    model: Reconstructor, scene: EvalField, per_um2: float = TYPICAL_PER_UM2
) -> Reconstruction | None:
    """Ask the model for the field of `scene` without its localizations.

    Images are in the unit of the scene's truth. None where there is no widefield image or it
    shows nothing, where the field has other pixels than the model, or where the model is no
    `annapalm.Model`, whose network can be asked directly.
    """
    if not isinstance(model, Model) or scene.widefield is None:
        return None
    info, grid = model.info, scene.grid
    if grid.pixel_nm != info.pixel_nm:
        return None
    nothing = np.zeros(grid.shape, np.float32)
    light = prepare_widefield(scene.widefield, grid, nothing, info.psf_sigma_nm, registered=True)
    stands_for = per_um2 * grid.area_um2
    scale = float(light.quarter.sum(dtype=np.float64)) / stands_for
    if not scale > 0:
        return None
    exposure = float(scene.counts.sum(dtype=np.float64)) / stands_for
    field = FieldInput(
        counts=nothing,
        quarter=light.quarter,
        widefield_scale=scale,
        exposure=exposure,
        structure=structure_weights(asked_for(model, scene.structure), info),
    )
    tile = choose_tile(grid.shape, info.halo_px, info.stride, budget_bytes(), BYTES_PER_PX)
    # The public way shows nothing for a field without localizations, by contract.
    output = model._runner.run(field, tile, None)  # noqa: SLF001
    return Reconstruction(
        dense=output.images["dense"],
        error=output.images["error"],
        background=output.images["background"],
        counts=nothing,
        grid=grid,
        outside=0,
        exposure=exposure,
        intervals=info.intervals_of(asked_for(model, scene.structure), widefield=True, per_um2=0.0),
        tiles=output.tiles,
    )
