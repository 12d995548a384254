"""What a host hands over, checked and brought into the contract's form."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from annapalm.contract import QUARTER
from annapalm.errors import InvalidValueError
from annapalm.grid import Grid
from annapalm.localizations import Localizations
from annapalm.model.errors import PixelSizeError, StructureError
from annapalm.render import CountImage, render

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from annapalm.contract import ModelInfo

MAX_COUNT = 2**24
"""Up to here float32 holds every whole number."""


def sparse_image(
    source: Localizations | NDArray[Any],
    grid: Grid | None,
    info: ModelInfo,
    size_nm: tuple[float, float] | None = None,
) -> tuple[CountImage, Grid, int]:
    """Give counts float32 [Y, X], their grid, and how many localizations lie outside it.

    `size_nm` (width, height) is the widefield image's: without a grid it is the field of
    localizations that know none. Raises `PixelSizeError` where the grid's pixel is not the
    model's, `InvalidValueError` where an array cannot be counts.
    """
    if grid is not None and not math.isclose(grid.pixel_nm, info.pixel_nm, rel_tol=1e-6):
        raise PixelSizeError(grid.pixel_nm, f"{info.name} {info.version}", info.pixel_nm)
    if isinstance(source, Localizations):
        if grid is None and source.field_nm is None and size_nm is not None:
            grid = Grid.over((0.0, 0.0, *size_nm), info.pixel_nm)
        grid = grid or Grid.around(source, info.pixel_nm)
        counts, outside = render(source, grid)
        return counts, grid, outside
    counts = check_counts(source)
    shape = counts.shape[0], counts.shape[1]
    grid = grid or Grid(info.pixel_nm, (0.0, 0.0), shape)
    if grid.shape != shape:
        raise InvalidValueError("grid.shape", grid.shape, f"that of the counts, {shape}")
    return counts, grid, 0


def check_counts(image: NDArray[Any]) -> CountImage:
    """Take an image [Y, X] of any real type as counts: whole numbers from 0 to 2**24."""
    array = _real_image("counts", image)
    if array.dtype.kind != "b":
        low, high = float(array.min()), float(array.max())
        if not (math.isfinite(low) and math.isfinite(high)):
            raise InvalidValueError("counts", "not finite somewhere", "finite in every pixel")
        if low < 0 or high > MAX_COUNT:
            raise InvalidValueError("counts", f"{low:g} to {high:g}", f"from 0 to {MAX_COUNT:,}")
        if array.dtype.kind == "f" and not (array == np.floor(array)).all():
            must = "a whole number of localizations in every pixel (no blurred or scaled image)"
            raise InvalidValueError("counts", "fractional somewhere", must)
    return np.ascontiguousarray(array, dtype=np.float32)


def check_quarter(image: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Take a prepared widefield image: [ceil(Y/4), ceil(X/4)], finite, >= 0, any real type."""
    array = _real_image("widefield", image)
    wanted = quarter_shape(shape)
    if array.shape != wanted:
        must = f"{list(wanted)}, a quarter of the counts' sides, or a WidefieldImage"
        raise InvalidValueError("widefield.shape", list(array.shape), must)
    quarter = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(quarter).all() or quarter.min() < 0:
        must = "finite and at least 0 in every pixel, its background removed"
        raise InvalidValueError("widefield", "negative or not finite somewhere", must)
    return quarter


def quarter_shape(shape: tuple[int, int]) -> tuple[int, int]:
    """(Y, X) of the quarter grid over an image of `shape`."""
    return -(-shape[0] // QUARTER), -(-shape[1] // QUARTER)


def structure_weights(structure: str | None, info: ModelInfo) -> NDArray[np.float32]:
    """One weight per structure, float32 [1, S]; None stands for a model's only structure."""
    if structure is None and len(info.structures) == 1:
        structure = info.structures[0]
    if structure not in info.structures:
        raise StructureError(structure, f"{info.name} {info.version}", info.structures)
    wanted = info.structures.index(structure)
    weights = np.zeros((1, len(info.structures)), np.float32)
    weights[0, wanted] = 1
    return weights


def check_exposure(exposure: float) -> float:
    """Take a finite number above 0 that float32 holds too."""
    number = float(exposure)
    if not (math.isfinite(number) and 1e-6 <= number <= 1e6):
        raise InvalidValueError("exposure", exposure, "between 1e-6 and 1e6")
    return number


def pad(image: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Zeros to the right and below, up to `shape`; the image itself where it fits already."""
    if image.shape == shape:
        return image
    padded = np.zeros(shape, np.float32)
    padded[: image.shape[0], : image.shape[1]] = image
    return padded


def _real_image(name: str, image: NDArray[Any]) -> NDArray[Any]:
    if not isinstance(image, np.ndarray):
        raise InvalidValueError(name, type(image).__name__, "a numpy array [Y, X]")
    if image.ndim != 2 or 0 in image.shape:
        raise InvalidValueError(f"{name}.shape", list(image.shape), "[Y, X], at least 1 x 1")
    if image.dtype.kind not in "buif":
        raise InvalidValueError(f"{name}.dtype", str(image.dtype), "of real numbers")
    return image
