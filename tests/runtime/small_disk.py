"""Disks that are full, for real, in a mount namespace of their own.

A `SmallDisk` is a tmpfs of a few pages. It needs Linux, and the right to make a namespace: root's,
or that of a user where the kernel allows it. A `QuotaDisk` is a btrfs of which a share is given
out; it needs root and btrfs-progs. Nothing is mounted for anybody else, and nothing can be left
over: the disk is gone when the process that holds the namespace has ended, in whatever way.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

PAGE = 4096
"""What a tmpfs gives out at a time, in bytes."""

_READY = " && echo ready && exec cat"
_TMPFS = 'mount -t tmpfs -o "size=$1,nr_inodes=$2" annapalm-test "$3"' + _READY
_BTRFS = 'mkfs.btrfs -q "$1" >&2 && mount -o loop "$1" "$2" && btrfs quota enable "$2"' + _READY
_NAMESPACE = ("unshare", "--mount")
_BALLAST = "ballast"


class SmallDisk:
    """A disk; a context manager. Other processes reach it through the one that holds it."""

    FULL = "No space left on device"
    """What the system says of it."""
    GIVES_BACK = True
    """Whether what is removed makes room at once."""

    def __init__(self, folder: Path, pages: int = 512, names: int = 1000) -> None:
        """Make a disk of so many pages and so many files, mounted at the empty `folder`."""
        given = (str(pages * PAGE), str(names), str(folder))
        try:
            self._process = _hold(_NAMESPACE, _TMPFS, *given)
        except OSError:  # a user may make one where he is root by himself
            self._process = _hold((*_NAMESPACE, "--map-root-user"), _TMPFS, *given)
        self.path = Path(f"/proc/{self._process.pid}/root{folder.absolute()}")
        """Where it is, for every process of this user."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate()  # its stdin closes, and it ends

    def clear(self) -> None:
        """Remove all that lies there."""
        for path in self.path.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def leave_pages(self, count: int) -> None:
        """Fill it until so many pages are free."""
        free = os.statvfs(self.path).f_bavail
        (self.path / _BALLAST).write_bytes(bytes((free - count) * PAGE))

    def leave_names(self, count: int) -> None:
        """Fill it with empty files until so many more can be made, whatever room there is."""
        (self.path / _BALLAST).mkdir()
        for number in range(os.statvfs(self.path).f_favail - count):
            (self.path / _BALLAST / str(number)).touch()

    def make_room(self) -> None:
        """Remove what fills it."""
        ballast = self.path / _BALLAST
        shutil.rmtree(ballast) if ballast.is_dir() else ballast.unlink()


class QuotaDisk(SmallDisk):
    """A disk with room, of which only a share may be used."""

    FULL = "Disk quota exceeded"
    GIVES_BACK = False

    def __init__(self, folder: Path) -> None:
        """Make one, mounted at the empty `folder`; beside it lies the file that holds it."""
        image = folder.with_name(f"{folder.name}.btrfs")
        with image.open("wb") as stream:
            stream.truncate(128 * 2**20)  # the least that btrfs takes; the file stays sparse
        self._process = _hold(_NAMESPACE, _BTRFS, str(image), str(folder))
        self._whole = Path(f"/proc/{self._process.pid}/root{folder.absolute()}")
        self._count = 0
        self.clear()

    def clear(self) -> None:
        """Go on in a fresh part of the disk, with an account of its own."""
        self._count += 1
        self.path = self._whole / str(self._count)
        _btrfs("subvolume", "create", str(self.path))

    def leave_pages(self, count: int) -> None:
        """Let so many pages be used, and what btrfs itself needs for an empty folder."""
        self._limit(str(16_384 + count * PAGE))

    def make_room(self) -> None:
        """Let all of it be used."""
        self._limit("none")

    def _limit(self, to: str) -> None:
        # By number, the first being 256: through its own path a full one refuses this as well.
        _btrfs("qgroup", "limit", to, f"0/{255 + self._count}", str(self._whole))


def disks() -> tuple[type[SmallDisk], ...]:
    """List the kinds of disk that can be made here."""
    return tuple(kind for kind in (SmallDisk, QuotaDisk) if _can_make(kind))


@cache
def _can_make(kind: type[SmallDisk]) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    try:
        with TemporaryDirectory() as folder:
            (Path(folder) / "disk").mkdir()
            with kind(Path(folder) / "disk") as disk:
                return disk.path.is_dir()
    except OSError:
        return False


def _hold(way: tuple[str, ...], script: str, *given: str) -> subprocess.Popen[str]:
    """Start the process that holds a disk; raises OSError where the system refuses."""
    process = subprocess.Popen(
        [*way, "sh", "-c", script, "sh", *given],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        raise OSError(process.communicate()[1])
    return process


def _btrfs(*words: str) -> None:
    subprocess.run(["btrfs", *words], check=True, capture_output=True)
