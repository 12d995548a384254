"""What a container or a batch job may use: Linux control groups, version 2 and 1.

Limits of every ancestor hold, so the smallest on the way to the root counts. Where a container
shows its own group as the root of the mount (no cgroup namespace), the root's files are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNLIMITED_V1 = 2**60
"""Version 1 writes "no limit" as the largest multiple of a page, just below 2**63."""


@dataclass(frozen=True, slots=True)
class ControlGroups:
    """Where this process's control groups are described."""

    membership: Path = Path("/proc/self/cgroup")
    mount: Path = Path("/sys/fs/cgroup")

    def folders(self, controller: str) -> Iterator[tuple[Path, bool]]:
        """Yield the folders that limit `controller`, from this process's group to the root.

        Each with True for version 2 and False for version 1.
        """
        for line in _text(self.membership).splitlines():
            number, _, rest = line.partition(":")
            controllers, _, path = rest.partition(":")
            if number == "0" and not controllers:
                yield from ((folder, True) for folder in _upwards(self.mount, path))
            elif controller in controllers.split(","):
                root = self.mount / controller
                yield from ((folder, False) for folder in _upwards(root, path))


def cpu_quota(groups: ControlGroups | None = None) -> float | None:
    """Cores' worth of time that the groups allow, e.g. 1.5; None without a limit."""
    quotas = []
    for folder, unified in (groups or ControlGroups()).folders("cpu"):
        if unified:
            limit, _, period = _text(folder / "cpu.max").partition(" ")
        else:
            limit = _text(folder / "cpu.cfs_quota_us")
            period = _text(folder / "cpu.cfs_period_us")
        if limit.isdecimal() and period.isdecimal() and int(limit) > 0 and int(period) > 0:
            quotas.append(int(limit) / int(period))
    return min(quotas, default=None)


def memory_left(groups: ControlGroups | None = None) -> int | None:
    """Bytes that the groups still allow; None without a limit.

    Pages of the file cache that the kernel can drop at once do not count as used.
    """
    left = []
    for folder, unified in (groups or ControlGroups()).folders("memory"):
        names = (
            ("memory.max", "memory.current", "inactive_file")
            if unified
            else ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        )
        limit, used = (_text(folder / name) for name in names[:2])
        if limit.isdecimal() and used.isdecimal() and int(limit) < _UNLIMITED_V1:
            cache = _statistic(folder / "memory.stat", names[2])
            left.append(max(int(limit) - max(int(used) - cache, 0), 0))
    return min(left, default=None)


def _upwards(root: Path, path: str) -> Iterator[Path]:
    """Yield the group's own folder and all above it, the root of the mount last."""
    parts = [part for part in path.split("/") if part not in ("", "..")]
    for depth in range(len(parts), -1, -1):
        yield root.joinpath(*parts[:depth])


def _statistic(path: Path, name: str) -> int:
    for line in _text(path).splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.isdecimal():
            return int(value)
    return 0


def _text(path: Path) -> str:
    """Read a file of the kernel; one that is not there (or not for us) says nothing."""
    try:
        return path.read_text("ascii", errors="replace").strip()
    except OSError:
        return ""
