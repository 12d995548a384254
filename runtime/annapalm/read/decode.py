"""DECODE's tables as HDF5: groups `data`, `meta` and `decode`; see `decode_meta`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from annapalm.read import hdf5
from annapalm.read.arrays import collect
from annapalm.read.decode_meta import DecodeMeta, understand
from annapalm.read.finish import About, to_table
from annapalm.read.format_errors import BadArrayError
from annapalm.read.layout import Column
from annapalm.read.origin import from_centres
from annapalm.read.source import is_hdf5

if TYPE_CHECKING:
    from collections.abc import Mapping

    import h5py
    import numpy as np
    from numpy.typing import NDArray

    from annapalm.read.columns import Quantity
    from annapalm.read.source import Source
    from annapalm.read.table import FormatName, Table, TableOptions

NAME: FormatName = "decode"

IS_TEXT = False

_ROW, _COLUMN, _Z = 0, 1, 2
"""Of `xyz`: DECODE's first coordinate is the row, our y."""


def matches(source: Source) -> bool:
    """Whether the file has the three groups at its top."""
    return is_hdf5(source.head) and hdf5.names_in(source) >= {"data", "meta", "decode"}


def read(source: Source, options: TableOptions) -> Table:
    """Read the localizations; raises a `ReadError` that names column, row and remedy."""
    with hdf5.opened(source) as file:
        found = _understand(source, file, options)
        xyz = _numbers(source, file, "xyz", 3)
        arrays = {"xyz": xyz, "frame_ix": _numbers(source, file, "frame_ix", 1)}
        wanted: dict[Quantity, tuple[str, int]] = {
            "x": ("xyz", _COLUMN),
            "y": ("xyz", _ROW),
            "z": ("xyz", _Z),
            "frame": ("frame_ix", 0),
        }
        arrays |= _more(source, file)
        if "xyz_sig" in arrays:
            wanted |= {"precision": ("xyz_sig", _COLUMN), "precision_y": ("xyz_sig", _ROW)}
        if "phot" in arrays:
            wanted["photons"] = ("phot", 0)
        about = About(
            NAME,
            first_frame=options.first_frame or 0,
            origin_known=not options.first_frame,
            unused=tuple(sorted(set(map(str, file["data"])) - set(arrays))),
            camera_pixel_nm=found.camera_pixel_nm,
        )
        columns, about = from_centres(
            [_column(name, place, found) for name, place in wanted.items()], found.pixel_nm, about
        )

        def part(column: Column, start: int, stop: int) -> NDArray[np.generic]:
            name, index = wanted[column.name]
            data = arrays[name]
            cut: NDArray[np.generic] = (
                data[start:stop] if len(data.shape) == 1 else data[start:stop, index]
            )
            return cut

        rows = collect(source.path, columns, int(xyz.shape[0]), about.first_frame, part)
    return to_table(source, rows, columns, options, about)


def _understand(source: Source, file: h5py.File, options: TableOptions) -> DecodeMeta:
    meta = dict(_attributes(source, file, "meta"))
    if "xy_unit" in meta:
        meta["xy_unit"] = hdf5.text(meta["xy_unit"])
    version = hdf5.text(_attributes(source, file, "decode").get("version"))
    return understand((source.path, "group 'meta'"), meta, version, options, NAME)


def _attributes(source: Source, file: h5py.File, name: str) -> Mapping[str, object]:
    group = hdf5.find(source, file, name)
    return {} if group is None else group.attrs


def _numbers(source: Source, file: h5py.File, name: str, width: int) -> h5py.Dataset:
    """Find a dataset [N, width], or [N] where width is 1; raises a `ReadError`."""
    data = hdf5.number_list(source, hdf5.find(source, file, f"data/{name}"), name)
    flat = width == 1 and len(data.shape) == 1
    if not flat and (len(data.shape) != 2 or data.shape[1] != width):
        raise BadArrayError(source.path, name, f"its shape is {list(data.shape)}.")
    return data


def _more(source: Source, file: h5py.File) -> dict[str, h5py.Dataset]:
    """Find what is optional; DECODE leaves a dataset empty where nothing is known."""
    found = {}
    for name, width in (("phot", 1), ("xyz_sig", 3)):
        data = hdf5.find(source, file, f"data/{name}")
        shape = getattr(data, "shape", None)
        # Photons of several channels are a matrix: no column of ours.
        if shape is not None and not (name == "phot" and len(shape) == 2 and shape[1] != 1):
            found[name] = _numbers(source, file, name, width)
    return found


def _column(name: Quantity, place: tuple[str, int], found: DecodeMeta) -> Column:
    label = place[0] if place[0] in ("frame_ix", "phot") else f"{place[0]}[{place[1]}]"
    column = Column(name, 0, label)
    return replace(column, factor=found.factor(name), unit=found.unit_of(name))
