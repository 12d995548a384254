"""One run at a time into an output folder; shards of one division side by side.

Locks of the operating system, which it lets go of when a process ends in whatever way: there is no
stale lock to delete. A whole run holds `lock` for itself; a shard shares `lock` with the other
shards and holds `lock-I-of-N` for itself.
"""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from annapalm.ledger.errors import OutputBusyError
from annapalm.write.errors import as_write_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from annapalm.ledger.shard import Shard

_HELD = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
_SHARD = re.compile(r"lock-(\d+)-of-(\d+)")

if sys.platform == "win32":
    import msvcrt

    _BYTE = 2**30
    """Of the file, far beyond its text: a locked byte cannot be read by others on Windows."""

    def _lock(file: int, *, shared: bool, wait: bool) -> None:
        if shared:
            return  # not known to msvcrt; the locks of the shards themselves are looked at
        os.lseek(file, _BYTE, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: int, *, shared: bool, wait: bool) -> None:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(file, kind if wait else kind | fcntl.LOCK_NB)


class OutputLock:
    """Holds an output folder for a run or a shard; a context manager."""

    def __init__(self, out: Path, shard: Shard | None = None) -> None:
        """Name what to hold; nothing is touched yet."""
        self._out, self._shard = out, shard
        self._folder = out / ".annapalm"
        self._files: list[int] = []
        self.unlockable: str | None = None
        """Why this file system cannot lock, where it cannot; the run goes on without."""

    def __enter__(self) -> Self:
        """Take the locks; raises `OutputBusyError` and the errors of `annapalm.write.errors`."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._hold("lock", shared=self._shard is not None)
            if self._shard is not None:
                self._hold(f"lock-{self._shard.number}-of-{self._shard.count}")
            self._refuse_others()
        except OSError as error:
            self._release()
            raise as_write_error(error, self._folder) from error
        except OutputBusyError:
            self._release()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go."""
        self._release()

    @contextlib.contextmanager
    def report(self) -> Iterator[None]:
        """Hold the record and the report of the run, which the shards write in turn."""
        file = _opened(self._folder / "lock-report")
        try:
            with contextlib.suppress(OSError):  # said already, when the run began
                _lock(file, shared=False, wait=True)
            yield
        finally:
            os.close(file)

    def _hold(self, name: str, *, shared: bool = False) -> None:
        file = _opened(self._folder / name)
        try:
            _lock(file, shared=shared, wait=False)
        except OSError as error:
            os.close(file)
            if error.errno in _HELD:
                raise OutputBusyError(self._out, _holder(self._folder / name)) from None
            self.unlockable = error.strerror or str(error)
            return
        self._files.append(file)
        _sign(file)

    def _refuse_others(self) -> None:
        """See that no shard of another division is at work, and, on Windows, no shard at all."""
        for path in sorted(self._folder.glob("lock-*-of-*")):
            found = _SHARD.fullmatch(path.name)
            if found is None or (self._shard and int(found[2]) == self._shard.count):
                continue
            file = _opened(path)
            try:
                _lock(file, shared=False, wait=False)
            except OSError as error:
                if error.errno in _HELD:
                    raise OutputBusyError(self._out, _holder(path)) from None
            finally:
                os.close(file)

    def _release(self) -> None:
        for file in self._files:
            os.close(file)
        self._files.clear()


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)


def _sign(file: int) -> None:
    """Write who holds the lock, for the message to the next one; nothing else reads it."""
    now = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    text = f"process {os.getpid()} on {platform.node()} since {now}"
    with contextlib.suppress(OSError):  # a full disk is no reason not to hold the lock
        os.ftruncate(file, 0)
        os.lseek(file, 0, os.SEEK_SET)
        os.write(file, text.encode())


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or "unknown"
    except OSError:
        return "unknown"
