"""How a run is followed: a bar on a terminal, one sparse line per field in a log, or in silence."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar
from rich.text import Text

from annapalm.cli.streams import say

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Task

    from annapalm.batch import Item, Outcome
    from annapalm.write.schema import FieldEntry, FieldStatus


class Reporter(Protocol):
    """What follows a run; its methods are those of `annapalm.batch.BatchProgress`, and more."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def begin(self, number: int, total: int, item: Item) -> None:
        """Hear which input is next."""

    def advance(self, done: int, total: int) -> None:
        """Hear how many tiles of it are done."""

    def cancelled(self) -> bool:
        """Never: a command is stopped by Ctrl-C."""

    def finished(self, outcome: Outcome) -> None:
        """Hear what became of it."""


class SilentReporter:
    """Names failures, and nothing else."""

    def __init__(self, total: int) -> None:
        """Follow a run that will tell of `total` inputs."""
        self._finished, self._total = 0, total

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave everything as it is."""

    def begin(self, number: int, total: int, item: Item) -> None:
        """Show nothing."""

    def advance(self, done: int, total: int) -> None:
        """Show nothing."""

    def cancelled(self) -> bool:
        """Go on."""
        return False

    def finished(self, outcome: Outcome) -> None:
        """Count it, and say what failed."""
        self._finished += 1
        if outcome.entry["status"] == "failed":
            self._tell(failure_text(outcome))

    def _tell(self, text: str) -> None:
        say(text)


class LogReporter(SilentReporter):
    """One line per field, its warnings below it: what a log can hold of a thousand fields."""

    def finished(self, outcome: Outcome) -> None:
        """Say what was done, or why not."""
        self._finished += 1
        place = f"[{self._finished}/{self._total}] "
        if outcome.entry["status"] != "done":
            self._tell(place + failure_text(outcome))
            return
        self._tell(place + done_text(outcome.entry))
        for warning in warnings_of(outcome.entry):
            self._tell(f"  warning: {warning}")


class BarReporter(SilentReporter):
    """A bar with rate and time left; warnings and failures stand above it."""

    def __init__(self, total: int) -> None:
        super().__init__(total)
        self._console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
        self._bar = Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            _RateColumn(),
            TimeRemainingColumn(),
            console=self._console,
            # Results go to stdout as they are; rich would send them to this console.
            redirect_stdout=False,
            redirect_stderr=False,
            transient=True,
            speed_estimate_period=600.0,  # a field may take minutes; the default forgets after 30 s
        )
        self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bar away; what it said is in the summary."""
        self._bar.stop()

    def begin(self, number: int, total: int, item: Item) -> None:
        """Show which input is next."""
        del number, total  # counted here: an earlier one may still be written
        self._bar.update(self._task, description=item.source.name)

    def advance(self, done: int, total: int) -> None:
        """Move by tiles within the field."""
        if total:
            self._bar.update(self._task, completed=self._finished + done / total)

    def finished(self, outcome: Outcome) -> None:
        """Count it, and keep what the user must see."""
        super().finished(outcome)
        self._bar.update(self._task, completed=self._finished)
        name = Path(outcome.entry["input"]).name
        for warning in warnings_of(outcome.entry):
            self._tell(f"{name}: warning: {warning}")

    def _tell(self, text: str) -> None:
        self._bar.console.print(Text(text))


class _RateColumn(ProgressColumn):
    """Fields per second since the start."""

    def render(self, task: Task) -> Text:
        """Show nothing before the first field."""
        if not task.elapsed or task.completed < 1:
            return Text("")
        return Text(rate_text(task.completed, task.elapsed))


def choose_reporter(total: int, *, quiet: bool) -> Reporter:
    """Take the one that suits stderr, for a run that will tell of `total` inputs."""
    if quiet:
        return SilentReporter(total)
    return BarReporter(total) if sys.stderr.isatty() else LogReporter(total)


def done_text(entry: FieldEntry) -> str:
    """One line on a field that was done."""
    record = entry["record"]
    if record is None:
        return entry["input"]
    counts, image = record["counts"], record["image"]
    rows, columns = image["shape"]
    outside = f", {counts['outside']:,} outside" if counts["outside"] else ""
    if record["series"] is not None or record["channels"] is not None:
        series, channels = record["series"], record["channels"]
        pictures = 1 if series is None else len(series["windows"])
        kinds = [f"{len(channels)} channels"] if channels else []
        if series is not None:
            kinds.insert(0, f"{pictures // max(1, len(channels or ()))} windows")
        return (
            f"{entry['input']}: {' of '.join(kinds)}, {columns} x {rows} px, "
            f"{entry['seconds']:.2f} s"
        )
    return (
        f"{entry['input']}: {counts['used']:,} localizations{outside}, "
        f"{counts['density_per_um2']:.1f} per µm², {columns} x {rows} px, {entry['seconds']:.2f} s"
    )


def failure_text(outcome: Outcome) -> str:
    """Say what failed, and the traceback where the fault is the program's."""
    entry = outcome.entry
    if entry["status"] == "skipped":
        return f"{entry['input']}: not done, the run was interrupted"
    error = entry["error"]
    message = "unknown" if error is None else error["message"]
    if outcome.trace is None:
        named = message.startswith(entry["input"])
        return f"error: {message}" if named else f"error: {entry['input']}: {message}"
    kind = "error" if error is None else error["type"]
    return (
        f"error: {entry['input']}: {kind}: {message}. This is a fault of annapalm; please report "
        f"it with these lines:\n{outcome.trace.rstrip()}"
    )


def warnings_of(entry: FieldEntry) -> list[str]:
    """Warnings of a field; none where it was not done."""
    return [] if entry["record"] is None else entry["record"]["warnings"]


def rate_text(fields: float, seconds: float) -> str:
    """Fields per second, or seconds per field where it takes longer."""
    if fields >= seconds:
        return f"{fields / seconds:.1f} fields/s"
    return f"{seconds / fields:.1f} s/field"


@dataclass(slots=True)
class Tally:
    """What became of the inputs of a run, counted."""

    done: int = 0
    failed: int = 0
    skipped: int = 0
    before: int = 0
    """Done by an earlier run, and found unchanged."""

    def add(self, status: FieldStatus) -> None:
        """Count one input of this run."""
        setattr(self, status, getattr(self, status) + 1)


def summary_text(tally: Tally, seconds: float, report: Path | None, out: Path) -> str:
    """Say at the end what was done, what was not, and where to look."""
    done = tally.done + tally.before
    rate = f" ({rate_text(tally.done, seconds)})" if tally.done and seconds > 0 else ""
    look = "" if report is None else f"\nlook at {report}"
    before = f" ({tally.before} before)" if tally.before else ""
    skipped = f", {tally.skipped} not begun" if tally.skipped else ""
    return (
        f"{done} done{before}, {tally.failed} failed{skipped} in {seconds:.1f} s{rate}; "
        f"results in {out}{look}"
    )
