"""`annapalm-export release`: the gate through which every model goes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from annapalm_export.cli.shared import WEIGHTS, LooksOption


def release(
    checkpoint: Annotated[str, typer.Argument(metavar="RUN|MODEL", help=WEIGHTS)],
    name: Annotated[str, typer.Option(help="Name of the model.")],
    version: Annotated[str, typer.Option(help="Version; one that exists is never replaced.")],
    models: Annotated[Path, typer.Option(help="Folder of the released models.")] = Path("models"),
    fields: Annotated[int, typer.Option(min=2, help="Evaluation fields per density.")] = 12,
    calibration_fields: Annotated[
        int, typer.Option(min=8, help="Held-out fields on which the error map is calibrated.")
    ] = 32,
    processes: Annotated[
        int,
        typer.Option(min=1, help="Processes that calibrate and score, about 1 GB of memory each."),
    ] = 1,
    looks: LooksOption = None,
) -> None:
    """Export, calibrate and evaluate a network; write the folder only if every gate is passed.

    Exit code 3 and no folder if one is not; what was measured then lies beside the checkpoint. A
    released model is calibrated anew, and may become another version.
    """
    from annapalm_export.release.build import release as build
    from annapalm_export.train.weights import find_weights

    folder = build(
        find_weights(checkpoint),
        models,
        name,
        version,
        fields,
        calibration_fields,
        say=lambda line: typer.echo(line, err=True),
        processes=processes,
        looks=looks,
    )
    typer.echo(folder)
