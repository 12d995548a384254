"""How much a compressed strip unpacks to, found without keeping any of it."""

from __future__ import annotations

import lzma
import zlib
from typing import TYPE_CHECKING

from annapalm.tiff.errors import TiffTooLargeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LZMA = 34925
UNPACKED_HERE = (8, 32946, LZMA)
"""TIFF tag Compression: deflate under both of its numbers, and LZMA."""


def check_unpacked(data: bytes, code: int, segment: int, path: Path) -> None:
    """Unpack in pieces, keeping none: the lean decoders put no bound on what they return."""
    unpacked = 0
    pieces = _unpack_lzma(data) if code == LZMA else _unpack_deflate(data)
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
