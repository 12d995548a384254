"""`annapalm-export domain`: what simulated fields look like, for the runtime to judge others by."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer

domain = typer.Typer(
    no_args_is_help=True,
    help="What simulated fields look like, by which annapalm-run judges the fields it is given.",
)
_Processes = Annotated[int, typer.Option(min=1, help="Processes that simulate.")]


@domain.command("fit")
def fit_reference(
    output: Annotated[Path, typer.Option("--output", "-o", help="The reference (.npz) to write.")],
    scenes: Annotated[int, typer.Option(min=30, max=5000, help="Scenes of each structure.")] = 300,
    samples: Annotated[
        Path | None,
        typer.Option(help="Fingerprints (.npz): read from there, or drawn and kept there."),
    ] = None,
    processes: _Processes = 1,
) -> None:
    """Make the reference that is part of the runtime (runtime/annapalm/domain/reference.npz)."""
    from annapalm_export.domain import draw_samples, fit
    from annapalm_export.domain.sample import load_samples, save_samples
    from annapalm_export.seeds import DOMAIN_SEEDS

    if samples is not None and samples.exists():
        drawn = load_samples(samples)
    else:
        drawn = draw_samples(DOMAIN_SEEDS[:scenes], processes, _say)
        if samples is not None:
            save_samples(drawn, samples)
    fit(drawn).save(output)
    typer.echo(output)


@domain.command("check")
def check_reference(
    fields: Annotated[
        int, typer.Option(min=1, help="Evaluation fields per condition and density.")
    ] = 12,
    processes: _Processes = 1,
) -> None:
    """Measure how often the runtime warns: of usual, wrong and shifted fields (Markdown)."""
    from annapalm_export.domain import check, tables

    typer.echo(tables(check(fields, processes, _say)))


def _say(line: str) -> None:
    typer.echo(line, err=True)
