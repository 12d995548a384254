"""Read an image between its pixels, at places given in nm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import map_coordinates

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
    values: NDArray[np.float64] = map_coordinates(
        image, [place[..., 1], place[..., 0]], order=1, mode="nearest"
    )
    return values
