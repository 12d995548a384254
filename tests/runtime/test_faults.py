"""What befalls a run at night, done for real; docs/reliability.md lists what is here."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import time
from typing import TYPE_CHECKING, Any

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
from fault_words import run_beside, tables

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from typer.testing import Result


def test_a_full_disk_fails_the_fields_that_find_no_room(
    tmp_path: Path, tiny_model_path: Path
) -> None:
    source, out = tables(tmp_path / "in", 3), tmp_path / "out"

    def little_room() -> None:  # as a full disk: a write takes a part, the next one nothing
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    args = (source, "-o", out, "--model", tiny_model_path, "--device", "cpu")
    code, said = run_beside(*args, before=little_room)
    assert code == 1
    assert said.count("could not be written to its end") >= 3
    assert assert_complete_or_absent(out) == set()
    assert invoke(*args).exit_code == 0
    assert assert_complete_or_absent(out) == {"00", "01", "02"}


class Meanwhile:
    """A run in this process, to which something happens when its second field is read."""

    def __init__(self, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.source, self.out, self.model = tables(tmp_path / "in", 4), tmp_path / "out", model
        self._patch = monkeypatch

    def run(self, event: Callable[[], object], *, written: bool = False) -> Result:
        """Let it happen before the field is read, or when its files are about to be written."""
        from annapalm.cli import work

        begin, count = work.Work._begin, iter(range(100))

        def noticed(this: Any, item: Any) -> Callable[[], None]:
            announce, second = begin(this, item), next(count) == 1
            if second and not written:
                event()

            def noticed_too() -> None:
                announce()
                if second and written:
                    event()

            return noticed_too

        with self._patch.context() as patch:
            patch.setattr(work.Work, "_begin", noticed)
            return self.again()

    def again(self) -> Result:
        return invoke(self.source, "-o", self.out, "--model", self.model, "--device", "cpu")

    def statuses(self) -> list[str]:
        return [f["status"] for f in read_json(self.out / "run.json")["fields"]]


@pytest.fixture
def meanwhile(tmp_path: Path, tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    model = tmp_path / "model.onnx"
    shutil.copyfile(tiny_model_path, model)
    return Meanwhile(tmp_path, model, monkeypatch)


def test_an_input_that_is_deleted_fails_alone(meanwhile: Meanwhile) -> None:
    assert meanwhile.run((meanwhile.source / "02.csv").unlink).exit_code == 1
    assert meanwhile.statuses() == ["done", "done", "failed", "done"]
    assert assert_complete_or_absent(meanwhile.out) == {"00", "01", "03"}


def test_an_input_that_is_truncated_fails_alone_and_is_tried_again(meanwhile: Meanwhile) -> None:
    path = meanwhile.source / "02.csv"
    whole = path.read_bytes()
    result = meanwhile.run(lambda: path.write_bytes(whole[: len(whole) // 2 - 9]))
    statuses = meanwhile.statuses()
    assert statuses[:2] + statuses[3:] == ["done"] * 3
    assert result.exit_code == (statuses[2] == "failed")  # as the cut may fall on a whole row
    path.write_bytes(whole)
    assert meanwhile.again().exit_code == 0
    assert read_json(meanwhile.out / "02.json")["provenance"]["input"]["rows"] == 400


def test_an_input_that_is_replaced_is_the_one_that_its_record_names(meanwhile: Meanwhile) -> None:
    path = meanwhile.source / "02.csv"
    assert meanwhile.run(lambda: write_table(path, rows_of_a_ring(7))).exit_code == 0
    assert read_json(meanwhile.out / "02.json")["provenance"]["input"]["rows"] == 7
    write_table(path)
    assert meanwhile.again().exit_code == 0
    assert read_json(meanwhile.out / "02.json")["provenance"]["input"]["rows"] == 400


def test_an_input_that_changes_while_it_is_read_gives_no_picture(
    meanwhile: Meanwhile, monkeypatch: pytest.MonkeyPatch
) -> None:
    from annapalm.field import read as reader

    read = reader._read_table

    def grow(source: Path, *more: Any) -> Any:  # an acquisition that is still writing
        found = read(source, *more)
        if source.name == "02.csv":
            with source.open("a", encoding="utf-8") as stream:
                stream.write("40,2000.0,2000.0,9\n")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(reader, "_read_table", grow)
        result = meanwhile.again()
    assert result.exit_code == 1
    assert "02.csv was changed while it was read" in result.stderr
    assert meanwhile.statuses() == ["done", "done", "failed", "done"]
    assert meanwhile.again().exit_code == 0


def test_a_model_that_is_swapped_draws_nothing(meanwhile: Meanwhile) -> None:
    assert meanwhile.run(lambda: meanwhile.model.write_bytes(b"another")).exit_code == 0
    hashes = {
        read_json(meanwhile.out / f"0{i}.json")["provenance"]["model"]["sha256"] for i in range(4)
    }
    assert len(hashes) == 1
    assert meanwhile.again().exit_code == 3  # and the next run refuses the new one


def test_a_folder_that_cannot_be_written_any_more_fails_the_rest(meanwhile: Meanwhile) -> None:
    def lose() -> None:  # a file where the folder was: this stops root too, as rights would not
        meanwhile.out.rename(meanwhile.out.with_name("moved"))
        meanwhile.out.write_bytes(b"")

    assert meanwhile.run(lose, written=True).exit_code == 1
    moved = meanwhile.out.with_name("moved")
    assert assert_complete_or_absent(moved) == {"00"}
    meanwhile.out.unlink()
    moved.rename(meanwhile.out)
    assert meanwhile.again().exit_code == 0
    assert assert_complete_or_absent(meanwhile.out) == {"00", "01", "02", "03"}


def test_a_report_that_cannot_be_written_loses_no_field(meanwhile: Meanwhile) -> None:
    (meanwhile.out / "run.json").mkdir(parents=True)
    (meanwhile.out / "report.html").mkdir()
    assert meanwhile.again().exit_code == 0
    assert "run-2.json" in names_in(meanwhile.out)
    shutil.rmtree(meanwhile.out)
    assert meanwhile.again().exit_code == 0
    for name in RECORDS:
        (meanwhile.out / name).unlink()
        (meanwhile.out / name).mkdir()
    refused = meanwhile.again()
    assert refused.exit_code == 1
    assert "cannot be written: it is a folder" in refused.stderr
    assert assert_complete_or_absent(meanwhile.out) == {"00", "01", "02", "03"}


def test_a_second_run_into_the_folder_is_refused(meanwhile: Meanwhile) -> None:
    seen: list[tuple[int, str]] = []
    args = (meanwhile.source, "-o", meanwhile.out, "--model", meanwhile.model)
    assert meanwhile.run(lambda: seen.append(run_beside(*args))).exit_code == 0
    assert seen[0][0] == 2
    assert f"in use by another run (process {os.getpid()} on " in seen[0][1]
    assert assert_complete_or_absent(meanwhile.out) == {"00", "01", "02", "03"}


def test_a_clock_that_is_set_back_changes_nothing(meanwhile: Meanwhile) -> None:
    before = time.time() + 86_400  # the files of the first run are of tomorrow
    (meanwhile.source / "03.csv").unlink()
    assert meanwhile.again().exit_code == 0
    for name in names_in(meanwhile.out):
        os.utime(meanwhile.out / name, (before, before))
    for path in (meanwhile.out / ".annapalm").iterdir():
        os.utime(path, (before, before))
    write_table(meanwhile.source / "03.csv")
    result = meanwhile.again()
    assert "4 done (3 before), 0 failed" in result.stdout


def test_a_rehearsal_writes_nothing(tmp_path: Path, tiny_model_path: Path) -> None:
    source, out = tables(tmp_path / "in", 2), tmp_path / "out"
    args = (source, "-o", out, "--model", tiny_model_path)
    first = invoke(*args, "--dry-run")
    assert first.exit_code == 0
    assert not out.exists()
    assert [line.split()[0] for line in first.stdout.splitlines()] == ["do", "do"]
    assert invoke(*args).exit_code == 0
    held = {p: p.stat().st_mtime_ns for p in out.rglob("*")}
    (out / "01.png").write_bytes(b"mine")
    held[out / "01.png"] = (out / "01.png").stat().st_mtime_ns
    write_table(source / "02.csv")
    (out / "02.json").write_bytes(b"mine too")
    held[out / "02.json"] = (out / "02.json").stat().st_mtime_ns
    second = invoke(*args, "--dry-run")
    assert second.exit_code == 1
    assert [line.split()[0] for line in second.stdout.splitlines()] == [
        "done",
        "refused",
        "refused",
    ]
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*") if p != out} == held
    assert invoke(*args, "--dry-run", "--exposure", 2).exit_code == 2


def test_a_reader_that_crashes_fails_its_field_alone(
    tmp_path: Path, tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from annapalm.read import child

    source, out = tables(tmp_path / "in", 2), tmp_path / "out"
    (source / "00b.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(600))
    crash = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    monkeypatch.setattr(child, "_CODE", crash)
    result = invoke(source, "-o", out, "--model", tiny_model_path)
    assert result.exit_code == 1
    assert "the HDF5 library crashed on it, code -11" in result.stderr
    assert assert_complete_or_absent(out) == {"00", "01"}
    assert outputs_of("00b") & names_in(out) == set()
