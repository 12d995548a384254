"""PNG in the few lines that it takes (https://www.w3.org/TR/png-3/): 8 bit, RGB or palette."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from annapalm.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PALETTE, _RGB = 3, 2
_MOVIE_LEVEL = 6
"""Of zlib: a movie is looked at more often than it is made."""


def encode_png(
    pixels: NDArray[np.uint8], palette: NDArray[np.uint8] | None = None, *, level: int = 3
) -> bytes:
    """Encode an image as PNG.

    `pixels` is uint8 [Y, X, 3] (sRGB), or uint8 [Y, X] of indices into `palette`, uint8 [K, 3] with
    K <= 256. The bytes are the same for the same pixels and the same zlib. Level 3 is twice as fast
    as zlib's default and a few per cent larger. Raises InvalidValueError for another shape or type.
    """
    good = pixels.dtype == np.uint8 and pixels.ndim == (3 if palette is None else 2)
    if not good or pixels.size == 0 or (palette is None and pixels.shape[2] != 3):
        kind = f"{pixels.dtype} {list(pixels.shape)}"
        raise InvalidValueError("pixels", kind, "uint8 [Y, X, 3], or [Y, X] with a palette")
    if palette is not None and int(pixels.max()) >= len(palette):
        raise InvalidValueError("pixels", int(pixels.max()), "an index into the palette")
    height, width = pixels.shape[:2]
    kind_byte = _RGB if palette is None else _PALETTE
    chunks = [_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind_byte, 0, 0, 0))]
    chunks.append(_chunk(b"sRGB", b"\x00"))
    if palette is not None:
        chunks.append(_chunk(b"PLTE", np.ascontiguousarray(palette, np.uint8).tobytes()))
    chunks += [_chunk(b"IDAT", _packed(pixels, level)), _chunk(b"IEND", b"")]
    return _SIGNATURE + b"".join(chunks)


def animate_png(
    frames: Iterable[NDArray[np.uint8]], palette: NDArray[np.uint8], count: int, frame_ms: int
) -> Iterator[bytes]:
    """Encode `count` pictures as an animated PNG that begins anew at its end, piece by piece.

    Each is uint8 [Y, X] of indices into `palette`, uint8 [K, 3], and all are of one size; one is in
    memory at a time. Programs that know no animation show the first. Raises InvalidValueError for
    another number, shape or type.
    """
    size: tuple[int, ...] | None = None
    number = sequence = 0
    for number, pixels in enumerate(frames, start=1):
        good = pixels.dtype == np.uint8 and pixels.ndim == 2 and pixels.size > 0
        if not good or size not in (None, pixels.shape):
            kind = f"{pixels.dtype} {list(pixels.shape)}"
            raise InvalidValueError("frames", kind, "uint8 [Y, X], all of one size")
        height, width = size = pixels.shape
        if number == 1:
            yield _SIGNATURE
            yield _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, _PALETTE, 0, 0, 0))
            yield _chunk(b"acTL", struct.pack(">II", count, 0))
            yield _chunk(b"sRGB", b"\x00")
            yield _chunk(b"PLTE", np.ascontiguousarray(palette, np.uint8).tobytes())
        control = struct.pack(">IIIIIHHBB", sequence, width, height, 0, 0, frame_ms, 1000, 0, 0)
        yield _chunk(b"fcTL", control)
        data, sequence = _packed(pixels, _MOVIE_LEVEL), sequence + 1
        if number == 1:
            yield _chunk(b"IDAT", data)
        else:
            yield _chunk(b"fdAT", struct.pack(">I", sequence) + data)
            sequence += 1
    if number != count or number == 0:
        raise InvalidValueError("frames", number, f"{count} pictures, as announced")
    yield _chunk(b"IEND", b"")


def _packed(pixels: NDArray[np.uint8], level: int) -> bytes:
    """Deflate the rows of a picture.

    Filter 0 before each: the pictures here are dots on black or drawn in few colours, where PNG's
    difference filters cost time and gain nothing.
    """
    height = len(pixels)
    rows = np.zeros((height, 1 + pixels.size // height), np.uint8)
    rows[:, 1:] = pixels.reshape(height, -1)
    return zlib.compress(rows.tobytes(), level)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
