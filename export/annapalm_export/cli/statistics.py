"""`annapalm-export compare-statistics`: simulated scenes beside real tables, in numbers."""

from __future__ import annotations

import dataclasses
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from annapalm.read.table import Unit  # noqa: TC001 - typer reads the annotations
from annapalm_export.cli.shared import check_scene, read_table

if TYPE_CHECKING:
    from collections.abc import Callable


def compare_statistics(
    tables: Annotated[
        list[Path] | None, typer.Argument(help="Real tables; none: simulated scenes alone.")
    ] = None,
    columns: Annotated[str | None, typer.Option(help="As for annapalm-run.")] = None,
    unit: Annotated[Unit | None, typer.Option(help="As for annapalm-run.")] = None,
    camera_pixel: Annotated[float | None, typer.Option(help="As for annapalm-run (nm).")] = None,
    density: Annotated[
        float | None,
        typer.Option(
            help="Compare the first frames that hold this many localizations per µm² of field; "
            "without it, as many as the sparsest table holds."
        ),
    ] = None,
    structure: Annotated[
        str, typer.Option(help="Structure to simulate, as for annapalm-export simulate.")
    ] = "microtubules",
    kinetics: Annotated[
        str, typer.Option(help="palm, dstorm, paint, or any: drawn from between them.")
    ] = "any",
    amount: Annotated[
        float | None, typer.Option(help="Units of structure per µm²; without it, drawn.")
    ] = None,
    scenes: Annotated[int, typer.Option(min=1, help="Simulated scenes of each kind.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first scene.")] = 0,
    field_um: Annotated[
        float, typer.Option(min=1.0, max=60.0, help="Side of a simulated field, µm.")
    ] = 8.0,
    frames: Annotated[int, typer.Option(min=100, help="Frames simulated.")] = 20_000,
    picture: Annotated[
        Path | None,
        typer.Option(
            help="PNG to write: the fullest square of the first table beside the first scene, "
            "every kind, at the density that square has."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="JSON file for all numbers.")
    ] = None,
) -> None:
    """Compare bursts, distances, counts and spectra of TABLES with simulated scenes (Markdown)."""
    from annapalm_export.evaluate.beside import (
        KINDS,
        comparison_table,
        first_of_density,
        per_um2,
        real_beside_simulated,
        simulated_summaries,
        to_json,
    )
    from annapalm_export.evaluate.statistics import table_statistics
    from annapalm_export.simulate import SceneOptions

    paths = tables or []
    check_scene(structure, kinetics, {"--density": density, "--amount": amount})
    if picture is not None and not paths:
        raise typer.BadParameter("needs a table to draw", param_hint="--picture")
    options = SceneOptions(
        field_um=field_um,
        frames=frames,
        empty_share=0.0,
        with_widefield=False,
        structure=structure,
        amount_per_um2=amount,
        kinetics=kinetics,
    )
    real = {_name(path): read_table(path, columns, unit, camera_pixel) for path in paths}
    if density is None:
        if not real:
            raise typer.BadParameter("needed where no table is given", param_hint="--density")
        density = min(per_um2(table) for table in real.values())
    real = {name: first_of_density(table, density) for name, table in real.items()}
    summaries = {name: table_statistics(table).summary for name, table in real.items()}
    simulated = {
        name: simulated_summaries(
            dataclasses.replace(options, imperfect=imperfect, stray=stray),
            seed,
            scenes,
            density,
            say=_say_of(name),
        )
        for name, (imperfect, stray) in KINDS.items()
    }
    typer.echo(comparison_table(summaries, simulated))
    if output is not None:
        settings = {"density_per_um2": density, "seed": seed, **dataclasses.asdict(options)}
        results = {"settings": settings, "real": summaries, "simulated": simulated}
        output.write_text(to_json(results), encoding="utf-8")
    if picture is not None:
        picture.write_bytes(real_beside_simulated(*next(iter(real.items())), options, seed))


def _name(path: Path) -> str:
    """Folder and file: tables of different data sets are often called the same."""
    return f"{path.absolute().parent.name}/{path.name}"


def _say_of(kind: str) -> Callable[[str], None]:
    return lambda line: typer.echo(f"{kind}, {line}", err=True)
