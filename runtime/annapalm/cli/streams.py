"""stdout and stderr of a command: results on one, everything else on the other."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
from typing import TextIO


def prepare_streams() -> None:
    """Write UTF-8 on every system, and never die of a name that is no valid text.

    A stream that was closed before the start is opened to nowhere: Python has None in its place,
    and the next file opened would take its number. What tifffile thinks of a damaged file, tag by
    tag, is not said: the one line that tells the user what to do is ours.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    logging.getLogger("tifffile").addHandler(logging.NullHandler())  # here, not when imported


class ResultStream:
    """stdout, which its reader may close whenever it has seen enough."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Write to `stream`; None: to stdout."""
        self._stream = sys.stdout if stream is None else stream
        self.closed = False

    def line(self, text: str) -> None:
        """Write one line at once, or nothing where nobody reads any more."""
        if self.closed:
            return
        try:
            self._stream.write(text + "\n")
            self._stream.flush()
        except BrokenPipeError:
            self.closed = True
            silence(self._stream)


def silence(stream: TextIO) -> None:
    """Point a closed pipe at nothing, or Python complains of it when it ends."""
    with contextlib.suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), stream.fileno())


def say(text: str) -> None:
    """Write one line to stderr; where nobody reads it, there is nobody to tell."""
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except BrokenPipeError:
        silence(sys.stderr)
