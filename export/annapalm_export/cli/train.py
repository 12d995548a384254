"""`annapalm-export train`: train a model from a recipe, on simulation and on own acquisitions."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from annapalm.cli.options import (
    CameraPixelOption,
    ColumnsOption,
    FieldOption,
    FirstFrameOption,
    FormatOption,
    UnitOption,
    table_options,
)
from annapalm_export.cli.shared import check_device

if TYPE_CHECKING:
    from annapalm_export.train.advice import Advice
    from annapalm_export.train.config import Recipe
    from annapalm_export.train.division import HoldOut
    from annapalm_export.train.own_data import OwnData

OWN = "Training on own acquisitions"


def train(
    recipe: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Recipe (TOML).")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the run; an unfinished run goes on.")
    ],
    *,
    device: Annotated[
        str, typer.Option(help="cpu or cuda; a device that is absent is an error.")
    ] = "cpu",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads of torch.")] = None,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="RUN|MODEL",
            help="Begin with the weights of this run, of its checkpoint, or of a released model "
            "(structures, microtubule/1.2.0), not with random ones.",
        ),
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of localization tables to learn from, with STEM_widefield.tif beside them "
            "where there is one; may be given several times.",
            rich_help_panel=OWN,
        ),
    ] = None,
    structure: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What the tables show, where the recipe has several structures.",
            rich_help_panel=OWN,
        ),
    ] = None,
    mix: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Share of every batch that is simulated; else 0.5.",
            rich_help_panel=OWN,
        ),
    ] = None,
    hold_out: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SHARE|NAME",
            help="Hold out a stripe with this share of every table (else 0.2), or the table of "
            "this name; names may be given several times.",
            rich_help_panel=OWN,
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Only measure the tables and say whether they are enough.",
            rich_help_panel=OWN,
        ),
    ] = False,
    table_format: FormatOption = None,
    columns: ColumnsOption = None,
    unit: UnitOption = None,
    camera_pixel: CameraPixelOption = None,
    first_frame: FirstFrameOption = None,
    field: FieldOption = None,
    widefield_pixel: Annotated[
        float | None,
        typer.Option(
            metavar="NM",
            help="Camera pixel of the widefield images, where they name none.",
            rich_help_panel=OWN,
        ),
    ] = None,
    no_widefield: Annotated[
        bool,
        typer.Option("--no-widefield", help="Leave widefield images unused.", rich_help_panel=OWN),
    ] = False,
) -> None:
    """Train from RECIPE; writes checkpoints, a log and validation pictures into the folder.

    With --data, own acquisitions are mixed with simulation, a part of them is held out, and the
    result is scored on it at the end: held-out.json, held-out.md, and on stdout.
    """
    import torch

    from annapalm_export.train.config import read_recipe
    from annapalm_export.train.loop import train as run
    from annapalm_export.train.tables import ReadOptions
    from annapalm_export.train.weights import find_weights

    check_device(device)
    if threads is not None:
        torch.set_num_threads(threads)
    tables = table_options(
        table_format=table_format,
        columns=columns,
        unit=unit,
        camera_pixel=camera_pixel,
        first_frame=first_frame,
        allow_single_frame=False,
        field=field,
    )
    about_tables = {
        "--structure": structure,
        "--mix": mix,
        "--hold-out": hold_out,
        "--check": check or None,
        "--widefield-pixel": widefield_pixel,
        "--no-widefield": no_widefield or None,
        "the options on tables": tables if tables != type(tables)() else None,
    }
    chosen = read_recipe(recipe)
    begin = None if start is None else find_weights(start)
    own = None
    if data:
        named = choose_structure(chosen.data.structures, structure)
        share = _share(mix, chosen)
        options = ReadOptions(tables, _above_zero(widefield_pixel), not no_widefield)
        own, advice = _read(data, output, chosen, named, options, _hold_out(hold_out), share)
        _tell(own, advice)
        advice.check()
        if check:
            typer.echo("These tables are enough to try.")
            return
    else:
        for option, value in about_tables.items():
            if value is not None:
                raise typer.BadParameter("needs --data, the folder of tables", param_hint=option)
    path = run(chosen, output, device, say=_say, start=begin, own=own)
    typer.echo(path)
    if own is not None:
        _score(path, begin, own, device)


def _say(line: str) -> None:
    typer.echo(line, err=True)


def choose_structure(known: tuple[str, ...], structure: str | None) -> str:
    """Take the structure named, which must be known; it may be left out where there is only one."""
    if structure is None and len(known) == 1:
        return known[0]
    if structure not in known:
        named = "needed, as the recipe has several" if structure is None else f"'{structure}'"
        message = f"{named}: one of {', '.join(known)}"
        raise typer.BadParameter(message, param_hint="--structure")
    return structure


def _share(mix: float | None, recipe: Recipe) -> float:
    from annapalm.errors import InvalidValueError
    from annapalm_export.train.mix import SIMULATED_SHARE, split_batch

    share = SIMULATED_SHARE if mix is None else mix
    try:
        split_batch(recipe.data.batch, share)
    except InvalidValueError as problem:
        raise typer.BadParameter(str(problem), param_hint="--mix") from problem
    return share


def _above_zero(widefield_pixel: float | None) -> float | None:
    from annapalm.cli.parse import check_above_zero

    check_above_zero("--widefield-pixel", widefield_pixel)
    return widefield_pixel


def _hold_out(words: list[str] | None) -> HoldOut:
    """Understand one number as a share, anything else as names of tables."""
    from annapalm.errors import InvalidValueError
    from annapalm_export.train.division import HoldOut

    if not words:
        return HoldOut()
    if len(words) > 1:
        return HoldOut(stems=tuple(words))
    try:
        share = float(words[0])
    except ValueError:
        return HoldOut(stems=(words[0],))
    try:
        return HoldOut(share)
    except InvalidValueError as problem:
        raise typer.BadParameter(str(problem), param_hint="--hold-out") from problem


def _read(*arguments: Any) -> tuple[OwnData, Advice]:  # noqa: ANN401 - as read_own_data
    from annapalm_export.train.own_data import read_own_data

    return read_own_data(*arguments)


def _tell(own: OwnData, advice: Advice) -> None:
    """Say what was found, before any time is spent on it."""
    for note in own.notes:
        _say(f"note: {note}")
    with_image = sum(region.quarter is not None for region in own.division.learned)
    _say(f"tables to learn from: {len(own.division.learned)}, {with_image} with a widefield image:")
    _say(advice.table())
    _say(f"held out: {advice.held_out:,} localizations")
    for warning in advice.warnings:
        _say(f"warning: {warning}")


def _score(path: Path, start: Path | None, own: OwnData, device: str) -> None:
    """Score the held-out part; a file for machines, one for people, and stdout."""
    from annapalm.write.atomic import write_whole
    from annapalm_export.train.table_scores import score_own

    _say("scoring the held-out part")
    scores = score_own(path, start, own, device)
    text = scores.markdown()
    record = scores.json(own, path, start)
    write_whole(path.with_name("held-out.json"), record.encode(), overwrite=True)
    write_whole(path.with_name("held-out.md"), text.encode(), overwrite=True)
    typer.echo(text)
