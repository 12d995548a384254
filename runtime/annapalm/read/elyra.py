"""Tables of Zeiss ELYRA (ZEN): text with tabs or semicolons, in Latin-1.

Frames count from 1; where zero lies is not known. Behind the rows there may be a NUL and a footer
with the size of the field: `VoxelSizeX` (µm, the camera pixel) x `ResolutionX` x `SizeX`. Only the
NUL ends the rows; any other line that is no row is an error.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from annapalm.read.finish import text_to_table
from annapalm.read.named import Dialect, about, header_of, lay_out
from annapalm.read.rows import read_rows

if TYPE_CHECKING:
    from annapalm.read.source import Source
    from annapalm.read.table import FormatName, Table, TableOptions

NAME: FormatName = "elyra"

IS_TEXT = False
"""Not to the letter: there is a NUL in it."""

_DIALECT = Dialect(
    name=NAME,
    columns={
        "x": ("position x", "x"),
        "y": ("position y", "y"),
        "frame": ("first frame",),
        "z": ("position z", "z"),
        "precision": ("precision",),
        "photons": ("number photons",),
        "channel": ("channel",),
        "detections": ("number frames",),
    },
    first_frame=1,
    origin_known=False,
    encoding="latin-1",
    end_at_nul=True,
)

_FACT = re.compile(r"^\s*(VoxelSize|Resolution|Size)([XY])\s*:\s*(\S+)", re.MULTILINE)


def matches(source: Source) -> bool:
    """Whether the first line names First Frame beside Position X, or beside `x [..]`."""
    names = {header.name for header in header_of(source)}
    return "first frame" in names and ({"position x", "position y"} <= names or {"x", "y"} <= names)


def read(source: Source, options: TableOptions) -> Table:
    """Read an ELYRA table; raises a `ReadError` that names line, column and remedy."""
    layout, chosen = lay_out(source, _DIALECT, options)
    rows = read_rows(source, layout)
    pixel_nm, field_nm = _footer(source.tail)
    known = replace(about(_DIALECT, layout), camera_pixel_nm=pixel_nm, field_nm=field_nm)
    return text_to_table(source, rows, layout, chosen, options, known)


def _footer(tail: bytes) -> tuple[float | None, tuple[float, float] | None]:
    """Find the camera pixel in nm and the field (width, height) in nm; None for what is missing."""
    facts = {
        name + axis: value
        for name, axis, text in _FACT.findall(tail.decode("latin-1"))
        if (value := _positive(text)) is not None
    }
    pixel_um = facts.get("VoxelSizeX")
    pixel_nm = pixel_um * 1000 if pixel_um == facts.get("VoxelSizeY") and pixel_um else None
    sides = []
    for axis in "XY":
        parts = [facts.get(name + axis) for name in ("VoxelSize", "Resolution", "Size")]
        sides.append(math.prod(part or 0.0 for part in parts) * 1000)
    width, height = sides
    known = all(0 < side < math.inf for side in sides)
    return pixel_nm, (round(width, 3), round(height, 3)) if known else None


def _positive(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None
