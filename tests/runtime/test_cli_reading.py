"""The bar of a large table, on a real terminal: `annapalm inspect` and `plan`."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from cli_words import HEADER

from annapalm.read.source import PROGRESS_BYTES

if TYPE_CHECKING:
    from pathlib import Path

INSPECT = "import sys; sys.argv[0] = 'annapalm'; from annapalm.cli.models import main; main()"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a table just large enough for a bar."""
    path = tmp_path_factory.mktemp("large") / "large.csv"
    lines = "".join(f"{1 + i // 10},{i % 977}.25,{i % 883}.75,11.5\n" for i in range(100_000))
    with path.open("w", encoding="utf-8") as stream:
        stream.write(f"{HEADER}\n")
        while stream.tell() < PROGRESS_BYTES:
            stream.write(lines)
    return path


def said_on_a_terminal(*args: object) -> tuple[int, str, str]:
    """Run a command whose stderr is a terminal; gives exit code, stdout and what was shown."""
    terminal, there = pty.openpty()
    command = [sys.executable, "-c", INSPECT, *map(str, args)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=there, text=True) as process:
        os.close(there)
        shown = b""
        while process.poll() is None or select.select([terminal], [], [], 0)[0]:
            if select.select([terminal], [], [], 0.1)[0]:
                try:
                    shown += os.read(terminal, 65536)
                except OSError:  # its other end is closed
                    break
        assert process.stdout is not None
        told = process.stdout.read()
    os.close(terminal)
    return process.returncode, told, shown.decode()


def test_the_reading_of_a_large_table_is_shown_on_a_terminal(large: Path) -> None:
    code, told, shown = said_on_a_terminal("inspect", large)
    assert code == 0
    assert "reading large.csv" in shown
    assert "MB" in shown
    assert "localizations" in told
    assert "reading" not in told


def test_a_log_holds_no_bar(large: Path) -> None:
    command = [sys.executable, "-c", INSPECT, "inspect", str(large)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "reading" not in found.stderr


def test_what_fails_takes_its_bar_away(large: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_bytes(large.read_bytes() + b"1,oops,3,4\n")
    code, _, shown = said_on_a_terminal("inspect", broken)
    assert code == 1
    assert "reading broken.csv" in shown
    last = shown.rstrip().splitlines()[-1]
    assert "is not a number" in last
