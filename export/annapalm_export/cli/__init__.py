"""`annapalm-export`: simulate, train, export, evaluate and release models."""

from __future__ import annotations

import sys

import typer

from annapalm.errors import AnnaPalmError
from annapalm_export.cli.ablate import ablate
from annapalm_export.cli.average import average
from annapalm_export.cli.biology import biology
from annapalm_export.cli.domain import domain
from annapalm_export.cli.evaluate import evaluate
from annapalm_export.cli.export import export
from annapalm_export.cli.release import release
from annapalm_export.cli.simulate import simulate
from annapalm_export.cli.statistics import compare_statistics
from annapalm_export.cli.train import train

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Simulate acquisitions, train, export, evaluate and release annapalm models.",
)
VERBS = (
    simulate,
    compare_statistics,
    train,
    average,
    ablate,
    export,
    evaluate,
    biology,
    release,
)
for verb in VERBS:
    app.command()(verb)
app.add_typer(domain, name="domain")


def main() -> None:
    """Run a verb; errors meant for the user go to stderr without a traceback.

    Exit codes: 0 done, 1 failed, 2 usage, 3 a model that may not be released, 130 interrupted.
    """
    from annapalm_export.release import ReleaseRefusedError

    try:
        app()
    except ReleaseRefusedError as problem:
        _tell(problem)
        sys.exit(3)
    except AnnaPalmError as problem:
        _tell(problem)
        sys.exit(1)
    except ModuleNotFoundError as problem:
        if problem.name not in {"torch", "onnx", "onnxscript", "scipy", "skimage"}:
            raise
        _tell(f"{problem.name} is not installed: pip install 'annapalm[cpu,export]'")
        sys.exit(1)


def _tell(problem: object) -> None:
    typer.echo(f"annapalm-export: {problem}", err=True)
