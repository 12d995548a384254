"""Picasso's localizations (doi:10.1038/nprot.2017.024): HDF5 with a compound dataset `locs`.

x and y are in camera pixels, whole numbers are their centres, and frames count from 0. The size of
a pixel stands in the metadata, see `picasso_meta`. `lpx` and `lpy` are precisions; a row with `n`,
or `len`, above 1 is merged. z is in nm; versions of 2022 wrote it in pixels, which no file shows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from annapalm.read import hdf5
from annapalm.read.arrays import collect, is_number
from annapalm.read.errors import (
    CameraPixelMissingError,
    ForeignFormatError,
    MissingColumnError,
    UnitContradictsError,
)
from annapalm.read.finish import About, to_table
from annapalm.read.layout import Column
from annapalm.read.origin import agreed_pixel, from_centres
from annapalm.read.picasso_meta import MAX_BYTES, PicassoMeta, from_json, from_sidecar
from annapalm.read.source import is_hdf5

if TYPE_CHECKING:
    from pathlib import Path

    import h5py
    import numpy as np
    from numpy.typing import NDArray

    from annapalm.read.columns import Quantity
    from annapalm.read.source import Source
    from annapalm.read.table import FormatName, Table, TableOptions

NAME: FormatName = "picasso"

IS_TEXT = False

_LOCS = "locs"

_COLUMNS: dict[Quantity, tuple[str, ...]] = {
    "x": ("x",),
    "y": ("y",),
    "frame": ("frame",),
    "z": ("z",),
    "precision": ("lpx",),
    "precision_y": ("lpy",),
    "photons": ("photons",),
    "detections": ("n", "len"),
}

_IN_PX = ("x", "y", "precision", "precision_y")

_OF_CLUSTERS = frozenset({"std_frame", "std_x", "std_y", "n_events", "convexhull"})
"""Columns that only tables of clusters have."""


def matches(source: Source) -> bool:
    """Whether the file has `locs` at its top."""
    return is_hdf5(source.head) and _LOCS in hdf5.names_in(source)


def read(source: Source, options: TableOptions) -> Table:
    """Read the localizations; raises a `ReadError` that names column, row and remedy."""
    with hdf5.opened(source) as file:
        data = _locs(source, file)
        place = (source.path, f"dataset '{_LOCS}'")
        names = list(data.dtype.names or ())
        if options.unit not in (None, "px"):
            raise UnitContradictsError(*place, "x", "px", str(options.unit))
        chosen = _chosen(place, names, data)
        meta = _metadata(source, file)
        pixel_nm = agreed_pixel(source.path, meta.pixel_nm, options)
        if pixel_nm is None:
            raise CameraPixelMissingError(*place, "x")
        about = About(
            NAME,
            first_frame=options.first_frame or 0,
            origin_known=not options.first_frame,
            unused=tuple(n for n in names if n not in chosen.values()),
            remarks=_remarks(meta),
            camera_pixel_nm=pixel_nm,
            field_nm=None if meta.size_px is None else _times(meta.size_px, pixel_nm),
        )
        columns = [_column(name, label, pixel_nm) for name, label in chosen.items()]
        shifted, about = from_centres(columns, pixel_nm, about)

        def part(column: Column, start: int, stop: int) -> NDArray[np.generic]:
            found: NDArray[np.generic] = data.fields(column.label)[start:stop]
            return found

        rows = collect(source.path, shifted, int(data.shape[0]), about.first_frame, part)
    return to_table(source, rows, shifted, options, about)


def _locs(source: Source, file: h5py.File) -> h5py.Dataset:
    """Find the dataset; raises a `ReadError` where it is something else."""
    data = hdf5.find(source, file, _LOCS)
    names = getattr(getattr(data, "dtype", None), "names", None)
    if data is None or names is None or data.shape is None or len(data.shape) != 1:
        raise ForeignFormatError(
            source.path,
            "an HDF5 file whose 'locs' is no table as Picasso saves it (pandas writes a group of "
            "that name)",
            "Open it in Picasso and save it there.",
        )
    if _OF_CLUSTERS & set(names):
        raise ForeignFormatError(
            source.path,
            "a table of Picasso's cluster centres",
            "Give the localizations themselves.",
        )
    hdf5.check_dataset(source, data)
    return data


def _chosen(place: tuple[Path, str], names: list[str], data: h5py.Dataset) -> dict[Quantity, str]:
    """Find the columns; raises `MissingColumnError`."""
    numbers = [name for name in names if is_number(data.dtype[name])]
    chosen: dict[Quantity, str] = {}
    for name, theirs in _COLUMNS.items():
        found = next((their for their in theirs if their in numbers), None)
        if found is not None:
            chosen[name] = found
        elif name in ("x", "y", "frame"):
            raise MissingColumnError(*place, theirs[0], names)
    if "precision" not in chosen or "precision_y" not in chosen:
        chosen.pop("precision", None)
        chosen.pop("precision_y", None)
    return chosen


def _column(name: Quantity, label: str, pixel_nm: float) -> Column:
    column = Column(name, 0, label)
    if name in _IN_PX:
        return replace(column, factor=pixel_nm, unit="px")
    return replace(column, unit="nm") if name == "z" else column


def _metadata(source: Source, file: h5py.File) -> PicassoMeta:
    """Take the file beside the table first, as Picasso does, then what stands inside."""
    beside = from_sidecar(source.path)
    if beside is not None and beside.pixel_nm is not None:
        return beside
    inside = hdf5.find(source, file, "metadata")
    if inside is None or getattr(inside, "shape", None) != ():
        return beside or PicassoMeta()
    hdf5.check_dataset(source, inside)
    text = hdf5.text(inside[()]) or ""
    return from_json(source.path, text[: MAX_BYTES + 1])


def _remarks(meta: PicassoMeta) -> tuple[str, ...]:
    if meta.pixel_nm is None:
        return ()
    return (f"The camera pixel, {meta.pixel_nm:g} nm, is that of {meta.said_by}.",)


def _times(size: tuple[float, float], pixel_nm: float) -> tuple[float, float]:
    return size[0] * pixel_nm, size[1] * pixel_nm
