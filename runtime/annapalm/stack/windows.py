"""Windows over the frames of an acquisition: pure geometry.

```
  frames   0    100   200   300   400   500   600   700   800
  window 0 |-----------------------|                           size 400, step 100
  window 1       |-----------------------|
  window 2             |-----------------------|
  window 3                   |-----------------------|
                                                     |--|      left over: no whole window
```
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from annapalm.errors import InvalidValueError
from annapalm.stack.errors import TooManyWindowsError, WindowTooLongError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_WINDOWS = 10_000
"""Pictures of one series: more is a mistake in the frames, and 500 GB of a full field."""


@dataclass(frozen=True, slots=True)
class Window:
    """Frames start <= frame < stop, counted from 0."""

    index: int
    """Its place in the series, from 0."""
    start: int
    stop: int

    @property
    def words(self) -> str:
        """Name it: `frames 100 to 499`."""
        return f"frames {self.start} to {self.stop - 1}"


@dataclass(frozen=True, slots=True)
class Windows:
    """All whole windows of `size` frames, one every `step`, from `start` to before `stop`.

    Raises `InvalidValueError` where there is not one.
    """

    size: int
    """Frames in each window."""
    step: int
    """Frames from the start of a window to that of the next; below `size` they overlap."""
    start: int
    """First frame of the first window."""
    stop: int
    """One behind the last frame of the acquisition."""

    def __post_init__(self) -> None:
        """Refuse what gives no window."""
        for name in ("size", "step"):
            if getattr(self, name) < 1:
                raise InvalidValueError(name, getattr(self, name), "1 or more frames")
        if self.stop - self.start < self.size:
            raise InvalidValueError("stop", self.stop, "at least one window behind the start")

    @classmethod
    def over(cls, where: Path, frames: tuple[int, int], size: int, step: int) -> Windows:
        """Divide start <= frame < stop; `where` is the input that has them, for messages.

        Raises `WindowTooLongError` and `TooManyWindowsError`.
        """
        start, stop = frames
        if stop - start < size:
            raise WindowTooLongError(where, start, stop, size)
        windows = cls(size, step, start, stop)
        if len(windows) > MAX_WINDOWS:
            raise TooManyWindowsError(where, len(windows), MAX_WINDOWS, step)
        return windows

    def __len__(self) -> int:
        """Count the windows."""
        return (self.stop - self.start - self.size) // self.step + 1

    def __iter__(self) -> Iterator[Window]:
        """Yield them in their order."""
        return map(self.window, range(len(self)))

    def window(self, index: int) -> Window:
        """Give window `index`, from 0."""
        start = self.start + index * self.step
        return Window(index, start, start + self.size)

    @property
    def left_over(self) -> tuple[int, int] | None:
        """(start, stop) of the frames behind the last window; None where there are none."""
        end = self.window(len(self) - 1).stop
        return (end, self.stop) if end < self.stop else None
