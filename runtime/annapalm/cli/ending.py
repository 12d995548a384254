"""How a command ends: exit codes, signals, and errors as one line instead of a traceback."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from annapalm.cli.streams import say
from annapalm.model.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType

    Handler: TypeAlias = Callable[[int, FrameType | None], Any] | int

DONE = 0
SOME_FAILED = 1
USAGE = 2
MODEL_INVALID = 3
INTERRUPTED = 130


def exit_code(error: Exception) -> int:
    """Code for an error that ends a command before its first input is read."""
    return MODEL_INVALID if isinstance(error, ModelError) else USAGE


def report(error: BaseException, *, where: str = "") -> None:
    """Say on stderr what went wrong."""
    text = str(error) or type(error).__name__
    say(f"error: {where}{text}")


class Interrupts:
    """Ctrl-C, and SIGTERM (a scheduler's polite end), as KeyboardInterrupt; a context manager.

    `seen` remembers one, because an extension module can swallow the exception and report a failure
    of its own instead (importing onnxruntime does). A Ctrl-C that the caller's shell ignores stays
    ignored, and outside the main thread, where handlers cannot be set, all stays as it is.
    """

    def __init__(self) -> None:
        self.seen = False
        self._before: dict[signal.Signals, Handler] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                before = signal.getsignal(number)
                if before is not signal.SIG_IGN and before is not None:
                    self._before[number] = before
                    signal.signal(number, self._interrupt)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Put the handlers back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self.seen = True
        raise KeyboardInterrupt
