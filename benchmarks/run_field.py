"""Times and peak memory of one field of view on this machine, as medians over several runs.

    python benchmarks/run_field.py                  the yardstick: 2560 x 2560 px, 100,000 rows
    python benchmarks/run_field.py --against MODEL  two models in turn: both see the same machine

Measured:
- warm: a loaded model on an image of counts, the network alone and all of `Model.reconstruct`;
- cold: `annapalm-run` from a CSV table to all files on disk, a new process each time.
Beside them, in turn with them, two baselines that no change of ours moves: a matrix product (what
the machine computes at that moment) and a process that only imports what annapalm depends on.
Nothing is asserted: figures are for people, and the machine is printed above them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import field
import machine
from process import Finished, run
from warm import MATRIX

from annapalm.model import DEFAULT_MODEL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HERE = Path(__file__).resolve().parent
IMPORTS = "import numpy, onnxruntime, tifffile, typer, rich"


@dataclass(frozen=True)
class Row:
    """One line of the printed table."""

    what: str
    wall_s: Sequence[float]
    cpu_s: Sequence[float | None] = ()
    peak_mib: Sequence[float | None] = ()

    def __str__(self) -> str:
        """Render as a row in Markdown: median, fastest and slowest, then the other medians."""
        wall = f"{median(self.wall_s):.3f} | {min(self.wall_s):.3f} | {max(self.wall_s):.3f}"
        return f"| {self.what} | {wall} | {_median(self.cpu_s, 2)} | {_median(self.peak_mib, 0)} |"


def main() -> None:
    """Measure, print a table in Markdown, and write every single figure as JSON where asked."""
    options = _options()
    described = machine.describe()
    warm, process = _warm(options)
    cold, imports = _cold(options, warm["structures"][options.model])
    print(*(f"- {what}: {value}" for what, value in described.items()), "", sep="\n")
    print("| what | median s | fastest s | slowest s | CPU s | peak MiB |")
    print("| --- | --- | --- | --- | --- | --- |")
    print(*_warm_rows(options, warm, process), *_cold_rows(options, cold, imports), sep="\n")
    if options.json is not None:
        report = {
            "machine": described,
            "options": vars(options),
            "warm": {**warm, "peak_mib": process.peak_mib},
            "cold": [asdict(finished) for finished in cold],
            "imports": [asdict(finished) for finished in imports],
        }
        options.json.write_text(json.dumps(report, indent=2, default=str) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--model", default=DEFAULT_MODEL, help="name or path")
    parser.add_argument("--against", help="a second model, run in turn with the first when warm")
    parser.add_argument("--structure", help="what to ask the models for; else each one's first")
    parser.add_argument("--runs", type=int, default=5, help="counted runs, after one warm-up")
    parser.add_argument("--threads", type=int, help="CPU threads; without it those usable")
    parser.add_argument("--side", type=int, default=2560, help="edge of the field, px of 20 nm")
    parser.add_argument("--rows", type=int, default=100_000, help="localizations of the table")
    parser.add_argument("--json", type=Path, help="write every single figure to this file")
    options = parser.parse_args()
    if options.against == options.model:
        parser.error("--against names the same model as --model")
    return options


def _warm(options: argparse.Namespace) -> tuple[dict[str, Any], Finished]:
    """Measure warm models in a process of their own."""
    models = [name for name in (options.model, options.against) if name is not None]
    orders = {
        key: getattr(options, key) for key in ("runs", "threads", "side", "rows", "structure")
    }
    # The matrix product of numpy takes as many threads as the network.
    threads = {} if options.threads is None else {"OPENBLAS_NUM_THREADS": str(options.threads)}
    command = (sys.executable, HERE / "warm.py", json.dumps({**orders, "models": models}))
    process = run(command, threads)
    return json.loads(process.stdout), process


def _cold(options: argparse.Namespace, structure: str) -> tuple[list[Finished], list[Finished]]:
    """Measure the command line in turn with a process that only imports."""
    program = Path(sys.executable).with_name("annapalm-run")
    side = f"{options.side * field.PIXEL_NM / 1000:g}"
    cold, imports = [], []
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder, "cell.csv")
        field.write_csv(table, field.localizations(options.rows, options.side))
        command: list[str | Path] = [program, table, "-o", Path(folder, "out"), "--overwrite"]
        command += ["--quiet", "--field", f"{side}x{side}", "--model", options.model]
        command += ["--structure", structure]
        command += [] if options.threads is None else ["--threads", str(options.threads)]
        for _ in range(options.runs + 1):
            cold.append(run(command))
            imports.append(run((sys.executable, "-c", IMPORTS)))
    return cold[1:], imports[1:]  # the first round filled the disk cache


def _warm_rows(
    options: argparse.Namespace, warm: dict[str, Any], process: Finished
) -> Iterable[Row]:
    size = f"{options.side} x {options.side} px"
    for name, threads in warm["threads"].items():
        rounds = [figures[name] for figures in warm["rounds"]]
        pieces = f"{rounds[0]['tiles']} tile(s), {threads} thread(s)"
        yield Row(f"warm network, {name}, {size}, {pieces}", [r["network_s"] for r in rounds])
        wall, cpu = ([r[key] for r in rounds] for key in ("wall_s", "cpu_s"))
        yield Row(f"warm `Model.reconstruct`, {name}, {size}", wall, cpu, [process.peak_mib])
    matrix = [figures["matrix_s"] for figures in warm["rounds"]]
    yield Row(f"baseline: product of two {MATRIX} x {MATRIX} float32 matrices", matrix)


def _cold_rows(
    options: argparse.Namespace, cold: list[Finished], imports: list[Finished]
) -> Iterable[Row]:
    what = f"cold `annapalm-run`, {options.rows:,} rows to files on disk"
    for name, runs in ((what, cold), (f"baseline: cold `{IMPORTS}`", imports)):
        cpu, peak = [r.cpu_s for r in runs], [r.peak_mib for r in runs]
        yield Row(name, [r.wall_s for r in runs], cpu, peak)


def _median(values: Sequence[float | None], digits: int) -> str:
    known = [value for value in values if value is not None]
    return f"{median(known):.{digits}f}" if known else ""


if __name__ == "__main__":
    main()
