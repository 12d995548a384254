"""What it gains that reading, drawing and writing overlap: a folder of fields, `--jobs` in turn.

    python benchmarks/overlap.py                        eight fields of 2560 x 2560 px, 100,000 rows
    python benchmarks/overlap.py --jobs 1 3 --runs 5

Each round runs the folder once with every number of jobs, in new processes, so that all see the
same machine. Of each: seconds a field (the start is measured on one field and taken off), CPU
seconds, and peak memory. With one job, how long the steps of a field take, from the records.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import field
import machine
from process import run

if TYPE_CHECKING:
    from process import Finished


def main() -> None:
    """Measure, and print a table in Markdown."""
    options = _options()
    described = machine.describe()
    with tempfile.TemporaryDirectory() as folder:
        tables = _tables(Path(folder, "in"), options)
        rounds = [_round(tables, Path(folder, "out"), options) for _ in range(options.runs + 1)]
        steps = _steps(Path(folder, "out"))
    print(*(f"- {what}: {value}" for what, value in described.items()), "", sep="\n")
    print(f"One field, one job, medians: {steps}\n")
    print("| `--jobs` | s a field, median | fastest | slowest | CPU s a field | peak MiB |")
    print("| --- | --- | --- | --- | --- | --- |")
    for jobs in options.jobs:
        print(_row(jobs, [found[jobs] for found in rounds[1:]], options.fields))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--fields", type=int, default=8, help="tables in the folder")
    parser.add_argument("--runs", type=int, default=3, help="counted rounds, after one warm-up")
    parser.add_argument("--side", type=int, default=2560, help="edge of the field, px of 20 nm")
    parser.add_argument("--rows", type=int, default=100_000, help="localizations of a table")
    parser.add_argument("--device", default="auto", help="as of annapalm-run")
    return parser.parse_args()


def _tables(folder: Path, options: argparse.Namespace) -> Path:
    folder.mkdir()
    first = folder / "000.csv"
    field.write_csv(first, field.localizations(options.rows, options.side))
    for number in range(1, options.fields):
        shutil.copyfile(first, folder / f"{number:03}.csv")
    return folder


def _round(
    tables: Path, out: Path, options: argparse.Namespace
) -> dict[int, tuple[Finished, Finished]]:
    """Run the folder, and one field of it, with each number of jobs; with one job last."""
    found = {}
    side = f"{options.side * field.PIXEL_NM / 1000:g}"
    more = ["--quiet", "--field", f"{side}x{side}", "--device", options.device]
    program = Path(sys.executable).with_name("annapalm-run")
    for jobs in sorted(options.jobs, reverse=True):
        took = []
        for inputs in (tables / "000.csv", tables):
            shutil.rmtree(out, ignore_errors=True)
            took.append(run([program, inputs, "-o", out, "--jobs", str(jobs), *more]))
        found[jobs] = (took[0], took[1])
    return found


def _steps(out: Path) -> str:
    """Say how long each step of a field took, from the records of the last run."""
    fields = json.loads((out / "run.json").read_text(encoding="utf-8"))["fields"]
    timings: dict[str, list[float]] = {}
    for entry in fields:
        for name, seconds in {**entry["record"]["timings_s"], "all": entry["seconds"]}.items():
            timings.setdefault(name, []).append(seconds)
    return ", ".join(f"{name} {median(seconds):.3f} s" for name, seconds in timings.items())


def _row(jobs: int, rounds: list[tuple[Finished, Finished]], fields: int) -> str:
    wall = [(all_.wall_s - one.wall_s) / (fields - 1) for one, all_ in rounds]
    cpu = [((all_.cpu_s or 0) - (one.cpu_s or 0)) / (fields - 1) for one, all_ in rounds]
    peak = max(all_.peak_mib or 0 for _, all_ in rounds)
    times = f"{median(wall):.3f} | {min(wall):.3f} | {max(wall):.3f}"
    return f"| {jobs} | {times} | {median(cpu):.2f} | {peak:.0f} |"


if __name__ == "__main__":
    main()
