"""`annapalm`: everything else that a user of models does."""

# No `from __future__ import annotations`: typer reads the annotations at run time.
import json
from typing import Annotated, Any

import typer

from annapalm.cli.compare import HELP as COMPARE_HELP
from annapalm.cli.compare import compare
from annapalm.cli.ending import DONE, MODEL_INVALID, exit_code, report
from annapalm.cli.inspect import inspect
from annapalm.cli.measure import HELP as MEASURE_HELP
from annapalm.cli.measure import measure
from annapalm.cli.options import VersionOption
from annapalm.cli.plan import HELP as PLAN_HELP
from annapalm.cli.plan import plan
from annapalm.cli.streams import ResultStream, prepare_streams, say
from annapalm.errors import AnnaPalmError
from annapalm.model.names import (
    DEFAULT_MODEL,
    DEFAULT_VERSION,
    ReleasedModel,
    chosen_for,
    released_models,
)

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Look at models and inputs, plan acquisitions, measure results. "
    "To reconstruct: annapalm-run.",
)
app.command()(inspect)
app.command(help=PLAN_HELP)(plan)
app.command(help=MEASURE_HELP)(measure)
app.command(help=COMPARE_HELP)(compare)


@app.callback()
def options(
    *,
    version: VersionOption = False,
) -> None:
    """Look at models and inputs, plan acquisitions, measure results."""
    del version


@app.command()
def models(
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per model.")
    ] = False,
) -> None:
    """List the released models that came with annapalm."""
    results = ResultStream()
    code, released = DONE, released_models()
    if not released:
        say("error: no released model came with this installation; install annapalm again.")
        code = MODEL_INVALID
    for model in released:
        try:
            facts = _facts(model)
        except AnnaPalmError as error:
            report(error)
            code = exit_code(error)
            continue
        results.line(json.dumps(facts, ensure_ascii=False) if as_json else _line(facts))
    raise typer.Exit(code)


def _facts(model: ReleasedModel) -> dict[str, Any]:
    """Describe a released model by what its file says of itself."""
    from annapalm.model import inspect_model

    file = inspect_model(model.path)
    info = file.info
    return {
        "name": model.name,
        "version": model.version,
        "default": (model.name, model.version) == (DEFAULT_MODEL, DEFAULT_VERSION),
        "chosen_for": list(chosen_for(model)),
        "structures": list(info.structures),
        "pixel_nm": info.pixel_nm,
        "licence": info.licence,
        "size_bytes": len(file.data),
        "sha256": file.sha256,
        "path": str(model.path),
    }


def _line(facts: dict[str, Any]) -> str:
    chosen = f", chosen for {', '.join(facts['chosen_for'])}" if facts["chosen_for"] else ""
    default = ", default" if facts["default"] else chosen
    return (
        f"{facts['name']}/{facts['version']}: {', '.join(facts['structures'])}, pixel "
        f"{facts['pixel_nm']:g} nm, {facts['size_bytes'] / 1e6:.1f} MB, {facts['licence']}{default}"
    )


def main() -> None:
    """Run the command; the entry point of `annapalm`."""
    prepare_streams()
    app()
