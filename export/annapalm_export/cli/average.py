"""`annapalm-export average`: the mean of trained networks."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer

from annapalm_export.cli.shared import WEIGHTS


def average(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN|MODEL...", help=f"{WEIGHTS} Two or more; one given twice counts twice."
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the checkpoint with the mean.")
    ],
) -> None:
    """Take the mean of the weights of runs that went on from one another, or from the same ones."""
    from annapalm_export.train.average import average as mean
    from annapalm_export.train.weights import find_weights

    if len(runs) < 2:
        raise typer.BadParameter("give two or more", param_hint="RUN|MODEL...")
    typer.echo(mean([find_weights(run) for run in runs], output))
