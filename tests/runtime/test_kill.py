"""kill -9 at any moment of a run, over and over.

ANNAPALM_KILLS says how often, ANNAPALM_KILLS_SEED gives other moments; a longer trial is
`ANNAPALM_KILLS=200 pytest tests/runtime/test_kill.py`.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from cli_words import assert_complete_or_absent, read_json, rows_of_a_ring, write_table
from fault_words import pictures, run_beside, start, tables

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

KILLS = int(os.environ.get("ANNAPALM_KILLS", "10"))
SEED = int(os.environ.get("ANNAPALM_KILLS_SEED", "5"))
FIELDS = 30
ALL = {f"{i:02}" for i in range(FIELDS)}


@dataclass
class Killed:
    """A run that is started again and again, and how long it would take undisturbed."""

    source: Path
    model: Path
    quiet: Path
    """The results of a run that nobody disturbed."""
    whole_s: float = 0.0
    """From the first byte written to the end, where all is to be done."""
    nothing_s: float = 0.0
    """The same, where all is done already."""

    def measure(self) -> None:
        self.whole_s, self.nothing_s = (self._undisturbed_s() for _ in range(2))

    def kill_at(self, out: Path, share: float) -> bool:
        """Kill a run when that share of its work is done; False: it ended before, and well."""
        left = 1 - len(list(out.glob("[0-9]*.json"))) / FIELDS
        with self._start(out) as process:
            _wait_for_work(out, process)
            time.sleep(share * (self.nothing_s + left * (self.whole_s - self.nothing_s)))
            process.kill()
            process.communicate()
        assert process.returncode in (0, -signal.SIGKILL)
        return process.returncode != 0

    def end(self, out: Path) -> None:
        with self._start(out) as process:
            _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said

    def assert_as_if_it_had_not_been(self, out: Path) -> None:
        assert assert_complete_or_absent(out) == ALL
        assert pictures(out) == pictures(self.quiet)
        assert [p for p in out.rglob("*") if p.name.startswith(".annapalm-")] == []
        fields = read_json(out / "run.json")["fields"]
        assert [f["status"] for f in fields] == ["done"] * FIELDS

    def _start(self, out: Path) -> subprocess.Popen[str]:
        args = ("--model", self.model, "--device", "cpu", "--threads", "1", "--roi", "0.5,0.5,3,3")
        return start(self.source, "-o", out, *args)

    def _undisturbed_s(self) -> float:
        with self._start(self.quiet) as process:
            _wait_for_work(self.quiet, process)
            began = time.monotonic()
            _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
        return time.monotonic() - began


def test_a_run_that_is_killed_again_and_again_ends_as_if_it_had_not_been(
    tmp_path: Path, tiny_model_path: Path
) -> None:
    chance, out = random.Random(SEED), tmp_path / "out"  # noqa: S311 - moments, no secrets
    run = Killed(tables(tmp_path / "in", FIELDS), tiny_model_path, tmp_path / "quiet")
    run.measure()
    kills = 0
    while kills < KILLS:
        if run.kill_at(out, chance.random()):
            kills += 1
            assert pictures(out).items() <= pictures(run.quiet).items()  # whole, if there at all
        else:  # it was done: see that it is right, and begin again
            run.assert_as_if_it_had_not_been(out)
            shutil.rmtree(out)
        if kills % 5 == 4:  # some results are gone as well
            names = sorted(path.name for path in out.glob("0*.*"))
            for name in chance.sample(names, min(3, len(names))):
                (out / name).unlink()
    run.end(out)
    run.assert_as_if_it_had_not_been(out)


END = """import os, sys
left = [{before}]
def end(event, args):
    if event == "{event}" and str(args[{place}]).endswith(".old"):
        left[0] -= 1
        if left[0] < 0:
            os._exit(9)
sys.addaudithook(end)
"""
BEFORE_ANY_IS_REPLACED = END.format(event="os.link", place=1, before=0)
ALL_REPLACED_AND_ONE_OLD_GONE = END.format(event="os.remove", place=0, before=1)


@pytest.mark.parametrize("then", [BEFORE_ANY_IS_REPLACED, ALL_REPLACED_AND_ONE_OLD_GONE, None])
def test_what_a_killed_run_left_is_known_whatever_becomes_of_the_next_one(
    then: str | None, tmp_path: Path, tiny_model_path: Path
) -> None:
    source, out = tables(tmp_path / "in", 1), tmp_path / "out"
    model = ("--model", tiny_model_path, "--device", "cpu")
    args = (source, "-o", out, *model)
    assert run_beside(*args)[0] == 0
    write_table(source / "00.csv", rows_of_a_ring(seed=4))  # its results are to be replaced
    assert run_beside(*args, first=ALL_REPLACED_AND_ONE_OLD_GONE)[0] == 9
    assert (
        "a run would do 1, with 0 done already and 0 refused" in run_beside(*args, "--dry-run")[1]
    )
    if then is not None:
        assert run_beside(*args, first=then)[0] == 9
    else:
        write_table(source / "00.csv", ["1,oops,3,4"])
        code, said = run_beside(*args)
        assert code == 1
        assert "'oops' is not a number" in said
        write_table(source / "00.csv", rows_of_a_ring(seed=4))
    code, said = run_beside(*args)
    assert code == 0, said
    assert run_beside(source, "-o", tmp_path / "quiet", *model)[0] == 0
    assert pictures(out) == pictures(tmp_path / "quiet")


def test_a_result_that_somebody_changed_after_a_kill_is_left_to_them(
    tmp_path: Path, tiny_model_path: Path
) -> None:
    source, out = tables(tmp_path / "in", 1), tmp_path / "out"
    args = (source, "-o", out, "--model", tiny_model_path, "--device", "cpu")
    assert run_beside(*args)[0] == 0
    write_table(source / "00.csv", rows_of_a_ring(seed=4))
    assert run_beside(*args, first=BEFORE_ANY_IS_REPLACED)[0] == 9
    (out / "00.json").write_text("mine", encoding="utf-8")
    before = pictures(out)
    code, said = run_beside(*args)
    assert code == 1
    assert "00.json is not as annapalm wrote it" in said
    assert (out / "00.json").read_text(encoding="utf-8") == "mine"
    assert pictures(out) == before


def _wait_for_work(out: Path, process: subprocess.Popen[str]) -> None:
    """Wait until this run writes: starting Python is no moment worth a kill."""
    ledger = out / ".annapalm" / "ledger.jsonl"
    size = ledger.stat().st_size if ledger.exists() else 0
    while process.poll() is None and (not ledger.exists() or ledger.stat().st_size == size):
        time.sleep(0.002)
