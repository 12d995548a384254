"""`annapalm-run`: from sparse localizations to dense images with error maps."""

# No `from __future__ import annotations`: typer reads the annotations at run time.
from pathlib import Path
from typing import Annotated, Any

import typer

from annapalm.cli.channels import check_stack, parse_channels
from annapalm.cli.ending import INTERRUPTED, exit_code, report
from annapalm.cli.errors import ContradictionError, MissingOptionError
from annapalm.cli.file_rules import file_rules
from annapalm.cli.options import (
    CHOICE,
    JOBS,
    OUTPUT,
    RUN,
    SUFFIXES,
    TRUST,
    CameraPixelOption,
    ChannelModelOption,
    ChannelOption,
    ChannelStructureOption,
    ColumnsOption,
    DeviceOption,
    DrawAnywayOption,
    FieldOption,
    FirstFrameOption,
    FormatOption,
    FrameTimeOption,
    JobsOption,
    ModelOption,
    OverwriteOption,
    PixelSizeOption,
    SingleFrameOption,
    StepOption,
    StructureOption,
    ThreadsOption,
    UnitOption,
    VersionOption,
    WindowOption,
    table_options,
)
from annapalm.cli.parse import check_above_zero, parse_frames, parse_roi_nm, parse_tile
from annapalm.cli.settings import SETTINGS_FILE, load_settings, settings_behind, settings_text
from annapalm.cli.streams import prepare_streams, say
from annapalm.errors import AnnaPalmError

DEFAULT_SUFFIX = "_widefield.tif"

WIDEFIELD = "Widefield images"
EXPERT = "For experts"

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


HELP = (
    "Make dense images with error maps from sparse single-molecule localizations.\n\n"
    "Per input: STEM.ome.tif (channels dense, error; with a widefield image widefield_error, with "
    "--cross-check cross_check), STEM.png and STEM.json; per run: run.json and report.html.\n\n"
    f"A widefield image beside a table, STEM{DEFAULT_SUFFIX}, is used by itself. In a folder and "
    f"its sub-folders the files ending in {', '.join(SUFFIXES)} count.\n\n"
    "Exit codes: 0 all done, 1 some inputs failed, 2 the call cannot be carried out, 3 the model "
    "is invalid, 130 interrupted."
)
"""Not the docstring, whose line ends would be kept."""


