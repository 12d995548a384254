"""One item on its way: read, drawn, written. A failed step is its outcome, never an exception."""

from __future__ import annotations

import time
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from annapalm.batch.field import read_parts
from annapalm.batch.item import Outcome
from annapalm.errors import AnnaPalmError, CancelledError
from annapalm.field import (
    check_stem_free,
    reconstruct_field,
    save_field,
)
from annapalm.stack import draw_stack
from annapalm.write import done_entry, failed_entry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from annapalm.batch.item import Item
    from annapalm.field import FieldInput, FieldOptions
    from annapalm.model import Model
    from annapalm.progress import Progress
    from annapalm.reconstruction import Reconstruction
    from annapalm.stack import Layer
    from annapalm.write import FieldOutput

Begin: TypeAlias = "Callable[[Item], Callable[[], None]]"
"""Hears of an item before it is read, on whichever thread; what it gives back is called before the
item's first file appears, on the thread that iterates. What either raises is the item's failure."""


class Steps:
    """The steps of one item: `read`, `draw`, `announce`, `write`, each once and in this order.

    `read` and `write` may be called on threads of their own. After a failure the further steps do
    nothing. `CancelledError` is raised; the item then has no outcome.
    """

    def __init__(
        self, model: Model, item: Item, out: Path, options: FieldOptions, begin: Begin | None
    ) -> None:
        """Prepare; `out` is the output folder, below which the names in the record count."""
        self.item = item
        self._model, self._out, self._begin = model, out, begin
        self._options = replace(
            options,
            overwrite=options.overwrite or item.replace,
            table=options.table if item.table is None else item.table,
        )
        self._seconds = 0.0
        self._error: Exception | None = None
        self._announce: Callable[[], None] | None = None
        self._read: FieldInput | tuple[Layer, ...] | None = None
        self._result: Reconstruction | None = None
        self._output: FieldOutput | None = None

    def read(self, progress: Progress | None) -> None:
        """Read all that it is made of."""
        self._do(lambda: self._read_now(progress))

    def draw(self, progress: Progress | None) -> None:
        """Run the model; a time-lapse and channels are written too, picture by picture."""
        self._do(lambda: self._draw_now(progress))

    def announce(self) -> None:
        """Say that its files are about to appear."""
        self._do(self._announce_now)

    def write(self) -> None:
        """Write its files."""
        self._do(self._write_now)

    @property
    def pixels(self) -> int:
        """Count the pixels of one picture; 0 where it was not read."""
        read = self._read[0].read if isinstance(self._read, tuple) else self._read
        return 0 if read is None else read.grid.shape[0] * read.grid.shape[1]

    def outcome(self) -> Outcome:
        """Say what became of it; the time is that of its steps, without waiting."""
        source, error = str(self.item.source), self._error
        if error is None and self._output is not None:
            entry = done_entry(source, self._output, self._out, self._seconds)
            return Outcome(self.item, entry, self._output.thumbnails)
        if error is None:
            raise TypeError  # a step was left out
        expected = isinstance(error, AnnaPalmError)
        trace = None if expected else "".join(traceback.format_exception(error))
        return Outcome(
            self.item, failed_entry(source, error, self._seconds), error=error, trace=trace
        )

    def _do(self, step: Callable[[], None]) -> None:
        if self._error is not None:
            return
        start = time.perf_counter()
        try:
            step()
        except CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - here a batch turns a failure into a result
            self._error = error
            self._read = self._result = None  # a run holds few fields at a time
        finally:
            self._seconds += time.perf_counter() - start

    def _read_now(self, progress: Progress | None) -> None:
        item, options = self.item, self._options
        check_stem_free(item.stem, options)  # before the work, not after it
        if self._begin is not None:
            self._announce = self._begin(item)
        self._read = read_parts(
            self._model, item.source, options, item.widefield, item.channels, progress
        )

    def _draw_now(self, progress: Progress | None) -> None:
        if isinstance(self._read, tuple):
            self._announce_now()
            self._output = draw_stack(self._read, self.item.stem, self._options, progress)
        elif self._read is not None:
            self._result = reconstruct_field(self._model, self._read, self._options, progress)

    def _announce_now(self) -> None:
        if self._output is None and self._announce is not None:
            # Before it is said whose they will be: what is there now is somebody else's.
            check_stem_free(self.item.stem, self._options)
            self._announce()

    def _write_now(self) -> None:
        if self._result is None or self._read is None or isinstance(self._read, tuple):
            return
        self._output = save_field(
            self._model, self._read, self._result, self.item.stem, self._options
        )
        self._read = self._result = None
