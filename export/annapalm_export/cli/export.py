"""`annapalm-export export`: a checkpoint to an ONNX file that the runtime loads."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer

from annapalm_export.cli.shared import WEIGHTS, LooksOption


def export(
    checkpoint: Annotated[str, typer.Argument(metavar="RUN|MODEL", help=WEIGHTS)],
    output: Annotated[Path, typer.Option("--output", "-o", help="ONNX file to write.")],
    name: Annotated[str, typer.Option(help="Name the model gives itself.")] = "experiment",
    version: Annotated[str, typer.Option(help="Version the model gives itself.")] = "0.0.0",
    fields: Annotated[
        int, typer.Option(min=8, help="Held-out fields on which the error map is calibrated.")
    ] = 24,
    looks: LooksOption = None,
    overwrite: Annotated[bool, typer.Option(help="Replace the file if it exists.")] = False,
) -> None:
    """Calibrate a network's error map, measure its halo and write it as one ONNX file."""
    from annapalm_export.simulate.files import ExistingOutputError
    from annapalm_export.to_onnx.model import make_model
    from annapalm_export.to_onnx.parity import check_parity
    from annapalm_export.train.weights import find_weights

    if output.exists() and not overwrite:
        raise ExistingOutputError(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    made = make_model(find_weights(checkpoint), output, name, version, fields, looks)
    parity = check_parity(made.model, output)
    worst = max(parity.worst.values())
    typer.echo(f"{output}: halo {made.info.halo_px} px (reach {made.reach_px}), parity {worst:.1e}")
    if not parity.passed:
        output.unlink()
        typer.echo(
            "annapalm-export: torch and ONNX Runtime disagree; the file was removed", err=True
        )
        raise typer.Exit(3)
