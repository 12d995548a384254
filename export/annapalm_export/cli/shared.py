"""What several verbs ask of their options alike."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm.localizations import Localizations
    from annapalm.read.table import Unit

WEIGHTS = (
    "Folder or checkpoint.pt of a training run, or a released model (structures, "
    "microtubule/1.2.0) or its file."
)
"""Help of the argument that `annapalm_export.train.weights.find_weights` understands."""

LooksOption = Annotated[
    int | None,
    typer.Option(
        metavar="1|4",
        help="4: draw the mean of the field and its three mirror images, at four times the work; "
        "else as the recipe says.",
    ),
]


def check_device(device: str) -> None:
    """Refuse a device that torch does not know or does not see."""
    import torch

    if device not in ("cpu", "cuda"):
        raise typer.BadParameter(f"'{device}' is neither cpu nor cuda", param_hint="--device")
    if device == "cuda" and not torch.cuda.is_available():
        raise typer.BadParameter("this torch sees no CUDA device", param_hint="--device")


def check_scene(structure: str, kinetics: str, numbers: dict[str, float | None]) -> None:
    """Refuse scenes that cannot be simulated; `numbers` are options that must be above 0."""
    from annapalm_export.simulate.kinetics import KINETICS
    from annapalm_export.simulate.structures import STRUCTURES

    for option, value in numbers.items():
        if value is not None and not 0 < value < math.inf:
            raise typer.BadParameter(f"must be above 0, not {value:g}", param_hint=option)
    for option, name, known in (
        ("--structure", structure, tuple(STRUCTURES)),
        ("--kinetics", kinetics, tuple(KINETICS)),
    ):
        if name not in known:
            message = f"'{name}' is not one of: {', '.join(known)}"
            raise typer.BadParameter(message, param_hint=option)


def read_table(
    path: Path, columns: str | None, unit: Unit | None, camera_pixel: float | None
) -> Localizations:
    """Read a table with the options of `annapalm-run`; its errors say what to do."""
    from annapalm.cli.parse import parse_columns
    from annapalm.read import TableOptions, read_localizations

    options = TableOptions(columns=parse_columns(columns), unit=unit, camera_pixel_nm=camera_pixel)
    return read_localizations(path, options)
