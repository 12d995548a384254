"""Permissions that are missing or get lost, in a process that has to obey them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from cli_words import assert_complete_or_absent, invoke, read_json
from fault_words import obey_permissions, pictures, run_beside, start, tables

if TYPE_CHECKING:
    from pathlib import Path

FIELDS = 20
OPTIONS = ("--device", "cpu", "--roi", "1,1,3,3", "--no-preview")


@pytest.mark.parametrize("left", [0o500, 0o000])
def test_a_folder_that_loses_its_permission_half_way_fails_the_rest(
    left: int, tmp_path: Path, tiny_model_path: Path
) -> None:
    source, out = tables(tmp_path / "in", FIELDS), tmp_path / "out"
    code, said = run_and_lose(source, out, tiny_model_path, lost=out, left=left)
    assert code == 1
    assert "cannot be written: Permission denied. Choose a folder that you may write to" in said
    done = assert_complete_or_absent(out, preview=False)
    assert 0 < len(done) < FIELDS
    assert_goes_on(source, out, tiny_model_path, done)


def test_inputs_that_lose_their_permission_half_way_fail_each_with_its_reason(
    tmp_path: Path, tiny_model_path: Path
) -> None:
    source, out = tables(tmp_path / "in", FIELDS), tmp_path / "out"
    code, said = run_and_lose(source, out, tiny_model_path, lost=source, left=0)
    assert code == 1
    done = assert_complete_or_absent(out, preview=False)
    assert 0 < len(done) < FIELDS
    assert said.count("cannot be read: Permission denied. Check that") == FIELDS - len(done)
    statuses = [f["status"] for f in read_json(out / "run.json")["fields"]]
    assert statuses == ["done"] * len(done) + ["failed"] * (FIELDS - len(done))
    assert_goes_on(source, out, tiny_model_path, done)


def test_an_input_that_may_not_be_read_fails_alone(tmp_path: Path, tiny_model_path: Path) -> None:
    source, out = tables(tmp_path / "in", 3), tmp_path / "out"
    (source / "01.csv").chmod(0)
    code, said = run_beside(
        source, "-o", out, "--model", tiny_model_path, "-q", before=obey_permissions
    )
    assert code == 1
    assert said == (
        f"error: {source}/01.csv cannot be read: Permission denied. Check that it is a file, that "
        "the disk is there and that you may read it.\n"
    )
    assert assert_complete_or_absent(out) == {"00", "02"}


def test_a_folder_below_the_inputs_that_may_not_be_listed_stops_before_the_work(
    tmp_path: Path, tiny_model_path: Path
) -> None:
    source, out = tables(tmp_path / "in", 2), tmp_path / "out"
    tables(source / "sub", 1)
    (source / "sub").chmod(0)
    try:
        code, said = run_beside(
            source, "-o", out, "--model", tiny_model_path, before=obey_permissions
        )
    finally:
        (source / "sub").chmod(0o700)
    assert code == 2
    assert said == (
        f"error: Folder {source}/sub cannot be listed: Permission denied. Give yourself the right "
        "to read it, or name the other folders and files one by one; nothing was read.\n"
    )
    assert not out.exists()


def run_and_lose(source: Path, out: Path, model: Path, *, lost: Path, left: int) -> tuple[int, str]:
    """Take permissions off a folder when two fields are done; returns code and what was said."""
    args = (source, "-o", out, "--model", model, *OPTIONS, "--jsonl")
    with start(*args, before=obey_permissions) as process:
        assert process.stdout is not None
        for _ in range(2):
            process.stdout.readline()
        lost.chmod(left)
        try:
            _, said = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        finally:
            lost.chmod(0o700)
    assert "Traceback" not in said
    return process.returncode, said


def assert_goes_on(source: Path, out: Path, model: Path, done: set[str]) -> None:
    """See that the same command does the rest, and only that."""
    before = pictures(out)
    again = invoke(source, "-o", out, "--model", model, *OPTIONS)
    assert again.exit_code == 0
    assert f"{FIELDS} done ({len(done)} before), 0 failed" in again.stdout
    assert len(assert_complete_or_absent(out, preview=False)) == FIELDS
    assert before.items() <= pictures(out).items()
