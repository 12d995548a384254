"""`annapalm-export evaluate`: the figures of a model, beside its baselines."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from annapalm.read.table import Unit  # noqa: TC001 - typer reads the annotations

if TYPE_CHECKING:
    from annapalm.localizations import Localizations


def evaluate(
    model: Annotated[
        str, typer.Argument(help="Released model (name or name/version) or ONNX file.")
    ],
    fields: Annotated[
        int, typer.Option(min=0, help="Simulated evaluation fields per density; 0 for none.")
    ] = 12,
    table: Annotated[
        list[Path] | None,
        typer.Option(help="Real table to score by its later frames; may be given several times."),
    ] = None,
    columns: Annotated[str | None, typer.Option(help="As for annapalm-run, for --table.")] = None,
    unit: Annotated[Unit | None, typer.Option(help="As for annapalm-run, for --table.")] = None,
    camera_pixel: Annotated[
        float | None, typer.Option(help="As for annapalm-run, for --table (nm).")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="JSON file for all means.")
    ] = None,
) -> None:
    """Score MODEL on simulated fields and on real tables; Markdown tables go to stdout."""
    from annapalm.model import load_model
    from annapalm_export.evaluate import table as tables
    from annapalm_export.evaluate.protocol import run_protocol
    from annapalm_export.evaluate.suite import evaluate_real

    loaded = load_model(model, device="cpu")
    results: dict[str, object] = {"model": f"{loaded.info.name}/{loaded.info.version}"}
    if fields:
        found = run_protocol(loaded, fields, lambda line: typer.echo(line, err=True))
        results |= found.summary()
        typer.echo(tables.simulated_tables(found.simulated))
        typer.echo(tables.stress_table(found.stress))
    rows = []
    for path in table or []:
        locs = _read(path, columns, unit, camera_pixel)
        rows += evaluate_real(loaded, path.parent.name, locs)
    if rows:
        results["real"] = rows
        typer.echo(tables.real_table(rows))
    if output is not None:
        output.write_text(tables.to_json(results), encoding="utf-8")


def _read(
    path: Path, columns: str | None, unit: Unit | None, camera_pixel: float | None
) -> Localizations:
    from annapalm.cli.parse import parse_columns
    from annapalm.read import TableOptions, read_localizations

    options = TableOptions(columns=parse_columns(columns), unit=unit, camera_pixel_nm=camera_pixel)
    return read_localizations(path, options)
