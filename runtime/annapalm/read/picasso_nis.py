"""Picasso's export for Nikon's NIS Elements (doi:10.1038/nprot.2017.024): text with tabs.

Lengths in nm without saying so, frames from 1; an integer is the centre of a pixel, so that half a
camera pixel has to be added, which only --camera-pixel tells. `Area` holds photons. Picasso 0.10
and 0.11 write the values in another order than the header has them; such a file is refused.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from annapalm.read.finish import text_to_table
from annapalm.read.format_errors import ShiftedColumnsError
from annapalm.read.named import Dialect, about, lay_out, names_of
from annapalm.read.origin import from_centres
from annapalm.read.rows import read_rows

if TYPE_CHECKING:
    from annapalm.read.source import Source
    from annapalm.read.table import FormatName, Table, TableOptions

NAME: FormatName = "picasso_nis"

IS_TEXT = True

_DIALECT = Dialect(
    name=NAME,
    columns={
        "x": ("x",),
        "y": ("y",),
        "frame": ("frame",),
        "z": ("z",),
        "photons": ("area",),
        "channel": ("channel",),
        "detections": ("length",),
    },
    first_frame=1,
    unit="nm",
)

_NAMES = frozenset({"x", "y", "channel", "width", "bg", "length", "area", "frame"})


def matches(source: Source) -> bool:
    """Whether the first line names these columns, z perhaps, and no others."""
    return names_of(source) - {"z"} == _NAMES


def read(source: Source, options: TableOptions) -> Table:
    """Read such a table; raises a `ReadError` that names line, column and remedy."""
    layout, chosen = lay_out(source, _DIALECT, options)
    rows = read_rows(source, layout)
    frame, photons = rows.columns["frame"], rows.columns.get("photons")
    if len(frame) and photons is not None and (frame == 1).all() and (photons == 1).all():
        raise ShiftedColumnsError(source.path, layout.first_line)
    known = about(_DIALECT, layout)
    columns, known = from_centres(layout.columns, options.camera_pixel_nm, known)
    layout = replace(layout, columns=columns)
    return text_to_table(source, rows, layout, chosen, options, known)
