"""Reading in a process of its own: a library that hangs or crashes takes only that along.

The HDF5 library does not come to an end with some damaged files: its heap of strings may claim an
object of no length, for example, and then it looks for the next one for ever. So a file of HDF5 is
read by a second Python, which hands the table back and is stopped when its time is over. Where this
program is no Python that could be started again (embedded in another, or frozen), the file is read
here.
"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annapalm.errors import AnnaPalmError
from annapalm.read.format_errors import DamagedFileError
from annapalm.waiting import while_waiting

if TYPE_CHECKING:
    from annapalm.progress import Progress
    from annapalm.read.table import Table, TableOptions

SECONDS = 30.0
"""A start of Python and a small file take half a second, on a busy computer a few."""

BYTES_PER_SECOND = 1_000_000
"""More time for larger files; the slowest network drive gives this much."""

_CODE = (
    "import json, sys; sys.path[:] = json.loads(sys.stdin.buffer.readline()); "
    "from annapalm.read.child_main import main; main()"
)


def can_start() -> bool:
    """Whether this program is a Python that can be started a second time."""
    name = Path(sys.executable or "").stem.lower()
    return name.startswith(("python", "pypy")) and not getattr(sys, "frozen", False)


def read_in_child(
    path: Path, options: TableOptions, size: int, progress: Progress | None = None
) -> Table:
    """Read a table of `size` bytes as `read_table` does, in another process.

    Raises what reading raises, `DamagedFileError` where that process crashed or found no end, and
    `CancelledError` where `progress` asks to stop.
    """
    seconds = SECONDS + size / BYTES_PER_SECOND
    with tempfile.TemporaryFile() as errors, _started(errors) as process:
        # Asked on another thread, so that this one can look at the clock and at `progress`.
        with ThreadPoolExecutor(1, "annapalm-child") as pool:
            asked = pool.submit(_ask, process, path, options)
            try:
                in_time = _wait(asked, seconds, progress)
            finally:
                process.kill()
        answer = asked.result()
        if answer is None:
            process.wait()
            said = _last_line(errors)
            reason = f"the HDF5 library crashed on it, code {process.returncode}{said}"
            if not in_time:
                reason = f"the HDF5 library found no end with it in {seconds:.0f} s"
            raise DamagedFileError(path, "HDF5 file", reason)
    if isinstance(answer, AnnaPalmError):
        raise answer
    return answer


def _wait(asked: Future[Any], seconds: float, progress: Progress | None) -> bool:
    """Wait for the answer; False where it takes too long. Raises `CancelledError`."""
    end = time.monotonic() + seconds
    return all(time.monotonic() <= end for _ in while_waiting(asked, progress))


def _started(errors: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401 - a temporary file
    return subprocess.Popen(  # noqa: S603 - this same program, with code of ours
        [sys.executable, "-c", _CODE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # of Windows
    )


def _ask(
    process: subprocess.Popen[bytes], path: Path, options: TableOptions
) -> Table | AnnaPalmError | None:
    """Send the request and take the answer; None where none came."""
    if process.stdin is None or process.stdout is None:
        return None
    try:
        process.stdin.write(json.dumps(sys.path).encode() + b"\n")
        pickle.dump((path, options), process.stdin)
        process.stdin.close()
        # What is unpacked was packed by our own process, from numbers that it checked.
        found: Table | AnnaPalmError = pickle.load(process.stdout)  # noqa: S301
    except (EOFError, OSError, pickle.UnpicklingError):
        return None
    return found


def _last_line(errors: Any) -> str:  # noqa: ANN401 - a temporary file
    errors.seek(0)
    lines = errors.read(2**16).decode("utf-8", errors="replace").split("\n")
    said = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f": {said}" if said else ""
