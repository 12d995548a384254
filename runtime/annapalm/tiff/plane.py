"""Open a TIFF file and decode what it should hold, after every check of `checks` has passed."""

from __future__ import annotations

import lzma
import math
import zlib
from contextlib import contextmanager
from struct import error as struct_error
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError

from annapalm.errors import AnnaPalmError
from annapalm.tiff.checks import check_kind, check_segments, check_size
from annapalm.tiff.errors import (
    DamagedTiffError,
    NotATiffError,
    TiffOpenError,
    TiffPlanesError,
    TiffTooLargeError,
)
from annapalm.tiff.pixel_size import pixel_size_nm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from tifffile import TiffFile, TiffPage

MAX_FILE_BYTES = 8 * 2**30
"""No single plane below `MAX_PIXELS` needs a larger file."""

MAX_PAGES = 1000
"""Pages are counted up to here; tifffile 2026 follows some chains that end in a circle for ever."""

_BROKEN = (
    ArithmeticError, AttributeError, EOFError, ImportError, LookupError, NotImplementedError,
    RuntimeError, TypeError, ValueError, lzma.LZMAError, struct_error, zlib.error, ParseError,
)  # fmt: skip
"""What tifffile 2024 to 2026 raises on damaged files, beside OSError."""


def open_plane(path: Path, pixel_nm: float | None = None) -> tuple[NDArray[Any], float | None]:
    """Read the one plane of a TIFF file: values [Y, X] as stored, and the pixel size in nm.

    The values keep their kind (integers or floats of 8 to 64 bits, native byte order); the pixel
    size is `pixel_nm` where given, else what `pixel_size_nm` finds. Raises `TiffOpenError` and the
    subclasses of `TiffError`. Values are not checked: NaN and negative ones are the caller's to
    judge.
    """
    with _opened(path) as tif:
        page = _only_page(tif, path)
        plane = _plane(tif, page, path)
        size = pixel_size_nm(tif) if pixel_nm is None else pixel_nm
    return plane, size


def open_planes(path: Path, number: int) -> NDArray[Any]:
    """Read the planes of a TIFF file that must hold `number` of one size: [number, Y, X].

    Kind of values and errors as of `open_plane`.
    """
    import numpy as np

    with _opened(path) as tif:
        if len(tif.pages) != number:
            raise DamagedTiffError(path, f"it holds {len(tif.pages):,} planes instead of {number}")
        planes = [_plane(tif, tif.pages[n].aspage(), path) for n in range(number)]
        if len({plane.shape for plane in planes}) != 1:
            raise DamagedTiffError(path, "its planes differ in size")
        return np.stack(planes)


@contextmanager
def _opened(path: Path) -> Iterator[TiffFile]:
    """Open one TIFF file; whatever is wrong with it inside the block becomes a `TiffError`."""
    from tifffile import TiffFile, TiffFileError

    _check_file(path)
    try:
        # One file only: an OME-TIFF may name others, which nobody has checked.
        with TiffFile(path, _multifile=False) as tif:
            yield tif
    except AnnaPalmError:
        raise
    except TiffFileError as error:
        raise NotATiffError(path, str(error)) from error
    except OSError as error:
        raise TiffOpenError(path, error.strerror or str(error)) from error
    except _BROKEN as error:
        raise DamagedTiffError(path, f"it cannot be decoded ({error})") from error


def _plane(tif: TiffFile, page: TiffPage, path: Path) -> NDArray[Any]:
    """Check one page and decode it: [Y, X] in native byte order."""
    check_kind(page, path)
    check_size(page, path)
    check_segments(tif, page, path)
    plane = page.asarray().reshape(page.imagelength, page.imagewidth)
    return plane.astype(plane.dtype.newbyteorder("="), copy=False)


def _check_file(path: Path) -> None:
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            head = stream.read(4)
    except OSError as error:
        raise TiffOpenError(path, error.strerror or str(error)) from error
    if size == 0:
        raise NotATiffError(path, "the file is empty")
    if head[:2] not in (b"II", b"MM"):
        raise NotATiffError(path, "it does not begin with the signature of one")
    if size > MAX_FILE_BYTES:
        raise TiffTooLargeError(path, f"the file has {size / 2**30:.1f} GiB, above 8 GiB")


def _only_page(tif: TiffFile, path: Path) -> TiffPage:
    """Return the one page, after making sure that no metadata spread more planes over the file."""
    if (images := _count_pages(tif)) != 1:
        more = "more than " if images > MAX_PAGES else ""
        raise TiffPlanesError(path, f"{more}{min(images, MAX_PAGES):,} images")
    page = tif.pages.first
    planes = [s.shape for s in tif.series]
    if len(planes) != 1 or math.prod(planes[0]) != math.prod(page.shape):
        sizes = ", ".join(" x ".join(map(str, shape)) for shape in planes)
        raise TiffPlanesError(path, f"an image of {sizes} pixels in several planes")
    return page


def _count_pages(tif: TiffFile) -> int:
    """Count the pages, up to `MAX_PAGES` and one: their chain may be long, or without end."""
    try:
        tif.pages.get(MAX_PAGES)
        tif.pages.get(MAX_PAGES + 1)  # not there, if a circle was found on the way to the first
    except IndexError:
        return len(tif.pages)
    return MAX_PAGES + 1
