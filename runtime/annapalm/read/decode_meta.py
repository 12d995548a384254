"""What DECODE (doi:10.1038/s41592-021-01236-x) says of a table: unit, camera pixel, version.

DECODE's first coordinate is the row: it is our y, and the second is our x; each has a pixel size of
its own. Whole numbers are centres of pixels, and frames count from 0. z is in nm.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annapalm.read.columns import LENGTHS
from annapalm.read.errors import CameraPixelMissingError, UnitContradictsError
from annapalm.read.format_errors import (
    BadHeaderError,
    CameraPixelContradictsError,
    UntestedVersionError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from annapalm.read.columns import Quantity
    from annapalm.read.errors import Place
    from annapalm.read.table import FormatName, TableOptions

KNOWN_VERSIONS = "0.9 and 0.10"

_KNOWN = re.compile(r"v?0\.(9|10)(\..*|-.*|)")


@dataclass(frozen=True, slots=True)
class DecodeMeta:
    """How the numbers of a table of DECODE are to be taken."""

    unit: str
    """Of the lateral coordinates: nm or px."""
    pixel_nm: tuple[float, float] | None
    """(width, height) of a camera pixel along our x and y; None where nobody says it."""

    @property
    def camera_pixel_nm(self) -> float | None:
        """Edge of a square camera pixel; None where it is not square, or not known."""
        if self.pixel_nm is None or self.pixel_nm[0] != self.pixel_nm[1]:
            return None
        return self.pixel_nm[0]

    def factor(self, name: Quantity) -> float:
        """Give what turns a column into nm."""
        if self.unit == "nm" or self.pixel_nm is None:
            return 1.0
        along_x, along_y = self.pixel_nm
        per = {"x": along_x, "precision": along_x, "y": along_y, "precision_y": along_y}
        return per.get(name, 1.0)

    def unit_of(self, name: Quantity) -> str | None:
        """Give the unit of a column; None where it is no length."""
        if name == "z":
            return "nm"
        return self.unit if name in LENGTHS else None


def understand(
    place: tuple[Path, Place],
    meta: Mapping[str, object],
    version: object,
    options: TableOptions,
    name: FormatName,
) -> DecodeMeta:
    """Make sense of DECODE's metadata; `place` is where it stands.

    Raises `UntestedVersionError`, `BadHeaderError`, `UnitContradictsError`,
    `CameraPixelContradictsError` and `CameraPixelMissingError`.
    """
    path = place[0]
    if options.format != name and not _KNOWN.fullmatch(str(version)):
        raise UntestedVersionError(path, "DECODE", str(version), KNOWN_VERSIONS, name)
    unit = meta.get("xy_unit")
    if unit not in ("nm", "px"):
        raise BadHeaderError(*place, f"its unit of x and y, xy_unit, is {unit!r}, not nm or px.")
    if options.unit not in (None, unit):
        raise UnitContradictsError(*place, "xyz", str(unit), str(options.unit))
    found = _pixel(place, meta.get("px_size"))
    wanted = options.camera_pixel_nm
    if found is None and wanted is not None:
        found = (wanted, wanted)
    if found is None and unit == "px":
        raise CameraPixelMissingError(*place, "xyz")
    if found and wanted and max(abs(edge - wanted) for edge in found) > 1e-3 * wanted:
        said = f"the file says that a camera pixel is {found[0]:g} x {found[1]:g} nm"
        raise CameraPixelContradictsError(path, said, wanted)
    return DecodeMeta(str(unit), found)


def _pixel(place: tuple[Path, Place], size: object) -> tuple[float, float] | None:
    """Read px_size, (along the first, along the second coordinate), as (width, height)."""
    if size is None:
        return None
    try:
        first, second = (float(edge) for edge in size)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        first = second = math.nan
    if not (0 < first < math.inf and 0 < second < math.inf):
        raise BadHeaderError(*place, f"its size of a camera pixel, px_size, is {size!r}.")
    return second, first
