"""Many inputs with one warm model: one failed input is a result, and never stops the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annapalm.batch.overlap import overlapped
from annapalm.batch.steps import Steps
from annapalm.errors import InvalidValueError
from annapalm.field import FieldOptions

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from pathlib import Path

    from annapalm.batch.item import Item, Outcome
    from annapalm.batch.progress import BatchProgress
    from annapalm.batch.steps import Begin
    from annapalm.model import Model


def run_batch(
    model: Model,
    items: Sequence[Item],
    out: Path,
    options: FieldOptions | None = None,
    progress: BatchProgress | None = None,
    *,
    begin: Begin | None = None,
    jobs: int = 1,
) -> Generator[Outcome, None, None]:
    """Run the items and yield what became of each, in their order.

    `jobs` fields are in work at once: with 2 the next is read while one is drawn and written, with
    3 a third is written meanwhile, with more several are read ahead (`annapalm.batch.overlap`). The
    model runs on the thread that iterates, one field at a time, and the files are the same whatever
    `jobs` is. `begin` is called for each before it is read; what it gives back, before its
    first file appears. What they raise is the item's failure.
    Raises `InvalidValueError` at once, and `CancelledError` where the progress object asks to stop:
    nothing is left of the items begun, those before them are complete and have been yielded. Close
    the iterator (`contextlib.closing`) where you leave it early: its threads end then.
    """
    if jobs < 1:
        raise InvalidValueError("jobs", jobs, "1 or more")
    chosen = options or FieldOptions()
    steps = (Steps(model, item, out, chosen, begin) for item in items)
    if jobs > 1:
        return overlapped(steps, len(items), progress, jobs)
    return _one_by_one(steps, len(items), progress)


def _one_by_one(
    coming: Iterator[Steps], total: int, progress: BatchProgress | None
) -> Generator[Outcome, None, None]:
    for number, steps in enumerate(coming, start=1):
        if progress is not None:
            progress.begin(number, total, steps.item)
        steps.read(progress)
        steps.draw(progress)
        steps.announce()
        steps.write()
        yield steps.outcome()
