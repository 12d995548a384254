"""What very many small fields cost: whether memory grows, or handles and threads are left over.

    python benchmarks/many_fields.py FOLDER --fields 10000

Writes that many tables of 300 rows (2 x 2 µm) into FOLDER, runs `annapalm-run` on them in a process
of its own, and looks at it from outside (Linux: /proc) each time that so many more fields are done.
Prints the course in Markdown, the slope of memory after the first tenth, the sizes of report and
record, and the times of the same command again, with `--dry-run` and to resume a complete run.
Further options are those of `annapalm-run`, such as `--quiet` and `--threads 1`.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from machine import describe

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADER = '"frame","x [nm]","y [nm]","uncertainty_xy [nm]"'
RUN = "import sys; sys.argv[0] = 'annapalm-run'; from annapalm.cli.run import main; main()"


@dataclass(frozen=True)
class Look:
    """A process, seen at one moment."""

    fields: int
    """Done by then."""
    resident_mb: float
    handles: int
    threads: int

    @classmethod
    def at(cls, pid: int, fields: int) -> Look:
        """Look at a process; Linux only. Raises `ProcessLookupError` where it has ended."""
        folder = Path(f"/proc/{pid}")
        try:
            lines = (folder / "status").read_text(encoding="utf-8").splitlines()
            handles = len(list((folder / "fd").iterdir()))
        except OSError as problem:
            raise ProcessLookupError(pid) from problem
        values = dict(line.partition(":")[::2] for line in lines)
        if "VmRSS" not in values:  # ended, and nobody has asked for its exit code yet
            raise ProcessLookupError(pid)
        resident_mb = int(values["VmRSS"].split()[0]) * 1024 / 1e6
        return cls(fields, resident_mb, handles, int(values["Threads"]))


def write_tables(folder: Path, count: int, rows: int = 300) -> None:
    """Write `count` tables, each of a ring of its own, for those that are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        path = folder / f"field_{number:05d}.csv"
        if path.exists():
            continue
        random = np.random.default_rng(number)
        angle = random.uniform(0, 2 * np.pi, rows)
        radius = 600 + random.normal(0, 12, rows)
        x, y = (1000 + radius * wave(angle) for wave in (np.cos, np.sin))
        frames = 1 + np.arange(rows) * 40 // rows
        lines = [f"{f},{a:.2f},{b:.2f},11.5" for f, a, b in zip(frames, x, y, strict=True)]
        path.write_text("\n".join([HEADER, *lines, ""]), encoding="utf-8")


def watch(arguments: Sequence[str | Path], every: int) -> tuple[list[Look], float]:
    """Run to the end and look at the process after each `every` fields; also gives seconds."""
    words = [sys.executable, "-c", RUN, *map(str, arguments), "--jsonl"]
    looks, start = [], time.perf_counter()
    with subprocess.Popen(words, stdout=subprocess.PIPE, encoding="utf-8") as process:
        if process.stdout is None:
            raise TypeError
        for number, _ in enumerate(process.stdout, start=1):
            if number % every == 0:
                with contextlib.suppress(ProcessLookupError):  # its last lines may wait in the pipe
                    looks.append(Look.at(process.pid, number))
    if process.returncode:
        sys.exit(f"{words}\nended with {process.returncode}")
    return looks, time.perf_counter() - start


def slope_mb(looks: Sequence[Look]) -> float:
    """Fit how much memory grows, in MB per 1,000 fields, after the first tenth."""
    late = [look for look in looks if look.fields > looks[-1].fields / 10]
    fields, memory = [look.fields for look in late], [look.resident_mb for look in late]
    return float(np.polyfit(fields, memory, 1)[0]) * 1000


def _seconds(arguments: Sequence[str | Path]) -> float:
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", RUN, *map(str, arguments)], check=True, capture_output=True
    )
    return time.perf_counter() - start


def main() -> None:
    """Write the tables, run, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fields", type=int, default=10_000)
    asked, options = parser.parse_known_args()
    source, out = asked.folder / f"in-{asked.fields}", asked.folder / f"out-{asked.fields}"
    write_tables(source, asked.fields)
    arguments = [source, "-o", out, "--device", "cpu", *options]
    for name, value in describe().items():
        print(f"{name}: {value}")
    looks, seconds = watch(arguments, max(1, asked.fields // 20))
    print("\n| fields done | resident MB | handles | threads |\n| --- | --- | --- | --- |")
    for look in looks:
        print(f"| {look.fields} | {look.resident_mb:.1f} | {look.handles} | {look.threads} |")
    print(
        f"\n{asked.fields} fields in {seconds:.0f} s; memory grows by {slope_mb(looks):.2f} MB per "
        "1,000 fields"
    )
    for name in ("report.html", "run.json", ".annapalm/ledger.jsonl"):
        print(f"{name}: {(out / name).stat().st_size / 1e6:.1f} MB")
    print(f"--dry-run of the complete run: {_seconds([*arguments, '--dry-run']):.1f} s")
    print(f"the same command again, all done: {_seconds(arguments):.1f} s")


if __name__ == "__main__":
    main()
