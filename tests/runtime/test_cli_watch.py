"""`annapalm-run --watch`, on a folder into which real files come while it looks."""

from __future__ import annotations

import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest
from cli_words import assert_ends, names_in, outputs_of, read_json, run_cli, write_table
from test_cli_interrupt import start

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

FAST = ("--watch", "--settle", "0.3")


def wait_for(is_so: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait until something is so, and fail where the program ends or 100 s pass before."""
    for _ in range(1000):
        if is_so():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    raise TimeoutError


if sys.platform != "win32":

    def test_what_comes_is_done_as_it_comes(tmp_path: Path, tiny_model_path: Path) -> None:
        folder, out = tmp_path / "in", tmp_path / "out"
        folder.mkdir()
        whole = write_table(tmp_path / "whole.csv").read_bytes()
        cut = whole.index(b"\n", len(whole) // 2) - 3
        with start(folder, "-o", out, "--model", tiny_model_path, *FAST) as process:
            (folder / "a.csv").write_bytes(whole)
            wait_for((out / "a.json").exists, process)
            (folder / "b.csv").write_bytes(whole[:cut])  # within a line: not taken yet
            (folder / "c.csv").write_bytes(whole)
            wait_for((out / "c.json").exists, process)
            assert not (out / "b.json").exists()
            with (folder / "b.csv").open("ab") as stream:
                stream.write(whole[cut:])
            wait_for((out / "b.json").exists, process)
            wait_for(lambda: len(read_json(out / "run.json")["fields"]) == 3, process)
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate(timeout=60)
        assert process.returncode == 0, stderr
        assert "the watch is ended" in stderr
        run = read_json(out / "run.json")
        assert run["status"] == "done"
        assert [field["stem"] for field in run["fields"]] == ["a", "c", "b"]
        rows = [field["record"]["provenance"]["input"]["rows"] for field in run["fields"]]
        assert len(set(rows)) == 1
        again = run_cli(folder, "-o", out, "--model", tiny_model_path)
        assert "3 of 3 are done" in again.stderr

    def test_what_failed_is_done_when_it_is_whole(tmp_path: Path, tiny_model_path: Path) -> None:
        folder, out = tmp_path / "in", tmp_path / "out"
        table = write_table(folder / "a.csv")
        whole = table.read_bytes()
        table.write_bytes(whole + b"oops,oops\n")
        with start(folder, "-o", out, "--model", tiny_model_path, *FAST, "--idle", 4) as process:
            wait_for((out / "run.json").exists, process)
            assert read_json(out / "run.json")["status"] == "failed"
            table.write_bytes(whole)
            _, stderr = process.communicate(timeout=100)
        assert process.returncode == 0, stderr
        assert read_json(out / "run.json")["status"] == "done"
        assert outputs_of("a") < names_in(out)


def test_a_watch_of_nothing_ends_when_it_is_idle(tmp_path: Path, tiny_model_path: Path) -> None:
    (tmp_path / "in").mkdir()
    words = ("-o", tmp_path / "out", "--model", tiny_model_path, *FAST, "--idle", 0.5)
    assert_ends(run_cli(tmp_path / "in", *words), 0)
    bad = write_table(tmp_path / "in" / "bad.csv")
    bad.write_text("frame,x\n1,2\n")
    result = run_cli(tmp_path / "in", *words)
    assert_ends(result, 1)
    assert result.stdout.startswith("0 done, 1 failed")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--settle", "5"), "--settle needs --watch"),
        (("--idle", "5"), "--idle needs --watch"),
        (("--watch", "--idle", "0"), "--idle 0"),
        (("--watch", "--settle", "-1"), "--settle -1"),
        (("--watch", "--dry-run"), "--watch and --dry-run contradict each other"),
    ],
)
def test_options_that_make_no_watch_are_refused(
    tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    result = run_cli(tmp_path, "-o", tmp_path / "out", *words)
    assert_ends(result, 2)
    assert message in result.stderr
