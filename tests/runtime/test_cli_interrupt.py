"""Ctrl-C, a scheduler's SIGTERM, and a reader who walks away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from cli_words import (
    assert_complete_or_absent,
    assert_ends,
    command,
    invoke,
    outputs_of,
    read_json,
    write_table,
)

from annapalm.model.errors import NoOnnxRuntimeError

if TYPE_CHECKING:
    from pathlib import Path

FIELDS = 60


def _ctrl_c_at_its_default() -> None:
    """Undo what a test run in the background of a shell inherits: an ignored Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(*args: object) -> subprocess.Popen[str]:
    """Start `annapalm-run` beside the test."""
    return subprocess.Popen(
        [command(), *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        preexec_fn=_ctrl_c_at_its_default,  # noqa: PLW1509 - the test has no other thread
    )


if sys.platform != "win32":

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_an_interrupted_run_leaves_complete_fields_only(
        number: signal.Signals, tmp_path: Path, tiny_model_path: Path
    ) -> None:
        for i in range(FIELDS):
            write_table(tmp_path / "in" / f"{i:02}.csv")
        out = tmp_path / "out"
        args = (tmp_path / "in", "-o", out, "--model", tiny_model_path, "--jsonl")
        with start(*args, "--field", "12x12") as process:
            assert process.stdout is not None
            for _ in range(2):
                process.stdout.readline()
            process.send_signal(number)
            stdout, stderr = process.communicate(timeout=120)
        assert process.returncode == 130, stderr
        assert "Traceback" not in stderr
        assert "interrupted" in stderr
        assert "not begun" in stderr
        done = assert_complete_or_absent(out)
        assert 2 <= len(done) < FIELDS
        run = read_json(out / "run.json")
        assert run["status"] == "interrupted"
        assert {f["stem"] for f in run["fields"] if f["status"] == "done"} == done
        assert [f["status"] for f in run["fields"]].count("skipped") == FIELDS - len(done)
        assert len(stdout.splitlines()) == FIELDS - 2
        assert json.loads(stdout.splitlines()[-1])["status"] == "skipped"
        assert [path.name for path in out.rglob(".*")] == [".annapalm"]

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_an_interruption_that_an_import_swallows_is_one_all_the_same(
        number: signal.Signals,
        tmp_path: Path,
        tiny_model_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def swallow(*_: object) -> None:
            try:
                os.kill(os.getpid(), number)
                time.sleep(10)
            except KeyboardInterrupt:
                # What `import onnxruntime` makes of a Ctrl-C.
                raise NoOnnxRuntimeError("initialization failed") from None

        before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
        # An ignored Ctrl-C, as in the background of a shell, would stay ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            monkeypatch.setattr("annapalm.cli.carry_out.load_model", swallow)
            source = write_table(tmp_path / "cell.csv")
            result = invoke(source, "-o", tmp_path / "out", "--model", tiny_model_path)
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        finally:
            signal.signal(signal.SIGINT, before[0])
        assert_ends(result, 130)
        assert result.stderr == "interrupted\n"
        assert signal.getsignal(signal.SIGTERM) is before[1]

    def test_a_closed_pipe_is_no_error(tmp_path: Path, tiny_model_path: Path) -> None:
        for i in range(3):
            write_table(tmp_path / "in" / f"{i}.csv")
        out = tmp_path / "out"
        args = (tmp_path / "in", "-o", out, "--model", tiny_model_path, "--jsonl")
        with start(*args) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            stderr = process.stderr.read()
            process.wait(timeout=120)
        assert process.returncode == 0, stderr
        assert "Broken" not in stderr
        assert "3 done" in stderr
        assert assert_complete_or_absent(out) == {"0", "1", "2"}

    def test_stdout_that_was_never_open_is_no_error(tmp_path: Path, tiny_model_path: Path) -> None:
        source = write_table(tmp_path / "cell.csv")
        line = f"'{command()}' '{source}' -o '{tmp_path / 'out'}' --model '{tiny_model_path}' >&-"
        result = subprocess.run(
            ["/bin/sh", "-c", line],
            capture_output=True, encoding="utf-8", timeout=120, check=False,
            env=dict(os.environ),
        )  # fmt: skip
        assert_ends(result, 0)
        assert outputs_of("cell") <= {p.name for p in (tmp_path / "out").iterdir()}
