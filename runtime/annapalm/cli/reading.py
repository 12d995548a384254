"""A bar while a large table is read by a command that reads one; on a terminal only."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from rich.progress import Progress as Bar


class ReadingBar:
    """Follows the reading of one file, as `annapalm.progress.Progress`; a context manager.

    It appears with the first word of how far the reading is, which only large files give, and goes
    when all is read.
    """

    def __init__(self, path: Path, *, quiet: bool = False) -> None:
        """Follow the reading of `path`; with `quiet`, show nothing."""
        self._name, self._quiet = path.name, quiet
        self._bar: Bar | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

    def advance(self, done: int, total: int) -> None:
        """Move the bar to so many bytes."""
        if self._bar is None:
            if self._quiet or not sys.stderr.isatty():
                return
            self._bar = _started(self._name, total)
        self._bar.update(self._bar.task_ids[0], completed=done)
        if done >= total:  # what follows has words of its own
            self._bar.stop()

    def cancelled(self) -> bool:
        """Never: a command is stopped by Ctrl-C."""
        return False


def _started(name: str, total: int) -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("reading {task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True, highlight=False),
        redirect_stdout=False,
        redirect_stderr=False,
        transient=True,
    )
    bar.add_task(name, total=total)
    bar.start()
    return bar
