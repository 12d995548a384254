"""Parquet files; columns by annapalm's own names, with a unit (`x [nm]`), or as `--columns` says.

Needs the extra `parquet`. Frames count from 0; where zero lies is not known.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from annapalm.errors import AnnaPalmError
from annapalm.read.arrays import Parts, check_packed
from annapalm.read.columns import OWN_NAMES, parse_columns
from annapalm.read.errors import shown
from annapalm.read.finish import About, to_table
from annapalm.read.format_errors import (
    BadArrayError,
    ColumnsNeededError,
    DamagedFileError,
    ExtraMissingError,
)
from annapalm.read.headers import Chosen, choose_columns, parse_header, with_units

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray
    from pyarrow import RecordBatch
    from pyarrow.parquet import ParquetFile

    from annapalm.read.columns import Quantity
    from annapalm.read.layout import Column
    from annapalm.read.rows import Rows
    from annapalm.read.source import Source
    from annapalm.read.table import FormatName, Table, TableOptions

NAME: FormatName = "parquet"

IS_TEXT = False

MAGIC = b"PAR1"

_PLACE = "the schema"


def matches(source: Source) -> bool:
    """Whether the file begins as Parquet does."""
    return source.head.startswith(MAGIC)


def read(source: Source, options: TableOptions) -> Table:
    """Read a file; raises a `ReadError` that names column, row and remedy."""
    with _opened(source) as (file, size):
        names = [str(name) for name in file.schema_arrow.names]
        chosen = _chosen(source, names, options)
        about = About(
            NAME,
            first_frame=options.first_frame or 0,
            origin_known=False,
            unused=chosen.unused,
            notes=chosen.notes,
        )
        rows = _rows(source, file, size, chosen, about.first_frame)
    return to_table(source, rows, chosen.columns, options, about)


@contextmanager
def _opened(source: Source) -> Iterator[tuple[ParquetFile, int]]:
    """Open the file, and give its size in bytes; raises a `ReadError`."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise ExtraMissingError(source.path, "a Parquet file", "parquet") from None
    with source.whole() as stream:
        size = stream.seek(0, 2)
        stream.seek(0)
        try:
            # No memory map and no threads: the file is read as it was hashed, by one thread.
            yield parquet.ParquetFile(stream, pre_buffer=False), size
        except (AnnaPalmError, MemoryError):
            raise
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            raise DamagedFileError(source.path, "Parquet file", str(error)) from error


def _chosen(source: Source, names: list[str], options: TableOptions) -> Chosen:
    """Find the columns; raises a `ReadError`."""
    headers = [parse_header(name) for name in names]
    place = (source.path, _PLACE)
    if options.columns is None:
        return choose_columns(place, headers, OWN_NAMES, options)
    choice = parse_columns(options.columns)
    if choice.by_name:
        wanted: dict[Quantity, tuple[str, ...]] = {n: (t,) for n, t in choice.by_name.items()}
        return choose_columns(place, headers, wanted, options, asked_for=True)
    if len(choice.in_order) != len(names):
        raise ColumnsNeededError(source.path, f"a Parquet file of {len(names)} columns", names)
    places: dict[Quantity, int] = {n: i for i, n in enumerate(choice.in_order) if n is not None}
    return with_units(place, places, headers, options)


def _rows(source: Source, file: ParquetFile, size: int, chosen: Chosen, first_frame: int) -> Rows:
    """Read the columns part by part; raises a `ReadError` at the first value that cannot be."""
    total = int(file.metadata.num_rows)
    check_packed(source.path, "the table", size, total * 8 * len(chosen.columns))
    parts = Parts(source.path, chosen.columns, total, first_frame)
    labels = {column: str(file.schema_arrow.names[column.index]) for column in chosen.columns}
    for label in labels.values():
        _check_type(source, file, label)
    for batch in file.iter_batches(
        batch_size=2**20, columns=list(labels.values()), use_threads=False
    ):
        parts.add(partial(_array, batch, labels), batch.num_rows)
    return parts.rows()


def _check_type(source: Source, file: ParquetFile, label: str) -> None:
    """Refuse a column that is no list of numbers, or that two share the name of."""
    import pyarrow as pa

    if file.schema_arrow.names.count(label) > 1:
        raise BadArrayError(source.path, label, "several columns have this name.")
    kind = file.schema_arrow.field(label).type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise BadArrayError(source.path, label, f"it holds {shown(str(kind))}, not numbers.")


def _array(batch: RecordBatch, labels: Mapping[Column, str], column: Column) -> NDArray[np.generic]:
    """Give a column of a part; where a value is missing, NaN."""
    found: NDArray[np.generic] = batch.column(labels[column]).to_numpy(zero_copy_only=False)
    return found
