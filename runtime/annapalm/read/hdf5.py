"""HDF5 files, opened so that nothing outside the file is touched and nothing strange is unpacked.

Needs the extra `hdf5`. Only links inside the file are followed, and only data without filters, or
with those that every HDF5 library has, are read: a filter by a plugin would load foreign code.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from annapalm.errors import AnnaPalmError
from annapalm.read.arrays import check_packed, is_number
from annapalm.read.errors import ForeignFormatError, listed, shown
from annapalm.read.format_errors import (
    BadArrayError,
    DamagedFileError,
    ExtraMissingError,
    UnsafeContentError,
)
from annapalm.read.source import is_hdf5

if TYPE_CHECKING:
    from collections.abc import Iterator

    import h5py

    from annapalm.read.source import Source

_FILTERS = {1: "deflate", 2: "shuffle", 3: "fletcher32", 32000: "lzf"}
"""Those that h5py brings along, by number."""

_FAILURES = (OSError, RuntimeError, ValueError, KeyError, TypeError, OverflowError)
"""What h5py raises for files that contradict themselves."""


@contextmanager
def opened(source: Source) -> Iterator[h5py.File]:
    """Open the file, whose content is hashed before.

    Raises `ExtraMissingError`, `DamagedFileError`, and what is raised within.
    """
    try:
        import h5py
    except ImportError:
        raise ExtraMissingError(source.path, "an HDF5 file", "hdf5") from None
    with source.whole() as stream:
        try:
            with h5py.File(stream, "r") as file:
                yield file
        except (AnnaPalmError, MemoryError):
            raise
        except _FAILURES as error:
            raise DamagedFileError(source.path, "HDF5 file", str(error)) from error


def names_in(source: Source) -> frozenset[str]:
    """Name what lies at the top of the file, for looking only; nothing where it is no HDF5."""
    if not is_hdf5(source.head):
        return frozenset()
    with opened(source) as file:
        return frozenset(name for name in file if isinstance(name, str))


def refuse(source: Source) -> None:
    """Raise `ForeignFormatError` that says what lies at the top of the file."""
    if not is_hdf5(source.head):
        return
    names = sorted(names_in(source))
    raise ForeignFormatError(
        source.path,
        f"an HDF5 file of no program that annapalm knows; at its top lies {listed(names, 8)}"
        if names
        else "an empty HDF5 file",
        "Known are Picasso, DECODE and SMAP. Export the localizations as a ThunderSTORM table (CSV)"
        " instead.",
    )


def find(source: Source, group: h5py.Group, name: str) -> h5py.Dataset | h5py.Group | None:
    """Give what lies at a path such as `data/xyz`; None where there is nothing.

    Raises `UnsafeContentError` where a link leads elsewhere, and `BadArrayError` where something
    else than data is there.
    """
    import h5py

    found = group
    for part in name.split("/"):
        link = found.get(part, getlink=True) if isinstance(found, h5py.Group) else None
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise UnsafeContentError(
                source.path,
                f"{shown(name)} is a link to somewhere else",
                "Save the table with its data inside.",
            )
        found = found[part]
    if not isinstance(found, h5py.Dataset | h5py.Group):
        raise BadArrayError(source.path, name, "it is a type without data.")
    return found


def check_dataset(source: Source, data: h5py.Dataset) -> None:
    """See that a dataset lies in this file, is not packed strangely, and is not a bomb.

    Raises `UnsafeContentError`.
    """
    name = shown(str(data.name))
    remedy = "Save the table again, with its data inside and without a special compression."
    if data.is_virtual or data.external:
        raise UnsafeContentError(source.path, f"the data of {name} lie in other files", remedy)
    packing = data.id.get_create_plist()
    for number in range(packing.get_nfilters()):
        code = packing.get_filter(number)[0]
        if code not in _FILTERS:
            raise UnsafeContentError(
                source.path,
                f"{name} is packed by filter {code}, and annapalm unpacks "
                f"{', '.join(_FILTERS.values())}",
                remedy,
            )
    # A chunk is unpacked whole, however little of it belongs to the data.
    items = max(int(data.size or 0), math.prod(data.chunks or (0,)))
    check_packed(source.path, name, data.id.get_storage_size(), items * data.dtype.itemsize)


def number_list(source: Source, data: object, label: str) -> h5py.Dataset:
    """See that this is a dataset of numbers that may be read; raises a `ReadError`."""
    import h5py

    if not isinstance(data, h5py.Dataset) or data.shape is None or not is_number(data.dtype):
        raise BadArrayError(source.path, label, "it is no list of numbers.")
    check_dataset(source, data)
    return data


def text(value: object) -> str | None:
    """Read an attribute or a cell as text; None where it is none."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(-1)[0]
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return value if isinstance(value, str) else None
