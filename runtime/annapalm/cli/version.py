"""`--version`: what is installed, told without loading any of it."""

from __future__ import annotations

from importlib.metadata import version

import typer

from annapalm.cli.streams import ResultStream
from annapalm.errors import AnnaPalmError
from annapalm.model.device import onnxruntime_distribution
from annapalm.model.names import DEFAULT_MODEL, DEFAULT_VERSION


def version_text() -> str:
    """Three lines: package, ONNX Runtime and default model."""
    try:
        runtime = onnxruntime_distribution()
    except AnnaPalmError as error:
        runtime = f"onnxruntime: {error}"
    return (
        f"annapalm {version('annapalm')}\n{runtime}\n"
        f"default model {DEFAULT_MODEL} {DEFAULT_VERSION}"
    )


def print_version(asked: bool) -> None:  # noqa: FBT001 - typer's callbacks take the value alone
    """Print the versions and end, where `--version` is given."""
    if asked:
        ResultStream().line(version_text())
        raise typer.Exit
