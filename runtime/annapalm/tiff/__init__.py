"""One measured plane out of a TIFF file, and the size of its pixels.

Widefield images and rendered counts are both read here. Everything that could make the values
something else than what was measured (colours, palettes, missing strips, several planes) is
refused, and everything that could fill the memory is refused before it is decoded.
"""

from annapalm.tiff.errors import (
    DamagedTiffError,
    NotATiffError,
    PixelNotSquareError,
    TiffCodecError,
    TiffError,
    TiffOpenError,
    TiffPixelsError,
    TiffPlanesError,
    TiffTooLargeError,
)
from annapalm.tiff.pixel_size import pixel_size_nm
from annapalm.tiff.plane import open_plane, open_planes

__all__ = [
    "DamagedTiffError",
    "NotATiffError",
    "PixelNotSquareError",
    "TiffCodecError",
    "TiffError",
    "TiffOpenError",
    "TiffPixelsError",
    "TiffPlanesError",
    "TiffTooLargeError",
    "open_plane",
    "open_planes",
    "pixel_size_nm",
]
