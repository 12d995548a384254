"""When a file that an acquisition writes is whole: it has stopped growing, and its end can be read.

By polling: folders on network drives tell nobody of what comes into them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

TEXTS = (".csv", ".txt", ".tsv", ".xls")
"""Tables of lines, the last of which ends with a line end once it is written."""
PATIENCE = 6
"""A text whose last line has no end is waited for so many times as long, and then taken as it is:
some programs write none."""

Stamp = tuple[tuple[int, int] | None, ...]
"""Size and time of some files; None for one that is not there."""


@dataclass(slots=True)
class _Known:
    """A file set as it was last seen."""

    stamp: Stamp
    since: float
    """When it was first seen so."""
    taken: bool = False


class Settling:
    """Tells which files are whole; each state of a file is given out once."""

    def __init__(self, settle_s: float) -> None:
        """Take as whole what has not changed for `settle_s` seconds."""
        self._settle_s = settle_s
        self._known: dict[str, _Known] = {}

    def is_ready(self, paths: Iterable[Path], now: float) -> bool:
        """Tell whether files that belong together (the first is the input) are to be taken now.

        `now` is a monotonic time in seconds. True once for each state that has settled.
        """
        files = list(paths)
        stamp = tuple(map(_stamp, files))
        known = self._known.get(str(files[0]))
        if known is None or known.stamp != stamp:
            self._known[str(files[0])] = _Known(stamp, now)
            known = self._known[str(files[0])]
        if known.taken or stamp[0] is None or stamp[0][0] == 0:
            return False
        waited = now - known.since
        if waited < self._settle_s:
            return False
        known.taken = waited >= PATIENCE * self._settle_s or all(map(has_end, files))
        return known.taken

    def is_waiting(self) -> bool:
        """Tell whether any file has not been given out yet, empty and vanished ones aside."""
        return any(not k.taken and k.stamp[0] and k.stamp[0][0] > 0 for k in self._known.values())


def has_end(path: Path) -> bool:
    """Tell whether a text's last line has a line end; True for whatever is no text by its name."""
    if not path.name.lower().endswith(TEXTS):
        return True
    try:
        with path.open("rb") as stream:
            stream.seek(-1, os.SEEK_END)
            return stream.read(1) in (b"\n", b"\r", b"\x00")  # the last: UTF-16
    except OSError:
        return False


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
