"""Which part of the sample becomes the image: the field of view, and who said so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm.errors import AnnaPalmError, FieldTooLargeError
from annapalm.grid import MAX_PIXELS, Grid
from annapalm.read.errors import at
from annapalm.render import render

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from annapalm.localizations import Localizations
    from annapalm.read.errors import Place
    from annapalm.render import CountImage
    from annapalm.widefield import WidefieldImage
    from annapalm.write.schema import ExtentSource

    LineOf = Callable[[int], Place]
    Roi = tuple[float, float, float, float]

MOST_OUTSIDE: dict[ExtentSource, float] = {"camera": 0.5, "option": 0.5, "widefield": 0.05}
"""Share of the localizations that may lie outside the field, by who stated it. Drift correction
moves a few out, and a user may crop; a widefield image that misses more than a few shows another
field, or has another pixel size than it says."""

_ROOMY_PX = 2560 * 2560
"""An image up to one field of view is never worth a warning about its size."""


class OutlierError(AnnaPalmError, ValueError):
    """A localization lies so far away that an image holding it would not fit in memory."""

    def __init__(
        self, path: Path, line: Place, xy_nm: tuple[float, float], size_nm: tuple[float, float]
    ) -> None:
        (x, y), (width, height) = ((_um(v) for v in pair) for pair in (xy_nm, size_nm))
        super().__init__(
            f"{at(path, line)}: the localization at x {x} µm, y {y} µm lies so far from the "
            f"others that the image would be {width} x {height} µm, more than {MAX_PIXELS:,} "
            "pixels. Correct or remove the line, or say what the camera sees with --field "
            "WIDTHxHEIGHT or --roi X0,Y0,X1,Y1 (µm)."
        )


class OutsideFieldError(AnnaPalmError, ValueError):
    """Most localizations lie outside the field of view that they should fill."""

    def __init__(
        self,
        path: Path,
        *,
        outside: int,
        total: int,
        field_um: tuple[float, float],
        reach_um: tuple[float, float, float, float],
        said_by: str,
    ) -> None:
        x0, y0, x1, y1 = reach_um
        super().__init__(
            f"{path}: {outside:,} of {total:,} localizations lie outside the field of "
            f"{field_um[0]:.2f} x {field_um[1]:.2f} µm that {said_by} gives; they reach from x "
            f"{x0:.2f} to {x1:.2f} µm and from y {y0:.2f} to {y1:.2f} µm. Check the unit and the "
            "pixel sizes (--unit, --camera-pixel, --widefield-pixel), or state the field with "
            "--field WIDTHxHEIGHT (µm)."
        )


class RoiOutsideError(AnnaPalmError, ValueError):
    """The region asked for does not touch the image of counts."""

    def __init__(self, path: Path, roi_nm: Roi, image_nm: Roi) -> None:
        roi, image = (", ".join(f"{v / 1000:g}" for v in box) for box in (roi_nm, image_nm))
        super().__init__(
            f"{path}: --roi {roi} (µm) does not touch the image, which covers {image}. Choose a "
            "region inside it."
        )


@dataclass(frozen=True, slots=True)
class Extent:
    """The raster of the image to make."""

    grid: Grid
    """Where its pixels lie."""
    source: ExtentSource
    """What decided it."""
    warnings: tuple[str, ...] = ()
    """What the user should know about it."""


def choose_extent(
    locs: Localizations,
    pixel_nm: float,
    *,
    path: Path,
    line_of: LineOf,
    asked: bool = False,
    roi_nm: Roi | None = None,
    image: WidefieldImage | None = None,
) -> Extent:
    """Choose the field of view of a table.

    In this order: `roi_nm` (x0, y0, x1, y1); the camera's field that `locs` knows (`asked`: because
    the user said it); the widefield image; else all of the localizations. `line_of` gives the line
    in the file of a row of `locs`.
    Raises `OutlierError`, `OutsideFieldError` and `FieldTooLargeError`.
    """
    if roi_nm is not None:
        return Extent(Grid.over(roi_nm, pixel_nm), "option")
    if locs.field_nm is not None:
        grid, source = Grid.over((0.0, 0.0, *locs.field_nm), pixel_nm), _camera(asked=asked)
    elif image is not None:
        width, height = (_whole(size, pixel_nm) for size in image.size_nm)
        grid, source = Grid.over((0.0, 0.0, width, height), pixel_nm), "widefield"
    else:
        grid = _around(locs, pixel_nm, path, line_of)
        return Extent(grid, "data", _roomy(locs, grid, path, line_of))
    _check_inside(locs, grid, path, source)
    return Extent(grid, source)


def crop_counts(
    counts: CountImage, grid: Grid, roi_nm: Roi, path: Path
) -> tuple[CountImage, Grid, int]:
    """Cut the region out of an image of counts: the part [Y, X], its grid, the counts cut off.

    The region is widened to whole pixels and cut at the image's edges.
    Raises `RoiOutsideError` where nothing is left.
    """
    x0, y0, x1, y1 = grid.extent_nm
    left, top, right, bottom = roi_nm
    if not (left < x1 and right > x0 and top < y1 and bottom > y0):
        raise RoiOutsideError(path, roi_nm, grid.extent_nm)
    clipped = (max(left, x0), max(top, y0), min(right, x1), min(bottom, y1))
    part = Grid.over(clipped, grid.pixel_nm)
    rows = slice(_steps(part.origin_nm[1] - y0, grid), None)
    columns = slice(_steps(part.origin_nm[0] - x0, grid), None)
    cut = np.ascontiguousarray(counts[rows, columns][: part.shape[0], : part.shape[1]])
    return cut, part, round(float(counts.sum(dtype=np.float64) - cut.sum(dtype=np.float64)))


def _camera(*, asked: bool) -> ExtentSource:
    return "option" if asked else "camera"


def _whole(length_nm: float, pixel_nm: float) -> float:
    """Take 4000.04 nm as 4000: TIFF stores pixel sizes as ratios, which are rarely exact."""
    pixels = round(length_nm / pixel_nm)
    return pixels * pixel_nm if abs(length_nm - pixels * pixel_nm) < 0.02 * pixel_nm else length_nm


def _steps(distance_nm: float, grid: Grid) -> int:
    return round(distance_nm / grid.pixel_nm)


def _around(locs: Localizations, pixel_nm: float, path: Path, line_of: LineOf) -> Grid:
    """Cover all localizations; name the one that makes the image too large."""
    try:
        return Grid.around(locs, pixel_nm)
    except FieldTooLargeError as error:
        row = _farthest(locs)
        size = (float(np.ptp(locs.x_nm)), float(np.ptp(locs.y_nm)))
        where = (float(locs.x_nm[row]), float(locs.y_nm[row]))
        raise OutlierError(path, line_of(row), where, size) from error


def _roomy(locs: Localizations, grid: Grid, path: Path, line_of: LineOf) -> tuple[str, ...]:
    """Warn where a hundredth of the localizations takes three quarters of the image."""
    if grid.shape[0] * grid.shape[1] <= _ROOMY_PX:
        return ()
    sides = (np.quantile(axis, (0.005, 0.995)) for axis in (locs.x_nm, locs.y_nm))
    width, height = (float(high - low) / 1000 for low, high in sides)
    if width * height >= grid.area_um2 / 4:
        return ()
    row = _farthest(locs)
    x, y = (_um(float(axis[row])) for axis in (locs.x_nm, locs.y_nm))
    warning = (
        f"Nearly all localizations lie within {width:.1f} x {height:.1f} µm, but a few far away "
        f"make the image {grid.area_um2:,.0f} µm² large; the farthest, "
        f"{at(path.name, line_of(row))}, lies at x {x} µm, y {y} µm. --field or --roi give the "
        "part that matters."
    )
    return (warning,)


def _farthest(locs: Localizations) -> int:
    """Row of the localization farthest from the median."""
    distance = np.hypot(*(axis - np.median(axis) for axis in (locs.x_nm, locs.y_nm)))
    return int(np.argmax(distance))


def _check_inside(locs: Localizations, grid: Grid, path: Path, source: ExtentSource) -> None:
    _, outside = render(locs, grid)
    if outside <= MOST_OUTSIDE[source] * len(locs):
        return
    said_by = {"camera": "the table", "option": "--field", "widefield": "the widefield image"}
    axes = (locs.x_nm / 1000, locs.y_nm / 1000)
    low, high = ([float(f(axis)) for axis in axes] for f in (np.min, np.max))
    _, _, width, height = (v / 1000 for v in grid.extent_nm)
    raise OutsideFieldError(
        path,
        outside=outside,
        total=len(locs),
        field_um=(width, height),
        reach_um=(low[0], low[1], high[0], high[1]),
        said_by=said_by[source],
    )


def _um(nm: float) -> str:
    return f"{nm / 1000:,.2f}"
