"""How a host follows a reconstruction and stops it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """What a host may pass as `progress`; called on the thread that called `reconstruct`."""

    def advance(self, done: int, total: int) -> None:
        """Hear that `done` of `total` tiles are finished; first called with 0."""

    def cancelled(self) -> bool:
        """Return True to stop before the next tile; `reconstruct` then raises CancelledError."""
