"""`annapalm measure`: what annapalm-run drew, in numbers."""

# No `from __future__ import annotations`: typer reads the annotations at run time.
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from annapalm.cli.ending import DONE, INTERRUPTED, SOME_FAILED, Interrupts, exit_code, report
from annapalm.cli.errors import InputNotFoundError
from annapalm.cli.parse import check_above_zero, parse_roi_nm
from annapalm.cli.streams import ResultStream, say
from annapalm.errors import AnnaPalmError

if TYPE_CHECKING:
    from annapalm.measure.groups import MeasureOptions

RoiOption = Annotated[
    str | None,
    typer.Option(
        "--roi", metavar="X0,Y0,X1,Y1", help="Only this region of each field, in µm.",
        show_default=False,
    ),
]  # fmt: skip
MeasuredAsOption = Annotated[
    str | None,
    typer.Option(
        "--structure",
        metavar="NAME",
        help="Measure as microtubules, actin or nuclear pores; without it what the record says.",
        show_default=False,
    ),
]
RadiusOption = Annotated[
    float | None,
    typer.Option(
        "--radius", metavar="NM", help="Expected radius of nuclear pores; 53.5 nm without it.",
        show_default=False,
    ),
]  # fmt: skip


HELP = (
    "Measure filaments (length, order, curvature) or nuclear pores (density, radius) in what "
    "annapalm-run drew.\n\n"
    "Each number comes with an interval that holds the truth in 90 % of simulated fields of the "
    "same doubt; definitions and limits: docs/measure.md."
)
"""Not the docstring, whose line ends would be kept."""


def measure(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="RESULT...",
            help="Output folders of annapalm-run, or single .ome.tif files from there.",
            show_default=False,
        ),
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            metavar="FOLDER",
            help="Write measures.json and measures.csv there.",
            show_default=False,
        ),
    ] = None,
    roi: RoiOption = None,
    structure: MeasuredAsOption = None,
    radius: RadiusOption = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace measures that are there.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON per field.")] = (
        False
    ),
) -> None:
    """Measure filaments (length, order, curvature) or nuclear pores (density, radius)."""
    try:
        options = measure_options(roi, structure, radius)
        images = find_images(inputs)
        if out is not None:
            _check_free(out, overwrite=overwrite)
    except AnnaPalmError as error:
        report(error)
        raise typer.Exit(exit_code(error)) from error
    from annapalm.measure.groups import measure_result
    from annapalm.write.text import json_text

    results, fields, failed = ResultStream(), [], 0
    try:
        with Interrupts():
            for image in images:
                try:
                    field = measure_result(image, options)
                except AnnaPalmError as error:
                    report(error)
                    failed += 1
                    continue
                fields.append(field)
                if as_json:
                    results.line(json_text(field, indent=None))
                else:
                    for line in field_lines(field):
                        results.line(line)
            if out is not None and fields:
                _write(out, fields, overwrite=overwrite)
    except KeyboardInterrupt:
        say("Interrupted; nothing was written.")
        raise typer.Exit(INTERRUPTED) from None
    except AnnaPalmError as error:
        report(error)
        raise typer.Exit(SOME_FAILED) from error
    raise typer.Exit(SOME_FAILED if failed else DONE)


def measure_options(
    roi: str | None, structure: str | None, radius: float | None
) -> "MeasureOptions":
    """Check the options that say how fields are measured; before any file is opened."""
    region = parse_roi_nm(roi)
    check_above_zero("--radius", radius)
    from annapalm.cli.errors import OptionError
    from annapalm.measure.field import FILAMENTS, PORES
    from annapalm.measure.groups import MeasureOptions
    from annapalm.measure.pores import RADIUS_NM

    known = (*FILAMENTS, *PORES)
    if structure is not None and structure not in known:
        raise OptionError("--structure", structure, f"one of {', '.join(known)}")
    return MeasureOptions(region, structure, RADIUS_NM if radius is None else radius)


def find_images(inputs: list[str]) -> list[Path]:
    """Find all images that are named, each once; before any is opened."""
    from annapalm.measure.read import find_results

    found: dict[Path, None] = {}
    for given in inputs:
        if not Path(given).exists():
            raise InputNotFoundError(given)
        found |= dict.fromkeys(find_results(Path(given)))
    return list(found)


def _check_free(out: Path, *, overwrite: bool) -> None:
    from annapalm.measure.record import CSV_NAME, JSON_NAME
    from annapalm.write.atomic import check_free

    for name in (JSON_NAME, CSV_NAME):
        check_free(out / name, overwrite=overwrite)


def _write(out: Path, fields: list[Any], *, overwrite: bool) -> None:
    from annapalm.measure.record import CSV_NAME, JSON_NAME, csv_content, json_content
    from annapalm.write.atomic import OutputSet
    from annapalm.write.text import json_text

    with OutputSet(overwrite=overwrite) as outputs:
        with outputs.stage(out / JSON_NAME) as stream:
            stream.write((json_text(json_content(fields)) + "\n").encode())
        with outputs.stage(out / CSV_NAME) as stream:
            stream.write(csv_content(fields).encode("utf-8", "backslashreplace"))


_LABELS = {
    "length_um_per_um2": "length density",
    "order": "order",
    "curvature_per_um": "curvature",
    "persistence_um": "persistence length",
    "pores_per_um2": "pore density",
    "radius_nm": "pore radius",
}


def field_lines(field: Any) -> list[str]:  # noqa: ANN401 - a record, which numpy-free code cannot name
    """Say what was measured of one field."""
    from annapalm.measure.field import UNITS

    lines = [f"{field['field']}: {field['structure']}, {field['area_um2']:,.1f} µm²"]
    for name, one in field["measures"].items():
        label = f"  {_LABELS[name]}"
        if one["value"] is None:
            lines.append(f"{label}: not shown by this field")
            continue
        lines.append(f"{label}: {one['value']:.3g} ({_about(one)}) {UNITS[name]}")
    share = field["doubtful_share"]
    if share is None:
        lines.append("  nothing is drawn here")
    else:
        verdict = "" if field["conclusive"] else ": too doubtful to conclude"
        lines.append(f"  doubtful: {share:.0%} of it{verdict}")
    fitted, model = field["fitted_to"], field["model"]
    if fitted is not None and fitted != model:
        lines.append(f"  corrected as {fitted} draws it: nothing was fitted to {model}")
    return lines


def _about(one: Any) -> str:  # noqa: ANN401 - as above
    """Interval, and what is drawn where that is another number."""
    known = [end for end in (one["low"], one["high"]) if end is not None]
    if len(known) == 2:
        said = f"{known[0]:.3g} to {known[1]:.3g}"
    elif known:
        said = f"{known[0]:.3g} or {'more' if one['high'] is None else 'less'}"
    else:
        said = "no interval known"
    drawn = "" if one["drawn"] is None else f"{one['drawn']:.3g}"
    return said if drawn in {"", f"{one['value']:.3g}"} else f"{said}; drawn {drawn}"
