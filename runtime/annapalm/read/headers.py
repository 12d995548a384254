"""The header of a delimited table: names, units, and which columns annapalm takes from it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annapalm.read.cells import MARKS, Delimiter, is_blank, plain_split
from annapalm.read.columns import LENGTHS, required
from annapalm.read.errors import (
    CameraPixelMissingError,
    LongHeaderError,
    MissingColumnError,
    RepeatedColumnError,
    UnitContradictsError,
    UnknownUnitError,
    shown,
)
from annapalm.read.layout import Column
from annapalm.read.source import HEAD_BYTES, Source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from annapalm.read.columns import Quantity
    from annapalm.read.errors import Place
    from annapalm.read.source import Encoding
    from annapalm.read.table import TableOptions, Unit

_UNITS: dict[str, Unit] = {
    **dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre", "nanometres"), "nm"),
    **dict.fromkeys(("um", "µm", "μm", "micron", "microns", "micrometer", "micrometers"), "um"),
    **dict.fromkeys(("micrometre", "micrometres"), "um"),
    **dict.fromkeys(("px", "pixel", "pixels", "pix"), "px"),
}
"""Words for units in headers, in lower case; µ stands in Unicode twice."""

_PHOTONS = ("photon", "photons", "ph")

_MERGED = ("detections", "number frames", "length", "len", "n")
"""Names by which programs count the raw localizations merged into a row."""

_UNIT_AT_END = re.compile(r"(.*?)\s*[\[(]([^\[\]()]*)[\])]")


@dataclass(frozen=True, slots=True)
class Header:
    """What stands above one column."""

    text: str
    """The whole of it, without quotes: `x [nm]`."""
    name: str
    """Without its unit, in lower case: `x`."""
    unit: str | None
    """The word in brackets, as written; None where there are none or they are empty."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Top:
    """What stands at the top of a table."""

    comments: tuple[Line, ...]
    """Lines that begin with a comment mark, the mark taken off."""
    first: Line | None
    """The first other line that is not blank: header or row."""
    second: Line | None
    """The next line that is not blank."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The columns that will be read."""

    columns: tuple[Column, ...]
    unused: tuple[str, ...]
    notes: tuple[str, ...]


def read_top(
    source: Source, comment_marks: tuple[str, ...] = (), encoding: Encoding = "utf-8"
) -> Top:
    """Look at the first lines; raises `LongHeaderError` where there are only comments."""
    comments: list[Line] = []
    others: list[Line] = []
    for line, text in enumerate(source.head_lines(encoding), 1):
        bare = text.lstrip()
        if not others and comment_marks and bare.startswith(comment_marks):
            if comment := bare.lstrip("".join(comment_marks)).strip():
                comments.append(Line(line, comment))
        elif not is_blank(text, None):
            others.append(Line(line, text))
        if len(others) == 2:
            break
    if not others and not source.whole_in_head:
        raise LongHeaderError(source.path, len(source.head_lines(encoding)) + 1, HEAD_BYTES)
    first, second, *_ = (*others, None, None)
    return Top(tuple(comments), first, second)


def parse_header(text: str) -> Header:
    """Take one header cell apart, whatever quotes are around it."""
    text = text.strip().strip("\"'").strip()
    found = _UNIT_AT_END.fullmatch(text)
    if found is None:
        return Header(text, text.casefold(), None)
    return Header(text, found[1].strip().casefold(), found[2].strip() or None)


def split_header(text: str, delimiter: Delimiter) -> tuple[Header, ...]:
    """Split a header line and take its cells apart."""
    return tuple(parse_header(cell) for cell in plain_split(text, delimiter))


def header_delimiter(text: str) -> Delimiter:
    """Guess what divides a header line when no row says it: the mark that is there most often."""
    best = max(MARKS, key=text.count)
    return best if best in text else None


def cells_per_row(headers: int, first_row: Sequence[str] | None, last_header: str) -> int:
    """Count the cells that every row must have.

    A delimiter at the end of every row, or of the header alone, adds a cell without meaning.
    """
    if first_row is None:
        return headers
    if len(first_row) == headers + 1 and not first_row[-1].strip():
        return headers + 1
    if len(first_row) == headers - 1 and not last_header:
        return headers - 1
    return headers


