"""`annapalm-export ablate`: what each part of the loss is worth."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer

from annapalm_export.cli.shared import check_device


def ablate(
    recipe: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Recipe (TOML).")],
    loss: Annotated[
        list[str],
        typer.Option(
            help="One row: KEY=VALUE of the recipe's [loss], several with commas. "
            "May be given several times."
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder; finished rows in it are kept.")
    ],
    steps: Annotated[
        int | None, typer.Option(min=1, help="Steps of each run; the recipe's if left out.")
    ] = None,
    device: Annotated[
        str, typer.Option(help="cpu or cuda; a device that is absent is an error.")
    ] = "cpu",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads of torch.")] = None,
) -> None:
    """Train RECIPE as it is and once per --loss, and compare on validation scenes.

    The table (Markdown) goes to stdout, and with all scores as JSON into the folder.
    """
    from dataclasses import replace

    import torch

    from annapalm.errors import InvalidValueError
    from annapalm_export.train import ablation
    from annapalm_export.train.config import read_recipe

    check_device(device)
    base = read_recipe(recipe)
    if steps is not None:
        base = replace(base, optimizer=replace(base.optimizer, steps=steps))
    try:
        variations = [ablation.parse_variation(text, base.loss) for text in loss]
    except InvalidValueError as problem:
        raise typer.BadParameter(str(problem), param_hint="--loss") from problem
    if threads is not None:
        torch.set_num_threads(threads)
    rows = ablation.ablate(
        base, variations, output, device, say=lambda line: typer.echo(line, err=True)
    )
    typer.echo(ablation.ablation_table(rows), nl=False)
