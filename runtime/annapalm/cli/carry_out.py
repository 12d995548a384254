"""The work of `annapalm-run`: plan, load the model, run the batch, record the run.

Loaded only when there is work to do, because it brings numpy and onnxruntime with it.
"""

from __future__ import annotations

import sys
import time
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from annapalm.cli.channel_models import load_channels
from annapalm.cli.ending import (
    DONE,
    INTERRUPTED,
    MODEL_INVALID,
    SOME_FAILED,
    Interrupts,
    exit_code,
    report,
)
from annapalm.cli.file_rules import record_of
from annapalm.cli.progress import summary_text
from annapalm.cli.record import write_record
from annapalm.cli.rehearse import rehearse
from annapalm.cli.session import settings_of
from annapalm.cli.streams import ResultStream, say
from annapalm.cli.watch import Watch, find, plan_of
from annapalm.cli.work import Work
from annapalm.errors import AnnaPalmError
from annapalm.grid import Grid
from annapalm.ledger import Ledger, OutputLock, key_of
from annapalm.model import SessionOptions, load_model
from annapalm.model.inputs import check_exposure, structure_weights
from annapalm.model.names import default_model
from annapalm.provenance import device_record, model_record, software_record
from annapalm.tile import check_tile
from annapalm.write.errors import as_write_error
from annapalm.write.schema import RUN_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterable

    from annapalm.batch import Item
    from annapalm.cli.inputs import Plan
    from annapalm.cli.job import Job
    from annapalm.model import Model
    from annapalm.write.schema import JsonValue, RunHead


@dataclass(frozen=True, slots=True)
class _Run:
    """A run that may begin: nothing more can be found wrong before an input is read."""

    model: Model
    planned: tuple[Item, ...]
    """All inputs, of other shards too."""
    items: tuple[Item, ...]
    """Those of this run."""
    started: str
    clock: float


def carry_out(job: Job) -> int:
    """Do the job and return the exit code; every error is said on stderr, none is raised."""
    results, interrupts = ResultStream(), Interrupts()
    try:
        with interrupts:
            job, run = _prepare(job)
            if job.dry_run:
                return rehearse(job, _settings(job, run), run.items, results)
            with OutputLock(job.out, job.shard) as lock, closing(_open(job, run, lock)) as ledger:
                work = Work(job, ledger, results, interrupts)
                if job.watch:
                    run = _watch(job, run, work, ledger, lock)
                else:
                    work.run(run.model, run.items)
                return _conclude(job, run, work, ledger, lock, results)
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except (AnnaPalmError, OSError) as error:  # the latter where a name cannot even be looked up
        if interrupts.seen:
            say("interrupted")
            return INTERRUPTED
        report(error)
        return exit_code(error)


def _prepare(job: Job) -> tuple[Job, _Run]:
    """Find all that can be wrong before the first input is read; the job knows its models then."""
    clock = time.perf_counter()
    started = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    plan = find(job) if job.watch else plan_of(job)
    job, model = _with_models(job)
    options, info = job.options, model.info
    check_exposure(options.exposure)
    if isinstance(options.tile_px, int):
        check_tile(options.tile_px, info.halo_px, info.stride)
    field_nm = options.table.field_nm
    extent = options.roi_nm or (None if field_nm is None else (0.0, 0.0, *field_nm))
    if extent is not None:
        Grid.over(extent, info.pixel_nm)  # refuses what would not fit in memory
    if not job.quiet:
        _announce([model, *(channel.model for channel in options.channels)], plan)
    return job, _Run(model, plan.items, _of_shard(job, plan.items), started, clock)


def _with_models(job: Job) -> tuple[Job, Model]:
    """Load the model, or that of each channel; the first one then stands for the run."""
    options, session = job.options, SessionOptions(threads=job.threads)
    if not job.channels:
        name = default_model(options.structure) if job.model is None else job.model
        model = load_model(name, job.device, session)
        structure_weights(options.structure, model.info)
        return job, model
    channels = load_channels(
        job.channels,
        model=job.model,
        structure=options.structure,
        device=job.device,
        session=session,
    )
    return replace(job, options=replace(options, channels=channels)), channels[0].model


def _structure(job: Job) -> str | None:
    """Name what the model of the run draws; of channels, each field's record names the others."""
    channels = job.options.channels
    return channels[0].structure if channels else job.options.structure


