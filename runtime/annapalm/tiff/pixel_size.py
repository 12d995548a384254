"""The edge of a pixel, from whichever of three places a program wrote it to."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

from annapalm.tiff.errors import DamagedTiffError, PixelNotSquareError

if TYPE_CHECKING:
    from tifffile import TiffFile

PRINT_PIXEL_NM = 2000.0
"""Resolution tags that give a larger pixel (72, 96, 300, 600 dots per inch, 1/1) are settings for
printers that programs write when they know nothing; no microscope of this kind has such a pixel."""

_NM_PER = {
    "nm": 1.0, "nanometer": 1.0, "nanometre": 1.0, "nanometers": 1.0,
    "µm": 1e3, "μm": 1e3, "um": 1e3, "micron": 1e3, "microns": 1e3,
    "micrometer": 1e3, "micrometre": 1e3, "micrometers": 1e3, "\\u00b5m": 1e3, "\\u03bcm": 1e3,
    "mm": 1e6, "cm": 1e7, "m": 1e9, "inch": 25.4e6, "in": 25.4e6, "pm": 1e-3, "å": 0.1,
}  # fmt: skip
"""Units as OME and ImageJ write them, lower case; ImageJ escapes the micro sign in either form."""

_RESOLUTION_UNIT_NM = {2: 25.4e6, 3: 1e7}
"""TIFF tag ResolutionUnit: 2 = inch, 3 = cm; 1 = none, and then nothing is known."""


def pixel_size_nm(tif: TiffFile) -> float | None:
    """Find the edge of a pixel in nm: from OME, else ImageJ, else the resolution tags.

    None where nothing is stated, or only what programs write when they do not know: a size of 0,
    a ratio of 1/1, the 72 or 96 dots per inch of a screen. Raises `PixelNotSquareError`.
    """
    for source in (_ome_size, _imagej_size, _tag_size):
        size = source(tif)
        if size is None:
            continue
        x_nm, y_nm = size
        if not math.isclose(x_nm, y_nm, rel_tol=1e-3):
            raise PixelNotSquareError(Path(tif.filehandle.path), x_nm, y_nm)
        return x_nm
    return None


def _ome_size(tif: TiffFile) -> tuple[float, float] | None:
    """Read PhysicalSizeX and Y of the first image; their unit is µm unless stated."""
    from tifffile import xml2dict

    text = tif.ome_metadata
    if text is None:
        return None
    try:
        found = xml2dict(text)
    except ParseError as error:
        path = Path(tif.filehandle.path)
        raise DamagedTiffError(path, f"its OME-XML cannot be parsed ({error})") from error
    for name in ("OME", "Image", "Pixels"):
        found = found.get(name, {}) if isinstance(found, dict) else {}
        if isinstance(found, (list, tuple)):  # several images: the first is the one read
            found = found[0] if found else {}
    if not isinstance(found, dict):
        return None
    sizes = [
        _in_nm(found.get(f"PhysicalSize{a}"), found.get(f"PhysicalSize{a}Unit", "µm")) for a in "XY"
    ]
    x_nm, y_nm = sizes
    if x_nm is None:
        return None
    return x_nm, x_nm if y_nm is None else y_nm


def _imagej_size(tif: TiffFile) -> tuple[float, float] | None:
    """Read ImageJ's `unit` with the resolution tags; it omits `yunit` where it equals `unit`."""
    described = tif.imagej_metadata
    if not described or "unit" not in described:
        return None
    units = (described["unit"], described.get("yunit", described["unit"]))
    return _per_pixel(tif, (_unit_nm(units[0]), _unit_nm(units[1])), math.inf)


def _tag_size(tif: TiffFile) -> tuple[float, float] | None:
    """Read XResolution and YResolution with ResolutionUnit."""
    unit = tif.pages.first.tags.valueof(296)
    nm = _RESOLUTION_UNIT_NM.get(int(unit)) if isinstance(unit, int) else None
    return _per_pixel(tif, (nm, nm), PRINT_PIXEL_NM)


def _per_pixel(
    tif: TiffFile, unit_nm: tuple[float | None, float | None], largest_nm: float
) -> tuple[float, float] | None:
    """Turn pixels per unit (tags 282, 283) into nm per pixel; None unless a measurement."""
    sizes = []
    for code, nm in zip((282, 283), unit_nm, strict=True):
        ratio = tif.pages.first.tags.valueof(code)
        if nm is None or not isinstance(ratio, tuple) or len(ratio) != 2 or 0 in ratio:
            return None
        per_unit = ratio[0] / ratio[1]
        dots_per_inch = per_unit * 25.4e6 / nm
        if per_unit == 1 or any(math.isclose(dots_per_inch, d, rel_tol=1e-3) for d in (72, 96)):
            return None
        sizes.append(nm / per_unit)
    return (sizes[0], sizes[1]) if 0 < sizes[0] <= largest_nm else None


def _in_nm(value: object, unit: object) -> float | None:
    nm = _unit_nm(unit)
    if nm is None or not isinstance(value, (int, float)):
        return None
    size = float(value) * nm
    return size if math.isfinite(size) and size > 0 else None


def _unit_nm(unit: object) -> float | None:
    return _NM_PER.get(str(unit).strip().lower())
