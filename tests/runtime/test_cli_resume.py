"""A run that goes on where an earlier one ended: decided by contents, never by names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from cli_words import (
    RECORDS,
    assert_complete_or_absent,
    assert_ends,
    invoke,
    names_in,
    outputs_of,
    read_json,
    write_table,
    write_widefield,
)

from annapalm.model.names import DEFAULT_VERSION

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three tables, one of which has a widefield image."""
    for name in "abc":
        write_table(tmp_path / "in" / f"{name}.csv")
    write_widefield(tmp_path / "in" / "a_widefield.tif")
    return tmp_path


class Runs:
    """Runs of one folder into another."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.folder, self.out, self._model = folder, folder / "out", model

    def run(self, *more: object, code: int = 0) -> Result:
        result = invoke(
            self.folder / "in", "-o", self.out, "--model", self._model, "--device", "cpu", *more
        )
        assert_ends(result, code)
        return result

    def redone(self, *more: object, code: int = 0) -> set[str]:
        """Run, and tell which files were written, run.json and report.html aside."""
        before = self.times()
        self.run(*more, code=code)
        return {name for name, time in self.times().items() if time != before.get(name)} - RECORDS

    def times(self) -> dict[str, tuple[int, int]]:
        found = {name: (self.out / name).stat() for name in names_in(self.out)}
        return {name: (status.st_mtime_ns, status.st_ino) for name, status in found.items()}


@pytest.fixture
def runs(folder: Path, tiny_model_path: Path) -> Runs:
    runs = Runs(folder, tiny_model_path)
    runs.run()
    return runs


def test_what_is_done_is_not_done_again_and_the_record_is_of_all(runs: Runs) -> None:
    first = read_json(runs.out / "run.json")
    result = runs.run("--jsonl")
    second = read_json(runs.out / "run.json")
    assert "going on with the run" in result.stderr
    assert "3 of 3 are done" in result.stderr
    assert "3 done (3 before), 0 failed" in result.stderr
    assert (
        second["fields"]
        == first["fields"]
        == [json.loads(x) for x in result.stdout.split("\n")[:3]]
    )
    assert runs.redone() == set()
    assert names_in(runs.out) == set().union(*map(outputs_of, "abc")) | RECORDS


def test_new_inputs_are_done_and_old_results_stay_in_the_report(runs: Runs) -> None:
    write_table(runs.folder / "in" / "d.csv")
    (runs.folder / "in" / "b.csv").unlink()
    assert runs.redone() == outputs_of("d")
    stems = [f["stem"] for f in read_json(runs.out / "run.json")["fields"]]
    assert stems == ["a", "c", "d", "b"]


def change_table(folder: Path) -> None:
    with (folder / "in" / "b.csv").open("a", encoding="utf-8") as stream:
        stream.write("40,2000.0,2000.0,9\n")


def change_widefield(folder: Path) -> None:
    write_widefield(folder / "in" / "a_widefield.tif", (41, 41))


def remove_widefield(folder: Path) -> None:
    (folder / "in" / "a_widefield.tif").unlink()


def add_widefield(folder: Path) -> None:
    write_widefield(folder / "in" / "c_widefield.tif")


def remove_image(folder: Path) -> None:
    (folder / "out" / "b.ome.tif").unlink()


def remove_record(folder: Path) -> None:
    (folder / "out" / "b.json").unlink()


@pytest.mark.parametrize(
    ("change", "stem"),
    [
        (change_table, "b"),
        (change_widefield, "a"),
        (remove_widefield, "a"),
        (add_widefield, "c"),
        (remove_image, "b"),
        (remove_record, "b"),
    ],
)
def test_what_changed_is_done_again_and_nothing_else(runs: Runs, change: Any, stem: str) -> None:
    change(runs.folder)
    assert runs.redone() == outputs_of(stem)
    assert assert_complete_or_absent(runs.out) == set("abc")
    assert runs.redone() == set()


def test_a_touched_input_of_the_same_content_is_done(runs: Runs) -> None:
    write_table(runs.folder / "in" / "b.csv")
    assert runs.redone() == set()


@pytest.mark.parametrize("suffix", ["ome.tif", "png", "json"])
def test_a_result_that_was_changed_is_never_replaced(runs: Runs, suffix: str) -> None:
    path = runs.out / f"b.{suffix}"
    path.write_bytes(path.read_bytes()[:-9] + b"precious!")
    held = path.read_bytes()
    change_table(runs.folder)
    result = runs.run(code=1)
    assert f"b.{suffix} is not as annapalm wrote it" in result.stderr
    assert path.read_bytes() == held
    path.rename(runs.folder / "kept")
    assert runs.redone() == outputs_of("b")


def test_a_failed_input_is_tried_again(runs: Runs) -> None:
    bad = write_table(runs.folder / "in" / "bad.csv", ["1,oops,3,4"])
    assert runs.redone(code=1) == set()
    assert runs.redone(code=1) == set()
    assert read_json(runs.out / "run.json")["fields"][2]["status"] == "failed"
    write_table(bad)
    assert runs.redone() == outputs_of("bad")
    assert read_json(runs.out / "run.json")["status"] == "done"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--exposure", 2), "exposure was 1.0, now 2.0"),
        (("--no-preview",), "preview was true, now false"),
        (("--frames", "0:9"), "frames was not given, now [0,9]"),
        (("--no-widefield",), "widefield-suffix was _widefield.tif, now none"),
        (
            ("--model", "microtubule"),
            f"model was tiny 0.0.1, now microtubule {DEFAULT_VERSION}; model-sha256",
        ),
    ],
)
def test_other_settings_need_another_folder_or_leave(
    runs: Runs, words: tuple[object, ...], said: str
) -> None:
    before = runs.times()
    result = runs.run(*words, code=2)
    assert said in result.stderr
    assert "--overwrite" in result.stderr
    assert runs.times() == before


def test_where_all_failed_the_settings_can_be_put_right(
    tmp_path: Path, tiny_model_path: Path
) -> None:
    write_table(tmp_path / "in" / "a.csv", ["1,2000,2000,9", "1,2100,2100,9"])
    runs = Runs(tmp_path, tiny_model_path)
    assert "--allow-single-frame" in runs.run(code=1).stderr
    assert runs.redone("--allow-single-frame") == outputs_of("a")
    assert "allow-single-frame was true, now not given" in runs.run(code=2).stderr


def test_overwrite_begins_anew(runs: Runs) -> None:
    assert runs.redone("--overwrite", "--exposure", 2) == set().union(*map(outputs_of, "abc"))
    assert runs.redone("--exposure", 2) == set()


def test_no_resume_is_for_a_folder_without_a_run(runs: Runs) -> None:
    result = runs.run("--no-resume", code=2)
    assert "holds a run already, with 3 of its inputs done" in result.stderr


def test_results_without_a_ledger_are_nobodys_to_replace(runs: Runs) -> None:
    for path in (runs.out / ".annapalm").iterdir():
        path.unlink()
    before = runs.times()
    result = runs.run(code=1)
    assert result.stderr.count("exists already and was left as it is") == 3
    assert {n: t for n, t in runs.times().items() if n in before} == before
    assert "run-2.json" in names_in(runs.out)


def test_a_line_that_cannot_be_read_is_said_and_its_field_is_nobodys(runs: Runs) -> None:
    path = runs.out / ".annapalm" / "ledger.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if b'"key":"b","event":"done"' in line)
    lines[at] = b"0" + lines[at][1:-2] + b"\n"
    path.write_bytes(b"".join(lines))
    result = runs.run()
    assert "1 line of the record of earlier runs cannot be read" in result.stderr
    assert "3 done (2 before), 0 failed" in result.stdout
    assert assert_complete_or_absent(runs.out) == set("abc")
