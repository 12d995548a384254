"""Files that users hand over by mistake or in hope: recognised, and answered with what to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from annapalm.read.cells import is_row, plain_split, sniff
from annapalm.read.errors import ForeignFormatError, shown
from annapalm.read.headers import header_delimiter, split_header
from annapalm.read.source import head_text

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm.read.source import Source

_EXPORT = "Export the localizations as a ThunderSTORM table (CSV) instead."
_UNPACK = "Unpack it first."
_PICTURE = "Give the localization table instead; a picture of it is no counts."

TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""Classic TIFF and BigTIFF, in both byte orders."""

_BINARY: tuple[tuple[bytes, str, str], ...] = (
    (b"\xd0\xcf\x11\xe0", "an Excel workbook", "Save it as 'CSV UTF-8' first."),
    (b"\x1f\x8b", "compressed by gzip", _UNPACK),
    (b"BZh", "compressed by bzip2", _UNPACK),
    (b"\xfd7zXZ\0", "compressed by xz", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", _UNPACK),
    (b"7z\xbc\xaf", "a 7z archive", _UNPACK),
    (b"\x93NUMPY", "a numpy array", _EXPORT),
    (b"M425", "an Insight3 file", _EXPORT),
    (b"SQLite format 3\0", "a database", _EXPORT),
    (b"%PDF", "a PDF", _PICTURE),
    (b"\x89PNG", "a picture", _PICTURE),
    (b"\xff\xd8\xff", "a picture", _PICTURE),
    *(
        (magic, "a TIFF image", "Images of counts are read without --format and --columns.")
        for magic in TIFF_MAGIC
    ),
)
"""First bytes, what they mean, what to do."""

_CONTAINERS = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"MATLAB ", "a MATLAB file"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PAR1", "a Parquet file"),
)
"""First bytes of files that hold tables by name, and what they mean."""

_TEXT: tuple[tuple[str, str], ...] = (
    (r"[\[{]", "JSON"),
    (r"<", "XML or a web page"),
    (r"(---|%YAML)", "YAML"),
)
"""How the first line begins, what that means."""


def refuse_binary(path: Path, head: bytes) -> None:
    """Raise `ForeignFormatError` for a file that its first bytes give away."""
    for magic, what, remedy in _BINARY:
        if head.startswith(magic):
            raise ForeignFormatError(path, what, remedy)


def refuse_container_as_text(path: Path, head: bytes) -> None:
    """Raise `ForeignFormatError` for a binary file that annapalm reads, but not as text."""
    for magic, what in _CONTAINERS:
        if head.startswith(magic):
            remedy = "Leave out --format and --columns: its content shows what it is."
            raise ForeignFormatError(path, what, remedy)


def refuse_container(source: Source) -> None:
    """Raise a `ReadError` that names what is in a file that holds other things by name."""
    from annapalm.read import hdf5, matlab, smlm
    from annapalm.read.table import TableOptions

    if source.head.startswith(b"MATLAB "):
        matlab.read(source, TableOptions())
    hdf5.refuse(source)
    smlm.refuse(source)


def refuse_text(path: Path, head: bytes) -> None:
    """Raise `ForeignFormatError` for text in a notation that is no table of rows."""
    first = first_line(head)
    for pattern, what in _TEXT:
        if re.match(pattern, first):
            raise ForeignFormatError(path, what, _EXPORT)


def first_line(head: bytes) -> str:
    """Give the first line that is not blank, for looking only."""
    return next((text.strip() for text in head_text(head) if text.strip()), "")


def hint(head: bytes) -> str:
    """Say what is missing to read a delimited table, if its first line tells; else nothing."""
    first = first_line(head).lstrip("#% ")
    headers = split_header(first, header_delimiter(first))
    names = {header.name for header in headers}
    if {"x", "y", "frame"} <= names:
        units = [h.unit for h in headers if h.name in ("x", "y")]
        if None in units:
            return (
                "It names x, y and frame, but not the unit of x and y: say --unit nm, --unit um, "
                "or --unit px --camera-pixel NM."
            )
        return (
            "It names x, y and frame with a unit: say --format delimited, and --first-frame 1 if "
            "its frames count from 1."
        )
    if is_row(cells := plain_split(first, sniff(first))):
        return (
            f"It is a row of {len(cells)} numbers without names: say what they are in file order, "
            "with - for a column to skip, such as --columns y,x,-,frame, and their unit with "
            "--unit nm, --unit um, or --unit px --camera-pixel NM."
        )
    if {"x", "y"} <= names and "frame" not in names:
        return (
            f"It names x and y, but no column is called frame: say which is, such as --columns "
            f"x=x,y=y,frame=NAME; without frames, annapalm does not read {shown(first)}."
        )
    return ""
