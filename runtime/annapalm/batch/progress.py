"""How a host follows a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from annapalm.progress import Progress

if TYPE_CHECKING:
    from annapalm.batch.item import Item


class BatchProgress(Progress, Protocol):
    """The progress of a run; called on the thread that iterates over `run_batch`."""

    def begin(self, number: int, total: int, item: Item) -> None:
        """Hear that input `number` of `total` (from 1) is next."""
