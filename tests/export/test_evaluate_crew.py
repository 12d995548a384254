"""Scoring in several processes: the same results, chains in their order, and processes that die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from annapalm.errors import InvalidValueError
from annapalm_export.evaluate.crew import LostProcessError, crew

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from annapalm_export.evaluate.crew import Chain


def double(models: Sequence[Any], value: int) -> tuple[int, int, int]:
    """Say how many models there are, twice the value, and in which process."""
    return len(models), 2 * value, os.getpid()


def fail(_models: Sequence[Any], value: int) -> None:
    """Refuse a value."""
    raise InvalidValueError("value", value, "another")


def die(_models: Sequence[Any]) -> None:
    """End the process as a system short of memory does."""
    os._exit(137)


def meet(_models: Sequence[Any], own: Path, other: Path) -> str:
    """Wait for another task that runs at the same time."""
    own.touch()
    end = time.monotonic() + 60
    while not other.exists():
        if time.monotonic() > end:
            return "alone"
        time.sleep(0.01)
    return "together"


def doubling(found: list[int], start: int, steps: int) -> Chain:
    """Double a number so many times, one task for each."""
    for _ in range(steps):
        _, start, _ = yield double, (start,)
        found.append(start)


def waiting(found: list[str], own: Path, other: Path) -> Chain:
    """Meet another chain."""
    found.append((yield meet, (own, other)))


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_the_order_of_the_tasks(processes: int) -> None:
    with crew([], processes) as workers:
        found = list(workers.map(double, [(n,) for n in range(7)]))
    assert [(models, value) for models, value, _ in found] == [(0, 2 * n) for n in range(7)]
    assert (os.getpid() in {pid for _, _, pid in found}) == (processes == 1)


@pytest.mark.parametrize("processes", [1, 3])
def test_every_chain_is_followed_to_its_end_with_its_own_results(processes: int) -> None:
    found: list[list[int]] = [[] for _ in range(5)]
    with crew([], processes) as workers:
        workers.follow(doubling(one, 1 + n, n) for n, one in enumerate(found))
    assert found == [[(1 + n) * 2 ** (k + 1) for k in range(n)] for n in range(5)]


def test_chains_run_side_by_side(tmp_path: Path) -> None:
    found: list[str] = []
    a, b = tmp_path / "a", tmp_path / "b"
    with crew([], 2) as workers:
        workers.follow([waiting(found, a, b), waiting(found, b, a)])
    assert found == ["together", "together"]


@pytest.mark.parametrize("processes", [1, 2])
def test_what_goes_wrong_in_a_task_comes_out_as_it_is(processes: int) -> None:
    with crew([], processes) as workers, pytest.raises(InvalidValueError, match="another"):
        list(workers.map(fail, [(3,)]))


def test_a_process_that_is_killed_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(LostProcessError, match="fewer with --processes"), crew([], 2) as workers:
        list(workers.map(die, [()]))


NAPS = """
import sys, time
from pathlib import Path
from annapalm_export.evaluate.crew import crew

def meet(_models, own, other):
    Path(own).touch()
    while not Path(other).exists():
        time.sleep(0.01)

def nap(_models, seconds):
    time.sleep(seconds)
    return seconds

if __name__ == "__main__":
    with crew([], 2) as workers:
        list(workers.map(meet, [("a", "b"), ("b", "a")]))  # both have started
        try:
            print("ready", flush=True)
            print(sum(workers.map(nap, [(1.5,)] * 2)))
        except KeyboardInterrupt:
            sys.exit("interrupted")
"""

if sys.platform != "win32":

    @pytest.mark.parametrize(
        ("number", "said", "code"),
        [(signal.default_int_handler, "interrupted", 1), (signal.SIG_IGN, "3.0", 0)],
    )
    def test_ctrl_c_ends_all_that_work_without_a_word_unless_all_ignore_it(
        tmp_path: Path, number: Any, said: str, code: int
    ) -> None:
        script = tmp_path / "naps.py"
        script.write_text(NAPS)
        before = signal.signal(signal.SIGINT, number)
        try:
            process = subprocess.Popen(
                [sys.executable, str(script)],
                cwd=tmp_path,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        finally:
            signal.signal(signal.SIGINT, before)
        with process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(
                0.3
            )  # in the naps: a lock of Python's own breaks when interrupted half-taken
            os.killpg(process.pid, signal.SIGINT)
            assert process.stdout.read() == f"{said}\n"
        assert process.returncode == code
