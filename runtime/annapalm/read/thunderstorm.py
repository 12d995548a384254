"""ThunderSTORM tables (doi:10.1093/bioinformatics/btu202): CSV, and `.xls`, text with tabs.

Columns are picked at export and may be missing; each has its unit in brackets, chosen by the user;
headers come quoted fully, partly or doubly. (0, 0) is the outer corner of the top-left camera
pixel, and frames count from 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from annapalm.read.named import Dialect, header_of, read_named

if TYPE_CHECKING:
    from annapalm.read.source import Source
    from annapalm.read.table import FormatName, Table, TableOptions

NAME: FormatName = "thunderstorm"

IS_TEXT = True

_DIALECT = Dialect(
    name=NAME,
    columns={
        "x": ("x",),
        "y": ("y",),
        "frame": ("frame",),
        "z": ("z",),
        "precision": ("uncertainty_xy", "uncertainty"),
        "photons": ("intensity",),
        "channel": ("channel",),
        "detections": ("detections",),
    },
    first_frame=1,
)

_VOCABULARY = frozenset(
    {"sigma", "sigma1", "sigma2", "intensity", "offset", "bkgstd", "chi2", "detections"}
    | {"uncertainty", "uncertainty_xy", "uncertainty_z"}
)


def matches(source: Source) -> bool:
    """Whether the first line has `x [..]` or `y [..]` beside `frame` or words of ThunderSTORM."""
    headers = header_of(source)
    names = {header.name for header in headers}
    bracketed = {h.name for h in headers if h.text.endswith("]")} & {"x", "y"}
    return bool(bracketed) and ("frame" in names or bool(names & _VOCABULARY))


def read(source: Source, options: TableOptions) -> Table:
    """Read a ThunderSTORM table; raises a `ReadError` that names line, column and remedy."""
    return read_named(source, _DIALECT, options)
