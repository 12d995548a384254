"""PNG in the few lines that it takes (https://www.w3.org/TR/png-3/): 8 bit, RGB or palette."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from annapalm.errors import InvalidValueError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PALETTE, _RGB = 3, 2


def encode_png(
    pixels: NDArray[np.uint8], palette: NDArray[np.uint8] | None = None, *, level: int = 3
) -> bytes:
    """Encode an image as PNG.

    `pixels` is uint8 [Y, X, 3] (sRGB), or uint8 [Y, X] of indices into `palette`, uint8 [K, 3] with
    K <= 256. The bytes are the same for the same pixels and the same zlib. Level 3 is twice as fast
    as zlib's default and a few per cent larger. Raises InvalidValueError for another shape or type.
    """
    colours = 3 if palette is None else 1
    good = pixels.dtype == np.uint8 and pixels.ndim == (3 if palette is None else 2)
    if not good or pixels.size == 0 or (palette is None and pixels.shape[2] != 3):
        kind = f"{pixels.dtype} {list(pixels.shape)}"
        raise InvalidValueError("pixels", kind, "uint8 [Y, X, 3], or [Y, X] with a palette")
    if palette is not None and int(pixels.max()) >= len(palette):
        raise InvalidValueError("pixels", int(pixels.max()), "an index into the palette")
    height, width = pixels.shape[:2]
    # Filter 0 before each row: the pictures here are dots on black or drawn in few colours, where
    # PNG's difference filters cost time and gain nothing.
    rows = np.zeros((height, 1 + width * colours), np.uint8)
    rows[:, 1:] = pixels.reshape(height, -1)
    kind_byte = _RGB if palette is None else _PALETTE
    chunks = [_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind_byte, 0, 0, 0))]
    chunks.append(_chunk(b"sRGB", b"\x00"))
    if palette is not None:
        chunks.append(_chunk(b"PLTE", np.ascontiguousarray(palette, np.uint8).tobytes()))
    chunks += [_chunk(b"IDAT", zlib.compress(rows.tobytes(), level)), _chunk(b"IEND", b"")]
    return _SIGNATURE + b"".join(chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
