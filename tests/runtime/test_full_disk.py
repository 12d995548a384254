"""A disk or a quota that is full, at any page of a run, and a disk that takes no further file.

Collected are the kinds of disk that can be made here (`small_disk.py`); `test_faults.py` has the
same with a limit on the size of files, which every Unix knows.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from cli_words import (
    RECORDS,
    assert_complete_or_absent,
    invoke,
    names_in,
    outputs_of,
    read_json,
    rows_of_a_ring,
    write_table,
)
from small_disk import QuotaDisk, SmallDisk, disks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from typer.testing import Result

NAME = "a-name-so-long-that-what-the-ledger-says-of-it-does-not-fit-into-one-page-" * 2
TORN = (
    "note: 1 line of the record of earlier runs cannot be read and count for nothing; what they "
    "spoke of is done again.\n"
)
FORGOTTEN = "warning: a later run will do finished fields again: "  # no room to say: done


@pytest.fixture
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallDisk]:
    (tmp_path / "disk").mkdir()
    with request.param(tmp_path / "disk") as made:
        yield made


every_disk = pytest.mark.parametrize("disk", disks(), indirect=True, ids=lambda d: d.__name__)


class SmallRun:
    """A run of one small field onto a small disk; what it must be like in the end is known."""

    def __init__(self, tmp_path: Path, model: Path, disk: SmallDisk) -> None:
        self.source = write_table(tmp_path / "in" / f"{NAME}.csv", rows_of_a_ring(60))
        self._disk, self._model = disk, model
        quiet = tmp_path / "quiet"
        assert self.into(quiet).exit_code == 0
        self._picture = (quiet / f"{NAME}.ome.tif").read_bytes()

    @property
    def out(self) -> Path:
        return self._disk.path / "out"

    def into(self, out: Path) -> Result:
        args = ("--roi", "1,1,2,2", "--device", "cpu", "--threads", "1", "--no-preview", "-q")
        return invoke(self.source, "-o", out, "--model", self._model, *args)

    def meets(self, limit: Callable[[int], None], amount: int) -> Result:
        """Run on the full disk, see that nothing is half there; make room, and see it done."""
        self._disk.clear()
        limit(amount)
        result = self.into(self.out)
        assert "Traceback" not in result.stderr
        for line in result.stderr.splitlines():
            assert re.match(r"(error|warning): ", line), f"at {amount}: {line}"
            assert f"{self._disk.FULL}. Make room" in line
        if self.out.exists():
            self._assert_nothing_is_half_there()
        self._disk.make_room()
        again = self.into(self.out)
        assert again.exit_code == 0, f"after {amount}: {again.stderr}"
        assert again.stderr in ("", TORN), f"after {amount}"
        self._assert_nothing_is_half_there()
        assert (self.out / f"{NAME}.ome.tif").read_bytes() == self._picture
        assert [f["status"] for f in read_json(self.out / "run.json")["fields"]] == ["done"]
        return result

    def _assert_nothing_is_half_there(self) -> None:
        names = names_in(self.out)
        done = outputs_of(NAME, preview=False)
        assert names - RECORDS in (set(), done)
        assert names & RECORDS in (set(), RECORDS)
        for page in [self.out / "report.html", *self.out.glob("report/*")]:
            assert not page.exists() or page.read_text(encoding="utf-8").endswith("</html>\n")


@pytest.fixture
def small_run(tmp_path: Path, tiny_model_path: Path, disk: SmallDisk) -> SmallRun:
    return SmallRun(tmp_path, tiny_model_path, disk)


def sweep(run: SmallRun, limit: Callable[[int], None]) -> tuple[set[str], str]:
    """Give a run more and more until it has enough.

    Returns which files found no room, without the name of the field, and all that was said.
    """
    said, codes = "", list[int]()
    while 0 not in codes:
        result = run.meets(limit, len(codes))
        codes.append(result.exit_code)
        said += result.stderr
        assert len(codes) < 500  # this much is more than enough
    names = re.findall(r"([^/]+) could not be written", said)
    refused = codes.count(2)  # no room for the very beginning: nothing was begun
    assert codes == [2] * refused + [1] * (len(codes) - refused - 1) + [0]
    assert result.stderr == ""
    return {name.removeprefix(NAME) for name in names}, said


@every_disk
def test_a_disk_that_is_full_at_any_page_of_a_run_leaves_nothing_half_written(
    small_run: SmallRun, disk: SmallDisk
) -> None:
    names, said = sweep(small_run, disk.leave_pages)
    assert names >= {".ome.tif", ".json", ".html", "run.json", "report.html"}
    if not isinstance(disk, QuotaDisk):  # which has room for a few lines beside its own tables
        assert "ledger.jsonl" in names
        assert FORGOTTEN in said


@pytest.mark.parametrize("disk", [SmallDisk], indirect=True)
def test_a_disk_that_takes_no_further_file_at_any_file_of_a_run_leaves_nothing_half_written(
    small_run: SmallRun, disk: SmallDisk
) -> None:
    names, _ = sweep(small_run, disk.leave_names)
    assert names >= {".ome.tif", ".json", ".html", "run.json", "report.html"}


@every_disk
def test_fields_that_find_no_room_fail_and_those_before_them_stay(
    tmp_path: Path, tiny_model_path: Path, disk: SmallDisk
) -> None:
    source = tmp_path / "in"
    for name in ("0", "1", "2"):
        write_table(source / f"{name}.csv")
    args = (source, "--model", tiny_model_path, "--device", "cpu", "-o")
    assert invoke(*args, tmp_path / "quiet").exit_code == 0
    held = sum(path.stat().st_size for path in tmp_path.glob("quiet/0.*"))
    out = disk.path / "out"
    disk.leave_pages(held * 3 // 2 // 4096)
    result = invoke(*args, out)
    assert result.exit_code == 1
    done = assert_complete_or_absent(out)
    assert len(done) == 1
    assert result.stderr.count(f"could not be written to its end: {disk.FULL}") >= 2
    if disk.GIVES_BACK:  # what the failed ones left is room for the report
        fields = read_json(out / "run.json")["fields"]
        assert sorted(f["status"] for f in fields) == ["done", "failed", "failed"]
    disk.make_room()
    again = invoke(*args, out)
    assert again.exit_code == 0
    assert "3 done (1 before), 0 failed" in again.stdout
    assert assert_complete_or_absent(out) == {"0", "1", "2"}
