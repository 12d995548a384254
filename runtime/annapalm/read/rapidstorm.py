"""Tables of rapidSTORM (doi:10.1038/nmeth.2224): an XML header in a comment, rows with blanks.

Order and units stand in the header. Frames count from 0. The bounds of the positions reach from the
centre of the first pixel to that of the last, so half a camera pixel has to be added, which only
--camera-pixel tells; then the field is known too. Amplitudes are A/D counts and no photons.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from annapalm.read.errors import ForeignFormatError, LongHeaderError
from annapalm.read.finish import About, read_to_table
from annapalm.read.format_errors import BadHeaderError
from annapalm.read.headers import Header, choose_columns
from annapalm.read.layout import Layout
from annapalm.read.origin import from_centres
from annapalm.read.source import HEAD_BYTES, Source, head_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annapalm.read.columns import Quantity
    from annapalm.read.table import FormatName, Table, TableOptions

NAME: FormatName = "rapidstorm"

IS_TEXT = True

_COLUMNS: Mapping[Quantity, tuple[str, ...]] = {
    "x": ("position-0-0",),
    "y": ("position-1-0",),
    "frame": ("imagenumber-0-0",),
    "z": ("position-2-0",),
    "precision": ("position-0-0-uncertainty",),
    "precision_y": ("position-1-0-uncertainty",),
    "photons": ("amplitude-0-0",),
}

_BEGIN = re.compile(r"#\s*<localizations[\s>]")

_BOUND = re.compile(r"\s*([-+0-9.eE]+)\s*m\s*")
"""A bound of a position, in metres."""


def matches(source: Source) -> bool:
    """Whether the first line is a comment with an XML element `localizations`."""
    return _BEGIN.match(head_text(source.head)[0]) is not None


def read(source: Source, options: TableOptions) -> Table:
    """Read a table; raises a `ReadError` that names line, column and remedy."""
    fields = _fields(source)
    headers = tuple(_header(field) for field in fields)
    chosen = choose_columns((source.path, 1), headers, _COLUMNS, options)
    pixel_nm = options.camera_pixel_nm
    first = 0 if options.first_frame is None else options.first_frame
    about = About(
        NAME,
        first_frame=first,
        origin_known=first == 0,
        field_nm=None if pixel_nm is None else _field_nm(fields, pixel_nm),
    )
    columns, about = from_centres(chosen.columns, pixel_nm, about)
    layout = Layout(
        path=source.path,
        first_line=2,
        delimiter=None,
        cells=len(headers),
        columns=columns,
        first_frame=first,
    )
    return read_to_table(source, layout, chosen, options, about)


def _fields(source: Source) -> list[dict[str, str]]:
    """Give the attributes of each column's element; raises a `ReadError`."""
    lines = source.head_lines()
    if not lines:
        raise LongHeaderError(source.path, 1, HEAD_BYTES)
    text = lines[0].lstrip("# \t")
    if "<!" in text:  # a document type could define entities that grow without end
        raise BadHeaderError(source.path, 1, "the header has a declaration, which none needs.")
    try:
        root = ET.fromstring(text)  # noqa: S314 - at most 64 KiB, and without any declaration
    except (ET.ParseError, ValueError) as error:
        raise BadHeaderError(source.path, 1, f"the header is no XML ({error}).") from error
    if root.tag != "localizations":
        raise BadHeaderError(source.path, 1, "the header is no list of localizations.")
    if any(child.tag != "field" for child in root):
        raise ForeignFormatError(
            source.path,
            "a rapidSTORM table of tracks",
            "Its rows are merged over frames; export the localizations without tracking.",
        )
    fields = [dict(child.attrib) for child in root]
    if not all("identifier" in field for field in fields) or not fields:
        raise BadHeaderError(source.path, 1, "the header does not name its columns.")
    return fields


def _header(field: Mapping[str, str]) -> Header:
    name = field["identifier"]
    return Header(name, name.casefold(), field.get("unit"))


def _field_nm(fields: Sequence[Mapping[str, str]], pixel_nm: float) -> tuple[float, float] | None:
    """Give the field from the bounds of x and y; None unless they are whole pixels, from 0."""
    sides = []
    for name in ("Position-0-0", "Position-1-0"):
        field = next(f for f in fields if f["identifier"].casefold() == name.casefold())
        low, high = (_metres(field.get(bound, "")) for bound in ("min", "max"))
        pixels = math.nan if high is None else high * 1e9 / pixel_nm
        if low != 0 or not abs(pixels - round(pixels if math.isfinite(pixels) else 0)) < 0.02:
            return None
        sides.append((round(pixels) + 1) * pixel_nm)
    return sides[0], sides[1]


def _metres(text: str) -> float | None:
    found = _BOUND.fullmatch(text)
    try:
        return None if found is None else float(found[1])
    except ValueError:
        return None
