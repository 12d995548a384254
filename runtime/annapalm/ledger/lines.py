"""Lines of a file that a crash cannot corrupt: each carries a checksum and is brought to the disk.

A line is eight hexadecimal digits of CRC-32, a blank, and one JSON object. It is written by one
call at the end of the file, so that a process killed at any moment leaves whole lines and at most
one torn one, which its checksum betrays and which the next line does not continue.
"""

from __future__ import annotations

import json
import os
import threading
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from annapalm.write.errors import as_write_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Event: TypeAlias = "dict[str, Any]"

_BINARY = getattr(os, "O_BINARY", 0)
"""Of Windows, where a line end would become two characters."""


class Line(NamedTuple):
    """One line as it lies in the file."""

    offset: int
    event: Event | None
    """None where the line is damaged."""


def read_lines(path: Path) -> Iterator[Line]:
    """Yield the lines of a file, one at a time; none where the file is not there."""
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        return
    with stream:
        offset = 0
        for text in stream:
            if text != b"\n":  # written to end a torn line
                yield Line(offset, _parse(text))
            offset += len(text)


def read_line(path: Path, offset: int) -> Event | None:
    """Read the line that begins at `offset`; None where it is damaged."""
    with path.open("rb") as stream:
        stream.seek(offset)
        return _parse(stream.readline())


class LineWriter:
    """Appends lines to a file; may be used from several threads."""

    def __init__(self, path: Path) -> None:
        """Open `path`, which is made where it is missing; raises an error of `write.errors`."""
        self._path = path
        self._lock = threading.Lock()
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _BINARY, 0o666)
            self._end = os.lseek(self._file, 0, os.SEEK_END)
            self._torn = self._end > 0 and _last_byte(path) != b"\n"
        except OSError as error:
            raise as_write_error(error, path) from error

    def append(self, event: Event) -> int:
        """Write one line and bring it to the disk; returns where it begins.

        Raises an error of `write.errors`; the line is then damaged or absent, and those before it
        are whole.
        """
        body = json.dumps(event, separators=(",", ":")).encode()
        line = b"%08x %s\n" % (zlib.crc32(body), body)
        with self._lock:
            lead = b"\n" if self._torn else b""
            try:
                self._end = os.lseek(self._file, 0, os.SEEK_END)
                self._torn = True  # until all of it is there
                _write(self._file, lead + line)
                os.fsync(self._file)
            except OSError as error:
                raise as_write_error(error, self._path) from error
            self._torn = False
            return self._end + len(lead)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)


def _parse(text: bytes) -> Event | None:
    digits, _, body = text.rstrip(b"\n").partition(b" ")
    try:
        if not text.endswith(b"\n") or int(digits, 16) != zlib.crc32(body):
            return None
        event = json.loads(body)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1)


def _write(file: int, data: bytes) -> None:
    """One call; more only where the system takes less than given, as when a disk gets full."""
    while data:
        data = data[os.write(file, data) :]
