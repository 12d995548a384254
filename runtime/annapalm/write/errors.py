"""What can go wrong when results are written; each message names the file and the remedy."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from annapalm.errors import AnnaPalmError

if TYPE_CHECKING:
    from pathlib import Path

_FULL = (
    (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    if hasattr(errno, "EDQUOT")
    else (
        errno.ENOSPC,
        errno.EFBIG,
    )
)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_WRONG_KIND = (errno.ENOTDIR, errno.EISDIR)


class OutputExistsError(AnnaPalmError, FileExistsError):
    """An output file is there already, and nobody asked to replace it."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} exists already and was left as it is. Choose another output folder, or add "
            "--overwrite (overwrite=True in Python) to replace it; nothing was written."
        )
        self.errno = errno.EEXIST


class OutputFolderError(AnnaPalmError, NotADirectoryError):
    """A file stands where a folder is needed, or a folder where a file is."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} cannot be written: {reason}. Choose another output folder; "
            "nothing was written."
        )
        self.errno = errno.ENOTDIR


class OutputPermissionError(AnnaPalmError, PermissionError):
    """The user may not write there."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} cannot be written: {reason}. Choose a folder that you may write to, or close "
            "the file where another program has it open; nothing was written."
        )
        self.errno = errno.EACCES


class DiskFullError(AnnaPalmError, OSError):
    """The disk, or the user's share of it, is full."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} could not be written to its end: {reason}. Make room or choose another output "
            "folder, then run again; nothing of this set of files was kept."
        )
        self.errno = errno.ENOSPC


class WriteFailedError(AnnaPalmError, OSError):
    """The operating system refused for another reason, which it gives."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} could not be written: {reason}. Check the folder and its disk, then run "
            "again; nothing of this set of files was kept."
        )
        self.errno = errno.EIO


def as_write_error(error: OSError, path: Path) -> AnnaPalmError:
    """Say what an `OSError` from writing `path` means to the user."""
    reason = error.strerror or str(error) or type(error).__name__
    if error.errno in _FULL:
        return DiskFullError(path, reason)
    if error.errno in _FORBIDDEN:
        return OutputPermissionError(path, reason)
    if error.errno in _WRONG_KIND:
        return OutputFolderError(path, reason)
    if error.errno == errno.EEXIST:
        return OutputExistsError(path)
    return WriteFailedError(path, reason)
