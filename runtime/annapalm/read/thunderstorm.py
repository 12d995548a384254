"""ThunderSTORM tables (doi:10.1093/bioinformatics/btu202): CSV, and `.xls`, text with tabs.

Columns are picked at export and may be missing; each has its unit in brackets, chosen by the user;
headers come quoted fully, partly or doubly. (0, 0) is the outer corner of the top-left camera
pixel, and frames count from 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from annapalm.read.cells import plain_split
from annapalm.read.errors import EmptyFileError
from annapalm.read.finish import read_to_table
from annapalm.read.headers import (
    Header,
    cells_per_row,
    choose_columns,
    header_delimiter,
    parse_header,
    read_top,
)
from annapalm.read.layout import Layout
from annapalm.read.source import Source, head_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annapalm.read.cells import Delimiter
    from annapalm.read.columns import ColumnName
    from annapalm.read.table import FormatName, Table, TableOptions

NAME: FormatName = "thunderstorm"

FIRST_FRAME = 1

_COLUMNS: Mapping[ColumnName, tuple[str, ...]] = {
    "x": ("x",),
    "y": ("y",),
    "frame": ("frame",),
    "z": ("z",),
    "precision": ("uncertainty_xy", "uncertainty"),
    "photons": ("intensity",),
    "channel": ("channel",),
    "detections": ("detections",),
}
"""annapalm's name to ThunderSTORM's, without the unit."""

_VOCABULARY = frozenset(
    {"sigma", "sigma1", "sigma2", "intensity", "offset", "bkgstd", "chi2", "detections"}
    | {"uncertainty", "uncertainty_xy", "uncertainty_z"}
)


def matches(head: bytes) -> bool:
    """Whether the first line has `x [..]` or `y [..]` beside `frame` or words of ThunderSTORM."""
    first = next((text for text in head_text(head) if text.strip()), "")
    headers = _split(first)[1]
    names = {header.name for header in headers}
    bracketed = {h.name for h in headers if h.text.endswith("]")} & {"x", "y"}
    return bool(bracketed) and ("frame" in names or bool(names & _VOCABULARY))


def read(source: Source, options: TableOptions) -> Table:
    """Read a ThunderSTORM table; raises a `ReadError` that names line, column and remedy."""
    top = read_top(source)
    if top.first is None:
        raise EmptyFileError(source.path, len(source.head))
    delimiter, headers = _split(top.first.text)
    row = None if top.second is None else plain_split(top.second.text, delimiter)
    cells = cells_per_row(len(headers), row, headers[-1].text)
    chosen = choose_columns((source.path, top.first.number), headers[:cells], _COLUMNS, options)
    first_frame = FIRST_FRAME if options.first_frame is None else options.first_frame
    layout = Layout(
        path=source.path,
        first_line=top.first.number + 1,
        delimiter=delimiter,
        cells=cells,
        columns=chosen.columns,
        first_frame=first_frame,
    )
    return read_to_table(
        source,
        layout,
        chosen,
        options,
        name=NAME,
        # Frames from another number: some other program wrote it, with an origin of its own.
        origin_known=first_frame == FIRST_FRAME,
    )


def _split(text: str) -> tuple[Delimiter, tuple[Header, ...]]:
    """Split a header line; its names hold no delimiter, so that quotes can simply go."""
    bare = text.replace('"', "")
    delimiter = header_delimiter(bare)
    return delimiter, tuple(parse_header(cell) for cell in bare.split(delimiter))
