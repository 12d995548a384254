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
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from annapalm.write.field import FieldOutput
    from annapalm.write.row import Row
    from annapalm.write.schema import FieldEntry, RunRecord


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
    out_dir: Path, run: RunRecord, rows: Sequence[Row], *, overwrite: bool = False
) -> tuple[Path, Path]:
    """Write `run.json` and `report.html` into `out_dir`, both or none, and return their paths.

    `rows` are the fields of the run, in place of run["fields"], which stays empty; they are read
    one by one, several times, and never held together. Without `overwrite`, where a former run
    lies there, the names are `run-2.json` and `report-2.html`, and so on.
    Raises as `write_field` does.
    """
    for number in itertools.count(1):
        tail = "" if number == 1 else f"-{number}"
        record, report = out_dir / f"run{tail}.json", out_dir / f"report{tail}.html"
        if not overwrite and (os.path.lexists(record) or os.path.lexists(report)):
            continue
        try:
            with OutputSet(overwrite=overwrite) as outputs:
                _stage(outputs, record, _record_text(run, rows))
                _stage(outputs, report, render_report(run, rows, record.name, out_dir))
        except OutputExistsError:  # another run took the name meanwhile: the next one
            continue
        break
    return record, report


def _stage(outputs: OutputSet, path: Path, pieces: Iterable[str]) -> None:
    with outputs.stage(path) as stream:
        for piece in pieces:
            stream.write(piece.encode())


def _record_text(run: RunRecord, rows: Sequence[Row]) -> Iterator[str]:
    """Render what `json_text` makes of the record with all of its fields, field by field."""
    head, tail = json_text({**run, "fields": []}).rsplit("[]", 1)
    yield f"{head}["
    for number in range(len(rows)):
        text = json_text(rows[number].entry).replace("\n", "\n    ")  # no line end is in a string
        yield f"{',' if number else ''}\n    {text}"
    yield f"{chr(10) + '  ' if len(rows) else ''}]{tail}\n"
