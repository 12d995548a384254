"""Tables of the SMLM Challenge (doi:10.1038/s41592-019-0364-4): CSV with `xnano` and `ynano`.

Lengths in nm without saying so, (0, 0) at the outer corner of the first camera pixel, frames from
1; a blank stands behind `intensity`. Tables without header have to be named by `--columns`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from annapalm.read.named import Dialect, names_of, read_named

if TYPE_CHECKING:
    from annapalm.read.source import Source
    from annapalm.read.table import FormatName, Table, TableOptions

NAME: FormatName = "smlm_challenge"

IS_TEXT = True

_DIALECT = Dialect(
    name=NAME,
    columns={
        "x": ("xnano",),
        "y": ("ynano",),
        "frame": ("frame",),
        "z": ("znano",),
        "photons": ("intensity",),
    },
    first_frame=1,
    unit="nm",
)


def matches(source: Source) -> bool:
    """Whether the first line names xnano and ynano."""
    return names_of(source) >= {"xnano", "ynano"}


def read(source: Source, options: TableOptions) -> Table:
    """Read a table of the challenge; raises a `ReadError` that names line, column and remedy."""
    return read_named(source, _DIALECT, options)
