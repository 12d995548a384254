"""ShareLoc's `.smlm` (doi:10.1038/s41592-022-01659-0), version 0.2: a zip with `manifest.json`.

The manifest names the columns of each table, their types, units and offsets, which are added;
rows are interleaved, little endian. A length without unit is in nm. Whoever wrote the file decided
where zero lies and which frame is first: neither is known, and frames are taken to count from 0.
One table with one channel is read; images beside it are not looked at.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from annapalm.errors import AnnaPalmError
from annapalm.read.arrays import BLOCK_ROWS, Parts, check_packed
from annapalm.read.errors import ForeignFormatError, TooManyRowsError, listed, shown
from annapalm.read.finish import About, to_table
from annapalm.read.format_errors import (
    BadArrayError,
    BadHeaderError,
    DamagedFileError,
    SeveralTablesError,
    UnsafeContentError,
)
from annapalm.read.headers import Header, choose_columns, parse_header
from annapalm.read.rows import MAX_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from annapalm.read.columns import Quantity
    from annapalm.read.headers import Chosen
    from annapalm.read.layout import Column
    from annapalm.read.rows import Rows
    from annapalm.read.source import Source
    from annapalm.read.table import FormatName, Table, TableOptions

NAME: FormatName = "smlm"

IS_TEXT = False

MAGIC = b"PK\x03\x04"

MANIFEST = "manifest.json"

VERSION = "0.2"

MAX_MANIFEST = 2**24
MAX_MEMBERS = 10_000

_COLUMNS: dict[Quantity, tuple[str, ...]] = {
    "x": ("x", "x_position", "position_x"),
    "y": ("y", "y_position", "position_y"),
    "frame": ("frame",),
    "z": ("z", "z_position", "position_z"),
    "precision": ("uncertainty_xy", "uncertainty", "x_precision"),
    "precision_y": ("y_precision",),
    "photons": ("intensity",),
    "channel": ("channel",),
}

_LENGTHS = frozenset({name for key in ("x", "y", "z", "precision", "precision_y")
                      for name in _COLUMNS[key]})  # fmt: skip

_TYPES = frozenset(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
_TYPES |= {"float32", "float64"}


@dataclass(frozen=True, slots=True)
class _TablePlan:
    """One table of the archive."""

    member: str
    headers: tuple[Header, ...]
    """Name and unit of each column."""
    dtype: np.dtype[np.void]
    """Of one row; field i is column i."""
    offsets: tuple[float, ...]
    """What is added to each column."""
    rows: int


def matches(source: Source) -> bool:
    """Whether it is a zip archive with a manifest."""
    if not source.head.startswith(MAGIC):
        return False
    with _opened(source) as archive:
        return MANIFEST in archive.namelist()


def refuse(source: Source) -> None:
    """Raise `ForeignFormatError` for another zip archive."""
    if not source.head.startswith(MAGIC):
        return
    with _opened(source) as archive:
        names = archive.namelist()
    if "[Content_Types].xml" in names:
        raise ForeignFormatError(
            source.path, "an Excel workbook", "Save the sheet as 'CSV UTF-8' and give that."
        )
    raise ForeignFormatError(
        source.path,
        f"a zip archive without {MANIFEST}; it holds {listed(sorted(names), 6) or 'nothing'}",
        "Unpack it, and give the table.",
    )


def read(source: Source, options: TableOptions) -> Table:
    """Read the table; raises a `ReadError` that names column, row and remedy."""
    with _opened(source) as archive:
        plan = _plan(source.path, archive)
        chosen = choose_columns(
            (source.path, f"table '{plan.member}'"), plan.headers, _COLUMNS, options
        )
        about = About(
            NAME,
            first_frame=options.first_frame or 0,
            origin_known=False,
            unused=chosen.unused,
            notes=chosen.notes,
        )
        rows = _rows(source, archive, plan, chosen, about.first_frame)
    return to_table(source, rows, chosen.columns, options, about)


@contextmanager
def _opened(source: Source) -> Iterator[zipfile.ZipFile]:
    """Open the archive; raises `DamagedFileError` and `UnsafeContentError`."""
    with source.whole() as stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                if len(archive.infolist()) > MAX_MEMBERS:
                    raise UnsafeContentError(
                        source.path,
                        f"the archive holds more than {MAX_MEMBERS:,} files",
                        "Pack the table by itself.",
                    )
                yield archive
        except (AnnaPalmError, MemoryError):
            raise
        except (
            *(zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, KeyError),
            *(NotImplementedError, RuntimeError, OverflowError),
        ) as error:
            raise DamagedFileError(source.path, "zip archive", str(error)) from error


def _member(path: Path, archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """Find a file in the archive; raises a `ReadError` where it is packed strangely."""
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise BadHeaderError(
            path, MANIFEST, f"it names {shown(name)}, which is not there."
        ) from None
    if info.flag_bits & 0x1:
        raise UnsafeContentError(path, f"{shown(name)} is encrypted", "Save it without a password.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        problem = f"{shown(name)} is packed by method {info.compress_type}"
        raise UnsafeContentError(path, problem, "The format knows deflate only; save it again.")
    check_packed(path, shown(name), info.compress_size, info.file_size)
    return info


def _manifest(path: Path, archive: zipfile.ZipFile) -> dict[str, Any]:
    info = _member(path, archive, MANIFEST)
    if info.file_size > MAX_MANIFEST:
        problem = f"{MANIFEST} has {info.file_size:,} bytes"
        raise UnsafeContentError(path, problem, "No manifest is as long as that.")
    try:
        with archive.open(info) as stream:
            found = json.loads(stream.read(MAX_MANIFEST))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise BadHeaderError(path, MANIFEST, f"it is no JSON ({error}).") from error
    if not isinstance(found, dict):
        raise BadHeaderError(path, MANIFEST, "it is no JSON object.")
    if found.get("format_version") != VERSION:
        raise BadHeaderError(
            path,
            MANIFEST,
            f"its version is {found.get('format_version')!r}, and annapalm knows '{VERSION}'.",
        )
    return found


def _plan(path: Path, archive: zipfile.ZipFile) -> _TablePlan:
    """Find the one table and its columns; raises a `ReadError`."""
    manifest = _manifest(path, archive)
    try:
        tables = [file for file in manifest["files"] if file["type"] == "table"]
        names = [f"{file['name']}, {file.get('channel', 'no channel')}" for file in tables]
        if len(tables) > 1:
            raise SeveralTablesError(path, "tables", names)
        if not tables:
            raise BadHeaderError(path, MANIFEST, "it names no table.")
        return _understood(path, tables[0], manifest["formats"][tables[0]["format"]])
    except AnnaPalmError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        problem = f"it does not say what version {VERSION} of the format needs ({error!r})."
        raise BadHeaderError(path, MANIFEST, problem) from error


def _understood(path: Path, table: dict[str, Any], form: dict[str, Any]) -> _TablePlan:
    if form["mode"] != "binary":
        raise ForeignFormatError(
            path, "an archive with a table as text", "Unpack it, and give the table."
        )
    headers = [str(name) for name in form["headers"]]
    units = list(form.get("units") or [""] * len(headers))
    types, shapes = list(form["dtype"]), list(form["shape"])
    if not len(headers) == len(units) == len(types) == len(shapes) or not headers:
        raise BadHeaderError(path, MANIFEST, "headers, dtype, shape and units differ in length.")
    if len(set(headers)) < len(headers):
        raise BadHeaderError(path, MANIFEST, "two columns have one name.")
    fields = [
        (f"{index}", _dtype(path, kind), _shape(shape))
        for index, (kind, shape) in enumerate(zip(types, shapes, strict=True))
    ]
    offsets = table.get("offset") or {}
    return _TablePlan(
        member=str(table["name"]),
        headers=tuple(map(_header, headers, units)),
        dtype=np.dtype(fields),
        offsets=tuple(float(offsets.get(name, 0)) for name in headers),
        rows=int(table["rows"]),
    )


def _header(name: str, unit: object) -> Header:
    """Give name and unit of a column; a length without unit is in nm, says the format."""
    parsed = parse_header(name)
    word = str(unit or "") or parsed.unit
    if parsed.name in _LENGTHS:
        return Header(name, parsed.name, word or "nm")
    if parsed.name == "intensity":
        return Header(name, parsed.name, word or "an unknown unit")
    return Header(name, parsed.name, word)


def _dtype(path: Path, kind: object) -> str:
    if kind not in _TYPES:
        raise BadHeaderError(path, MANIFEST, f"it has a column of type {kind!r}.")
    return np.dtype(str(kind)).newbyteorder("<").str


def _shape(shape: object) -> tuple[int, ...]:
    """Read the shape of one cell; 1 is a single number."""
    edges = [int(edge) for edge in shape] if isinstance(shape, list) else [int(str(shape))]
    if any(edge < 1 for edge in edges):
        message = f"a shape of {edges}"
        raise ValueError(message)
    return () if edges == [1] else tuple(edges)


def _rows(
    source: Source,
    archive: zipfile.ZipFile,
    plan: _TablePlan,
    chosen: Chosen,
    first_frame: int,
) -> Rows:
    """Read the columns part by part; raises a `ReadError` at the first value that cannot be."""
    info = _member(source.path, archive, plan.member)
    if plan.rows > MAX_ROWS:
        raise TooManyRowsError(source.path, f"row {MAX_ROWS + 1}", MAX_ROWS)
    if plan.rows < 0 or info.file_size != plan.rows * plan.dtype.itemsize:
        raise BadHeaderError(
            source.path,
            MANIFEST,
            f"{plan.rows:,} rows of {plan.dtype.itemsize} bytes are not the {info.file_size:,} "
            f"bytes of {shown(plan.member)}.",
        )
    for column in chosen.columns:
        if plan.dtype[column.index].shape != ():
            raise BadArrayError(source.path, column.label, "it has several numbers in each row.")
    parts = Parts(source.path, chosen.columns, plan.rows, first_frame)
    at_once = max(1, min(BLOCK_ROWS, 2**26 // plan.dtype.itemsize))
    with archive.open(info) as stream:
        for start in range(0, plan.rows, at_once):
            count = min(at_once, plan.rows - start)
            block = np.frombuffer(stream.read(count * plan.dtype.itemsize), plan.dtype)
            parts.add(partial(_values, block, plan), count)
    return parts.rows()


def _values(block: NDArray[np.void], plan: _TablePlan, column: Column) -> NDArray[np.generic]:
    """Give a column of some rows, with its offset."""
    found: NDArray[np.generic] = block[str(column.index)] + np.float64(plan.offsets[column.index])
    return found
