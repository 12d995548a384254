"""One run to `run.json` and `report.html`."""

from __future__ import annotations

import itertools
import os.path
from typing import TYPE_CHECKING

from annapalm.write.atomic import OutputSet
from annapalm.write.errors import OutputExistsError
from annapalm.write.field import IMAGE_SUFFIX
from annapalm.write.report import render_report
from annapalm.write.text import json_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from annapalm.write.field import FieldOutput
    from annapalm.write.schema import FieldEntry, RunRecord
    from annapalm.write.thumbnails import Thumbnails


def done_entry(input_path: str, output: FieldOutput, out_dir: Path, seconds: float) -> FieldEntry:
    """Describe an input that was done; `seconds` is its wall time."""
    image = os.path.relpath(output.paths[0], out_dir).replace(os.sep, "/")
    return {
        "input": input_path,
        "status": "done",
        "stem": image.removesuffix(IMAGE_SUFFIX),
        "seconds": round(seconds, 4),
        "error": None,
        "record": output.record,
    }


def failed_entry(input_path: str, error: BaseException, seconds: float) -> FieldEntry:
    """Describe an input that failed, with the error's own words."""
    message = "\n".join([str(error), *getattr(error, "__notes__", [])])
    return {
        "input": input_path,
        "status": "failed",
        "stem": None,
        "seconds": round(seconds, 4),
        "error": {"type": type(error).__name__, "message": message},
        "record": None,
    }


def skipped_entry(input_path: str) -> FieldEntry:
    """Describe an input that was never begun, or was left because the run was interrupted."""
    return {
        "input": input_path,
        "status": "skipped",
        "stem": None,
        "seconds": 0.0,
        "error": None,
        "record": None,
    }


def json_line(entry: FieldEntry) -> str:
    """Render an entry as one line of JSON, without the line end."""
    return json_text(entry, indent=None)


def write_run(
    out_dir: Path,
    run: RunRecord,
    thumbnails: Sequence[Thumbnails | None] = (),
    *,
    overwrite: bool = False,
) -> tuple[Path, Path]:
    """Write `run.json` and `report.html` into `out_dir`, both or none, and return their paths.

    `thumbnails` are parallel to run["fields"], or empty. Without `overwrite`, where a former run
    lies there, the names are `run-2.json` and `report-2.html`, and so on.
    Raises as `write_field` does.
    """
    for number in itertools.count(1):
        tail = "" if number == 1 else f"-{number}"
        record, report = out_dir / f"run{tail}.json", out_dir / f"report{tail}.html"
        if not overwrite and (os.path.lexists(record) or os.path.lexists(report)):
            continue
        page = render_report(run, thumbnails, record.name)
        try:
            with OutputSet(overwrite=overwrite) as outputs:
                with outputs.stage(record) as stream:
                    stream.write(f"{json_text(run)}\n".encode())
                with outputs.stage(report) as stream:
                    stream.write(page.encode())
        except OutputExistsError:  # another run took the name meanwhile: the next one
            continue
        break
    return record, report
