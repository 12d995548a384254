"""How large the report of a run is, how fast it is written, and what a browser makes of it.

    python benchmarks/report_size.py OUT FOLDER --fields 1000

OUT is the folder of a real run. FOLDER gets the report of a run of that many fields: the real ones
again and again under other names, their numbers varied, some failed, some warned about; and their
pages. Prints bytes, seconds and the peak of Python's memory while it is written.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from annapalm.ledger.index import read_index
from annapalm.write import Row, failed_entry, write_run
from annapalm.write.page import page_name

if TYPE_CHECKING:
    from collections.abc import Iterator

FAILURES = (
    "{}.csv, line 48211, column 'x [nm]': '1.2e' is not a number. Correct the cell.",
    "{}.csv ends in the middle of line 99104.\nWas the drive full? Copy the file again.",
)
WARNING = (
    "The density is 2.1 localizations per µm², below what the model was trained on (5 to 60): "
    "structure may be missing."
)


def rows_like(rows: list[Row], count: int) -> Iterator[Row]:
    """Yield that many rows: real ones under other names, with numbers of their own."""
    random = np.random.default_rng(7)
    for number in range(count):
        stem = f"plate7/well_{chr(65 + number // 24 % 8)}{number % 12 + 1:02d}/field_{number:04d}"
        if number % 33 == 5:
            message = FAILURES[number // 33 % 2].format(stem)
            yield Row(failed_entry(f"{stem}.csv", ValueError(message), 0.05))
            continue
        row = rows[number % len(rows)]
        entry = copy.deepcopy(row.entry)
        entry["stem"] = stem
        entry["seconds"] = float(random.gamma(20, 0.05))
        record = entry["record"]
        if record is not None:
            share = float(np.clip(random.normal(0.06, 0.035), 0, 1))
            share = share if random.random() < 0.9 else float(random.random())
            record["trust"]["doubtful_share"] = share
            record["counts"]["density_per_um2"] = float(25 * random.lognormal(0, 0.2))
            if number % 150 == 20:
                record["counts"]["density_per_um2"] *= 12
            record["warnings"] = [WARNING] if random.random() < 0.05 else []
            if number % 3:
                record["widefield"] = {
                    "rsp": float(np.clip(random.normal(0.9, 0.06), 0, 1)),
                    "rse": float(random.gamma(4, 0.05)),
                    "shift_nm": [12.0, -3.0],
                    "registered": True,
                    "psf_sigma_nm": 130.0,
                }
        yield Row(entry, row.tile)


def main() -> None:
    """Write the report and print what it costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fields", type=int, default=1000)
    asked = parser.parse_args()
    index = read_index(asked.out / ".annapalm")
    found = [index.row(key) for key in index.places]
    real = [row for row in found if row is not None and row.entry["record"] is not None]
    head = json.loads((asked.out / "run.json").read_text(encoding="utf-8"))
    head["status"], head["seconds"] = "failed", 3721.0
    del head["fields"]
    pages = 0
    for number, row in enumerate(rows_like(real, asked.fields)):
        if row.entry["record"] is not None and row.entry["stem"] is not None:
            page = asked.folder / page_name(row.entry["stem"])
            page.parent.mkdir(parents=True, exist_ok=True)
            stem = real[number % len(real)].entry["stem"] or ""
            page.write_bytes((asked.out / page_name(stem)).read_bytes())
            pages += page.stat().st_size
    start = time.perf_counter()
    record, report = write_run(asked.folder, head, rows_like(real, asked.fields), replace=True)
    seconds = time.perf_counter() - start
    tracemalloc.start()  # in a round of its own: it takes its time
    write_run(asked.folder, head, rows_like(real, asked.fields), replace=True)
    _, peak = tracemalloc.get_traced_memory()
    print(
        f"{asked.fields} fields: report.html {report.stat().st_size / 1e6:.2f} MB, "
        f"run.json {record.stat().st_size / 1e6:.2f} MB, pages {pages / 1e6:.1f} MB, "
        f"{seconds:.2f} s, peak {peak / 1e6:.2f} MB"
    )


if __name__ == "__main__":
    main()
