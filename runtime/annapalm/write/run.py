"""One run to `run.json` and `report.html`."""

from __future__ import annotations

import itertools
import os.path
from typing import TYPE_CHECKING

from annapalm.errors import AnnaPalmError
from annapalm.write.atomic import OutputSet
from annapalm.write.errors import OutputExistsError, as_write_error
from annapalm.write.field import IMAGE_SUFFIX
from annapalm.write.overview import Overview
from annapalm.write.report import render_report
from annapalm.write.shelf import Shelf
from annapalm.write.text import json_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from annapalm.write.field import FieldOutput
    from annapalm.write.row import Row
    from annapalm.write.schema import FieldEntry, RunHead, RunRecord


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
    out_dir: Path, head: RunHead, rows: Iterable[Row], *, replace: bool = False
) -> tuple[Path, Path]:
    """Write `run.json` and `report.html` into `out_dir`, both or none, and return their paths.

    `rows` are gone through once; of each, less than 1 KB stays in memory, however many there are.
    The report shows pages and pictures that `write_page` has left in `out_dir`. Without `replace`,
    where a former run lies there, the names are `run-2.json` and `report-2.html`, and so on.
    Raises as `write_field` does.
    """
    overview = Overview()
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        with Shelf(out_dir) as shelf:
            for row in rows:
                shelf.put(row)
                overview.add(row.entry)
            overview.conclude()
            return _publish(out_dir, head, shelf, overview, replace=replace)
    except OSError as error:
        if isinstance(error, AnnaPalmError):
            raise
        raise as_write_error(error, out_dir) from error


def _publish(
    out_dir: Path, head: RunHead, shelf: Shelf, overview: Overview, *, replace: bool
) -> tuple[Path, Path]:
    for number in itertools.count(1):
        tail = "" if number == 1 else f"-{number}"
        record, report = out_dir / f"run{tail}.json", out_dir / f"report{tail}.html"
        if not replace and (os.path.lexists(record) or os.path.lexists(report)):
            continue
        try:
            with OutputSet(overwrite=replace) as outputs:
                with outputs.stage(record) as stream:
                    for piece in _json_pieces(head, shelf):
                        stream.write(piece.encode())
                with outputs.stage(report) as stream:
                    for piece in render_report(head, shelf, overview, out_dir, record.name):
                        stream.write(piece.encode())
        except OutputExistsError:  # another run took the name meanwhile: the next one
            continue
        break
    return record, report


def _json_pieces(head: RunHead, shelf: Shelf) -> Iterator[str]:
    """Render a `RunRecord`, a line per field."""
    whole: RunRecord = {**head, "fields": []}
    before, after = json_text(whole).rsplit("[]", 1)
    yield f"{before}["
    for number in range(len(shelf)):
        yield f"{',' if number else ''}\n    {shelf.json_of(number)}"
    yield f"{chr(10) + '  ' if len(shelf) else ''}]{after}\n"
