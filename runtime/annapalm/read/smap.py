"""SMAP's localizations (doi:10.1038/s41592-020-0938-1): `_sml.mat`, of MATLAB 7.3 or 7.

Columns of the struct `saveloc.loc`; lengths in nm from the chip's corner, frames from 1. Where in
the first pixel zero lies is not known: SMAP's own fits and what it imports differ. Several files in
one (`filenumber`) and several channels are refused. In grouped tables a row stands for several.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annapalm.read import mat
from annapalm.read.errors import MissingColumnError, UnitContradictsError
from annapalm.read.finish import About, to_table
from annapalm.read.format_errors import SeveralTablesError
from annapalm.read.layout import Column
from annapalm.read.mat_columns import as_list, from_arrays, same_length
from annapalm.read.origin import agreed_pixel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from annapalm.read.columns import Quantity
    from annapalm.read.source import Source
    from annapalm.read.table import FormatName, Table, TableOptions

NAME: FormatName = "smap"

IS_TEXT = False

FIRST_FRAME = 1

_LOC = "saveloc.loc."

_COLUMNS: dict[Quantity, tuple[str, ...]] = {
    "x": ("xnm",),
    "y": ("ynm",),
    "frame": ("frame",),
    "z": ("znm",),
    "precision": ("locprecnm", "xnmerr"),
    "photons": ("phot",),
    "channel": ("channel",),
}

_LENGTHS = ("x", "y", "z", "precision")


def matches(source: Source) -> bool:
    """Whether there is a variable `saveloc`."""
    return mat.is_mat(source.head) and "saveloc" in mat.names_in(source)


def read(source: Source, options: TableOptions) -> Table:
    """Read the localizations; raises a `ReadError` that names column, row and remedy."""
    place = (source.path, "struct 'saveloc.loc'")
    if options.unit not in (None, "nm"):
        raise UnitContradictsError(*place, "xnm", "nm", str(options.unit))
    with mat.opened(source) as variables:
        shapes = variables.shapes()
        names = [name.removeprefix(_LOC) for name in shapes if name.startswith(_LOC)]
        chosen = _chosen(place, names)
        arrays = {
            name: as_list(source.path, their, variables.array(_LOC + their))
            for name, their in chosen.items()
        }
        more: dict[str, NDArray[np.generic]] = {
            their: as_list(source.path, their, variables.array(_LOC + their))
            for their in ("filenumber", "groupindex", "numberInGroup")
            if their in names
        }
        camera_nm = _camera_pixel_nm(variables, shapes)
    rows = same_length(source.path, {chosen[name]: found for name, found in arrays.items()})
    _check_one_file(source, more.get("filenumber"))
    labels = dict(chosen)
    if (merged := _merged(more, rows)) is not None:
        arrays["detections"], labels["detections"] = merged, "numberInGroup"
    columns = [
        Column(name, 0, label, unit="nm" if name in _LENGTHS else None)
        for name, label in labels.items()
    ]
    first = FIRST_FRAME if options.first_frame is None else options.first_frame
    about = About(
        NAME,
        first_frame=first,
        origin_known=False,
        unused=tuple(sorted(set(names) - set(labels.values()) - set(more))),
        camera_pixel_nm=agreed_pixel(source.path, camera_nm, options),
    )
    found = from_arrays(source.path, columns, arrays, first)
    return to_table(source, found, columns, options, about)


def _chosen(place: tuple[Path, str], names: list[str]) -> dict[Quantity, str]:
    chosen: dict[Quantity, str] = {}
    for name, theirs in _COLUMNS.items():
        found = next((their for their in theirs if their in names), None)
        if found is not None:
            chosen[name] = found
        elif name in ("x", "y", "frame"):
            raise MissingColumnError(*place, theirs[0], names)
    return chosen


def _check_one_file(source: Source, numbers: NDArray[np.generic] | None) -> None:
    """Refuse a table of several acquisitions; raises `SeveralTablesError`."""
    if numbers is None:
        return
    distinct = np.unique(numbers)
    if len(distinct) > 1:
        raise SeveralTablesError(source.path, "files in 'filenumber'", [f"{n:g}" for n in distinct])


def _merged(more: Mapping[str, NDArray[np.generic]], rows: int) -> NDArray[np.generic] | None:
    """Give the sizes of groups where each row is one; in an ungrouped table rows share a group."""
    group, size = more.get("groupindex"), more.get("numberInGroup")
    if group is None or size is None or not len(group) == len(size) == rows:
        return None
    return size if len(np.unique(group)) == rows else None


def _camera_pixel_nm(variables: mat.Variables, shapes: dict[str, tuple[int, ...]]) -> float | None:
    """Find the camera pixel in the file's info, where it is one square pixel; else None."""
    for name in shapes:
        if name.startswith("saveloc.") and name.endswith(".cam_pixelsize_um"):
            found = variables.array(name)
            edges = set() if found is None else {float(edge) for edge in np.ravel(found)[:2]}
            if len(edges) == 1 and 0 < (edge := edges.pop()) < np.inf:
                return round(edge * 1000, 6)
    return None
