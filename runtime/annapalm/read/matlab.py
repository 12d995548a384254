"""Any MATLAB file: what its arrays are, and their unit, the user says with `--columns`.

By name, structs with dots, and a column of a matrix behind a colon, from 1: `x=data.x,y=data.y` or
`x=Data:1,y=Data:2`. Or in the order of the columns, where the file holds only one matrix. Frames
count from 0, or are made of times; where zero lies is not known.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from annapalm.read import mat
from annapalm.read.columns import parse_columns
from annapalm.read.errors import MissingColumnError
from annapalm.read.finish import About, to_table
from annapalm.read.format_errors import ColumnsNeededError
from annapalm.read.headers import Header, with_units
from annapalm.read.mat_columns import as_list, from_arrays, same_length

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from annapalm.read.columns import Quantity
    from annapalm.read.source import Source
    from annapalm.read.table import FormatName, Table, TableOptions

NAME: FormatName = "matlab"

IS_TEXT = False

_OF_MATRIX = re.compile(r"(.+):([1-9]\d{0,5})")


def matches(source: Source) -> bool:  # noqa: ARG001 - every format is asked the same way
    """Never by itself: arrays say neither units nor what they are."""
    return False


def read(source: Source, options: TableOptions) -> Table:
    """Read a file as `options` say; raises a `ReadError`."""
    with mat.opened(source) as variables:
        shapes = variables.shapes()
        if options.columns is None:
            raise ColumnsNeededError(source.path, "a MATLAB file", _listed(shapes))
        wanted = _wanted(source, options.columns, shapes)
        arrays = {name: _array(source, variables, shapes, label) for name, label in wanted.items()}
    same_length(source.path, {wanted[name]: found for name, found in arrays.items()})
    headers = [Header(label, label.casefold(), None) for label in wanted.values()]
    places: dict[Quantity, int] = {name: index for index, name in enumerate(wanted)}
    chosen = with_units((source.path, "the variables"), places, headers, options)
    about = About(
        NAME,
        first_frame=options.first_frame or 0,
        origin_known=False,
        unused=tuple(name for name in shapes if name not in _used(wanted)),
        notes=chosen.notes,
    )
    found = from_arrays(source.path, chosen.columns, arrays, about.first_frame)
    return to_table(source, found, chosen.columns, options, about)


def _wanted(
    source: Source, columns: tuple[str, ...], shapes: Mapping[str, tuple[int, ...]]
) -> dict[Quantity, str]:
    """Give the name of the array for each quantity, with its column where it is a matrix."""
    choice = parse_columns(columns)
    if choice.by_name:
        wanted: dict[Quantity, str] = {}
        wanted.update(choice.by_name.items())
        return wanted
    count = len(choice.in_order)
    fitting = [name for name, shape in shapes.items() if len(shape) == 2 and shape[1] == count]
    if len(fitting) != 1:
        raise ColumnsNeededError(
            source.path,
            f"a MATLAB file with {len(fitting)} matrices of {count} columns",
            _listed(shapes),
        )
    return {
        name: f"{fitting[0]}:{index}"
        for index, name in enumerate(choice.in_order, 1)
        if name is not None
    }


def _array(
    source: Source, variables: mat.Variables, shapes: Mapping[str, tuple[int, ...]], label: str
) -> NDArray[np.generic]:
    """Take an array, or a column of one; raises a `ReadError`."""
    found = _OF_MATRIX.fullmatch(label)
    name = label if found is None else found[1]
    if name not in shapes:
        raise MissingColumnError(source.path, "the variables", name, _listed(shapes))
    if found is None:
        return as_list(source.path, label, variables.array(name))
    matrix, index = variables.array(name), int(found[2])
    if matrix is None or matrix.ndim != 2 or index > matrix.shape[1]:
        raise MissingColumnError(source.path, "the variables", label, _listed(shapes))
    return matrix[:, index - 1]


def _used(wanted: Mapping[Quantity, str]) -> set[str]:
    return {found[1] if (found := _OF_MATRIX.fullmatch(w)) else w for w in wanted.values()}


def _listed(shapes: Mapping[str, tuple[int, ...]]) -> list[str]:
    return [f"{name} ({' x '.join(map(str, shape))})" for name, shape in shapes.items()]
