"""One table to its plan: read, choose the field, score, recommend, write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm.extent import choose_extent
from annapalm.plan.choose import choose
from annapalm.plan.options import PlanOptions
from annapalm.plan.plot import plot_plan
from annapalm.plan.record import build_plan_record
from annapalm.plan.score import score_acquisition
from annapalm.provenance import device_record, model_record, software_record, table_record
from annapalm.read import TableOptions, read_table
from annapalm.read.finish import ORIGIN_NOT_KNOWN
from annapalm.write.atomic import OutputSet, check_free
from annapalm.write.errors import OutputFolderError
from annapalm.write.text import json_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from annapalm.model import Model
    from annapalm.plan.record import PlanRecord
    from annapalm.progress import Progress
    from annapalm.write.schema import JsonValue

PLAN_FILES = ("plan.json", "plan.svg")


@dataclass(frozen=True, slots=True)
class PlanOutput:
    """What `plan_table` left behind."""

    paths: tuple[Path, ...]
    """`plan.json` and `plan.svg`, both complete."""
    record: PlanRecord
    """The content of the JSON file."""


def check_outputs(out: Path, *, overwrite: bool) -> None:
    """Raise `OutputExistsError` or `OutputFolderError` before the work, not after it."""
    if out.exists() and not out.is_dir():
        raise OutputFolderError(out, "a file stands where the folder should be")
    for name in PLAN_FILES:
        check_free(out / name, overwrite=overwrite)


def plan_table(
    model: Model,
    source: Path,
    out: Path,
    table: TableOptions | None = None,
    options: PlanOptions | None = None,
    *,
    structure: str | None = None,
    overwrite: bool = False,
    say: Callable[[str], None] = lambda _line: None,
    progress: Progress | None = None,
) -> PlanOutput:
    """Plan from one dense acquisition and write `plan.json` and `plan.svg` into `out`, or neither.

    `say` hears how the work goes on, and `progress` how a large table is read. Raises an
    `AnnaPalmError` that says what is wrong with the table, the options or the disk; a `PlanError`
    where the acquisition allows no plan.
    """
    asked, wanted = table or TableOptions(), options or PlanOptions()
    check_outputs(out, overwrite=overwrite)
    read = read_table(source, asked, progress)
    locs = read.localizations
    extent = choose_extent(
        locs,
        model.info.pixel_nm,
        path=source,
        line_of=read.line_of,
        asked=asked.field_nm is not None,
    )
    scores = score_acquisition(model, locs, extent.grid, wanted, structure=structure, say=say)
    _, _, width, height = extent.grid.extent_nm
    x0, y0 = extent.grid.origin_nm
    record = build_plan_record(
        scores,
        choose(scores, wanted.share),
        wanted,
        {
            "software": software_record(model),
            "input": table_record(read, np.arange(len(locs)), extent.source),
            "widefield": None,
            "model": model_record(model, structure),
            "device": device_record(model),
            "options": _options(asked, wanted, structure),
        },
        field_um=((width - x0) / 1000, (height - y0) / 1000),
        # Where zero lies is the same for all blocks.
        warnings=(*(n for n in locs.notes if n != ORIGIN_NOT_KNOWN), *extent.warnings),
    )
    paths = tuple(out / name for name in PLAN_FILES)
    texts = (f"{json_text(record)}\n", plot_plan(record, f"How few frames: {source.name}"))
    with OutputSet(overwrite=overwrite) as outputs:
        for path, text in zip(paths, texts, strict=True):
            with outputs.stage(path) as stream:
                stream.write(text.encode())
    return PlanOutput(paths, record)


def _options(
    table: TableOptions, options: PlanOptions, structure: str | None
) -> dict[str, JsonValue]:
    """Say what decides the plan, named as on the command line."""
    values: dict[str, JsonValue] = {
        **table.record(),
        "structure": structure,
        "frames": None if options.frames is None else list(options.frames),
        "share": options.share,
        "resolution": options.resolution_nm,
        "gap": options.gap_frames,
    }
    return {name: value for name, value in values.items() if value is not None}
