"""How a host follows the reading of a table and a reconstruction, and stops them."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """What a host may pass as `progress`; called on the thread that passed it."""

    def advance(self, done: int, total: int) -> None:
        """Hear that `done` of `total` tiles are finished; first called with 0.

        Before that, while a large table is read, the same of its bytes.
        """

    def cancelled(self) -> bool:
        """Return True to stop before the next tile or block; CancelledError is then raised."""