def _of_shard(job: Job, items: tuple[Item, ...]) -> tuple[Item, ...]:
    shard = job.shard
    if shard is None:
        return items
    return tuple(item for item in items if shard.has(key_of(item.stem, job.out)))


def _announce(models: Iterable[Model], plan: Plan) -> None:
    for text in dict.fromkeys(f"{m.info.name} {m.info.version} on {m.device}" for m in models):
        say(f"model {text}")
    for notice in plan.notices:
        say(f"note: {notice}")


def _settings(job: Job, run: _Run) -> dict[str, JsonValue]:
    suffix = job.widefield_suffix if job.found_widefields else None
    return {**settings_of(run.model, job.options, suffix), **record_of(job.rules)}


def _open(job: Job, run: _Run, lock: OutputLock) -> Ledger:
    """Open the ledger of the output folder, and say what the user should know of it."""
    if lock.unlockable is not None:
        say(
            f"warning: {job.out} cannot be locked ({lock.unlockable}): see to it yourself that no "
            "other run writes into it."
        )
    ledger = Ledger.open(
        job.out,
        job.shard,
        _settings(job, run),
        overwrite=job.options.overwrite,
        resume=job.resume,
    )
    damaged = ledger.index.damaged
    if damaged:
        say(
            f"note: {damaged} {'line' if damaged == 1 else 'lines'} of the record of earlier runs "
            "cannot be read and count for nothing; what they spoke of is done again."
        )
    if job.shard is not None and not job.quiet:
        say(f"shard {job.shard}: {len(run.items)} of {len(run.planned)} inputs")
    return ledger


def _watch(job: Job, run: _Run, work: Work, ledger: Ledger, lock: OutputLock) -> _Run:
    """Do what comes as it comes; Ctrl-C while nothing is done is the usual end of it."""

    def do(items: tuple[Item, ...]) -> bool:
        work.run(run.model, items)
        return work.status != "interrupted"

    def write() -> None:
        so_far = replace(run, planned=tuple(watch.items.values()))
        _write(job, so_far, work, ledger, lock)

    watch = Watch(job, do)
    if not job.quiet:
        say(f"watching {', '.join(job.inputs)}; Ctrl-C ends it")
    try:
        watch.run(write)
    except KeyboardInterrupt:
        say("the watch is ended")
    return replace(run, planned=tuple(watch.items.values()))


def _write(
    job: Job, run: _Run, work: Work, ledger: Ledger, lock: OutputLock
) -> tuple[RunHead, Path | None]:
    """Write record and report of all that is done; where that fails, it is said."""
    record: RunHead = {
        "schema": RUN_SCHEMA,
        "status": work.status,
        "started": run.started,
        "seconds": time.perf_counter() - run.clock,
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "software": software_record(run.model),
        "model": model_record(run.model, _structure(job)),
        "device": device_record(run.model),
        "shards": None,
    }
    try:
        _, overview = write_record(ledger, lock, record, run.planned, of_all=job.watch)
    except (AnnaPalmError, OSError) as error:  # the latter where the whole folder is gone
        report(error if isinstance(error, AnnaPalmError) else as_write_error(error, job.out))
        return record, None
    return record, overview


def _conclude(
    job: Job, run: _Run, work: Work, ledger: Ledger, lock: OutputLock, results: ResultStream
) -> int:
    """Write the record of the run, sum up, and give the exit code."""
    record, overview = _write(job, run, work, ledger, lock)
    if job.watch:  # what failed half-written may have been done since
        work.status = record["status"]
    code = _exit_code(work)
    if overview is None:
        code = code or SOME_FAILED
    text = summary_text(work.tally, record["seconds"], overview, job.out)
    if record["shards"] is not None:
        text += f"\n{len(record['shards']['ended'])} of {record['shards']['count']} shards done"
    if job.jsonl and not job.quiet:
        say(text)
    elif not job.quiet:
        results.line(text)
    return code


def _exit_code(work: Work) -> int:
    if work.status == "interrupted":
        say("interrupted: what is done is complete, of the rest nothing was written")
        return INTERRUPTED
    if work.model_failed:
        return MODEL_INVALID
    return DONE if work.status == "done" else SOME_FAILED
