"""Words for the tests of what befalls a run: many tables, and runs in processes of their own."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cli_words import names_in, write_table

if TYPE_CHECKING:
    from collections.abc import Callable

RUN = "import sys; sys.argv[0] = 'annapalm-run'; from annapalm.cli.run import main; main()"

_DROP = 24
"""PR_CAPBSET_DROP of Linux's prctl(2)."""
_PASS_ALL_RIGHTS = (1, 2)
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, by which root need not ask for permission."""


def tables(folder: Path, count: int) -> Path:
    """Write so many tables, called 00.csv and so on."""
    for i in range(count):
        write_table(folder / f"{i:02}.csv")
    return folder


def start(
    *args: object, before: Callable[[], None] | None = None, first: str = ""
) -> subprocess.Popen[str]:
    """Start `annapalm-run` beside the test; `before` is called in its process, `first` is code."""
    return subprocess.Popen(
        [sys.executable, "-c", first + RUN, *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        preexec_fn=before,  # noqa: PLW1509 - the test has no other thread
    )


def run_beside(
    *args: object, before: Callable[[], None] | None = None, first: str = ""
) -> tuple[int, str]:
    """Run to the end in a process of its own; returns exit code and what was said."""
    with start(*args, before=before, first=first) as process:
        _, said = process.communicate(timeout=300)
    assert "Traceback" not in said
    return process.returncode, said


def obey_permissions() -> None:
    """For `before`: let permissions count for root too, as for every other user."""
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    for right in _PASS_ALL_RIGHTS:
        if libc.prctl(_DROP, right, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


def pictures(out: Path) -> dict[str, bytes]:
    """Read all that must not depend on how a run went."""
    kinds = (".ome.tif", ".png")
    return {n: (out / n).read_bytes() for n in sorted(names_in(out)) if n.endswith(kinds)}


def find_faketime() -> str | None:
    """Find libfaketime: what `ANNAPALM_FAKETIME` names, or where Debian has it; or None."""
    found = sorted(map(str, Path("/usr/lib").glob("*/faketime/libfaketime.so.1")))
    return os.environ.get("ANNAPALM_FAKETIME") or next(iter(found), None)
