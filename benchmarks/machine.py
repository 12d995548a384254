"""What was measured on: without it a time means nothing."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

DISTRIBUTIONS = ("annapalm", "onnxruntime", "onnxruntime-gpu", "numpy", "tifffile")


def describe() -> dict[str, str]:
    """Say processor, cores, load, memory, system and versions, as one word or line each."""
    return {
        "processor": _processor(),
        "cores": f"{_usable_cores()} usable of {os.cpu_count()}",
        "load before": _load(),
        "memory": _memory(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: _version(name) for name in DISTRIBUTIONS if _version(name)},
    }


def _processor() -> str:
    names = _lines(Path("/proc/cpuinfo"), "model name")
    return names[0] if names else platform.processor() or platform.machine()


def _usable_cores() -> int:
    """Count the cores of the affinity mask, where the system has one."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _load() -> str:
    """Load average of the last minute: near 0 on an idle machine."""
    average = getattr(os, "getloadavg", None)
    return f"{average()[0]:.2f}" if average else "not told by this system"


def _memory() -> str:
    total = _lines(Path("/proc/meminfo"), "MemTotal")
    return f"{int(total[0].split()[0]) / 2**20:.1f} GiB" if total else "not told by this system"


def _lines(path: Path, key: str) -> list[str]:
    """Values of the `key : value` lines of a file of /proc; none where there is no such file."""
    if not path.exists():
        return []
    pairs = (line.partition(":") for line in path.read_text(encoding="utf-8").splitlines())
    return [value.strip() for name, _, value in pairs if name.strip() == key]


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""
