"""One process, measured from outside: wall time, CPU time of all its threads, peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Finished:
    """A process that ended well."""

    stdout: str
    wall_s: float
    cpu_s: float | None
    """User and system time of all threads; None where the system does not tell (Windows)."""
    peak_mib: float | None
    """Largest resident memory; None where the system does not tell (Windows)."""


def run(command: Sequence[str | Path], environ: Mapping[str, str] | None = None) -> Finished:
    """Run a command to its end. Leaves the program, showing what it said, where it fails."""
    words = [str(word) for word in command]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        process = subprocess.Popen(
            words, stdout=out, stderr=err, env={**os.environ, **(environ or {})}
        )
        cpu_s, peak_mib = _wait(process)
        wall_s = time.perf_counter() - start
        out.seek(0)
        err.seek(0)
        stdout = out.read().decode()
        if process.returncode:
            sys.exit(f"{words}\nended with {process.returncode}:\n{stdout}{err.read().decode()}")
    return Finished(stdout, wall_s, cpu_s, peak_mib)


def _wait(process: subprocess.Popen[bytes]) -> tuple[float | None, float | None]:
    """Wait for the end; give CPU seconds and peak memory in MiB where the system tells them."""
    if sys.platform == "win32":
        process.wait()
        return None, None
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 2**20
