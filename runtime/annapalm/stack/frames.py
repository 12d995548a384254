"""The localizations of one window after the other, not looked for in the whole table each time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.localizations import Localizations
    from annapalm.stack.windows import Window


class FramesOf:
    """Localizations with their frames in order, so that a window costs only what it holds."""

    def __init__(self, localizations: Localizations) -> None:
        """Sort the frames, where the table is not sorted already."""
        self._localizations = localizations
        frame = localizations.frame
        self._order: NDArray[np.int64] | None = None
        if (frame[1:] < frame[:-1]).any():
            self._order = np.argsort(frame, kind="stable")
        self._sorted = frame if self._order is None else frame[self._order]

    def __len__(self) -> int:
        """Count them all."""
        return len(self._localizations)

    def count(self, start: int, stop: int) -> int:
        """Count those of start <= frame < stop."""
        first, end = np.searchsorted(self._sorted, (start, stop))
        return int(end - first)

    def window(self, window: Window) -> Localizations:
        """Give those of a window, in the order of the table."""
        first, end = np.searchsorted(self._sorted, (window.start, window.stop))
        if self._order is None:
            return self._localizations.select(np.arange(first, end, dtype=np.int64))
        return self._localizations.select(np.sort(self._order[first:end]))
