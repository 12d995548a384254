"""`annapalm-export evaluate`: the figures of models, beside their baselines."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from annapalm.read.table import Unit  # noqa: TC001 - typer reads the annotations
from annapalm_export.cli.shared import read_table

if TYPE_CHECKING:
    from annapalm.model import Model
    from annapalm_export.evaluate.suites import Suite


def evaluate(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            help="Released models (name or name/version), ONNX files, or runs of training "
            "(the folder or its checkpoint).",
        ),
    ],
    suite: Annotated[
        list[str] | None,
        typer.Option(
            help="Suite to run, such as microtubules-2; may be given several times; 'all' for "
            "every one. Results go to the folder --output, where a broken-off run goes on."
        ),
    ] = None,
    fields: Annotated[
        int, typer.Option(min=0, help="Simulated evaluation fields per density; 0 for none.")
    ] = 12,
    data: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Folder of the real tables of real-1."),
    ] = None,
    density: Annotated[
        list[float] | None,
        typer.Option(help="Only this density of the suites; may be given several times."),
    ] = None,
    choosing: Annotated[
        bool,
        typer.Option(
            "--choosing",
            help="Score the suites on other fields than those of evaluation: whoever chooses "
            "between models by these has nothing to measure the chosen one on.",
        ),
    ] = False,
    threshold_fields: Annotated[
        int,
        typer.Option(min=1, help="Fields per density on which skeleton thresholds are chosen."),
    ] = 4,
    processes: Annotated[
        int,
        typer.Option(min=1, help="Processes that score, about 1 GB of memory each."),
    ] = 1,
    table: Annotated[
        list[Path] | None,
        typer.Option(help="Real table to score by its later frames; may be given several times."),
    ] = None,
    columns: Annotated[str | None, typer.Option(help="As for annapalm-run, for --table.")] = None,
    unit: Annotated[Unit | None, typer.Option(help="As for annapalm-run, for --table.")] = None,
    camera_pixel: Annotated[
        float | None, typer.Option(help="As for annapalm-run, for --table (nm).")
    ] = None,
    structure: Annotated[
        str | None, typer.Option(help="What --table shows, for a model of several structures.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="With --suite: folder for results; else a JSON file of means."
        ),
    ] = None,
) -> None:
    """Score models on named suites, or one model as its card says (no --suite).

    Without --suite: one MODEL on the suites that it was released by, and on real tables; Markdown
    tables go to stdout. With --suite: all MODELs beside each other.
    """
    _check_options(models, suite, data, density, table, output, choosing=choosing)
    if suite:
        chosen = _chosen(suite, data, density, choosing=choosing)
        _suites(models, chosen, fields, data, threshold_fields, processes, output)
        return
    from annapalm_export.evaluate import table as tables
    from annapalm_export.evaluate.protocol import run_protocol
    from annapalm_export.evaluate.reached import reached
    from annapalm_export.evaluate.suite import evaluate_real

    loaded = _load(models[0])
    results: dict[str, object] = {"model": f"{loaded.info.name}/{loaded.info.version}"}
    if fields:
        found = run_protocol(loaded, fields, lambda line: typer.echo(line, err=True), processes)
        summary = found.summary()
        results |= summary
        typer.echo(reached(summary["simulated"], summary["stress"]))
        typer.echo(tables.simulated_tables(found.simulated))
        typer.echo(tables.stress_table(found.stress))
    rows = []
    for path in table or []:
        locs = read_table(path, columns, unit, camera_pixel)
        rows += evaluate_real(loaded, path.parent.name, locs, structure=structure)
    if rows:
        results["real"] = rows
        typer.echo(tables.real_table(rows))
    if output is not None:
        output.write_text(tables.to_json(results), encoding="utf-8")


def _check_options(
    models: list[str],
    suite: list[str] | None,
    data: Path | None,
    density: list[float] | None,
    table: list[Path] | None,
    output: Path | None,
    *,
    choosing: bool,
) -> None:
    """Refuse options that contradict each other before anything is loaded."""
    if suite:
        _check_suites(suite, data, output)
        if table:
            message = "score tables of your own in a call without --suite"
            raise typer.BadParameter(message, param_hint="--table")
        if choosing and data is not None:
            message = "real-1 has no other tables; leave --data out"
            raise typer.BadParameter(message, param_hint="--choosing")
        return
    if len(models) > 1:
        message = "several models are compared on suites; name one with --suite"
        raise typer.BadParameter(message, param_hint="MODEL...")
    for option, value in (("--data", data), ("--density", density), ("--choosing", choosing)):
        if value:
            raise typer.BadParameter("is for --suite", param_hint=option)


def _check_suites(names: list[str], data: Path | None, output: Path | None) -> None:
    from annapalm_export.evaluate.suites import SUITES

    for name in names:
        if name != "all" and name not in SUITES:
            message = f"'{name}' is not one of: {', '.join(SUITES)}, all"
            raise typer.BadParameter(message, param_hint="--suite")
    if output is None:
        message = "a folder for the results is needed with --suite"
        raise typer.BadParameter(message, param_hint="--output")
    if "real-1" in names and data is None:
        message = "real-1 needs the folder of its tables"
        raise typer.BadParameter(message, param_hint="--data")


def _chosen(
    names: list[str], data: Path | None, densities: list[float] | None, *, choosing: bool
) -> list[Suite]:
    """Find the suites that are asked for, with those of their fields that are."""
    from annapalm_export.evaluate.suites import SUITES

    labels = list(SUITES) if "all" in names else list(dict.fromkeys(names))
    suites = [SUITES[label] for label in labels]
    real = [suite for suite in suites if suite.kind == "real" and data is not None]
    simulated = [suite.smaller(densities or None) for suite in suites if suite.kind != "real"]
    return [suite.for_choosing() if choosing else suite for suite in simulated] + real


def _suites(
    models: list[str],
    suites: list[Suite],
    fields: int,
    data: Path | None,
    threshold_fields: int,
    processes: int,
    folder: Path | None,
) -> None:
    from annapalm_export.evaluate.crew import crew
    from annapalm_export.evaluate.suites.real import run_real
    from annapalm_export.evaluate.suites.report import write_report
    from annapalm_export.evaluate.suites.run import SuiteRunner
    from annapalm_export.evaluate.suites.store import Store

    if folder is None:  # _check_options has refused it
        raise typer.BadParameter("is missing", param_hint="--output")
    entries = _entries(models)
    store = Store(folder / "results.jsonl")

    def say(line: str) -> None:
        typer.echo(line, err=True)

    results: list[tuple[Suite, list[dict[str, Any]]]] = []
    try:
        with crew([entry.model for entry in entries], processes) as workers:
            runner = SuiteRunner(entries, store, fields, say, workers, threshold_fields)
            for suite in suites:
                if suite.kind == "real" and data is not None:
                    results.append((suite, run_real(suite, entries, data, store, say)))
                else:
                    results.append((suite, runner.run(suite)))
    except KeyboardInterrupt:
        say(f"Interrupted. What is done is kept in {folder}; the same command goes on from there.")
        raise typer.Exit(130) from None
    for path in write_report(folder, results, entries, fields):
        typer.echo(path)


def _entries(models: list[str]) -> list[Any]:
    from annapalm_export.evaluate.suites.run import Entry

    entries: list[Entry] = []
    for name in models:
        loaded = _load(name)
        label = f"{loaded.info.name}/{loaded.info.version}"
        if any(e.sha256 == loaded.sha256 for e in entries):
            raise typer.BadParameter(f"{name} is given twice", param_hint="MODEL...")
        if any(e.label == label for e in entries):
            label = f"{label} ({loaded.sha256[:8]})"
        entries.append(Entry(label, loaded))
    return entries


def _load(name: str) -> Model:
    from annapalm_export.evaluate.trained import load_trained

    return load_trained(name)
