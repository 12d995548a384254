"""That a file stays the same while it is read."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from annapalm.errors import AnnaPalmError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class InputChangedError(AnnaPalmError, RuntimeError):
    """A file was changed while it was read."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} was changed while it was read, so that its picture would be of no known "
            "input. Run again when nothing writes into it any more; nothing was written."
        )


@contextmanager
def unchanged(*files: Path | None) -> Iterator[None]:
    """See that files are the same before and after they are read; raises `InputChangedError`."""
    paths = [path for path in files if path is not None]
    before = [_state(path) for path in paths]
    yield
    for path, state in zip(paths, before, strict=True):
        if _state(path) != state:
            raise InputChangedError(path)


def _state(path: Path) -> tuple[int, int, int] | None:
    """Tell one version of a file from another; None where there is none, which its reader says."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
