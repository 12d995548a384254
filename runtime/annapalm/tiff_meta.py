"""One measured plane out of a TIFF file, and the size of its pixels.

Widefield images and rendered counts are both read here. Everything that could make the values
something else than what was measured (colours, palettes, missing strips, several planes) is
refused, and everything that could fill the memory is refused before it is decoded.
"""

from __future__ import annotations

import lzma
import math
import zlib
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from struct import error as struct_error
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError

from annapalm.errors import AnnaPalmError
from annapalm.grid import MAX_PIXELS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from tifffile import TiffFile, TiffPage

MAX_FILE_BYTES = 8 * 2**30
"""No single plane below `MAX_PIXELS` needs a larger file."""

MAX_PAGES = 1000
"""Pages are counted up to here; tifffile 2026 follows some chains that end in a circle for ever."""

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

_LEAN_CODECS = {1: "none", 8: "deflate", 32946: "deflate", 32773: "PackBits", 34925: "LZMA"}
"""TIFF tag Compression: what tifffile decodes by itself."""
_EXTRA_CODECS = {5: "LZW", 34926: "zstd", 50000: "zstd"}
"""What it decodes with the package imagecodecs, which bounds the size of what it writes."""

_BROKEN = (
    ArithmeticError, AttributeError, EOFError, ImportError, LookupError, NotImplementedError,
    RuntimeError, TypeError, ValueError, lzma.LZMAError, struct_error, zlib.error, ParseError,
)  # fmt: skip
"""What tifffile 2024 to 2026 raises on damaged files, beside OSError."""


class TiffError(AnnaPalmError, ValueError):
    """A TIFF file does not hold one plane of measured values."""


class TiffOpenError(AnnaPalmError, OSError):
    """A TIFF file cannot be opened or read from its disk."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} cannot be read: {reason}. Check that the file exists and that you may read it."
        )


class NotATiffError(TiffError):
    """A file is no TIFF file."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} is not a TIFF file: {reason}. Give an intact .tif, for example saved with "
            "ImageJ's 'Save As > Tiff'."
        )


class DamagedTiffError(TiffError):
    """A TIFF file is truncated or contradicts itself."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(
            f"{path} is damaged: {what}. Copy or export the image again; nothing was read from it."
        )


class TiffCodecError(TiffError):
    """A TIFF file is compressed in a way that cannot be decoded here."""

    def __init__(self, path: Path, codec: str, *, installable: bool) -> None:
        install = ", or run: pip install imagecodecs" if installable else ""
        super().__init__(
            f"{path} is compressed with {codec}, which this installation cannot decode. Save the "
            f"image without compression{install}."
        )


class TiffTooLargeError(TiffError):
    """A TIFF file declares, or unpacks to, more than any camera image."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(
            f"{path} was refused before it was decoded: {what}. Cut out and save the part that "
            "shows the field of the localizations."
        )


class TiffPlanesError(TiffError):
    """A TIFF file holds several planes, and which one is meant is the user's choice."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(
            f"{path} holds {what}, but one plane is needed. Save the plane that is meant (or the "
            "mean of the frames) as a TIFF of its own."
        )


class TiffPixelsError(TiffError):
    """The pixels of a TIFF file are colours or codes, not measured values."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(
            f"{path} {what}, but measured values are needed. Save the original camera image as a "
            "greyscale TIFF of 8, 16 or 32 bits with one channel."
        )


class PixelNotSquareError(TiffError):
    """A TIFF file states different pixel sizes in x and y."""

    def __init__(self, path: Path, x_nm: float, y_nm: float) -> None:
        super().__init__(
            f"{path} states pixels of {x_nm:g} nm in x and {y_nm:g} nm in y; only square pixels "
            "can be used. If the file is wrong, state the true size with --widefield-pixel NM "
            "(widefield image) or --pixel-size NM (image of counts)."
        )


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
    _check_kind(page, path)
    _check_size(page, path)
    _check_segments(tif, page, path)
    plane = page.asarray().reshape(page.imagelength, page.imagewidth)
    return plane.astype(plane.dtype.newbyteorder("="), copy=False)


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


def _check_kind(page: TiffPage, path: Path) -> None:
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


def _check_size(page: TiffPage, path: Path) -> None:
    """Refuse, from the header alone, what would not fit in memory."""
    for what, shape in (("an image", page.shape), ("a strip or tile", page.chunks)):
        if math.prod(shape) > MAX_PIXELS:
            size = " x ".join(f"{n:,}" for n in shape)
            raise TiffTooLargeError(path, f"it declares {what} of {size} pixels")
    if math.prod(page.shape) == 0:
        raise DamagedTiffError(path, "its image has no pixels")


def _check_segments(tif: TiffFile, page: TiffPage, path: Path) -> None:
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
        if code in (8, 32946, 34925):
            tif.filehandle.seek(offset)
            _check_unpacked(tif.filehandle.read(length), code, segment, path)
    if code == 1 and sum(length for _, length in stored) < page.nbytes:
        raise DamagedTiffError(path, "it holds fewer bytes than its image has")


def _check_unpacked(data: bytes, code: int, segment: int, path: Path) -> None:
    """Unpack in pieces, keeping none: the lean decoders put no bound on what they return."""
    unpacked = 0
    pieces = _unpack_lzma(data) if code == 34925 else _unpack_deflate(data)
    for piece in pieces:
        unpacked += piece
        if unpacked > segment:
            raise TiffTooLargeError(path, "a strip or tile unpacks to more than its pixels")


def _unpack_deflate(data: bytes) -> Iterator[int]:
    unpacker = zlib.decompressobj()
    while not unpacker.eof:
        piece = unpacker.decompress(data, 2**20)
        data = unpacker.unconsumed_tail
        if not piece and not data:
            return  # cut off: tifffile's own decoder will say so
        yield len(piece)


def _unpack_lzma(data: bytes) -> Iterator[int]:
    unpacker = lzma.LZMADecompressor()
    while not unpacker.eof:
        piece = unpacker.decompress(data, 2**20)
        data = b""
        if not piece and unpacker.needs_input:
            return
        yield len(piece)
