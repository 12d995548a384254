"""Fields in work at once: some are read, one is drawn, one is written, each on its own thread.

    reading k+1, k+2, ...   threads of their own (`jobs` - 2, at least one)
    drawing k               the thread that iterates, because a model wants all cores or the GPU
    writing k-1             one thread, because a disk writes one file after the other best

The slowest of the three then sets the pace. Results come in the order of the items, and at most one
field lies between its `announce` and its outcome, as when one is done after the other.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, Self

from annapalm.errors import CancelledError
from annapalm.waiting import while_waiting

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from types import TracebackType

    from annapalm.batch.item import Outcome
    from annapalm.batch.progress import BatchProgress
    from annapalm.batch.steps import Steps

LARGE_BYTES = 256 * 2**20
"""An input of more is read when its turn comes, not ahead beside a field that is drawn."""
LARGE_PIXELS = 4096 * 4096
"""A field of more is drawn when nothing waits to be written: its arrays take the memory of many."""


def overlapped(
    coming: Iterator[Steps], total: int, progress: BatchProgress | None, jobs: int
) -> Generator[Outcome, None, None]:
    """Yield what becomes of each item, `jobs` (2 or more) of them in work at once.

    After a request to stop (`CancelledError`) or Ctrl-C what is being written is finished and
    yielded before the exception goes on.
    """
    with _Readers(coming, max(1, jobs - 2)) as readers, _Writer() as writer:
        number = 0
        try:
            while (steps := readers.first()) is not None:
                number += 1
                if progress is not None:
                    progress.begin(number, total, steps.item)
                readers.wait(progress)
                if steps.pixels > LARGE_PIXELS:
                    yield from writer.take()
                steps.draw(progress)
                yield from writer.take()
                steps.announce()
                writer.put(steps)
                if jobs == 2:
                    yield from writer.take()
            yield from writer.take()
        except (CancelledError, KeyboardInterrupt):
            yield from writer.take()
            raise


class _Readers:
    """Reads items ahead, a few at a time; a context manager."""

    def __init__(self, coming: Iterator[Steps], ahead: int) -> None:
        self._coming, self._ahead = coming, ahead
        self._next: Steps | None = next(coming, None)
        self._reading: deque[tuple[Steps, Future[None], _Relay]] = deque()
        self._pool = ThreadPoolExecutor(ahead, "annapalm-read")
        self._stop = Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give up what is being read, and wait for the threads."""
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)

    def first(self) -> Steps | None:
        """Give the item that is next, its reading begun; None: there is none."""
        if not self._reading:
            self._begin_next()
        return self._reading[0][0] if self._reading else None

    def wait(self, progress: BatchProgress | None) -> None:
        """Wait until it is read, and begin to read those behind it.

        Raises `CancelledError` where `progress` asks for it.
        """
        _, future, relay = self._reading[0]
        for _ in while_waiting(future, progress):
            if progress is not None:
                relay.forward(progress)
        future.result()
        self._reading.popleft()
        while self._next is not None and len(self._reading) < self._ahead:
            if _is_large(self._next):
                return
            self._begin_next()

    def _begin_next(self) -> None:
        if self._next is not None:
            relay = _Relay(self._stop)
            future = self._pool.submit(self._next.read, relay)
            self._reading.append((self._next, future, relay))
            self._next = next(self._coming, None)


class _Writer:
    """Writes one item while another is drawn; a context manager."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "annapalm-write")
        self._writing: tuple[Steps, Future[None]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for what is being written: a set of files appears whole or not at all."""
        self._pool.shutdown()

    def put(self, steps: Steps) -> None:
        """Begin to write an item."""
        self._writing = (steps, self._pool.submit(steps.write))

    def take(self) -> Iterator[Outcome]:
        """Wait for the item that is being written, if there is one, and yield what became of it."""
        if self._writing is not None:
            steps, future = self._writing
            future.result()
            self._writing = None
            yield steps.outcome()


class _Relay:
    """The progress of a reader, told on the thread that iterates, and a way to stop it."""

    def __init__(self, stop: Event) -> None:
        self._stop = stop
        self._state: tuple[int, int] | None = None

    def advance(self, done: int, total: int) -> None:
        """Remember how far it is."""
        self._state = (done, total)

    def cancelled(self) -> bool:
        """Say whether the run ends."""
        return self._stop.is_set()

    def forward(self, progress: BatchProgress) -> None:
        """Tell what was heard."""
        if self._state is not None:
            progress.advance(*self._state)


def _is_large(steps: Steps) -> bool:
    size = 0
    for path in steps.item.files:
        try:
            size += path.stat().st_size
        except OSError:  # whoever reads it will say so
            continue
    return size > LARGE_BYTES