def choose_columns(
    place: tuple[Path, Place],
    headers: Sequence[Header],
    wanted: Mapping[Quantity, tuple[str, ...]],
    options: TableOptions,
    *,
    asked_for: bool = False,
) -> Chosen:
    """Find the wanted columns by name, with their units.

    `place` is the file and the line of the header, for messages; of the names in `wanted` the first
    one found is taken. Columns the user asked for must all be there. Raises a `ReadError` for a
    column missing or ambiguous, or without a usable unit; an optional column without a usable unit
    is left out and noted.
    """
    found: dict[Quantity, int] = {}
    for name, theirs in wanted.items():
        places = (_find(place, name, headers, their, exactly=asked_for) for their in theirs)
        index = next((i for i in places if i is not None), None)
        if index is not None:
            found[name] = index
        elif asked_for or name in required(wanted):
            raise MissingColumnError(*place, theirs[0], [h.text for h in headers])
    return with_units(place, found, headers, options)


def with_units(
    place: tuple[Path, Place],
    found: Mapping[Quantity, int],
    headers: Sequence[Header],
    options: TableOptions,
) -> Chosen:
    """Find what turns each column into annapalm's units; leave out, and note, what has none."""
    columns: list[Column] = []
    notes: list[str] = []
    for name, index in found.items():
        header = headers[index]
        factor, unit, note = _factor(place, name, header, options)
        if note:
            notes.append(note)
        else:
            columns.append(Column(name, index, header.text or str(index + 1), factor, unit))
    used = {column.index for column in columns}
    unused = [h.text or str(i + 1) for i, h in enumerate(headers) if i not in used]
    notes.extend(
        f"Column {shown(h.text)} suggests that rows may be merged from several frames; merged rows "
        "are another statistic than raw localizations. To have it checked, name it with "
        f"--columns detections={h.text}."
        for i, h in enumerate(headers)
        if i not in used and h.name in _MERGED
    )
    return Chosen(tuple(columns), tuple(unused), tuple(notes))


def _find(
    place: tuple[Path, Place],
    name: Quantity,
    headers: Sequence[Header],
    their: str,
    *,
    exactly: bool,
) -> int | None:
    """Find one column; what the user wrote may be a whole header, which then is the one meant."""
    folded = their.casefold()
    ways = [[i for i, h in enumerate(headers) if h.name == folded]]
    if exactly:
        whole = [i for i, h in enumerate(headers) if h.text == their]
        alike = [i for i, h in enumerate(headers) if h.text.casefold() == folded]
        ways = [whole, alike, *ways]
    for places in ways:
        if len(places) > 1:
            raise RepeatedColumnError(*place, name, [headers[i].text for i in places])
        if places:
            return places[0]
    return None


def unit_of(word: str | None) -> Unit | None:
    """Understand a word for a unit of length; None where it is none, or none is given."""
    return None if word is None else _UNITS.get(word.casefold())


def nm_per(unit: Unit, camera_pixel_nm: float | None) -> float:
    """Give the nm in a unit; a camera pixel whose size is not known counts as 1."""
    return {"nm": 1.0, "um": 1000.0, "px": camera_pixel_nm or 1.0}[unit]


def _factor(
    place: tuple[Path, Place], name: Quantity, header: Header, options: TableOptions
) -> tuple[float, Unit | None, str | None]:
    """Give what turns a column into nm, its unit, or a note why it cannot be used.

    Raises a `ReadError` where a required one cannot.
    """
    unused = f"Column {shown(header.text)} was not used: "
    if name == "photons" and header.unit and header.unit.casefold() not in _PHOTONS:
        return 1.0, None, f"{unused}it is in {shown(header.unit)}, not in photons."
    if name not in LENGTHS:
        return 1.0, None, None
    needed = name in ("x", "y")
    unit: Unit | None
    if header.unit is None:
        # Programs that give x and y in px give z in nm: --unit px says nothing about z.
        unit = None if name == "z" and options.unit == "px" else options.unit
    else:
        unit = unit_of(header.unit)
        if needed and unit and options.unit and unit != options.unit:
            raise UnitContradictsError(*place, header.text, unit, options.unit)
    if unit is None:
        if needed:
            raise UnknownUnitError(*place, header.text, header.unit)
        reason = "it has no unit." if header.unit is None else "its unit is not known."
        return 1.0, None, unused + reason
    if unit == "px" and options.camera_pixel_nm is None:
        if needed:
            raise CameraPixelMissingError(*place, header.text)
        return (
            1.0,
            None,
            f"{unused}it is in camera pixels, and --camera-pixel was not given.",
        )
    return nm_per(unit, options.camera_pixel_nm), unit, None
