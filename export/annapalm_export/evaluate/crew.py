"""Scoring in several processes, each of which loads the models once."""

from __future__ import annotations

import signal
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import repeat
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, TypeAlias

from annapalm.errors import AnnaPalmError, InvalidValueError
from annapalm.model import Model, SessionOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from annapalm_export.evaluate.reconstructor import Reconstructor

Work: TypeAlias = "Callable[..., Any]"
"""Is called with the sequence of models and what a task holds besides."""
Task: TypeAlias = "tuple[Any, ...]"
Chain: TypeAlias = "Generator[tuple[Work, Task], Any, None]"
"""Yields one task at a time and is sent what came of it, so that it can decide on the next."""


class LostProcessError(AnnaPalmError, RuntimeError):
    """A process that scored has ended before its work was done."""

    def __init__(self) -> None:
        super().__init__(
            "A process that scored was ended by something else; most often there is too little "
            "memory for so many. Try fewer with --processes."
        )


class Crew:
    """Models, and the processes that run them; see `crew`."""

    def __init__(
        self, models: Sequence[Reconstructor], pool: ProcessPoolExecutor | None, number: int
    ) -> None:
        self._models, self._pool, self._number = models, pool, number

    def map(self, work: Work, tasks: Sequence[Task]) -> Iterator[Any]:
        """Yield what comes of the tasks, in their order."""
        if self._pool is None:
            yield from (work(self._models, *task) for task in tasks)
        else:
            yield from self._pool.map(_call, repeat(work), tasks)

    def follow(self, chains: Iterable[Chain]) -> None:
        """Run chains to their ends, as many side by side as there are processes."""
        coming, running = iter(chains), dict[Any, Chain]()
        while True:
            while len(running) < self._number and (chain := next(coming, None)) is not None:
                self._go_on(chain, None, running)
            if not running:
                return
            done = running if self._pool is None else wait(running, None, FIRST_COMPLETED).done
            for future in tuple(done):
                self._go_on(running.pop(future), future.result(), running)

    def _go_on(self, chain: Chain, result: object, running: dict[Any, Chain]) -> None:
        try:
            work, task = chain.send(result)
        except StopIteration:
            return
        running[self._submit(work, task)] = chain

    def _submit(self, work: Work, task: Task) -> Future[Any] | _Done:
        if self._pool is None:
            return _Done(work(self._models, *task))
        return self._pool.submit(_call, work, task)


class _Done:
    """What this process has computed itself, as a future gives it."""

    def __init__(self, value: object) -> None:
        self._value = value

    def result(self) -> object:
        return self._value


@contextmanager
def crew(models: Sequence[Reconstructor], processes: int) -> Iterator[Crew]:
    """Give models to this process (1), or to so many others, each on one thread of the CPU.

    The figures are the same. Raises `InvalidValueError` where several are to run what was not
    loaded from a file, and `LostProcessError` where one of them is killed meanwhile.
    """
    if processes == 1:
        yield Crew(models, None, 1)
        return
    paths = [str(model.path) for model in models if isinstance(model, Model)]
    if len(paths) < len(models):
        raise InvalidValueError("processes", processes, "1 for what is no file of a model")
    spawn = get_context("spawn")  # forked, a runtime's threads would be missing
    pool = ProcessPoolExecutor(processes, spawn, _load, (paths,))
    try:
        yield Crew(models, pool, processes)
    except BrokenProcessPool as error:
        raise LostProcessError from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


_models: Sequence[Reconstructor] = ()
"""Those of a process that `crew` started."""


def _load(paths: Sequence[str]) -> None:
    global _models  # noqa: PLW0603 - a process has one crew
    # Ctrl-C reaches all of them, unless they were started to ignore it; only the one that keeps the
    # results has something to say.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if not paths:
        return
    import torch

    from annapalm_export.evaluate.trained import load_trained

    torch.set_num_threads(1)  # for runs of training; model files have their own option
    _models = [load_trained(path, options=SessionOptions(threads=1)) for path in paths]


def _call(work: Work, task: Task) -> Any:  # noqa: ANN401 - whatever the work gives
    return work(_models, *task)
