"""The work of `annapalm-run`: plan, load the model, run the batch, record the run.

Loaded only when there is work to do, because it brings numpy and onnxruntime with it.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from annapalm.batch import Outcome, run_batch, skipped
from annapalm.cli.ending import (
    DONE,
    INTERRUPTED,
    MODEL_INVALID,
    SOME_FAILED,
    Interrupts,
    exit_code,
    report,
)
from annapalm.cli.inputs import make_plan
from annapalm.cli.progress import choose_reporter, summary_text
from annapalm.cli.streams import ResultStream, say
from annapalm.errors import AnnaPalmError
from annapalm.grid import Grid
from annapalm.model import SessionOptions, load_model
from annapalm.model.errors import ModelError
from annapalm.model.inputs import check_exposure, structure_weights
from annapalm.provenance import device_record, model_record, software_record
from annapalm.tile import check_tile
from annapalm.write import json_line, write_run
from annapalm.write.schema import RUN_SCHEMA

if TYPE_CHECKING:
    from annapalm.batch import Item
    from annapalm.cli.inputs import Plan
    from annapalm.field import FieldOptions
    from annapalm.model import Device, Model
    from annapalm.write.schema import RunRecord, RunStatus


@dataclass(frozen=True, slots=True)
class Job:
    """A command line of `annapalm-run`, its options checked as far as they can be by themselves."""

    inputs: tuple[str, ...]
    """Files, folders and patterns, as given."""
    out: Path
    """Output folder."""
    model: str
    """Released name or path."""
    device: Device
    threads: int | None
    """None: the cores that this process may use."""
    options: FieldOptions
    widefield: Path | None
    """The widefield image of the one input."""
    widefield_suffix: str | None
    """What widefield images are called; None: none is wanted."""
    jsonl: bool
    quiet: bool


@dataclass(slots=True)
class _Run:
    """A run as it proceeds."""

    model: Model
    items: tuple[Item, ...]
    started: str
    clock: float
    status: RunStatus = "done"
    outcomes: list[Outcome] = field(default_factory=list)


def carry_out(job: Job) -> int:
    """Do the job and return the exit code; every error is said on stderr, none is raised."""
    results, interrupts = ResultStream(), Interrupts()
    try:
        with interrupts:
            run = _prepare(job)
            _run(job, run, results, interrupts)
            return _conclude(job, run, results)
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except (AnnaPalmError, OSError) as error:  # the latter where a name cannot even be looked up
        if interrupts.seen:
            say("interrupted")
            return INTERRUPTED
        report(error)
        return exit_code(error)


def _prepare(job: Job) -> _Run:
    """Find all that can be wrong before the first input is read."""
    clock = time.perf_counter()
    started = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    plan = make_plan(
        job.inputs, job.out, widefield_suffix=job.widefield_suffix, widefield=job.widefield
    )
    model = load_model(job.model, job.device, SessionOptions(threads=job.threads))
    options, info = job.options, model.info
    check_exposure(options.exposure)
    structure_weights(options.structure, info)
    if isinstance(options.tile_px, int):
        check_tile(options.tile_px, info.halo_px, info.stride)
    field_nm = options.table.field_nm
    extent = options.roi_nm or (None if field_nm is None else (0.0, 0.0, *field_nm))
    if extent is not None:
        Grid.over(extent, info.pixel_nm)  # refuses what would not fit in memory
    if not job.quiet:
        _announce(model, plan)
    return _Run(model, plan.items, started, clock)


def _announce(model: Model, plan: Plan) -> None:
    say(f"model {model.info.name} {model.info.version} on {model.device}")
    for notice in plan.notices:
        say(f"note: {notice}")


def _run(job: Job, run: _Run, results: ResultStream, interrupts: Interrupts) -> None:
    """Run the batch; Ctrl-C ends it between two files, and what is done stays done."""
    with choose_reporter(quiet=job.quiet) as reporter:
        try:
            for outcome in run_batch(run.model, run.items, job.out, job.options, reporter):
                if interrupts.seen and outcome.error is not None:
                    break  # it failed because of the interruption
                run.outcomes.append(outcome)
                if job.jsonl:
                    results.line(json_line(outcome.entry))
                reporter.finished(outcome)
                if interrupts.seen:
                    break
        except KeyboardInterrupt:
            interrupts.seen = True
    if interrupts.seen:
        run.status = "interrupted"
    for item in run.items[len(run.outcomes) :]:
        run.outcomes.append(skipped(item))
        if job.jsonl:
            results.line(json_line(run.outcomes[-1].entry))
    if run.status == "done" and any(o.error is not None for o in run.outcomes):
        run.status = "failed"


def _conclude(job: Job, run: _Run, results: ResultStream) -> int:
    """Write the record of the run, sum up, and give the exit code."""
    seconds = time.perf_counter() - run.clock
    record: RunRecord = {
        "schema": RUN_SCHEMA,
        "status": run.status,
        "started": run.started,
        "seconds": seconds,
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "software": software_record(run.model),
        "model": model_record(run.model, job.options.structure),
        "device": device_record(run.model),
        "fields": [outcome.entry for outcome in run.outcomes],
    }
    code, overview = _exit_code(run), None
    try:
        _, overview = write_run(
            job.out,
            record,
            [outcome.thumbnails for outcome in run.outcomes],
            overwrite=job.options.overwrite,
        )
    except AnnaPalmError as error:
        report(error)
        code = code or SOME_FAILED
    text = summary_text(run.outcomes, seconds, overview, job.out)
    if job.jsonl and not job.quiet:
        say(text)
    elif not job.quiet:
        results.line(text)
    return code


def _exit_code(run: _Run) -> int:
    if run.status == "interrupted":
        say("interrupted: what is done is complete, of the rest nothing was written")
        return INTERRUPTED
    if any(isinstance(outcome.error, ModelError) for outcome in run.outcomes):
        return MODEL_INVALID
    return DONE if run.status == "done" else SOME_FAILED
