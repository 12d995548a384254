"""Where the pixels of an image lie in the camera's field."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annapalm.errors import FieldTooLargeError, InvalidValueError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from annapalm.localizations import Localizations

DEFAULT_PIXEL_NM = 20.0
"""Edge of a pixel of the dense image; half the 40 nm at which filaments are scored."""

MAX_PIXELS = 2**28
"""Largest image made in one go: 16,384 x 16,384 px (328 µm at 20 nm, 1 GiB a plane). No camera
field is larger; a table that asks for more has an outlier."""

MAX_EDGE_PX = 2**17
"""Longest edge of an image: 2.6 mm at 20 nm. A band of few rows is within `MAX_PIXELS`
however long, and of few rows only until it is padded."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A raster of square pixels: pixel (i, j) covers [j*p, (j+1)*p) x [i*p, (i+1)*p) + origin."""

    pixel_nm: float
    """Edge of a square pixel, in nm; above 0."""
    origin_nm: tuple[float, float]
    """(x, y) of the outer corner of pixel (0, 0), in nm, in the frame of `Localizations`."""
    shape: tuple[int, int]
    """(Y, X), in pixels; both at least 1."""

    def __post_init__(self) -> None:
        """Refuse grids that cannot be."""
        if not (math.isfinite(self.pixel_nm) and self.pixel_nm > 0):
            raise InvalidValueError("pixel_nm", self.pixel_nm, "a finite number above 0")
        if not all(math.isfinite(o) for o in self.origin_nm):
            raise InvalidValueError("origin_nm", self.origin_nm, "finite")
        if min(self.shape) < 1:
            raise InvalidValueError("shape", self.shape, "at least 1 x 1 pixels")
        if self.shape[0] * self.shape[1] > MAX_PIXELS:
            height, width = (n * self.pixel_nm / 1000 for n in self.shape)
            raise FieldTooLargeError(width, height, MAX_PIXELS, "")
        if max(self.shape) > MAX_EDGE_PX:
            height, width = (n * self.pixel_nm / 1000 for n in self.shape)
            raise FieldTooLargeError(width, height, MAX_EDGE_PX, " along one edge")

    @property
    def extent_nm(self) -> tuple[float, float, float, float]:
        """(x0, y0, x1, y1): left, top, right and bottom edge in nm."""
        x0, y0 = self.origin_nm
        return x0, y0, x0 + self.shape[1] * self.pixel_nm, y0 + self.shape[0] * self.pixel_nm

    @property
    def area_um2(self) -> float:
        """Area of the whole image in µm²."""
        return self.shape[0] * self.shape[1] * (self.pixel_nm / 1000) ** 2

    @classmethod
    def over(cls, extent_nm: tuple[float, float, float, float], pixel_nm: float) -> Grid:
        """Cover (x0, y0, x1, y1) in nm with the pixel raster that passes through (0, 0).

        The extent is widened outwards to whole pixels, so that tables of one cell overlay.
        """
        x0, y0, x1, y1 = extent_nm
        if not all(math.isfinite(v) for v in extent_nm) or x1 < x0 or y1 < y0:
            raise InvalidValueError("extent_nm", extent_nm, "finite, with x0 <= x1 and y0 <= y1")
        left, top = _floor(x0 / pixel_nm), _floor(y0 / pixel_nm)
        right, bottom = -_floor(-x1 / pixel_nm), -_floor(-y1 / pixel_nm)
        return cls(
            pixel_nm=pixel_nm,
            origin_nm=(left * pixel_nm, top * pixel_nm),
            shape=(max(bottom - top, 1), max(right - left, 1)),
        )

    @classmethod
    def around(cls, locs: Localizations, pixel_nm: float = DEFAULT_PIXEL_NM) -> Grid:
        """Cover the camera's field where `locs` knows it, else all of `locs`.

        Without a field the last pixel is the one that holds the largest coordinate. No
        localizations and no field give a single pixel at (0, 0).
        """
        if locs.field_nm is not None:
            return cls.over((0.0, 0.0, *locs.field_nm), pixel_nm)
        if len(locs) == 0:
            return cls(pixel_nm, (0.0, 0.0), (1, 1))
        (x0, columns), (y0, rows) = (_cover(v, pixel_nm) for v in (locs.x_nm, locs.y_nm))
        return cls(pixel_nm, (x0, y0), (rows, columns))


def _floor(pixels: float) -> int:
    """Round down, but take 2559.9999999999 (a product of decimal numbers) as 2560."""
    nearest = round(pixels)
    return nearest if abs(pixels - nearest) < 1e-6 else math.floor(pixels)


def _cover(values: NDArray[np.float64], pixel_nm: float) -> tuple[float, int]:
    """Origin (nm) and number of pixels that hold all values, in `render`'s own arithmetic."""
    low, high = float(values.min()), float(values.max())
    first = math.floor(low / pixel_nm)
    if low < first * pixel_nm:  # the quotient was rounded up to the edge
        first -= 1
    return first * pixel_nm, math.floor((high - first * pixel_nm) / pixel_nm) + 1
