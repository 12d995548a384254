"""Files that appear complete or not at all, alone or as a set.

    with OutputSet(overwrite=False) as outputs:
        with outputs.stage(folder / "a.tif") as stream:
            stream.write(...)
        with outputs.stage(folder / "a.json") as stream:
            stream.write(...)
    # Both are there now; after any exception, Ctrl-C included, neither is, and what was there
    # before is there again.

Each file is written under a hidden temporary name in its own folder, brought to the disk (fsync),
and renamed when the whole set is ready. A process killed outright can leave temporary files
(`.annapalm-*.part`, `.annapalm-*.old`), never a partial output; they are named after the file they
belong to, so that a later run can put the folder in order (`annapalm.ledger.recover`).
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn, Self

from annapalm.errors import AnnaPalmError
from annapalm.write.errors import OutputExistsError, OutputFolderError, as_write_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

_WINDOWS = os.name == "nt"


class StagedFile(io.BufferedRandom):
    """A file being staged. It hides its descriptor, so that every byte passes through `write`.

    `ndarray.tofile` writes through the descriptor and reports a full disk without its reason.
    """

    def fileno(self) -> NoReturn:
        """Refuse, as `BytesIO` does; numpy and tifffile then call `write`."""
        raise io.UnsupportedOperation("fileno")

    def sync(self) -> None:
        """Bring the content to the disk."""
        self.flush()
        os.fsync(self.raw.fileno())


@dataclass(slots=True)
class _Item:
    """One file of a set: where it lies now, and where it is to be."""

    final: Path
    staged: Path = field(init=False)
    backup: Path = field(init=False)
    """A second name of the file that `final` replaces, until the set is complete."""
    identity: tuple[int, int] | None = None
    """Device and inode of the staged file: roll-back removes this file and no other."""

    def __post_init__(self) -> None:
        token = f"{_prefix(self.final)}{secrets.token_hex(4)}"
        self.staged = self.final.with_name(f"{token}.part")
        self.backup = self.final.with_name(f"{token}.old")


class OutputSet:
    """Several output files that appear together or not at all; a context manager."""

    def __init__(self, *, overwrite: bool) -> None:
        """Begin an empty set; with `overwrite`, files of the same names are replaced."""
        self._overwrite = overwrite
        self._items: list[_Item] = []
        self._superseded: list[_Item] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Publish the set, or leave the folder as it was."""
        try:
            if error is None:
                self._publish()
        except BaseException as failure:
            _tidy([item.staged for item in self._items], failure)
            raise
        spare = [item.staged for item in self._items]
        if error is None:  # else a backup may be all that is left of a file
            spare += [item.backup for item in (*self._items, *self._superseded)]
        _tidy(spare, error)

    @contextlib.contextmanager
    def stage(self, path: Path) -> Iterator[StagedFile]:
        """Open a new file, which will appear as `path` when the set is complete.

        Its folder is made where it is missing. Raises OutputExistsError at once where `path` exists
        and must not be replaced, and the errors of `annapalm.write.errors` for what the operating
        system refuses inside the `with` block.
        """
        _make_folder(path.parent)
        check_free(path, overwrite=self._overwrite)
        item = _Item(path)
        self._items.append(item)
        try:
            with StagedFile(io.FileIO(item.staged, "x+")) as stream:
                status = os.fstat(stream.raw.fileno())
                item.identity = (status.st_dev, status.st_ino)
                yield stream
                stream.sync()
        except OSError as error:
            _raise_as_write_error(error, path)

    def staged_path(self, path: Path) -> Path:
        """Where the content that will appear as `path` lies now, for reading it back."""
        return next(item.staged for item in self._items if item.final == path)

    def supersede(self, path: Path) -> None:
        """Remove `path` when the set appears; it comes back where the set does not appear."""
        self._superseded.append(_Item(path))

    def _publish(self) -> None:
        items = [*self._items, *self._superseded]
        try:
            for item in self._items:
                _publish_one(item, overwrite=self._overwrite)
            for item in self._superseded:
                _put_aside(item)
                _remove(item.final)
        except BaseException as error:
            _roll_back(items, error)
            raise
        for folder in {item.final.parent for item in self._items}:
            _sync_folder(folder)


