"""The record that a crash cannot corrupt, the locks, the shards."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from annapalm.errors import InvalidValueError
from annapalm.ledger import Index, Ledger, OutputLock, Shard, recover, tidy_report
from annapalm.ledger.errors import (
    LedgerDamagedError,
    OutputBusyError,
    RunExistsError,
    SettingsDifferError,
)
from annapalm.ledger.index import read_index
from annapalm.ledger.lines import LineWriter, read_lines
from annapalm.ledger.shard import ShardError
from annapalm.write import skipped_entry
from annapalm.write.atomic import OutputSet, leftovers

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm.write.schema import FieldEntry

SETTINGS: dict[str, Any] = {"model": "tiny 0.0.1", "exposure": 1.0}


def entry(name: str, status: str = "done") -> FieldEntry:
    """Make an entry; the ledger looks at none of its values."""
    made = skipped_entry(name)
    made["status"] = status  # type: ignore[typeddict-item]
    return made


def opened(out: Path, shard: Shard | None = None, **options: Any) -> Ledger:
    """Open the ledger of a folder as a run does."""
    (out / ".annapalm").mkdir(parents=True, exist_ok=True)
    return Ledger.open(out, shard, options.pop("settings", SETTINGS), **options)


def statuses(index: Index, *keys: str) -> list[str | None]:
    rows = [index.row(key) for key in keys]
    return [None if row is None else row.entry["status"] for row in rows]


def fill(out: Path) -> Path:
    """Write a ledger of three fields, done one after the other; returns its path."""
    ledger = opened(out)
    for key in ("a", "b", "c"):
        ledger.begin(key, [out / f"{key}.json"], {})
        ledger.done(key, entry(key), key.encode())
    ledger.close()
    return out / ".annapalm" / "ledger.jsonl"


def test_what_was_written_is_read_by_the_next_run(tmp_path: Path) -> None:
    fill(tmp_path)
    ledger = opened(tmp_path)
    assert statuses(ledger.index, "a", "b", "c", "d") == ["done", "done", "done", None]
    row = ledger.index.row("b")
    assert row is not None
    assert row.tile == b"b"
    ledger.failed("b", entry("b", "failed"))
    assert statuses(ledger.index, "b") == ["failed"]
    assert ledger.index.last_done("b") is not None  # its files are still there
    ledger.close()


def test_a_ledger_cut_at_any_byte_keeps_every_whole_line(tmp_path: Path) -> None:
    path = fill(tmp_path)
    whole = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(ends[0], len(whole) + 1):
        path.write_bytes(whole[:cut])
        writer = LineWriter(path)
        writer.append({"event": "end", "status": "done"})
        writer.close()
        events = [line.event for line in read_lines(path)]
        kept = sum(end - 1 <= cut for end in ends)  # all but the line end is enough
        assert len([e for e in events if e is not None]) == kept + 1
        assert events.count(None) == (cut not in ends and cut + 1 not in ends)
        assert events[-1] == {"event": "end", "status": "done"}  # never glued to the torn line


def test_a_flipped_bit_costs_the_one_field_it_hit(tmp_path: Path) -> None:
    path = fill(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    assert b'"done"' in lines[4]
    lines[4] = lines[4].replace(b'"tile":"Yg=="', b'"tile":"Yw=="')
    path.write_bytes(b"".join(lines))
    index = read_index(tmp_path / ".annapalm")
    assert index.damaged == 1
    assert statuses(index, "a", "b", "c") == ["done", None, "done"]


def test_a_ledger_without_its_first_line_is_refused_and_can_be_begun_anew(tmp_path: Path) -> None:
    path = fill(tmp_path)
    path.write_bytes(path.read_bytes().split(b"\n", 1)[1])
    with pytest.raises(LedgerDamagedError, match="lost the line that says what was run"):
        opened(tmp_path)
    opened(tmp_path, overwrite=True).close()
    assert not read_index(tmp_path / ".annapalm").places


def test_a_ledger_that_was_never_begun_is_as_none(tmp_path: Path) -> None:
    (tmp_path / ".annapalm").mkdir()
    (tmp_path / ".annapalm" / "ledger.jsonl").write_bytes(b'0badc0de {"event":"ru')
    ledger = opened(tmp_path)
    assert ledger.index.damaged == 1
    ledger.close()
    assert len(read_index(tmp_path / ".annapalm").parts) == 1


def test_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    fill(tmp_path)
    other = SETTINGS | {"exposure": 2.0, "doubt": 0.5}
    with pytest.raises(SettingsDifferError, match=r"exposure was 1\.0, now 2\.0; doubt was not"):
        opened(tmp_path, settings=other)
    ledger = opened(tmp_path, settings=other, overwrite=True)
    assert statuses(ledger.index, "a") == [None]
    assert ledger.replace
    ledger.close()


def test_leave_to_replace_lasts_until_the_run_has_ended(tmp_path: Path) -> None:
    ledger = opened(tmp_path, overwrite=True)
    ledger.close()  # as a killed run leaves it
    ledger = opened(tmp_path)
    assert ledger.replace
    ledger.end("interrupted")
    ledger.close()
    ledger = opened(tmp_path)
    assert ledger.replace
    ledger.end("failed")
    ledger.close()
    ledger = opened(tmp_path)
    assert not ledger.replace
    ledger.close()


def test_who_wants_no_resume_is_told_of_the_run_that_is_there(tmp_path: Path) -> None:
    opened(tmp_path / "new", resume=False).close()
    fill(tmp_path)
    with pytest.raises(RunExistsError, match="with 3 of its inputs done"):
        opened(tmp_path, resume=False)


def test_names_that_are_no_text_are_kept(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    key = os.fsdecode(b"caf\xe9")
    ledger.begin(key, [tmp_path / f"{key}.json"], {})
    ledger.done(key, entry("x"), None)
    ledger.close()
    assert statuses(read_index(tmp_path / ".annapalm"), key) == ["done"]


def test_a_second_run_is_refused_and_told_who_holds_the_folder(tmp_path: Path) -> None:
    with (
        OutputLock(tmp_path),
        pytest.raises(OutputBusyError, match=rf"process {os.getpid()} on .* since 2"),
        OutputLock(tmp_path),
    ):
        pass
    with OutputLock(tmp_path):  # and not any more
        pass


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        (None, Shard(1, 4), False),
        (Shard(1, 4), None, False),
        (Shard(1, 4), Shard(1, 4), False),
        (Shard(1, 4), Shard(1, 8), False),
        (Shard(1, 4), Shard(2, 4), True),
    ],
)
def test_shards_of_one_division_run_side_by_side_and_nothing_else_does(
    tmp_path: Path,
    first: Shard | None,
    second: Shard | None,
    together: bool,  # noqa: FBT001
) -> None:
    with OutputLock(tmp_path, first):
        if together:
            with OutputLock(tmp_path, second):
                pass
        else:
            with pytest.raises(OutputBusyError), OutputLock(tmp_path, second):
                pass
    with OutputLock(tmp_path, second):
        pass


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from annapalm.ledger import OutputLock\n"
        "with OutputLock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script, tmp_path], stdout=subprocess.PIPE) as held:
        assert held.stdout is not None
        assert held.stdout.readline() == b"held\n"
        with pytest.raises(OutputBusyError, match=f"process {held.pid}"), OutputLock(tmp_path):
            pass
        held.kill()
        held.wait()
        with OutputLock(tmp_path):
            pass


def test_every_input_belongs_to_one_shard_whatever_else_there_is() -> None:
    keys = [f"plate/well {i}" for i in range(400)]
    shards = [Shard(i, 4) for i in range(1, 5)]
    parts = [{key for key in keys if shard.has(key)} for shard in shards]
    assert set.union(*parts) == set(keys)
    assert sum(map(len, parts)) == len(keys)
    assert all(60 < len(part) < 140 for part in parts)
    assert Shard(2, 3).has("cell") is Shard.parse("2/3").has("cell")


@pytest.mark.parametrize("text", ["", "1", "0/4", "5/4", "1/0", "a/b", "1/4/2", "-1/4", "1 /4"])
def test_a_shard_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ShardError, match="it must be I/N"):
        Shard.parse(text)


def test_a_shard_that_cannot_be_is_refused() -> None:
    with pytest.raises(InvalidValueError):
        Shard(3, 2)


def begun(out: Path, names: tuple[str, ...], *, old: bool) -> list[Path]:
    """Say in a ledger that a field is about to be written, over old files or not."""
    paths = [out / name for name in names]
    for path in paths if old else ():
        path.write_text(f"old {path.name}", encoding="utf-8")
    ledger = opened(out)
    ledger.begin("cell", paths, {})
    ledger.close()
    return paths


def contents(out: Path) -> dict[str, str]:
    return {p.name: p.read_text(encoding="utf-8") for p in sorted(out.iterdir()) if p.is_file()}


NAMES = ("cell.ome.tif", "cell.png", "cell.json")


@pytest.mark.parametrize("old", [False, True], ids=["nothing before", "over old results"])
@pytest.mark.parametrize("calls", range(14))
def test_a_set_that_was_cut_anywhere_is_put_in_order(
    tmp_path: Path,
    calls: int,
    old: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    paths = begun(tmp_path, NAMES, old=old)
    (tmp_path / "note.txt").write_text("the user's", encoding="utf-8")
    (tmp_path / ".annapalm-0123456789ab-1.part").write_text("another's", encoding="utf-8")
    before = contents(tmp_path)
    pid = os.fork() if hasattr(os, "fork") else None
    assert pid is not None
    if pid == 0:  # a process of its own, which ends between two calls of the operating system
        count = iter(range(100))

        def cut(event: str, _: tuple[Any, ...]) -> None:
            if event in ("os.link", "os.rename", "os.remove") and next(count) == calls:
                os._exit(9)

        sys.addaudithook(cut)
        with OutputSet(overwrite=old) as outputs:
            for path in paths:
                with outputs.stage(path) as stream:
                    stream.write(f"new, and longer {path.name}".encode())
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    ledger = opened(tmp_path)
    recover(ledger)
    renewed = ledger.index.last_left("cell")
    ledger.close()
    after = contents(tmp_path)
    new = before | {name: f"new, and longer {name}" for name in NAMES}
    if renewed:
        assert old
        assert after == new
    else:
        assert after == before
    assert os.waitstatus_to_exitcode(status) == 9 or calls >= 6


def test_putting_in_order_twice_changes_nothing_more(tmp_path: Path) -> None:
    paths = begun(tmp_path, NAMES, old=True)
    for path in paths:
        path.write_text("new, whole", encoding="utf-8")
    for _ in range(2):
        ledger = opened(tmp_path)
        recover(ledger)
        assert ledger.index.last_left("cell").keys() == set(NAMES)
        ledger.close()
        assert set(contents(tmp_path).values()) == {"new, whole"}


def test_a_shard_leaves_alone_what_another_is_writing(tmp_path: Path) -> None:
    (tmp_path / ".annapalm").mkdir()
    theirs = next(shard for shard in (Shard(1, 2), Shard(2, 2)) if shard.has("cell"))
    ledger = opened(tmp_path, theirs)
    path = tmp_path / "cell.json"
    ledger.begin("cell", [path], {})
    other = opened(tmp_path, Shard(3 - theirs.number, 2))
    with OutputSet(overwrite=False) as outputs, outputs.stage(path) as stream:
        recover(other)
        assert leftovers(path)[0] == [outputs.staged_path(path)]
        stream.write(b"x")
    recover(other)
    assert path.read_bytes() == b"x"
    ledger.close()
    other.close()


def test_a_half_replaced_report_is_tidied(tmp_path: Path) -> None:
    with OutputSet(overwrite=False) as outputs, outputs.stage(tmp_path / "run.json") as stream:
        staged = outputs.staged_path(tmp_path / "run.json")
        stream.write(b"{}")
    staged.with_suffix(".old").write_text("before", encoding="utf-8")
    staged.write_text("half", encoding="utf-8")
    (tmp_path / "run.json").unlink()
    tidy_report(tmp_path)
    assert contents(tmp_path) == {"run.json": "before"}
