"""The bytes of one table: they come once, in blocks of whole lines, and are hashed as they come.

Memory is bounded by the block and not by the file, pipes are read like files, and what was hashed
is what was read.
"""

from __future__ import annotations

import codecs
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from annapalm.read.errors import LongLineError, NotATableError, NotUtf8Error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEAD_BYTES = 2**16
"""How much of a file decides its format and holds its header; also the longest line. The widest
real tables have some 30 columns, 500 bytes."""

BLOCK_BYTES = 2**22
"""Read at a time: large enough that the cost per block vanishes, small enough for the cache."""

_TEXT = bytes(set(range(0x20, 0x100)) - {0x7F}) + b"\t\n\v\f\r"


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
        self._first = self._read(BLOCK_BYTES)
        self.head = self._first[:HEAD_BYTES]
        """The first bytes as they are, at most `HEAD_BYTES`."""
        self.whole_in_head = len(self._first) <= HEAD_BYTES

    def check_text(self) -> None:
        """Refuse what is no text, or text in UTF-16, or without line ends, from its head alone."""
        if self.head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise NotUtf8Error(self.path, 1, "UTF-16")
        if strange := self.head.translate(None, _TEXT):
            before = unify(self.head[: self.head.index(strange[0])])
            raise NotATableError(self.path, before.count(b"\n") + 1, strange[0])
        if not self.whole_in_head and b"\n" not in unify(self.head):
            raise LongLineError(self.path, 1, HEAD_BYTES)

    def head_lines(self) -> list[str]:
        """Decode the lines of the head, without their ends; a line that it cuts is left out.

        Item i is line i + 1 of the file. Raises `NotUtf8Error`.
        """
        lines = unify(_without_bom(self.head)).split(b"\n")
        if not self.whole_in_head or not lines[-1]:
            lines.pop()
        return [decode(line, self.path, number) for number, line in enumerate(lines, 1)]

    def blocks(self, first_line: int = 1) -> Iterator[Block]:
        """Give all lines from `first_line` on; an empty rest gives no block.

        Raises `NotATableError` at a NUL, and `LongLineError` before a line without end fills the
        memory.
        """
        line, rest, chunk = 1, b"", _without_bom(self._first)
        while chunk:
            if chunk.endswith(b"\r"):  # half of a line end, or all of it
                chunk += self._read(1)
            data = rest + unify(chunk)
            if b"\0" in data:
                raise NotATableError(self.path, line + data.count(b"\n", 0, data.index(b"\0")), 0)
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
        while self._read(BLOCK_BYTES):
            pass
        return self._hash.hexdigest()

    def _read(self, size: int) -> bytes:
        """Read and hash `size` bytes, fewer only at the end: a pipe may give them in pieces."""
        data = self._stream.read(size)
        while 0 < len(data) < size and (more := self._stream.read(size - len(data))):
            data += more
        self._hash.update(data)
        return data


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
