"""Across a filament: how far from its axis the localizations lie.

The axes are the skeleton of the table's own blurred counts, so that real and simulated tables are
measured alike; for tables dense enough that filaments are lines. Precision, the label's size and
drift decide what lies within some 30 nm; a halo further out is none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from annapalm.grid import DEFAULT_PIXEL_NM, Grid
from annapalm.render import render
from annapalm_export.evaluate.filaments import skeleton

if TYPE_CHECKING:
    from annapalm.localizations import Localizations

AXIS_BLUR_NM = 40.0
"""Blur of the counts whose skeleton is the axis."""
AXIS_LEVEL = 0.3
"""Threshold of that skeleton: clear filaments alone, as a missed one would look like a halo."""
CORE_NM = 20.0
"""Within this of an axis: the filament itself."""


def beside_axes(locs: Localizations, bands_nm: tuple[tuple[float, float], ...]) -> list[float]:
    """Localizations per nm of distance in each band (from, to), over those in the core.

    Distances are to the nearest pixel of the skeleton. NaN where there is no skeleton or no
    localization in its core.
    """
    grid = Grid.around(locs, DEFAULT_PIXEL_NM)
    counts, _ = render(locs, grid)
    image = gaussian_filter(counts, AXIS_BLUR_NM / grid.pixel_nm, mode="reflect")
    axes = skeleton(image, grid, AXIS_LEVEL).xy_nm
    if not len(axes):
        return [float("nan")] * len(bands_nm)
    distance, _ = cKDTree(axes).query(np.column_stack([locs.x_nm, locs.y_nm]))
    core = float((distance < CORE_NM).sum()) / CORE_NM
    return [
        float(((distance >= low) & (distance < high)).sum()) / (high - low) / core
        if core
        else float("nan")
        for low, high in bands_nm
    ]
