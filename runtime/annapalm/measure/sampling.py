"""Read an image between its pixels, at places given in nm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annapalm.errors import InvalidValueError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.grid import Grid


def checked(image: NDArray[np.floating], grid: Grid) -> NDArray[np.float64]:
    """Return the image as float64 [Y, X]; raise `InvalidValueError` if it is not one of `grid`.

    Any finite values will do: scores that use this do not depend on scale or offset.
    """
    if image.shape != grid.shape:
        raise InvalidValueError("image's shape", image.shape, f"the grid's, {grid.shape}")
    wide = np.asarray(image, dtype=np.float64)
    if not np.isfinite(wide).all():
        raise InvalidValueError("image", "not finite", "finite everywhere")
    return wide


def sample(
    image: NDArray[np.float64], grid: Grid, xy_nm: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Interpolate the image linearly at points (x, y) in nm: [..., 2] to float64 [...].

    Beyond the centres of the outermost pixels the nearest one's value holds.
    """
    place = (xy_nm - np.asarray(grid.origin_nm)) / grid.pixel_nm - 0.5
    column, row = (np.clip(place[..., k], 0, image.shape[1 - k] - 1) for k in (0, 1))
    left = np.minimum(column.astype(np.int64), max(image.shape[1] - 2, 0))
    top = np.minimum(row.astype(np.int64), max(image.shape[0] - 2, 0))
    right, below = np.minimum(left + 1, image.shape[1] - 1), np.minimum(top + 1, image.shape[0] - 1)
    x, y = column - left, row - top
    upper = image[top, left] * (1 - x) + image[top, right] * x
    lower = image[below, left] * (1 - x) + image[below, right] * x
    values: NDArray[np.float64] = upper * (1 - y) + lower * y
    return values
