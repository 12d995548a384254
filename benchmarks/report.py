"""What a report of many fields costs: bytes, seconds and memory. Rows of a real run, repeated.

    annapalm-run examples -o OUT
    python benchmarks/report.py OUT --fields 1000 -o FOLDER

Of every fifty fields one has failed. FOLDER/report.html can then be opened and looked at.
"""

from __future__ import annotations

import argparse
import copy
import json
import resource
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

from annapalm.ledger.index import read_index
from annapalm.write import Row, failed_entry, write_run
from annapalm.write.page import page_path

if TYPE_CHECKING:
    from annapalm.write.schema import RunRecord


class Repeated(Sequence[Row]):
    """So many rows, made of some; each when it is asked for, as from a ledger."""

    def __init__(self, rows: list[Row], number: int) -> None:
        """Take the rows to repeat."""
        self._rows, self._number = rows, number

    def __len__(self) -> int:
        return self._number

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Row]: ...
    def __getitem__(self, at: int | slice) -> Row | Sequence[Row]:
        """Make one row, or several."""
        if isinstance(at, slice):
            return [self[number] for number in range(*at.indices(len(self)))]
        if at % 50 == 49:
            error = ValueError(f"plate/cell_{at:04d}.csv, line 7: 'oops' is not a number.")
            return Row(failed_entry(f"plate/cell_{at:04d}.csv", error, 0.1))
        row = self._rows[at % len(self._rows)]
        entry = copy.copy(row.entry)
        entry["stem"] = f"plate/cell_{at:04d}"
        return Row(entry, row.tile)


def main() -> None:
    """Write the report and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--fields", type=int, default=1000)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    index = read_index(options.run / ".annapalm")
    found = [index.row(key) for key in index.places]
    rows = [row for row in found if row is not None and row.tile is not None]
    record: RunRecord = json.loads((options.run / "run.json").read_text("utf-8"))
    record["fields"] = []
    page = page_path(options.run, rows[0].entry["stem"] or "")
    for number in range(options.fields):
        copied = page_path(options.output, f"plate/cell_{number:04d}")
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(page, copied)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    _, report = write_run(options.output, record, Repeated(rows, options.fields), overwrite=True)
    seconds = time.perf_counter() - start
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    size = report.stat().st_size
    print(
        f"{options.fields:,} fields: {size / 1e6:.1f} MB, {seconds:.2f} s, "
        f"{grown / 1024:.1f} MiB of memory more, {report}"
    )


if __name__ == "__main__":
    main()
