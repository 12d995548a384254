"""DECODE's tables as CSV: comment lines with JSON, then a header; see `decode_meta`."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from annapalm.read.decode_meta import understand
from annapalm.read.finish import read_to_table
from annapalm.read.format_errors import BadHeaderError
from annapalm.read.named import Dialect, about, lay_out
from annapalm.read.origin import from_centres
from annapalm.read.source import head_text

if TYPE_CHECKING:
    from annapalm.read.source import Source
    from annapalm.read.table import FormatName, Table, TableOptions

NAME: FormatName = "decode_csv"

IS_TEXT = True

_DIALECT = Dialect(
    name=NAME,
    columns={
        "x": ("y",),  # the second coordinate
        "y": ("x",),  # the first is the row
        "frame": ("frame_ix",),
        "z": ("z",),
        "precision": ("y_sig",),
        "precision_y": ("x_sig",),
        "photons": ("phot",),
    },
    first_frame=0,
    unit="nm",
    comment_marks=("#",),
)


def matches(source: Source) -> bool:
    """Whether the first line says that it is an EmitterSet of DECODE."""
    return head_text(source.head)[0].strip() == "# DECODE EmitterSet"


def read(source: Source, options: TableOptions) -> Table:
    """Read a table; raises a `ReadError` that names line, column and remedy."""
    written, meta = (_json(source, line) for line in (2, 3))
    found = understand((source.path, 3), meta, written.get("version"), options, NAME)
    # Units were seen to; the header names none.
    layout, chosen = lay_out(source, _DIALECT, replace(options, unit=None))
    known = replace(about(_DIALECT, layout), camera_pixel_nm=found.camera_pixel_nm)
    columns, known = from_centres(layout.columns, found.pixel_nm, known)
    columns = tuple(
        replace(c, factor=found.factor(c.name), unit=found.unit_of(c.name)) for c in columns
    )
    layout = replace(layout, columns=columns)
    return read_to_table(source, layout, chosen, options, known)


def _json(source: Source, number: int) -> dict[str, Any]:
    """Read the object in a comment line; raises `BadHeaderError`."""
    lines = source.head_lines()
    text = lines[number - 1].lstrip("# ") if len(lines) >= number else ""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadHeaderError(
            source.path, number, "here DECODE writes what the table is, as a JSON object."
        )
    return found
