"""Waiting for another thread without being deaf to a request to stop."""

from __future__ import annotations

from concurrent.futures import wait
from typing import TYPE_CHECKING, Any

from annapalm.errors import CancelledError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from annapalm.progress import Progress

_LOOK_S = 0.1
"""Between two looks: how soon a request to stop is heard."""


def while_waiting(future: Future[Any], progress: Progress | None) -> Iterator[None]:
    """Yield every tenth of a second until `future` is done.

    Raises `CancelledError` where `progress` asks to stop.
    """
    while not wait([future], _LOOK_S).done:
        yield
        if progress is not None and progress.cancelled():
            raise CancelledError
