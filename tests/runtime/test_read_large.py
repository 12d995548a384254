"""Large tables: how much memory they take, and how a host follows and stops the reading."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from read_words import table

from annapalm.errors import CancelledError
from annapalm.field import FieldOptions, read_field
from annapalm.read import read_table, source
from annapalm.read.rows import _Growing

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "id,frame,x [nm],y [nm],sigma [nm],intensity [photon],uncertainty [nm]\n"


class Watch:
    """A host that hears how far the reading is, and may stop it."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.heard: list[tuple[int, int]] = []
        self._stop_at = stop_at

    def advance(self, done: int, total: int) -> None:
        self.heard.append((done, total))

    def cancelled(self) -> bool:
        return self._stop_at is not None and len(self.heard) >= self._stop_at


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a table of 3 MB, which counts as large."""
    monkeypatch.setattr(source, "PROGRESS_BYTES", 2**20)
    path = tmp_path / "large.csv"
    row = "1,{frame},26205.27,28352.18,131.06,1678.5,10.37\n"
    path.write_text(HEADER + "".join(row.format(frame=i // 300 + 1) for i in range(70_000)))
    return path


def test_a_host_hears_how_far_a_large_table_is_read(large: Path) -> None:
    watch, size = Watch(), large.stat().st_size
    assert read_table(large, progress=watch).rows == 70_000
    done = [d for d, _ in watch.heard]
    assert {total for _, total in watch.heard} == {size}
    assert done == sorted(done)
    assert (len(done) >= 3, done[-1]) == (True, size)
    again = Watch()
    read_field(large, 20.0, FieldOptions(), progress=again)
    assert again.heard == watch.heard


def test_a_small_table_tells_nothing(tmp_path: Path) -> None:
    path, watch = tmp_path / "small.csv", Watch()
    path.write_text(HEADER + "1,1,2,3,4,5,6\n2,2,2,3,4,5,6\n")
    read_table(path, progress=watch)
    assert watch.heard == []


def test_a_host_stops_the_reading(large: Path) -> None:
    watch = Watch(stop_at=2)
    with pytest.raises(CancelledError):
        read_table(large, progress=watch)
    assert len(watch.heard) == 2


def test_columns_grow_and_keep_what_they_hold() -> None:
    columns = _Growing(2)
    blocks = [np.arange(2.0 * n).reshape(n, 2) for n in (0, 1, 7, 100, 3)]
    for block in blocks:
        columns.add(block)
    np.testing.assert_array_equal(np.stack(columns.columns(), 1), np.concatenate(blocks))


def test_numbers_of_all_lengths_in_one_table_are_those_that_float_gives() -> None:
    random = np.random.default_rng(3)
    x = [f"{v:.{n % 18}g}" for n, v in enumerate(random.uniform(-1e5, 1e5, 2000))]
    y = [repr(v) for v in random.lognormal(3, 5, 2000).tolist()]
    text = "".join(
        f"{i},{i + 1},{a},{b},1,,NaN\n" for i, (a, b) in enumerate(zip(x, y, strict=True))
    )
    found = table(HEADER + text).localizations
    assert found.x_nm.tolist() == [float(cell) for cell in x]
    assert found.y_nm.tolist() == [float(cell) for cell in y]


if sys.platform == "linux":  # where a process can be asked for its peak, and columns grow in place
    _CODE = """
import resource, sys
from annapalm.read import read_table
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
read_table(sys.argv[1])
before = peak()
print(len(read_table(sys.argv[2]).localizations), peak() - before)
"""

    def test_a_table_takes_the_memory_of_its_columns_and_little_more(tmp_path: Path) -> None:
        rows, small, large = 600_000, tmp_path / "small.csv", tmp_path / "large.csv"
        line = "1,{frame},26205.27,28352.18,131.06,1678.5,10.37\n"
        block = "".join(line.format(frame=i + 1) for i in range(30_000))
        small.write_text(HEADER + block)
        large.write_text(HEADER + block * (rows // 30_000))
        done = subprocess.run(
            [sys.executable, "-c", _CODE, str(small), str(large)],
            capture_output=True, text=True, check=True, env=os.environ,
        )  # fmt: skip
        found, grown_kb = map(int, done.stdout.split())
        result_kb = rows * 5 * 8 / 1024  # x, y, frame, photons, precision
        assert found == rows
        assert grown_kb < 1.5 * result_kb
