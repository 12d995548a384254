"""Where zero lies: from the centre of a camera pixel to its corner."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from annapalm.read.format_errors import CameraPixelContradictsError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from annapalm.read.finish import About
    from annapalm.read.layout import Column
    from annapalm.read.table import TableOptions


NOT_SHIFTED = (
    "In tables of this format a whole number is the centre of a camera pixel, whose size is not "
    "known here: positions are taken as they are, which is half a camera pixel too far to the "
    "upper left. Say --camera-pixel NM."
)


def from_centres(
    columns: Iterable[Column], pixel_nm: float | tuple[float, float] | None, about: About
) -> tuple[tuple[Column, ...], About]:
    """Add half a camera pixel, edge or (width, height), where whole numbers are its centres.

    Without a pixel size the columns stay as they are, and what is known of the table says so.
    """
    if pixel_nm is None:
        return tuple(columns), replace(about, origin_known=False, origin_note=NOT_SHIFTED)
    width, height = pixel_nm if isinstance(pixel_nm, tuple) else (pixel_nm, pixel_nm)
    halves = {"x": width / 2, "y": height / 2}
    return tuple(replace(c, shift_nm=halves.get(c.name, 0.0)) for c in columns), about


def agreed_pixel(path: Path, found_nm: float | None, options: TableOptions) -> float | None:
    """Give the camera pixel that file or user state; raises where they state different ones."""
    wanted = options.camera_pixel_nm
    if found_nm is None or wanted is None:
        return wanted if found_nm is None else found_nm
    if abs(found_nm - wanted) > 1e-3 * wanted:
        said = f"the file says that a camera pixel is {found_nm:g} nm"
        raise CameraPixelContradictsError(path, said, wanted)
    return found_nm
