"""Going through the inputs of a run: each is done, was done, or fails, and is written down."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from annapalm.batch import Outcome, run_batch, skipped
from annapalm.cli.progress import Tally, choose_reporter
from annapalm.cli.session import judge_all
from annapalm.cli.streams import say
from annapalm.errors import AnnaPalmError
from annapalm.ledger import hash_companions, key_of, recover
from annapalm.model.errors import ModelError
from annapalm.write import failed_entry, json_line, output_paths, write_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from annapalm.batch import Item
    from annapalm.cli.ending import Interrupts
    from annapalm.cli.job import Job
    from annapalm.cli.progress import Reporter
    from annapalm.cli.session import Verdict
    from annapalm.cli.streams import ResultStream
    from annapalm.ledger import Ledger
    from annapalm.model import Model
    from annapalm.write.schema import FieldEntry, RunStatus


class Work:
    """The inputs of a run, one after the other; nothing of those that are finished is kept."""

    def __init__(
        self, job: Job, ledger: Ledger, results: ResultStream, interrupts: Interrupts
    ) -> None:
        """Prepare; `run` does it."""
        self._job, self._ledger = job, ledger
        self._results, self._interrupts = results, interrupts
        self._finished = 0
        self._said = False
        self.tally = Tally()
        self.status: RunStatus = "done"
        self.model_failed = False

    def run(self, model: Model, items: tuple[Item, ...]) -> None:
        """Do all that is to be done; Ctrl-C ends it between two files, and what is done stays.

        May be called again with further inputs.
        """
        seen, self._finished = self._interrupts, 0
        try:
            verdicts = self._judge(items)
            todo = [v.item for v in verdicts if not v.done and v.refusal is None]
            to_tell = sum(not v.done for v in verdicts)
            job = self._job
            with (
                choose_reporter(to_tell, quiet=job.quiet) as reporter,
                # Closed before anything is put in order: its threads have ended then.
                closing(
                    run_batch(
                        model,
                        todo,
                        job.out,
                        job.options,
                        reporter,
                        begin=self._begin,
                        jobs=job.jobs,
                    )
                ) as outcomes,
            ):
                for verdict in verdicts:
                    self._take(verdict, outcomes, reporter)
                    if seen.seen:
                        break
        except KeyboardInterrupt:
            seen.seen = True
        if seen.seen:
            self.status = "interrupted"
            recover(
                self._ledger
            )  # where the interruption fell between the last file and the ledger
        elif self.tally.failed:
            self.status = "failed"
        for item in items[self._finished :]:
            self.tally.add("skipped")
            self._line(skipped(item).entry)
        self._note(lambda: self._ledger.end(self.status))

    def _judge(self, items: tuple[Item, ...]) -> list[Verdict]:
        ledger = self._ledger
        recover(ledger)
        verdicts = list(judge_all(ledger.index, self._job.out, items, overwrite=ledger.replace))
        before = sum(verdict.done for verdict in verdicts)
        if before and not self._job.quiet:
            say(
                f"going on with the run in {self._job.out}: {before} of {len(verdicts)} are done, "
                "their inputs and results unchanged"
            )
        return verdicts

    def _take(self, verdict: Verdict, outcomes: Iterator[Outcome], reporter: Reporter) -> None:
        """Bring one input to its end, in the order of the inputs."""
        key = key_of(verdict.item.stem, self._job.out)
        if verdict.done:
            row = self._ledger.index.row(key)
            if row is not None:
                self._line(row.entry)
            self.tally.before += 1
            self._finished += 1
            return
        outcome = _refused(verdict) if verdict.refusal is not None else next(outcomes)
        if self._interrupts.seen and outcome.error is not None:
            return  # it failed because of the interruption
        self._write_down(key, outcome)
        self._finished += 1
        self.tally.add(outcome.entry["status"])
        self.model_failed |= isinstance(outcome.error, ModelError)
        self._line(outcome.entry)
        reporter.finished(outcome)

    def _write_down(self, key: str, outcome: Outcome) -> None:
        if outcome.error is None:
            self._write_page(outcome)
            tile = None if outcome.thumbnails is None else outcome.thumbnails.tile
            self._note(lambda: self._ledger.done(key, outcome.entry, tile))
        else:
            self._note(lambda: self._ledger.failed(key, outcome.entry))

    def _write_page(self, outcome: Outcome) -> None:
        """Write the field's page for the report; where that fails, the results are still right."""
        if outcome.thumbnails is None:
            return
        try:
            write_page(
                self._job.out,
                outcome.entry,
                outcome.thumbnails,
                overwrite=self._ledger.replace,
            )
        except AnnaPalmError as error:
            say(
                f"warning: the results of {outcome.entry['input']} are complete, but the report "
                f"has no page of it: {error}"
            )

    def _begin(self, item: Item) -> Callable[[], None]:
        """Look at what is about to be read, on a reader's thread; the ledger is ours alone."""
        key = key_of(item.stem, self._job.out)
        companions = hash_companions(item)
        return lambda: self._ledger.begin(key, output_paths(item.stem), companions)

    def _line(self, entry: FieldEntry) -> None:
        if self._job.jsonl:
            self._results.line(json_line(entry))

    def _note(self, write: Callable[[], None]) -> None:
        """Write into the ledger; where that fails, the results are still right, and it is said."""
        try:
            write()
        except AnnaPalmError as error:
            if not self._said:
                say(f"warning: a later run will do finished fields again: {error}")
            self._said = True


def _refused(verdict: Verdict) -> Outcome:
    error = verdict.refusal
    if error is None:
        raise TypeError
    return Outcome(verdict.item, failed_entry(str(verdict.item.source), error, 0.0), error=error)
