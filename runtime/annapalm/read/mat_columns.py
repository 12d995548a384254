"""Arrays of a MATLAB file as columns of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annapalm.read.arrays import collect
from annapalm.read.errors import MissingColumnError
from annapalm.read.format_errors import BadArrayError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from annapalm.read.columns import Quantity
    from annapalm.read.layout import Column
    from annapalm.read.rows import Rows


def as_list(path: Path, name: str, found: NDArray[np.generic] | None) -> NDArray[np.generic]:
    """Make a column [N] of an array N x 1 or 1 x N; raises a `ReadError`."""
    if found is None:
        raise MissingColumnError(path, "the variables", name, [])
    if found.ndim > 2 or (found.ndim == 2 and found.size and 1 not in found.shape):
        shape = " x ".join(str(edge) for edge in found.shape)
        raise BadArrayError(
            path, name, f"it is {shape}; say which column of it is meant, such as {name}:1."
        )
    return found.reshape(-1)


def from_arrays(
    path: Path,
    columns: Sequence[Column],
    arrays: Mapping[Quantity, NDArray[np.generic]],
    first_frame: int,
) -> Rows:
    """Check arrays [N] of one length as columns; raises a `ReadError` that names the row."""

    def part(column: Column, start: int, stop: int) -> NDArray[np.generic]:
        return arrays[column.name][start:stop]

    return collect(path, columns, len(arrays["x"]), first_frame, part)


def same_length(path: Path, columns: Mapping[str, NDArray[np.generic]]) -> int:
    """Give the number of rows; raises `BadArrayError` where arrays [N] differ in it."""
    first, *others = columns
    rows = len(columns[first])
    for name in others:
        if len(columns[name]) != rows:
            problem = f"it has {len(columns[name]):,} values, and '{first}' has {rows:,}."
            raise BadArrayError(path, name, problem)
    return rows
