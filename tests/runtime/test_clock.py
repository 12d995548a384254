"""A clock that is set back, for a real process; collected where libfaketime is installed.

The clock of a computer cannot be set in a test, and a time namespace has no clock of its own for
the time of day. libfaketime (https://github.com/wolfcw/libfaketime; Debian: `apt-get install
libfaketime`) answers a process instead of the system; the times of files stay the system's.
`test_faults.py` has what can be done without it.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cli_words import assert_complete_or_absent, invoke, read_json
from fault_words import find_faketime, pictures, start, tables

if TYPE_CHECKING:
    from pathlib import Path

FIELDS = 12


def test_a_clock_that_is_set_back_within_a_run_and_before_the_next_changes_nothing(
    tmp_path: Path, tiny_model_path: Path
) -> None:
    source, out, clock = tables(tmp_path / "in", FIELDS), tmp_path / "out", tmp_path / "clock"
    args = ("--model", tiny_model_path, "--device", "cpu", "--roi", "1,1,3,3")
    assert invoke(source, "-o", tmp_path / "quiet", *args).exit_code == 0
    asked = {
        "LD_PRELOAD": find_faketime() or "",
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",  # the file is read at every look at the clock
        "DONT_FAKE_MONOTONIC": "1",
    }

    def set_clock(days: int) -> None:
        clock.with_suffix(".new").write_text(f"{days:+d}d\n", encoding="utf-8")
        clock.with_suffix(".new").replace(clock)

    set_clock(0)
    with start(source, "-o", out, *args, "--jsonl", before=lambda: os.environ.update(asked)) as run:
        assert run.stdout is not None
        lines = [run.stdout.readline() for _ in range(3)]
        set_clock(-2)
        lines += [run.stdout.readline() for _ in range(3)]
        run.kill()
        run.communicate()
    assert all('"status":"done"' in line for line in lines)
    set_clock(-5)
    with start(source, "-o", out, *args, before=lambda: os.environ.update(asked)) as run:
        said, _ = run.communicate(timeout=120)
    assert run.returncode == 0
    assert f"{FIELDS} done (" in said
    assert "(0 before)" not in said
    assert assert_complete_or_absent(out) == {f"{i:02}" for i in range(FIELDS)}
    assert pictures(out) == pictures(tmp_path / "quiet")
    record = read_json(out / "run.json")
    began = datetime.fromisoformat(record["started"])
    assert timedelta(days=4) < datetime.now(UTC) - began < timedelta(days=6)  # it was set back
    assert all(field["seconds"] >= 0 for field in record["fields"])