@app.command(help=HELP)
def run(
    context: typer.Context,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT",
            help="Tables of localizations or images of counts: files, folders, patterns.",
            show_default=False,
        ),
    ] = None,
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            metavar="FOLDER",
            help="Where results go; sub-folders of the inputs are kept.",
            show_default=False,
        ),
    ] = None,
    model: ModelOption = None,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    version: VersionOption = False,
    frames: Annotated[
        str | None,
        typer.Option(
            metavar="START:STOP",
            help="Only these frames, counted from 0, STOP not included.",
            rich_help_panel=CHOICE,
        ),
    ] = None,
    roi: Annotated[
        str | None,
        typer.Option(
            metavar="X0,Y0,X1,Y1", help="Only this region, in µm.", rich_help_panel=CHOICE
        ),
    ] = None,
    structure: StructureOption = None,
    window: WindowOption = None,
    step: StepOption = None,
    frame_time: FrameTimeOption = None,
    channel: ChannelOption = None,
    channel_structure: ChannelStructureOption = None,
    channel_model: ChannelModelOption = None,
    cross_check: Annotated[
        bool,
        typer.Option(
            "--cross-check",
            help="Test the picture of half of the frames by the other half; adds a map.",
            rich_help_panel=TRUST,
        ),
    ] = False,
    doubt: Annotated[
        float,
        typer.Option(
            metavar="RATIO",
            help="Call structure doubtful where the expected error is above so many times dense.",
            rich_help_panel=TRUST,
        ),
    ] = 1.0,
    draw_anyway: DrawAnywayOption = False,
    table_format: FormatOption = None,
    columns: ColumnsOption = None,
    unit: UnitOption = None,
    camera_pixel: CameraPixelOption = None,
    first_frame: FirstFrameOption = None,
    allow_single_frame: SingleFrameOption = False,
    field: FieldOption = None,
    pixel_size: PixelSizeOption = None,
    widefield: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="Widefield image of the one input.", rich_help_panel=WIDEFIELD
        ),
    ] = None,
    widefield_suffix: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Widefield images are called STEM and TEXT, beside the table.",
            show_default=DEFAULT_SUFFIX,
            rich_help_panel=WIDEFIELD,
        ),
    ] = None,
    widefield_pixel: Annotated[
        float | None,
        typer.Option(
            metavar="NM",
            help="Camera pixel in nm, where the image names none.",
            rich_help_panel=WIDEFIELD,
        ),
    ] = None,
    no_widefield: Annotated[
        bool,
        typer.Option(
            "--no-widefield", help="Leave widefield images unused.", rich_help_panel=WIDEFIELD
        ),
    ] = False,
    overwrite: OverwriteOption = False,
    jobs: JobsOption = JOBS,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Do only part I of N, such as 1/4: for arrays of jobs on a cluster.",
            rich_help_panel=RUN,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="List what would be done; write nothing.", rich_help_panel=RUN
        ),
    ] = False,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="Go on with what comes into the inputs, until Ctrl-C or --idle.",
            rich_help_panel=RUN,
        ),
    ] = False,
    settle: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="With --watch: a file is whole when it has not changed for so long.",
            show_default="10",
            rich_help_panel=RUN,
        ),
    ] = None,
    idle: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="With --watch: end when nothing has come for so long.",
            rich_help_panel=RUN,
        ),
    ] = None,
    settings: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help=f"TOML file of options, named as here; else {SETTINGS_FILE} of this folder.",
            callback=load_settings,
            is_eager=True,
            rich_help_panel=RUN,
        ),
    ] = None,
    print_settings: Annotated[
        bool,
        typer.Option(
            "--print-settings",
            help="Print the options in force as such a file, and end.",
            rich_help_panel=RUN,
        ),
    ] = False,
    no_resume: Annotated[
        bool,
        typer.Option(
            "--no-resume",
            help="Do not go on with a run that is there: it is an error.",
            rich_help_panel=RUN,
        ),
    ] = False,
    compress: Annotated[
        bool,
        typer.Option(
            "--compress", help="Deflate the TIFF: smaller, slower.", rich_help_panel=OUTPUT
        ),
    ] = False,
    no_preview: Annotated[
        bool, typer.Option("--no-preview", help="Write no PNG.", rich_help_panel=OUTPUT)
    ] = False,
    jsonl: Annotated[
        bool,
        typer.Option(
            "--jsonl", help="One line of JSON per field on stdout.", rich_help_panel=OUTPUT
        ),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say only what failed.", rich_help_panel=OUTPUT)
    ] = False,
    exposure: Annotated[
        float,
        typer.Option(
            metavar="FACTOR",
            help="Ask for the localizations of this many times the input's exposure.",
            rich_help_panel=EXPERT,
        ),
    ] = 1.0,
    tile: Annotated[
        str,
        typer.Option(
            metavar="auto|whole|PX",
            help="Edge of the pieces in which a field is run; the picture is the same.",
            rich_help_panel=EXPERT,
        ),
    ] = "auto",
) -> None:
    """Check the command line, do the job, and end with its exit code."""
    del version, settings
    if print_settings:
        typer.echo(settings_text(context), nl=False)
        return
    try:
        if not inputs:
            raise MissingOptionError("annapalm-run", "an INPUT", "a file, a folder or a pattern")
        if out is None:
            raise MissingOptionError("annapalm-run", "-o FOLDER", "it says where results go")
        _check_widefield(widefield, widefield_suffix, widefield_pixel, no_widefield=no_widefield)
        check_above_zero("--pixel-size", pixel_size)
        check_above_zero("--widefield-pixel", widefield_pixel)
        check_above_zero("--exposure", exposure)
        check_above_zero("--doubt", doubt)
        check_above_zero("--frame-time", frame_time)
        channels = parse_channels(channel or (), channel_structure or (), channel_model or ())
        check_stack(window, step, frame_time, channels=channels, widefield=widefield)
        _check_watch(settle, idle, watch=watch, dry_run=dry_run)
        of_tables: dict[str, Any] = {
            "table_format": table_format,
            "columns": columns,
            "unit": unit,
            "camera_pixel": camera_pixel,
            "first_frame": first_frame,
            "allow_single_frame": allow_single_frame,
            "field": field,
        }
        table, rules = table_options(**of_tables), file_rules(context, of_tables)
        chosen, region, pieces = parse_frames(frames), parse_roi_nm(roi), parse_tile(tile)
        # Here, because it brings numpy and onnxruntime, which `--help` must not pay for.
        from annapalm.cli.carry_out import carry_out
        from annapalm.cli.job import Job
        from annapalm.field import FieldOptions
        from annapalm.ledger.shard import Shard

        options = FieldOptions(
            table=table,
            frames=chosen,
            roi_nm=region,
            counts_pixel_nm=pixel_size,
            widefield_pixel_nm=widefield_pixel,
            exposure=exposure,
            structure=structure,
            cross_check=cross_check,
            doubt=doubt,
            draw_anyway=draw_anyway,
            window=window,
            step=step,
            frame_time_ms=frame_time,
            tile_px=pieces,
            overwrite=overwrite,
            compress=compress,
            preview=not no_preview,
        )
        job = Job(
            inputs=tuple(inputs),
            out=out,
            model=model,
            device=device,
            threads=threads,
            options=options,
            widefield=widefield,
            widefield_suffix=None if no_widefield else widefield_suffix or DEFAULT_SUFFIX,
            jsonl=jsonl,
            quiet=quiet,
            jobs=jobs,
            resume=not no_resume,
            shard=None if shard is None else Shard.parse(shard),
            dry_run=dry_run,
            channels=channels,
            rules=rules,
            # An image of one moment would draw all windows alike (docs/time-lapse.md).
            found_widefields=window is None
            or widefield is not None
            or widefield_suffix is not None,
            watch=watch,
            settle_s=10.0 if settle is None else settle,
            idle_s=idle,
        )
        code = carry_out(job)
    except AnnaPalmError as error:
        report(error, where=settings_behind(context, error))
        code = exit_code(error)
    except KeyboardInterrupt:
        say("interrupted")
        code = INTERRUPTED
    raise typer.Exit(code)


