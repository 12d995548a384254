"""`annapalm inspect`: what a reader sees of a file, or what a model says of itself."""

# No `from __future__ import annotations`: typer reads the annotations at run time.
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from annapalm.cli.ending import DONE, SOME_FAILED, exit_code, report
from annapalm.cli.errors import InputNotFoundError
from annapalm.cli.options import (
    CameraPixelOption,
    ColumnsOption,
    FieldOption,
    FirstFrameOption,
    FormatOption,
    PixelSizeOption,
    SingleFrameOption,
    UnitOption,
    table_options,
)
from annapalm.cli.parse import check_above_zero
from annapalm.cli.streams import ResultStream
from annapalm.errors import AnnaPalmError
from annapalm.model.errors import ModelNotFoundError
from annapalm.model.names import find_model
from annapalm.read.table import TableOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def inspect(
    target: Annotated[
        str,
        typer.Argument(
            metavar="TABLE|IMAGE|MODEL",
            help="A table of localizations, an image of counts, a model by name or file.",
            show_default=False,
        ),
    ],
    *,
    table_format: FormatOption = None,
    columns: ColumnsOption = None,
    unit: UnitOption = None,
    camera_pixel: CameraPixelOption = None,
    first_frame: FirstFrameOption = None,
    allow_single_frame: SingleFrameOption = False,
    field: FieldOption = None,
    pixel_size: PixelSizeOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what annapalm reads in a file: format, columns, frames, a picture; or a model."""
    try:
        check_above_zero("--pixel-size", pixel_size)
        options = table_options(
            table_format=table_format,
            columns=columns,
            unit=unit,
            camera_pixel=camera_pixel,
            first_frame=first_frame,
            allow_single_frame=allow_single_frame,
            field=field,
        )
    except AnnaPalmError as error:
        report(error)
        raise typer.Exit(exit_code(error)) from error
    model, picture = _model_path(target), list[str]()
    path = Path(target)
    try:
        if model is not None:
            facts = _model_facts(model)
        elif path.exists():
            facts, picture = _input_facts(path, options, pixel_size)
        else:
            raise InputNotFoundError(target)
    except AnnaPalmError as error:
        report(error)
        given = model is None and path.exists()
        raise typer.Exit(SOME_FAILED if given else exit_code(error)) from error
    results = ResultStream()
    if as_json:
        results.line(json.dumps(facts, ensure_ascii=False))
    else:
        said = [("remark", text) for text in facts.pop("remarks", [])]
        said += [("note", text) for text in facts.pop("notes", [])]
        for name, value in facts.items():
            results.line(f"{name.replace('_', ' ')}: {_shown(value, _BETWEEN.get(name, ', '))}")
        for line in (*(f"{kind}: {text}" for kind, text in said), *picture):
            results.line(line)
    raise typer.Exit(DONE)


def _model_path(target: str) -> Path | None:
    """Give the file of a model; None where `target` is no model's name and no .onnx file."""
    path = Path(target)
    if path.is_file() and path.suffix.lower() != ".onnx":
        return None
    try:
        return find_model(target)
    except ModelNotFoundError:
        return None


def _model_facts(path: Path) -> dict[str, Any]:
    from dataclasses import asdict

    from annapalm.model import inspect_model

    file = inspect_model(path)
    return {
        "path": str(path),
        "size_bytes": len(file.data),
        "sha256": file.sha256,
        **asdict(file.info),
    }


def _input_facts(
    path: Path, options: TableOptions, pixel_nm: float | None
) -> tuple[dict[str, Any], list[str]]:
    """Give what is known of an input, and a picture of it in letters where it is a table."""
    from annapalm.read import is_counts_image

    if is_counts_image(path):
        return _counts_facts(path, pixel_nm), []
    return _table_facts(path, options)


def _counts_facts(path: Path, pixel_nm: float | None) -> dict[str, Any]:
    from annapalm.read import read_counts_image

    image = read_counts_image(path, pixel_nm)
    rows, columns = image.counts.shape
    total = round(float(image.counts.sum(dtype="float64")))
    area = rows * columns * (image.pixel_nm / 1000) ** 2
    return {
        "path": str(path),
        "format": "image of counts",
        "size_px": [columns, rows],
        "pixel_nm": image.pixel_nm,
        "localizations": total,
        "highest_count": int(image.counts.max()),
        "field_um": [columns * image.pixel_nm / 1000, rows * image.pixel_nm / 1000],
        "density_per_um2": total / area,
        "sha256": image.sha256,
    }


def _table_facts(path: Path, options: TableOptions) -> tuple[dict[str, Any], list[str]]:
    import numpy as np

    from annapalm.cli.picture import picture
    from annapalm.cli.reading import ReadingBar
    from annapalm.read import read_table

    with ReadingBar(path) as bar:
        table = read_table(path, options, bar)
    locs = table.localizations
    facts: dict[str, Any] = {
        "path": str(path),
        "format": table.format,
        "columns": dict(table.columns),
        "units": dict(table.units),
        "unused_columns": list(table.unused_columns),
        "localizations": len(locs),
    }
    if len(locs):
        facts["frames"] = [int(locs.frame.min()), int(locs.frame.max())]
        facts["first_frame_in_file"] = table.first_frame
        facts["frames_with_localizations"] = len(np.unique(locs.frame))
        facts["x_um"] = [float(locs.x_nm.min()) / 1000, float(locs.x_nm.max()) / 1000]
        facts["y_um"] = [float(locs.y_nm.min()) / 1000, float(locs.y_nm.max()) / 1000]
        width, height = (np.ptp(axis) / 1000 for axis in (locs.x_nm, locs.y_nm))
        if width * height > 0:
            facts["density_per_um2"] = len(locs) / float(width * height)
    facts["precision_nm"] = _spread(locs.precision_nm)
    facts["merged_rows"] = table.merged_rows
    facts["camera_field_um"] = (
        None if locs.field_nm is None else [length / 1000 for length in locs.field_nm]
    )
    facts["camera_pixel_nm"] = table.camera_pixel_nm
    facts["origin_known"] = table.origin_known
    facts["remarks"] = list(table.remarks)
    facts["notes"] = list(locs.notes)
    facts["sha256"] = table.sha256
    return facts, picture(locs)


def _spread(values: "NDArray[np.float64] | None") -> list[float] | None:
    """Give the 5th, 50th and 95th per cent of what is known; None where nothing is."""
    import numpy as np

    known = np.zeros(0) if values is None else values[np.isfinite(values)]
    return [float(q) for q in np.quantile(known, (0.05, 0.5, 0.95))] if len(known) else None


_RANGES = ("frames", "x_um", "y_um", "density_range_per_um2")
_QUANTILES = ("precision_nm",)
_SIZES = ("size_px", "field_um", "camera_field_um")
_BETWEEN = dict.fromkeys(_RANGES, " to ") | dict.fromkeys(_SIZES, " x ")
_BETWEEN |= dict.fromkeys(_QUANTILES, " / ")
"""What stands between the numbers of a fact."""


def _shown(value: Any, between: str = ", ") -> str:  # noqa: ANN401 - whatever a fact is
    """Render a fact for the eye."""
    if value is None or isinstance(value, bool):
        return {None: "not known", True: "yes", False: "no"}[value]
    if isinstance(value, float):
        return f"{value:,.2f}".rstrip("0").rstrip(".")
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_shown(item)}" for key, item in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        return between.join(map(_shown, value)) or "none"
    return str(value)
