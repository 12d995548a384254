"""The options that several commands share, and how they become values.

No `from __future__ import annotations` here and in the commands: typer reads these at run time.
Lean: imported by `--help`, which loads neither numpy nor onnxruntime nor tifffile.
"""

from typing import Annotated

import typer

from annapalm.cli.parse import check_above_zero, parse_columns, parse_field_nm
from annapalm.cli.version import print_version
from annapalm.model.device import Device
from annapalm.model.names import MODEL_OF
from annapalm.read.table import FormatName, TableOptions, Unit

SUFFIXES = (
    *(".csv", ".txt", ".tsv", ".xls", ".hdf5", ".h5", ".mat", ".smlm", ".parquet"),
    *(".tif", ".tiff"),
)
"""What counts as an input in a folder; case does not matter."""

TABLES = "What a table does not say itself"
CHOICE = "What of it"
TRUST = "How far to believe it"
RUN = "How the run goes"
OUTPUT = "Output"

SERIES = "Time-lapse and channels"

VersionOption = Annotated[
    bool,
    typer.Option(
        "--version",
        help="Print the versions of annapalm, ONNX Runtime and the default model.",
        callback=print_version,
        is_eager=True,
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|PATH",
        help="Released model (`annapalm models`) or file; else the best one for --structure.",
    ),
]
DeviceOption = Annotated[
    Device, typer.Option(help="auto takes a working GPU, else the CPU, and says why.")
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="CPU threads; else the cores that this process may use."),
]
JobsOption = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=1,
        help="Fields in work at once: one drawn, one written, the others read ahead.",
        rich_help_panel=RUN,
    ),
]
JOBS = 3
"""One is read, one drawn and one written; more help only where reading is the slowest."""
StructureOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help=f"What to draw: {', '.join(MODEL_OF)}, or what else --model knows.",
        rich_help_panel=CHOICE,
    ),
]
DrawAnywayOption = Annotated[
    bool,
    typer.Option(
        "--draw-anyway",
        help="Draw even where the localizations look like background without structure.",
        rich_help_panel=TRUST,
    ),
]
WindowOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        help="Make a time-lapse: a picture of every N frames.",
        rich_help_panel=SERIES,
    ),
]
StepOption = Annotated[
    int | None,
    typer.Option(
        metavar="M",
        min=1,
        help="Start a window every M frames; else every N, so that none overlap.",
        rich_help_panel=SERIES,
    ),
]
FrameTimeOption = Annotated[
    float | None,
    typer.Option(
        metavar="MS", help="Time from frame to frame, for the time axis.", rich_help_panel=SERIES
    ),
]
ChannelOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=WHICH",
        help="A channel of one image: its number or word in the table (tubulin=0), or its files, "
        "* for the name of the field ('tubulin=*_647.csv'). Repeat it for each.",
        rich_help_panel=SERIES,
    ),
]
ChannelStructureOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=STRUCTURE",
        help="What to draw of a channel; else as --structure says.",
        rich_help_panel=SERIES,
    ),
]
ChannelModelOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=MODEL",
        help="Model of a channel; else as --model says, or the best for its structure.",
        rich_help_panel=SERIES,
    ),
]
OverwriteOption = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace results that are there.", rich_help_panel=OUTPUT),
]
FormatOption = Annotated[
    FormatName | None,
    typer.Option(
        "--format",
        help="Read as this format, instead of telling it by the content.",
        rich_help_panel=TABLES,
        show_choices=True,
    ),
]
ColumnsOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAMES",
        help="Where a text, MATLAB or Parquet file has what: names in file order, - to skip one "
        "(y,x,-,z,frame), or by the file's names (x=Xc,y=Yc,frame=Frame); time for frame ranks "
        "times.",
        rich_help_panel=TABLES,
    ),
]
UnitOption = Annotated[
    Unit | None,
    typer.Option(help="Unit of lengths whose header names none.", rich_help_panel=TABLES),
]
CameraPixelOption = Annotated[
    float | None,
    typer.Option(
        metavar="NM", help="Camera pixel in nm, for lengths in px.", rich_help_panel=TABLES
    ),
]
FirstFrameOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=0,
        help="Number of the first frame in the table, where it is not the format's own.",
        rich_help_panel=TABLES,
    ),
]
SingleFrameOption = Annotated[
    bool,
    typer.Option(
        "--allow-single-frame",
        help="Take a table whose localizations are all of one frame.",
        rich_help_panel=TABLES,
    ),
]
FieldOption = Annotated[
    str | None,
    typer.Option(
        "--field",
        metavar="WxH",
        help="Field of the camera in µm, such as 40.96x40.96.",
        rich_help_panel=TABLES,
    ),
]
PixelSizeOption = Annotated[
    float | None,
    typer.Option(
        metavar="NM",
        help="Pixel of images of counts, where the file names none.",
        rich_help_panel=TABLES,
    ),
]


def table_options(
    *,
    table_format: FormatName | None,
    columns: str | None,
    unit: Unit | None,
    camera_pixel: float | None,
    first_frame: int | None,
    allow_single_frame: bool,
    field: str | None,
) -> TableOptions:
    """Check the options on tables and put them together; before any file is opened."""
    check_above_zero("--camera-pixel", camera_pixel)
    return TableOptions(
        format=table_format,
        columns=parse_columns(columns),
        unit=unit,
        camera_pixel_nm=camera_pixel,
        first_frame=first_frame,
        field_nm=parse_field_nm(field),
        allow_single_frame=allow_single_frame,
    )
