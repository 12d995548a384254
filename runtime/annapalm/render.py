"""Localizations to an image of counts: the one renderer, of training and of the runtime alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from annapalm.grid import Grid
    from annapalm.localizations import Localizations

CountImage: TypeAlias = NDArray[np.float32]
"""float32 [Y, X], whole numbers >= 0: localizations per pixel."""
RateImage: TypeAlias = NDArray[np.float32]
"""float32 [Y, X], >= 0: expected localizations per pixel over a stated exposure."""


def render(locs: Localizations, grid: Grid) -> tuple[CountImage, int]:
    """Count the localizations in each pixel of `grid`.

    Returns float32 [Y, X] of whole numbers >= 0, in localizations per pixel, and how many
    localizations lie outside the grid; image sum + outside == len(locs).
    Pixels are half open: a point on an edge belongs to the pixel to its right or below.
    No localizations give an image of zeros, and no error.
    """
    row, column = pixels_of(locs, grid)
    rows, columns = grid.shape
    counts = np.bincount(row * columns + column, minlength=rows * columns).reshape(grid.shape)
    return counts.astype(np.float32), len(locs) - len(row)


def pixels_of(locs: Localizations, grid: Grid) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and column of the pixel of each localization inside `grid`, in their order; int64 [M]."""
    column, row, within = _places(locs, grid)
    return row[within].astype(np.int64), column[within].astype(np.int64)


def inside(locs: Localizations, grid: Grid) -> NDArray[np.bool_]:
    """Mark the localizations that `render` counts: bool [N]."""
    return _places(locs, grid)[2]


def _places(
    locs: Localizations, grid: Grid
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Column and row of each localization, and whether they lie in the grid."""
    column = np.floor((locs.x_nm - grid.origin_nm[0]) / grid.pixel_nm)
    row = np.floor((locs.y_nm - grid.origin_nm[1]) / grid.pixel_nm)
    rows, columns = grid.shape
    # Compared as floats: a coordinate far away would overflow an integer index.
    within: NDArray[np.bool_] = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    return column, row, within
