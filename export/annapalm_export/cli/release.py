"""`annapalm-export release`: the gate through which every model goes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def release(
    checkpoint: Annotated[Path, typer.Argument(help="checkpoint.pt of a training run.")],
    name: Annotated[str, typer.Option(help="Name of the model.")],
    version: Annotated[str, typer.Option(help="Version; one that exists is never replaced.")],
    models: Annotated[Path, typer.Option(help="Folder of the released models.")] = Path("models"),
    fields: Annotated[int, typer.Option(min=2, help="Evaluation fields per density.")] = 12,
    calibration_fields: Annotated[
        int, typer.Option(min=8, help="Held-out fields on which the error map is calibrated.")
    ] = 32,
    processes: Annotated[
        int, typer.Option(min=1, help="Processes that score, about 1 GB of memory each.")
    ] = 1,
) -> None:
    """Export, calibrate and evaluate CHECKPOINT; write the folder only if every gate is passed.

    Exit code 3 and no folder if one is not; what was measured then lies beside CHECKPOINT.
    """
    from annapalm_export.release.build import release as build

    folder = build(
        checkpoint,
        models,
        name,
        version,
        fields,
        calibration_fields,
        say=lambda line: typer.echo(line, err=True),
        processes=processes,
    )
    typer.echo(folder)
