"""MATLAB files of every version, as named arrays of numbers: `saveloc.loc.xnm`, `Data`.

Up to version 7 they are read by `mat5`; version 7.3 is HDF5 and needs the extra `hdf5`. Only real
numbers are offered, in structs that are no arrays of structs themselves.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import numpy as np

from annapalm.read import hdf5, mat5
from annapalm.read.arrays import is_number
from annapalm.read.source import is_hdf5

if TYPE_CHECKING:
    from collections.abc import Iterator

    import h5py
    from numpy.typing import NDArray

    from annapalm.read.source import Source

MAGIC = b"MATLAB "

MAX_NAMES = 10_000
_MAX_DEPTH = 8
_CLASSES = frozenset(
    (
        "double",
        "single",
        "logical",
        *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    )
)


class Variables(Protocol):
    """The arrays of numbers in an open MATLAB file."""

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Give name and MATLAB's shape of each."""
        ...

    def array(self, name: str) -> NDArray[np.generic] | None:
        """Give one, in MATLAB's shape; None where there is none of this name."""
        ...


def is_mat(head: bytes) -> bool:
    """Whether a file begins as MATLAB's do."""
    return head.startswith(MAGIC)


def names_in(source: Source) -> frozenset[str]:
    """Name the variables at the top of the file, for looking only."""
    if not is_mat(source.head):
        return frozenset()
    if is_hdf5(source.head):
        return hdf5.names_in(source)
    with source.whole() as stream:
        return frozenset(mat5.names(source.path, stream))


@contextmanager
def opened(source: Source) -> Iterator[Variables]:
    """Open the file; raises a `ReadError` where it is damaged, or needs an extra."""
    if is_hdf5(source.head):
        with hdf5.opened(source) as file:
            yield _Version73(source, file)
    else:
        with source.whole() as stream:
            yield _Version7(mat5.load(source.path, stream))


class _Version7:
    def __init__(self, variables: dict[str, mat5.Node]) -> None:
        self._found = dict(_walk(variables, ""))

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: node.shape for name, node in self._found.items()}

    def array(self, name: str) -> NDArray[np.generic] | None:
        node = self._found.get(name)
        return None if node is None else node.array()


def _walk(nodes: dict[str, mat5.Node], above: str) -> Iterator[tuple[str, mat5.Numbers]]:
    """Give every array of numbers that one name leads to."""
    for name, node in nodes.items():
        if isinstance(node, mat5.Numbers):
            yield above + name, node
        elif isinstance(node, mat5.Struct) and len(node.elements) == 1:
            yield from _walk(node.elements[0], f"{above}{name}.")


class _Version73:
    """MATLAB 7.3: a struct is a group, and an array lies transposed."""

    def __init__(self, source: Source, file: h5py.File) -> None:
        self._source, self._file = source, file

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return dict(self._walk(self._file, "", 0))

    def array(self, name: str) -> NDArray[np.generic] | None:
        data = hdf5.find(self._source, self._file, name.replace(".", "/"))
        if data is None or not _is_array(data):
            return None
        hdf5.check_dataset(self._source, data)
        if _is_empty(data):
            return np.zeros(_shape(data))
        found: NDArray[np.generic] = data[()].T
        return found

    def _walk(
        self,
        group: h5py.Group,
        above: str,
        depth: int,
    ) -> Iterator[tuple[str, tuple[int, ...]]]:
        import h5py

        for count, name in enumerate(group):
            if count > MAX_NAMES or not isinstance(name, str) or name.startswith("#"):
                continue
            item = hdf5.find(self._source, group, name)
            if isinstance(item, h5py.Group) and depth < _MAX_DEPTH:
                yield from self._walk(item, f"{above}{name}.", depth + 1)
            elif isinstance(item, h5py.Dataset) and _is_array(item):
                yield above + name, _shape(item)


def _is_array(data: h5py.Dataset) -> bool:
    kind = hdf5.text(data.attrs.get("MATLAB_class", b"double")) if hasattr(data, "dtype") else None
    return kind in _CLASSES and data.shape is not None and is_number(data.dtype)


def _is_empty(data: h5py.Dataset) -> bool:
    """Whether MATLAB wrote the shape of an empty array in the place of its numbers."""
    return bool(data.attrs.get("MATLAB_empty", 0))


def _shape(data: h5py.Dataset) -> tuple[int, ...]:
    if _is_empty(data):
        shape = tuple(int(edge) for edge in np.ravel(data[()])[:8])
        return shape if 0 in shape else (0, 0)
    return tuple(int(edge) for edge in reversed(data.shape))
