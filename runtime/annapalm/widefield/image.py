"""The widefield image as the camera took it, and whether it shows the field."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annapalm.errors import InvalidValueError
from annapalm.tiff import open_plane
from annapalm.widefield.errors import (
    WidefieldPixelsError,
    WidefieldPixelSizeError,
    WidefieldSizeError,
)

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    from annapalm.grid import Grid


@dataclass(frozen=True, slots=True, eq=False)
class WidefieldImage:
    """A widefield image on its camera's pixels; its corner is (0, 0) of the localizations.

    Raises `InvalidValueError` where the pixels are not such an image.
    """

    pixels: NDArray[np.float32]
    """float32 [Y, X], finite, any unit and offset."""
    pixel_nm: float
    """Edge of a camera pixel in the sample, nm."""
    path: Path | None = None
    """Where it was read from; None for an image handed over in memory."""

    def __post_init__(self) -> None:
        """Refuse images that cannot be."""
        image: Any = self.pixels
        if not isinstance(image, np.ndarray) or image.dtype != np.float32 or image.ndim != 2:
            kind = getattr(image, "dtype", type(image).__name__)
            raise InvalidValueError("pixels", f"{kind} {np.shape(image)}", "float32 [Y, X]")
        if image.size == 0 or not np.isfinite(image).all():
            raise InvalidValueError("pixels", "empty or not finite somewhere", "finite, 1 x 1 up")
        if not (math.isfinite(self.pixel_nm) and self.pixel_nm > 0):
            raise InvalidValueError("pixel_nm", self.pixel_nm, "a finite number above 0")

    @property
    def size_nm(self) -> tuple[float, float]:
        """(width, height) of the field that the image shows, nm."""
        rows, columns = self.pixels.shape
        return columns * self.pixel_nm, rows * self.pixel_nm

    @property
    def name(self) -> str:
        """What messages call the image: its path where it has one."""
        return "The widefield image" if self.path is None else f"The widefield image {self.path}"


def read_widefield(path: str | os.PathLike[str], pixel_nm: float | None = None) -> WidefieldImage:
    """Read a widefield image: a TIFF file with one plane of camera values.

    `pixel_nm` is the camera pixel in the sample; without it the file must state one (OME, ImageJ
    or resolution tags). Raises the errors of `annapalm.tiff` for files, `WidefieldPixelsError`
    for values that are not finite or nowhere above 0, `WidefieldPixelSizeError` without a pixel
    size, `InvalidValueError` for a `pixel_nm` that is none.
    """
    path = Path(path)
    if pixel_nm is not None and not (math.isfinite(pixel_nm) and pixel_nm > 0):
        raise InvalidValueError("pixel_nm", pixel_nm, "a finite number above 0")
    values, found = open_plane(path, pixel_nm)
    bad = ~np.isfinite(values)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        what = f"holds {values[row, column]} at row {row}, column {column} (both from 0)"
        raise WidefieldPixelsError(str(path), what)
    if values.max() <= 0:
        raise WidefieldPixelsError(str(path), "holds no value above 0")
    with np.errstate(over="ignore"):
        pixels = values.astype(np.float32)
    if not np.isfinite(pixels).all():  # a float64 beyond 3e38
        raise WidefieldPixelsError(str(path), f"holds values up to {np.abs(values).max():g}")
    if found is None:
        raise WidefieldPixelSizeError(path)
    return WidefieldImage(pixels, found, path)


def check_covers(
    image: WidefieldImage, grid: Grid, field_nm: tuple[float, float] | None = None
) -> None:
    """Make sure that `image` shows the field of the localizations.

    It must cover `grid`, and where the camera's field (width, height in nm) is known it must have
    that size; one camera pixel of difference passes. Raises `WidefieldSizeError` with both sizes.
    """
    width, height = image.size_nm
    slack = image.pixel_nm * (1 + 1e-6)
    shape = (image.pixels.shape[0], image.pixels.shape[1])
    if field_nm is not None and (
        abs(field_nm[0] - width) > slack or abs(field_nm[1] - height) > slack
    ):
        extent = (0.0, 0.0, *field_nm)
        raise WidefieldSizeError(
            image.name, shape, image.pixel_nm, "the field of the localizations", extent
        )
    x0, y0, x1, y1 = grid.extent_nm
    if x0 < -slack or y0 < -slack or x1 > width + slack or y1 > height + slack:
        raise WidefieldSizeError(
            image.name, shape, image.pixel_nm, "the field to reconstruct", grid.extent_nm
        )