def leftovers(path: Path) -> tuple[list[Path], list[Path]]:
    """Find what a killed process left of `path`: unfinished files, and second names of old ones."""
    prefix = _prefix(path)
    try:
        names = sorted(n for n in os.listdir(path.parent) if n.startswith(prefix))  # noqa: PTH208 - names only, of a folder that may be large
    except FileNotFoundError:
        return [], []
    found = [path.with_name(name) for name in names]
    return [p for p in found if p.suffix == ".part"], [p for p in found if p.suffix == ".old"]


def _prefix(path: Path) -> str:
    """Begin the names of temporary files of `path`.

    A hash, because a long output name plus a suffix could be more than the file system takes.
    """
    digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:12]
    return f".annapalm-{digest}-"


def write_whole(path: Path, content: bytes, *, overwrite: bool) -> None:
    """Write one file, complete or not at all; errors as in `OutputSet.stage`."""
    with OutputSet(overwrite=overwrite) as outputs, outputs.stage(path) as stream:
        stream.write(content)


def check_free(path: Path, *, overwrite: bool) -> None:
    """Raise OutputExistsError or OutputFolderError where `path` cannot become an output."""
    try:
        if path.is_dir():
            raise OutputFolderError(path, "it is a folder")
        if not overwrite and os.path.lexists(path):
            raise OutputExistsError(path)
    except OSError as error:
        _raise_as_write_error(error, path)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise OutputFolderError(folder, "a file stands where the folder should be") from None
    except OSError as error:
        _raise_as_write_error(error, folder)


def _publish_one(item: _Item, *, overwrite: bool) -> None:
    try:
        if overwrite:
            _put_aside(item)
            item.staged.replace(item.final)
        else:
            _rename_to_free_name(item)
    except OSError as error:
        _raise_as_write_error(error, item.final)


def _rename_to_free_name(item: _Item) -> None:
    """Rename without replacing: a file that another process put there meanwhile stays."""
    if _WINDOWS:
        item.staged.rename(item.final)  # refuses an existing name by itself
        return
    try:
        os.link(item.staged, item.final)
    except FileExistsError:
        raise
    except OSError:  # no hard links here (FAT, some network shares): the next best
        if os.path.lexists(item.final):
            raise OutputExistsError(item.final) from None
        item.staged.rename(item.final)


def _put_aside(item: _Item) -> None:
    """Give the file that will be replaced a second name, so that it can come back."""
    if not os.path.lexists(item.final):
        return
    if item.final.is_dir() and not item.final.is_symlink():
        raise OutputFolderError(item.final, "it is a folder")
    try:
        os.link(item.final, item.backup, follow_symlinks=False)
    except (OSError, NotImplementedError):  # no hard links here: the name is free for an instant
        item.final.replace(item.backup)


def _roll_back(items: list[_Item], cause: BaseException) -> None:
    """Undo what was published of a set; what cannot be undone is noted on the error."""
    for item in reversed(items):
        try:
            if os.path.lexists(item.backup):
                item.backup.replace(item.final)
                _remove(item.backup)  # renaming onto another name of the same file leaves both
            elif item.identity is not None and _identity(item.final) == item.identity:
                item.final.unlink()
        except OSError as error:
            cause.add_note(f"{item.final} could not be put back as it was: {error}")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _tidy(paths: list[Path], cause: BaseException | None) -> None:
    """Remove temporary files; one that stays is noted on the error, or is the error itself."""
    for path in paths:
        try:
            _remove(path)
        except OSError as failure:
            if cause is None:
                _raise_as_write_error(failure, path)
            cause.add_note(f"{path} is left over and can be deleted: {failure}")


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Bring the new names to the disk; Windows does so by itself."""
    if _WINDOWS:
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        # Some network file systems refuse to sync a folder. The files are complete and named, which
        # is what is promised; only a power cut in the next seconds could still lose the names.
        return
    finally:
        os.close(handle)


def _raise_as_write_error(error: OSError, path: Path) -> NoReturn:
    if isinstance(error, AnnaPalmError):
        raise error
    raise as_write_error(error, path) from error
