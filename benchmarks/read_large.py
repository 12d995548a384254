"""How fast a large ThunderSTORM table is read, and in how much memory, beside polars.

    pip install "polars>=1"
    PYTHONPATH=runtime python benchmarks/read_large.py [ROWS]

Writes a simulated table of 10 million rows (or ROWS) to the folder for temporary files, and reads
it once by each, in a process of its own: seconds, and the most memory that the process had. polars
gives columns; annapalm checks every cell, converts, and hashes the file.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HEADER = '"id","frame","x [nm]","y [nm]","sigma [nm]","intensity [photon]","uncertainty_xy [nm]"\n'
BLOCK = 200_000

_PEAK = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
_READERS = {
    "annapalm": "from annapalm import read_localizations as read; x = read(sys.argv[1])",
    "polars, all columns": "import polars; x = polars.read_csv(sys.argv[1])",
    "polars, the five columns": (
        "import polars; x = polars.read_csv(sys.argv[1], columns=[1, 2, 3, 5, 6])"
    ),
}


def write(path: Path, rows: int) -> None:
    """Write a simulated table."""
    random = np.random.default_rng(1)
    with path.open("w", encoding="ascii") as stream:
        stream.write(HEADER)
        for start in range(0, rows, BLOCK):
            count = min(BLOCK, rows - start)
            number = np.arange(start + 1, start + count + 1)
            cells = [number, number // 300 + 1, *random.uniform(0, 51_200, (2, count))]
            cells += [random.normal(140, 10, count), random.lognormal(7, 0.5, count)]
            cells += [random.uniform(5, 20, count)]
            np.savetxt(stream, np.stack(cells, 1), "%d,%d,%.2f,%.2f,%.2f,%.1f,%.2f")


def main() -> None:
    """Write, read, print."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.csv"
        write(path, rows)
        print(f"{rows:,} rows, {path.stat().st_size / 1e6:,.0f} MB")
        for name, code in _READERS.items():
            start = time.perf_counter()
            command = [sys.executable, "-c", f"import sys; {code}; {_PEAK}", str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            seconds = time.perf_counter() - start
            print(f"{name:26} {seconds:6.1f} s, at most {int(done.stdout):,} MB")


if __name__ == "__main__":
    main()
