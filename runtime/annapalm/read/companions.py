"""The files beside an input that change how it is read: who keeps its hash must keep theirs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from annapalm.read.errors import UnreadableFileError
from annapalm.read.picasso_meta import sidecar_of
from annapalm.read.source import HEAD_BYTES, is_hdf5

if TYPE_CHECKING:
    import os


def companions(path: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Name the files that are there beside a table or image, and that reading it may look at.

    They are Picasso's metadata, `<stem>.yaml` beside an HDF5 file. One that is made or deleted
    later changes what this gives. Raises `UnreadableFileError` where the input cannot be opened.
    """
    file = Path(path)
    try:
        with file.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except OSError as error:
        raise UnreadableFileError(file, error.strerror or str(error)) from error
    beside = sidecar_of(file)
    return (beside,) if is_hdf5(head) and beside != file and beside.exists() else ()
