"""What it costs to judge the localizations of a field: arrangement, drift, precision.

Of a table of 100,000 localizations on filaments, in bursts, over a field of 2560 x 2560 px, as it
is and with a drift put in, which takes more steps to measure. One thread. Nothing is asserted:

    python benchmarks/domain.py
    python benchmarks/domain.py --rows 1000000 --runs 21
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

import field
import machine
import numpy as np

from annapalm.domain import judge, measure_drift, measure_precision
from annapalm.grid import Grid
from annapalm.localizations import Localizations
from annapalm.render import render

if TYPE_CHECKING:
    from collections.abc import Callable

DRIFT_NM = 100.0


def main() -> None:
    """Measure each in turn, and print the machine and the times in Markdown."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--rows", type=int, default=100_000, help="localizations")
    parser.add_argument("--side", type=int, default=2560, help="edge of the field, px")
    parser.add_argument("--runs", type=int, default=15, help="counted rounds, after one warm-up")
    options = parser.parse_args()
    steps = _steps(options.rows, options.side)
    rounds = [{name: _ms(step) for name, step in steps.items()} for _ in range(options.runs + 1)]
    print(*(f"- {what}: {value}" for what, value in machine.describe().items()), "", sep="\n")
    print(f"| {options.rows:,} localizations | median ms | fastest | slowest |")
    print("| --- | --: | --: | --: |")
    for name in steps:
        times = [measured[name] for measured in rounds[1:]]
        print(f"| {name} | {median(times):.1f} | {min(times):.1f} | {max(times):.1f} |")


def _steps(rows: int, side: int) -> dict[str, Callable[[], object]]:
    frame, x, y = field.localizations(rows, side).T
    grid = Grid(field.PIXEL_NM, (0.0, 0.0), (side, side))
    still = Localizations(x.copy(), y.copy(), frame.astype(np.int64) - 1)
    moved = x + DRIFT_NM * (frame / frame.max() - 0.5)
    drifting = Localizations(moved, y.copy(), still.frame)
    counts, moved_counts = (render(locs, grid)[0] for locs in (still, drifting))
    return {
        "`judge`, the arrangement": partial(judge, counts, field.PIXEL_NM, "microtubules"),
        "`measure_drift`, none": partial(measure_drift, still, counts, grid),
        "`measure_drift`, 100 nm": partial(measure_drift, drifting, moved_counts, grid),
        "`measure_precision`": partial(measure_precision, still),
    }


def _ms(step: Callable[[], object]) -> float:
    start = time.perf_counter()
    step()
    return 1e3 * (time.perf_counter() - start)


if __name__ == "__main__":
    main()
