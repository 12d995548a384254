"""Tables of ONI's Nanoimager: CSV with units in parentheses.

Channels and frames count from 0. Coordinates may lie far from zero, and where zero lies is not
known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from annapalm.read.named import Dialect, header_of, read_named

if TYPE_CHECKING:
    from annapalm.read.source import Source
    from annapalm.read.table import FormatName, Table, TableOptions

NAME: FormatName = "oni"

IS_TEXT = True

_DIALECT = Dialect(
    name=NAME,
    columns={
        "x": ("x",),
        "y": ("y",),
        "frame": ("frame",),
        "z": ("z",),
        "photons": ("photons",),
        "channel": ("channel",),
    },
    first_frame=0,
    origin_known=False,
)


def matches(source: Source) -> bool:
    """Whether the first line begins with `Channel, Frame, X (..), Y (..)`, in whatever case."""
    headers = header_of(source)[:4]
    return [h.name for h in headers] == ["channel", "frame", "x", "y"] and all(
        h.text.endswith(")") for h in headers[2:]
    )


def read(source: Source, options: TableOptions) -> Table:
    """Read a table of ONI; raises a `ReadError` that names line, column and remedy."""
    return read_named(source, _DIALECT, options)
