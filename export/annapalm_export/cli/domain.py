"""`annapalm-export domain`: what simulated fields look like, for the runtime to judge others by."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

domain = typer.Typer(
    no_args_is_help=True,
    help="What simulated fields look like, by which annapalm-run judges the fields it is given.",
)
_Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="File to write; without it, stdout.")
]
_Processes = Annotated[int, typer.Option(min=1, help="Processes that simulate and score.")]


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


@domain.command("coverage")
def check_coverage(
    models: Annotated[
        list[str], typer.Argument(metavar="MODEL...", help="Released models or ONNX files.")
    ],
    fields: Annotated[
        int, typer.Option(min=1, help="Evaluation fields per condition and density.")
    ] = 8,
    suite: Annotated[
        list[str] | None,
        typer.Option(help="Only this suite, such as precision-1; may be given several times."),
    ] = None,
    processes: _Processes = 1,
    output: _Output = None,
) -> None:
    """Measure what the 90 % intervals cover on usual and shifted fields, and what is warned of."""
    from annapalm.model import load_model
    from annapalm_export.domain.coverage import coverage_tables, measure_coverage, shifted_suites

    known = {one.label: one for one in shifted_suites()}
    wanted = list(suite or known)
    for name in wanted:
        if name not in known:
            message = f"'{name}' is not one of: {', '.join(known)}"
            raise typer.BadParameter(message, param_hint="--suite")
    loaded = [load_model(name, device="cpu") for name in models]
    parts = []
    for model in loaded:
        name = f"{model.info.name}/{model.info.version}"
        found = measure_coverage(model, fields, _say, [known[label] for label in wanted], processes)
        parts.append(f"### {name}\n\n{coverage_tables(found)}")
    _give("\n".join(parts), output)


@domain.command("drift")
def check_drifts(
    fields: Annotated[
        int,
        typer.Option(min=1, help="Evaluation fields per structure, density, kinetics and drift."),
    ] = 6,
    processes: _Processes = 1,
    output: _Output = None,
) -> None:
    """Measure how often a drift of 0 to 160 nm is found and warned of (Markdown)."""
    from annapalm_export.domain.drift import check_drift, drift_tables

    _give(drift_tables(check_drift(fields, _say, processes)), output)


def _give(text: str, output: Path | None) -> None:
    if output is None:
        typer.echo(text)
    else:
        output.write_text(text, encoding="utf-8")
        typer.echo(output)


def _say(line: str) -> None:
    typer.echo(line, err=True)