def _check_widefield(
    widefield: Path | None, suffix: str | None, pixel_nm: float | None, *, no_widefield: bool
) -> None:
    """Refuse widefield options that cannot all be followed."""
    given = {"--widefield": widefield, "--widefield-suffix": suffix, "--widefield-pixel": pixel_nm}
    if no_widefield:
        for name, value in given.items():
            if value is not None:
                raise ContradictionError(name, "--no-widefield", "the image would not be used")
    if widefield is not None and suffix is not None:
        raise ContradictionError(
            "--widefield", "--widefield-suffix", "the one image is named, none is looked for"
        )
    if suffix == "":
        raise MissingOptionError("--widefield-suffix", "a text", "it would name the table itself")


def _check_watch(settle: float | None, idle: float | None, *, watch: bool, dry_run: bool) -> None:
    """Refuse options of a watch without one, and a watch that would do nothing."""
    for name, value in (("--settle", settle), ("--idle", idle)):
        check_above_zero(name, value)
        if value is not None and not watch:
            raise MissingOptionError(name, "--watch", "nothing is waited for without it")
    if watch and dry_run:
        raise ContradictionError("--watch", "--dry-run", "a rehearsal does not wait")


def main() -> None:
    """Run the command; the entry point of `annapalm-run`."""
    prepare_streams()
    app()
