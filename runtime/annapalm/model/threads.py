"""How many threads a session may use: what this process was really given."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

from annapalm.cgroup import cpu_quota
from annapalm.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Mapping


def thread_budget(asked: int | None = None, *, environ: Mapping[str, str] | None = None) -> int:
    """Threads for one session: as asked, else the cores that this process may really use.

    The smallest of the affinity mask, the container's CPU quota (cgroup v2 and v1) and
    SLURM_CPUS_PER_TASK: ONNX Runtime's own default counts the cores of the host, and freezes in a
    container that has two of sixty-four. Raises `InvalidValueError` for a number below 1.
    """
    if asked is not None:
        if asked < 1:
            raise InvalidValueError("threads", asked, "at least 1")
        return asked
    limits = [_cores(), cpu_quota(), _slurm(os.environ if environ is None else environ)]
    return max(1, math.floor(min(limit for limit in limits if limit is not None)))


def _cores() -> float:
    """Cores in the affinity mask; Windows and macOS have none and count all."""
    if hasattr(os, "sched_getaffinity"):
        return float(len(os.sched_getaffinity(0)))
    return float(os.cpu_count() or 1)


def _slurm(environ: Mapping[str, str]) -> float | None:
    """Cores that SLURM gave to a task; None outside SLURM or where the value is no number."""
    value = environ.get("SLURM_CPUS_PER_TASK", "")
    return float(value) if value.isdecimal() and int(value) > 0 else None
