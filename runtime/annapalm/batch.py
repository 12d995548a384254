"""Many inputs with one warm model: one failed input is a result, and never stops the others."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from annapalm.errors import AnnaPalmError, CancelledError
from annapalm.field import FieldOptions, check_stem_free, run_field
from annapalm.progress import Progress
from annapalm.write import done_entry, failed_entry, skipped_entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from annapalm.model import Model
    from annapalm.write.schema import FieldEntry
    from annapalm.write.thumbnails import Thumbnails


@dataclass(frozen=True, slots=True)
class Item:
    """One input of a run."""

    source: Path
    """The table or image of counts."""
    stem: Path
    """Where its results go: path without suffix, below the output folder."""
    widefield: Path | None = None
    """The widefield image that belongs to it."""
    replace: bool = False
    """Its results may be replaced although `FieldOptions.overwrite` is not set: they are ours, of
    another version of the input, or not all there."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one input."""

    item: Item
    entry: FieldEntry
    """As in `run.json` and a line of `--jsonl`."""
    thumbnails: Thumbnails | None = None
    """Small pictures for the report; None unless done."""
    error: Exception | None = None
    """Why it failed; None where it did not."""
    trace: str | None = None
    """The traceback of an error that annapalm did not raise on purpose: a fault of the program."""


class BatchProgress(Progress, Protocol):
    """How a host follows a run; called on the thread that iterates over `run_batch`."""

    def begin(self, number: int, total: int, item: Item) -> None:
        """Hear that input `number` of `total` (from 1) is next."""


def run_batch(
    model: Model,
    items: Sequence[Item],
    out: Path,
    options: FieldOptions | None = None,
    progress: BatchProgress | None = None,
    *,
    begin: Callable[[Item], None] | None = None,
) -> Iterator[Outcome]:
    """Run the items one after the other and yield what became of each, in their order.

    `begin` is called for each before its first file appears; what it raises is the item's failure.
    Raises `CancelledError` where the progress object asks to stop: nothing is left of the item
    begun, and the items before it are complete.
    """
    for number, item in enumerate(items, start=1):
        if progress is not None:
            progress.begin(number, len(items), item)
        chosen = options or FieldOptions()
        if item.replace:
            chosen = replace(chosen, overwrite=True)
        yield _run_item(model, item, out, chosen, progress, begin)


def skipped(item: Item) -> Outcome:
    """Describe an item that was never begun, or was interrupted."""
    return Outcome(item, skipped_entry(str(item.source)))


def _run_item(
    model: Model,
    item: Item,
    out: Path,
    options: FieldOptions,
    progress: Progress | None,
    begin: Callable[[Item], None] | None,
) -> Outcome:
    start = time.perf_counter()
    try:
        check_stem_free(
            item.stem, options
        )  # before `begin`: what is there stays nobody's but theirs
        if begin is not None:
            begin(item)
        output = run_field(
            model, item.source, item.stem, options, widefield=item.widefield, progress=progress
        )
        entry = done_entry(str(item.source), output, out, time.perf_counter() - start)
    except CancelledError:
        raise
    except Exception as error:  # noqa: BLE001 - here a batch turns a failure into a result
        seconds = time.perf_counter() - start
        expected = isinstance(error, AnnaPalmError)
        trace = None if expected else "".join(traceback.format_exception(error))
        entry = failed_entry(str(item.source), error, seconds)
        return Outcome(item, entry, error=error, trace=trace)
    return Outcome(item, entry, output.thumbnails)
