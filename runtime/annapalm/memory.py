"""How much memory a reconstruction may take, without a package for it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from annapalm.cgroup import memory_left

SHARE = 0.6
"""Share of the available memory that a network run may plan with: the sparse image, the results and
the writer need theirs, and the acquisition program beside us as well."""

BYTES_PER_PX = 256
"""Memory of one network run per pixel of the full grid. Measured on 2560 x 2560 px: 76 bytes
(widths 64-96-128, onnxruntime 1.32), 168 (the first prototype), 136 (float64 at full
size); half as much again for safety. Such a field plans with 1.7 GB, which an 8 GB computer with
2.8 GB free still runs in one piece."""

FALLBACK_BYTES = 2 * 2**30
"""What is assumed where the system does not say."""


def available_bytes() -> int:
    """Bytes of main memory that this process can still take without swapping, as the system says.

    The smallest of: what the system has free or can free, what the container or batch job allows
    (cgroup v2 and v1), and the address space limit (RLIMIT_AS).
    """
    known = [_system(), memory_left(), _address_space_left()]
    return min((value for value in known if value is not None), default=FALLBACK_BYTES)


def budget_bytes() -> int:
    """Bytes that one network run may plan with."""
    return int(available_bytes() * SHARE)


def _system() -> int | None:
    if sys.platform == "win32":
        return _windows()
    if sys.platform == "darwin":
        return _darwin()
    return _linux(Path("/proc/meminfo"))


def _linux(meminfo: Path) -> int | None:
    """MemAvailable: free memory and what the kernel would give back at once."""
    try:
        lines = meminfo.read_text("ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024
    return None


def _address_space_left() -> int | None:
    """Read what RLIMIT_AS (`ulimit -v`) leaves; None without such a limit."""
    try:
        import resource  # not on Windows
    except ImportError:
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return None
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    except OSError:
        return limit
    return max(limit - pages * resource.getpagesize(), 0)


def _windows() -> int | None:
    """`ullAvailPhys` of GlobalMemoryStatusEx."""
    import ctypes

    class Status(ctypes.Structure):
        _fields_ = (
            ("dwLength", ctypes.c_ulong),
            ("dwMemoryLoad", ctypes.c_ulong),
            ("ullTotalPhys", ctypes.c_ulonglong),
            ("ullAvailPhys", ctypes.c_ulonglong),
            ("ullTotalPageFile", ctypes.c_ulonglong),
            ("ullAvailPageFile", ctypes.c_ulonglong),
            ("ullTotalVirtual", ctypes.c_ulonglong),
            ("ullAvailVirtual", ctypes.c_ulonglong),
            ("ullAvailExtendedVirtual", ctypes.c_ulonglong),
        )

    status = Status(dwLength=ctypes.sizeof(Status))
    # `windll` exists on Windows alone, and type checkers elsewhere do not know it.
    kernel: Any = getattr(ctypes, "windll").kernel32  # noqa: B009
    return int(status.ullAvailPhys) if kernel.GlobalMemoryStatusEx(ctypes.byref(status)) else None


def _darwin() -> int | None:
    """Half of the physical memory: macOS compresses and reclaims, and says no simple number."""
    import os

    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return pages * size // 2 if pages > 0 and size > 0 else None
