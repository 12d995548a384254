"""Which module reads a file. To add a format: one module here, its name in `FormatName`."""

from __future__ import annotations

import os
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast, get_args

from annapalm.errors import AnnaPalmError
from annapalm.read import child
from annapalm.read.errors import (
    EmptyFileError,
    LongHeaderError,
    SeveralFormatsError,
    TableTooLargeError,
    UnknownFormatError,
    UnreadableFileError,
)
from annapalm.read.source import HEAD_BYTES, Source, head_text, is_hdf5
from annapalm.read.table import FormatName, Table, TableOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from annapalm.localizations import Localizations
    from annapalm.progress import Progress


class FormatModule(Protocol):
    """What every module of a format has; a module is loaded only when a table is read."""

    NAME: FormatName

    IS_TEXT: bool
    """Whether its files are text throughout."""

    def matches(self, source: Source) -> bool:
        """Whether a file is of this format, by its content alone.

        Raises a `ReadError` only for a container that cannot be looked into.
        """
        ...

    def read(self, source: Source, options: TableOptions) -> Table:
        """Read the whole of an open file; raises a `ReadError`."""
        ...


def format_module(name: FormatName) -> FormatModule:
    """Load the module that reads a format."""
    return cast("FormatModule", import_module(f"annapalm.read.{name}"))


def read_table(
    path: str | os.PathLike[str],
    options: TableOptions | None = None,
    progress: Progress | None = None,
) -> Table:
    """Read a table of localizations, in whatever format its content shows.

    Positions come in nm from the top-left corner of the field, frames from 0. Raises a `ReadError`
    (an `AnnaPalmError`) that names the file, the line and column where that applies, and what to
    do; no cell is dropped, clipped or guessed. A table without rows is no error.

    Memory: the columns that are used, 8 bytes a row each, and some 10 MB. `progress` hears of the
    bytes read of a file from 32 MB on, and may stop it (`CancelledError`); a file of HDF5 is read
    elsewhere, tells nothing, and can be stopped too.
    """
    file, options = Path(path), options or TableOptions()
    with _opened(file) as stream:
        source = Source(stream, file, progress)
        if not (is_hdf5(source.head) and stream.seekable() and child.can_start()):
            return read_source(source, options)
        size = stream.seek(0, os.SEEK_END)
    return child.read_in_child(file, options, size, progress)


def read_here(path: Path, options: TableOptions) -> Table:
    """Read as `read_table` does, whatever the file, in this process."""
    with _opened(path) as stream:
        return read_source(Source(stream, path), options)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file; what the system or the memory does not allow becomes an error of annapalm."""
    try:
        with path.open("rb") as stream:
            yield stream
    except AnnaPalmError:
        raise
    except OSError as error:
        raise UnreadableFileError(path, error.strerror or str(error)) from error
    except MemoryError:
        raise TableTooLargeError(path) from None


def read_localizations(
    path: str | os.PathLike[str], options: TableOptions | None = None
) -> Localizations:
    """Read the localizations of a table; as `read_table`, whose further facts it leaves out."""
    return read_table(path, options).localizations


def read_source(source: Source, options: TableOptions) -> Table:
    """Read an open table: the part of `read_table` that needs no file."""
    return _choose(source, options).read(source, options)


def _choose(source: Source, options: TableOptions) -> FormatModule:
    """Find the one module that reads this file as the user wants it."""
    from annapalm.read import foreign

    _refuse_blank(source)
    foreign.refuse_binary(source.path, source.head)
    wanted = options.format or _by_columns(source, options)
    if wanted is not None:
        module = format_module(wanted)
        if module.IS_TEXT:
            foreign.refuse_container_as_text(source.path, source.head)
            source.check_text()
        return module
    modules = [format_module(name) for name in get_args(FormatName)]
    matching = [module for module in modules if module.matches(source)]
    if len(matching) > 1:
        raise SeveralFormatsError(source.path, [module.NAME for module in matching])
    if matching:
        return matching[0]
    foreign.refuse_container(source)
    source.check_text()
    foreign.refuse_text(source.path, source.head)
    if options.unit is not None and _names_columns(source.head):
        return format_module("delimited")
    first, hint = foreign.first_line(source.head), foreign.hint(source.head)
    raise UnknownFormatError(source.path, get_args(FormatName), first, hint)


def _by_columns(source: Source, options: TableOptions) -> FormatName | None:
    """Name the format that `--columns` means; None without it."""
    if options.columns is None:
        return None
    by_head: dict[bytes, FormatName] = {b"MATLAB ": "matlab", b"PAR1": "parquet"}
    named = (name for head, name in by_head.items() if source.head.startswith(head))
    return next(named, "delimited")


def _refuse_blank(source: Source) -> None:
    if any(text.strip() for text in head_text(source.head)):
        return
    if not source.whole_in_head:
        raise LongHeaderError(source.path, 1, HEAD_BYTES)
    raise EmptyFileError(source.path, len(source.head))


def _names_columns(head: bytes) -> bool:
    """Whether a header names x, y and frame, so that with `--unit` all is said."""
    from annapalm.read.headers import header_delimiter, split_header

    for text in head_text(head):
        bare = text.strip().lstrip("#% ")
        names = {header.name for header in split_header(bare, header_delimiter(bare))}
        if {"x", "y", "frame"} <= names:
            return True
        if text.strip() and not text.lstrip().startswith(("#", "%")):
            return False
    return False
