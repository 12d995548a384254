"""`annapalm-export train`: train a model from a recipe."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer


def train(
    recipe: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Recipe (TOML).")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the run; an unfinished run goes on.")
    ],
    device: Annotated[
        str, typer.Option(help="cpu or cuda; a device that is absent is an error.")
    ] = "cpu",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads of torch.")] = None,
) -> None:
    """Train from RECIPE; writes checkpoints, a log and validation pictures into the folder."""
    import torch

    from annapalm_export.train.config import read_recipe
    from annapalm_export.train.loop import train as run

    if device not in ("cpu", "cuda"):
        raise typer.BadParameter(f"'{device}' is neither cpu nor cuda", param_hint="--device")
    if device == "cuda" and not torch.cuda.is_available():
        raise typer.BadParameter("this torch sees no CUDA device", param_hint="--device")
    if threads is not None:
        torch.set_num_threads(threads)
    path = run(read_recipe(recipe), output, device, say=lambda line: typer.echo(line, err=True))
    typer.echo(path)
