"""What is looked at in a page's header before it is decoded: kind, size, strips and codec."""

from __future__ import annotations

import math
from importlib.util import find_spec
from typing import TYPE_CHECKING

from annapalm.grid import MAX_PIXELS
from annapalm.tiff.errors import (
    DamagedTiffError,
    TiffCodecError,
    TiffPixelsError,
    TiffPlanesError,
    TiffTooLargeError,
)
from annapalm.tiff.unpack import UNPACKED_HERE, check_unpacked

if TYPE_CHECKING:
    from pathlib import Path

    from tifffile import TiffFile, TiffPage

_LEAN_CODECS = {1: "none", 8: "deflate", 32946: "deflate", 32773: "PackBits", 34925: "LZMA"}
"""TIFF tag Compression: what tifffile decodes by itself."""
_EXTRA_CODECS = {5: "LZW", 34926: "zstd", 50000: "zstd"}
"""What it decodes with the package imagecodecs, which bounds the size of what it writes."""


def check_kind(page: TiffPage, path: Path) -> None:
    """Refuse colours, palettes, inverted or turned images, and packed bits."""
    photometric = int(page.photometric)
    if page.samplesperpixel != 1 or photometric not in (0, 1, 3):
        raise TiffPixelsError(path, f"is a colour image of {page.samplesperpixel} channels")
    if photometric == 3:  # palette
        raise TiffPixelsError(path, "is a palette image, whose values stand for colours")
    if photometric == 0:
        raise TiffPixelsError(path, "is an inverted image (0 is white)")
    if page.imagedepth != 1:
        raise TiffPlanesError(path, f"a volume of {page.imagedepth} planes")
    if page.tags.valueof(274, 1) != 1:
        raise TiffPixelsError(path, "is stored turned or mirrored (TIFF tag Orientation)")
    dtype = page.dtype
    if dtype is None or dtype.kind not in "uif" or page.bitspersample != 8 * dtype.itemsize:
        kind = "unknown" if dtype is None else dtype.name
        raise TiffPixelsError(path, f"has pixels of {page.bitspersample} bits ({kind})")


def check_size(page: TiffPage, path: Path) -> None:
    """Refuse, from the header alone, what would not fit in memory."""
    for what, shape in (("an image", page.shape), ("a strip or tile", page.chunks)):
        if math.prod(shape) > MAX_PIXELS:
            size = " x ".join(f"{n:,}" for n in shape)
            raise TiffTooLargeError(path, f"it declares {what} of {size} pixels")
    if math.prod(page.shape) == 0:
        raise DamagedTiffError(path, "its image has no pixels")


def check_segments(tif: TiffFile, page: TiffPage, path: Path) -> None:
    """Make sure that every strip or tile is there, can be decoded, and unpacks to its own size."""
    code = int(page.compression)
    with_extra = find_spec("imagecodecs") is not None
    if code not in _LEAN_CODECS and not (with_extra and code in _EXTRA_CODECS):
        name = _EXTRA_CODECS.get(code, getattr(page.compression, "name", f"method {code}"))
        raise TiffCodecError(path, name, installable=code in _EXTRA_CODECS)
    if page.predictor not in (1, 2) and not (with_extra and page.predictor == 3):
        name = f"{_LEAN_CODECS.get(code, 'a codec')} and predictor {int(page.predictor)}"
        raise TiffCodecError(path, name, installable=page.predictor == 3)
    if page.dtype is None:
        raise DamagedTiffError(path, "its kind of pixel is unknown")
    segment = math.prod(page.chunks) * page.dtype.itemsize
    stored = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    if len(stored) < math.prod(page.chunked):
        raise DamagedTiffError(path, f"{len(stored)} strips or tiles are listed, too few")
    for number, (offset, length) in enumerate(stored):
        if offset <= 0 or length <= 0 or offset + length > tif.filehandle.size:
            raise DamagedTiffError(path, f"strip or tile {number} is missing or cut off")
        if code != 1 and length > 2 * segment + 1024:
            raise TiffTooLargeError(path, f"strip or tile {number} is larger than its pixels")
        if code in UNPACKED_HERE:
            tif.filehandle.seek(offset)
            check_unpacked(tif.filehandle.read(length), code, segment, path)
    if code == 1 and sum(length for _, length in stored) < page.nbytes:
        raise DamagedTiffError(path, "it holds fewer bytes than its image has")
