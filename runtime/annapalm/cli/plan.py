"""`annapalm plan`: how few frames are enough, from one dense acquisition of the user's sample."""

# No `from __future__ import annotations`: typer reads the annotations at run time.
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from annapalm.cli.ending import DONE, INTERRUPTED, SOME_FAILED, Interrupts, exit_code, report
from annapalm.cli.errors import InputInDangerError, InputNotFoundError, OptionError
from annapalm.cli.options import (
    CameraPixelOption,
    ColumnsOption,
    DeviceOption,
    FieldOption,
    FirstFrameOption,
    FormatOption,
    ModelOption,
    OverwriteOption,
    SingleFrameOption,
    StructureOption,
    ThreadsOption,
    UnitOption,
    table_options,
)
from annapalm.cli.parse import check_above_zero, parse_steps
from annapalm.cli.reading import ReadingBar
from annapalm.cli.streams import ResultStream, say
from annapalm.errors import AnnaPalmError
from annapalm.model.errors import ModelError
from annapalm.model.names import default_model
from annapalm.plan.errors import PlanError
from annapalm.plan.options import RESOLUTION_NM, SHARE, PlanOptions
from annapalm.quality import GAP_FRAMES

if TYPE_CHECKING:
    from annapalm.plan.record import PlanRecord

HELP = (
    "Plan how few frames are enough, from one dense acquisition of your own sample.\n\n"
    "Blocks of more and more frames are reconstructed, and each is judged by the later frames, "
    "which it has not seen. Writes plan.json and plan.svg into FOLDER, and says in a sentence how "
    "many frames to take."
)
"""Not the docstring, whose line ends would be kept."""


def plan(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE", help="A long acquisition, as it was recorded.", show_default=False
        ),
    ],
    *,
    out: Annotated[
        Path,
        typer.Option(
            "-o", "--out", metavar="FOLDER", help="Where the plan goes.", show_default=False
        ),
    ],
    model: ModelOption = None,
    structure: StructureOption = None,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    frames: Annotated[
        str | None,
        typer.Option(
            metavar="N,N,...",
            help="Numbers of frames to try; else halved from the most, in steps of a factor 1.4.",
        ),
    ] = None,
    share: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            help="What is enough: this share of the best likelihood of a later localization.",
        ),
    ] = SHARE,
    resolution: Annotated[
        float,
        typer.Option(metavar="NM", help="Resolution for which the Nyquist criterion is stated."),
    ] = RESOLUTION_NM,
    gap: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, help="Frames left out between input and later frames, for bursts."
        ),
    ] = GAP_FRAMES,
    table_format: FormatOption = None,
    columns: ColumnsOption = None,
    unit: UnitOption = None,
    camera_pixel: CameraPixelOption = None,
    first_frame: FirstFrameOption = None,
    allow_single_frame: SingleFrameOption = False,
    field: FieldOption = None,
    overwrite: OverwriteOption = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say nothing of how the work goes on.")
    ] = False,
) -> None:
    """Plan how few frames are enough, from one dense acquisition of your own sample."""
    interrupts, begun = Interrupts(), False
    try:
        with interrupts:
            steps = parse_steps(frames)
            if not 0.5 <= share < 1:
                raise OptionError("--share", share, "at least 0.5 and below 1")
            check_above_zero("--resolution", resolution)
            table = table_options(
                table_format=table_format,
                columns=columns,
                unit=unit,
                camera_pixel=camera_pixel,
                first_frame=first_frame,
                allow_single_frame=allow_single_frame,
                field=field,
            )
            if not source.is_file():
                raise InputNotFoundError(str(source))
            # Here, because they bring numpy and onnxruntime, which `--help` must not pay for.
            from annapalm.model import SessionOptions, load_model
            from annapalm.model.inputs import structure_weights
            from annapalm.plan.run import PLAN_FILES, check_outputs, plan_table

            options = PlanOptions(share, resolution, gap, steps)
            if source.resolve() in {(out / name).resolve() for name in PLAN_FILES}:
                raise InputInDangerError(source, "it would replace the input")
            check_outputs(out, overwrite=overwrite)
            name = default_model(structure) if model is None else model
            loaded = load_model(name, device, SessionOptions(threads=threads))
            structure_weights(structure, loaded.info)
            if not quiet:
                say(f"model {loaded.info.name} {loaded.info.version} on {loaded.device}")
            begun = True
            with ReadingBar(source, quiet=quiet) as bar:
                output = plan_table(
                    loaded,
                    source,
                    out,
                    table,
                    options,
                    structure=structure,
                    overwrite=overwrite,
                    say=(lambda _line: None) if quiet else say,
                    progress=bar,
                )
            _show(output.record, output.paths)
            code = DONE
    except KeyboardInterrupt:
        code = _interrupted()
    except AnnaPalmError as error:
        if interrupts.seen:  # an extension module may have turned Ctrl-C into a failure
            code = _interrupted()
        else:
            report(error, where=f"{source}: " if isinstance(error, PlanError) else "")
            failed = begun and not isinstance(error, ModelError)
            code = SOME_FAILED if failed else exit_code(error)
    raise typer.Exit(code)


def _interrupted() -> int:
    say("interrupted: nothing was written")
    return INTERRUPTED


def _show(record: "PlanRecord", paths: tuple[Path, ...]) -> None:
    """Say the result on stdout: the curve, the sentence, what limits it, the files."""
    results = ResultStream()
    results.line(
        "frames  blocks  localizations/µm²   bits  likelihood  at the start  Pearson r  Nyquist"
    )
    for step in record["steps"]:
        blocks = step["blocks"]
        density = sum(b["density_per_um2"] for b in blocks) / len(blocks)
        r = sum(b["pearson_later"] for b in blocks) / len(blocks)
        nyquist = blocks[0]["nyquist_nm"]
        results.line(
            f"{step['frames']:>6,}  {len(blocks):>6}  {density:>17.1f}  {step['bits']:>5.2f}  "
            f"{step['relative']:>10.2f}  {step['relative_start']:>12.2f}  {r:>9.3f}  "
            + ("      -" if nyquist is None else f"{nyquist:>4.0f} nm")
        )
    results.line("")
    results.line(record["sentence"])
    between = record["recommendation"]["between"]
    if between is not None:
        low, high = between
        results.line(f"one standard deviation over blocks: {low:,} to {high:,} frames")
    for caution in record["cautions"]:
        results.line(f"note: {caution}")
    results.line(f"written: {', '.join(str(path) for path in paths)}")
