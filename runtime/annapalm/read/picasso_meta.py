"""What Picasso says of a table beside its rows: the size of a camera pixel, and of the field.

It stands in a file of the same name ending in `.yaml` beside the table, and since version 0.11 also
in the table itself, as JSON. Of the YAML only three numbers at the outermost level are read, as
Picasso writes them, each as `Name: value` in a line of its own. So there is no YAML parser, which
would be one more dependency, and with it no tags, no aliases and no way to run anything; what is
written in another way is an error, never a guess.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annapalm.read.errors import UnreadableFileError, shown
from annapalm.read.format_errors import SidecarError

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("Pixelsize", "Width", "Height")

MAX_BYTES = 2**24
"""Of metadata; real ones have some kilobytes, with many filters perhaps a megabyte."""

_LINE = re.compile(r"(\w+)\s*:\s+(.*?)\s*(?:\s#.*)?")
_FLOW = re.compile(r"\s*[\[{\"']")


@dataclass(frozen=True, slots=True)
class PicassoMeta:
    """What was found; None for what is not there."""

    pixel_nm: float | None = None
    """Edge of a camera pixel in nm."""
    size_px: tuple[float, float] | None = None
    """(width, height) of the field in camera pixels."""
    said_by: str = ""
    """Name of the file it comes from."""


def from_sidecar(path: Path) -> PicassoMeta | None:
    """Read the YAML file beside a table; None where there is none.

    Raises `SidecarError` where it is none of Picasso's, and `UnreadableFileError`.
    """
    sidecar = path.with_suffix(".yaml")
    try:
        with sidecar.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnreadableFileError(sidecar, error.strerror or str(error)) from error
    if len(data) > MAX_BYTES:
        raise SidecarError(path, sidecar, 1, "is far too long for metadata")
    found: dict[str, float] = {}
    for number, line in enumerate(data.decode("utf-8", errors="replace").splitlines(), 1):
        if _FLOW.match(line) and not line[0].isspace():
            raise SidecarError(path, sidecar, number, f"{shown(line)} is not as Picasso writes it")
        pair = _LINE.fullmatch(line)
        if pair is not None and pair[1] in NAMES:
            value = _positive(pair[2])
            if value is None:
                problem = f"{shown(line)} is no number above 0"
                raise SidecarError(path, sidecar, number, problem)
            found[pair[1]] = value  # the last one counts, as in Picasso
    return _meta(found, sidecar.name)


def from_json(path: Path, text: str) -> PicassoMeta:
    """Read the metadata inside a table, a list of objects; raises `SidecarError`."""
    try:
        blocks = json.loads(text)
    except (ValueError, RecursionError):
        blocks = None
    if not isinstance(blocks, list):
        raise SidecarError(path, path, 1, "the dataset 'metadata' is no list in JSON")
    found: dict[str, float] = {}
    for block in blocks:
        for name in NAMES:
            value = block.get(name) if isinstance(block, dict) else None
            if value is None:
                continue
            number = None if isinstance(value, bool) else _positive(str(value))
            if number is None:
                problem = f"{name} in the dataset 'metadata' is {shown(str(value))}, "
                raise SidecarError(path, path, 1, f"{problem}no number above 0")
            found[name] = number
    return _meta(found, path.name)


def _meta(found: dict[str, float], said_by: str) -> PicassoMeta:
    width, height = found.get("Width"), found.get("Height")
    size = None if width is None or height is None else (width, height)
    return PicassoMeta(found.get("Pixelsize"), size, said_by)


def _positive(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 and "_" not in text else None
