"""The bytes of one table: they come once, in blocks of whole lines, and are hashed as they come.

Memory is bounded by the block and not by the file, pipes are read like files, and what was hashed
is what was read.
"""

from __future__ import annotations

import codecs
import hashlib
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Literal, TypeAlias

from annapalm.read.errors import (
    LongLineError,
    NotATableError,
    NotUtf8Error,
    UnreadableFileError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEAD_BYTES = 2**16
"""How much of a file decides its format and holds its header; also the longest line. The widest
real tables have some 30 columns, 500 bytes."""

BLOCK_BYTES = 2**22
"""Read at a time: large enough that the cost per block vanishes, small enough for the cache."""

HDF5 = b"\x89HDF\r\n\x1a\n"
"""How HDF5 begins; in a file of MATLAB 7.3 behind 512 bytes of its own."""

_TEXT = bytes(set(range(0x20, 0x100)) - {0x7F}) + b"\t\n\v\f\r"


Encoding: TypeAlias = Literal["utf-8", "latin-1"]


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of a file."""

    line: int
    """Line of the file on which it starts, from 1."""
    data: bytes
    """The lines, each ended by a newline character alone."""
    unfinished: bool = False
    """Whether the last line is the file's last and had no end."""


class Source:
    """An open table file, read from its start to its end once."""

    def __init__(self, stream: BinaryIO, path: Path) -> None:
        self.path = path
        self._stream = stream
        self._hash = hashlib.sha256()
        self._hashed = False
        self._first = self._read(BLOCK_BYTES)
        self.head = self._first[:HEAD_BYTES]
        """The first bytes as they are, at most `HEAD_BYTES`."""
        self.whole_in_head = len(self._first) <= HEAD_BYTES
        self.tail = b""
        """What stands behind the NUL that ended the lines, at most `HEAD_BYTES`."""

    def check_text(self) -> None:
        """Refuse what is no text, or text in UTF-16, or without line ends, from its head alone."""
        if self.head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise NotUtf8Error(self.path, 1, "UTF-16")
        if strange := self.head.translate(None, _TEXT):
            before = unify(self.head[: self.head.index(strange[0])])
            raise NotATableError(self.path, before.count(b"\n") + 1, strange[0])
        if not self.whole_in_head and b"\n" not in unify(self.head):
            raise LongLineError(self.path, 1, HEAD_BYTES)

    def head_lines(self, encoding: Encoding = "utf-8") -> list[str]:
        """Decode the lines of the head, without their ends; a line that it cuts is left out.

        Item i is line i + 1 of the file. Raises `NotUtf8Error`.
        """
        lines = unify(_without_bom(self.head)).split(b"\n")
        if not self.whole_in_head or not lines[-1]:
            lines.pop()
        if encoding == "latin-1":
            return [line.decode("latin-1") for line in lines]
        return [decode(line, self.path, number) for number, line in enumerate(lines, 1)]

    def blocks(self, first_line: int = 1, *, end_at_nul: bool = False) -> Iterator[Block]:
        """Give all lines from `first_line` on; an empty rest gives no block.

        With `end_at_nul` the lines end at a NUL, and what follows it is kept as `tail`. Otherwise
        raises `NotATableError` there, and `LongLineError` before a line without end fills the
        memory.
        """
        line, rest, chunk = 1, b"", _without_bom(self._first)
        while chunk:
            if chunk.endswith(b"\r"):  # half of a line end, or all of it
                chunk += self._read(1)
            data = rest + unify(chunk)
            if (nul := data.find(b"\0")) >= 0:
                if not end_at_nul:
                    raise NotATableError(self.path, line + data.count(b"\n", 0, nul), 0)
                self.tail = (data[nul + 1 :] + self._read(HEAD_BYTES))[:HEAD_BYTES]
                if ended := data[:nul].rstrip(b"\n"):
                    yield from _from_line(first_line, Block(line, ended + b"\n"))
                return
            cut = data.rfind(b"\n") + 1
            if cut:
                yield from _from_line(first_line, Block(line, data[:cut]))
                line += data.count(b"\n")
            rest = data[cut:]
            if len(rest) > HEAD_BYTES:
                raise LongLineError(self.path, line, HEAD_BYTES)
            chunk = self._read(BLOCK_BYTES)
        if rest:
            yield from _from_line(first_line, Block(line, rest + b"\n", unfinished=True))

    def sha256(self) -> str:
        """Hash of the whole file, hexadecimal; reads what is left of it."""
        while not self._hashed and self._read(BLOCK_BYTES):
            pass
        self._hashed = True
        return self._hash.hexdigest()

    @contextmanager
    def whole(self) -> Iterator[BinaryIO]:
        """Give the file from its start, to be read in any order, once all of it was hashed.

        Raises `UnreadableFileError` for a pipe, and where the file is not, at the end, as long and
        as old as it was: then what was hashed is not what was read.
        """
        if not self._stream.seekable():
            raise UnreadableFileError(
                self.path, "a file of this kind cannot come through a pipe; save it first"
            )
        before = self._state()
        self.sha256()
        self._stream.seek(0)
        yield self._stream
        if self._state() != before:
            raise UnreadableFileError(self.path, "it changed while it was read")

    def _state(self) -> tuple[int, int] | None:
        """Give size and time of change; None where there is no file, but bytes in memory."""
        try:
            found = os.fstat(self._stream.fileno())
        except OSError:  # UnsupportedOperation is one
            return None
        return found.st_size, found.st_mtime_ns

    def _read(self, size: int) -> bytes:
        """Read and hash `size` bytes, fewer only at the end: a pipe may give them in pieces."""
        data = self._stream.read(size)
        while 0 < len(data) < size and (more := self._stream.read(size - len(data))):
            data += more
        self._hash.update(data)
        return data


def is_hdf5(head: bytes) -> bool:
    """Whether a file begins as HDF5 does, or as MATLAB 7.3 does."""
    return head.startswith(HDF5) or (head.startswith(b"MATLAB ") and head[512:].startswith(HDF5))


def unify(data: bytes) -> bytes:
    r"""End every line with \n alone: \r\n is Windows, a lone \r an old Macintosh."""
    if b"\r" not in data:
        return data
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def decode(line: bytes, path: Path, number: int) -> str:
    """Decode one line of UTF-8; raises `NotUtf8Error` with its number."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        raise NotUtf8Error(path, number) from None


def head_text(head: bytes) -> list[str]:
    """Decode the lines of a head whatever it holds, for looking only."""
    text = unify(_without_bom(head)).decode("utf-8", errors="replace")
    return text.split("\n")


def _without_bom(data: bytes) -> bytes:
    return data.removeprefix(codecs.BOM_UTF8)


def _from_line(first_line: int, block: Block) -> Iterator[Block]:
    """Drop the lines of a block before `first_line`."""
    skip, start = first_line - block.line, 0
    for _ in range(skip):
        start = block.data.find(b"\n", start) + 1
        if start == 0:
            return
    if start < len(block.data):
        yield Block(max(first_line, block.line), block.data[start:], block.unfinished)
