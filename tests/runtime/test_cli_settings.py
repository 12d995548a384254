"""Options from a file: the command line wins, and a mistake is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cli_words import assert_ends, invoke, read_json, write_table

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def options_of(folder: Path) -> object:
    return read_json(folder / "cell.json")["provenance"]["options"]


def test_the_file_in_the_folder_is_used_said_and_overruled(
    tmp_path: Path, tiny_model_path: Path
) -> None:
    source = write_table(tmp_path / "cell.csv")
    (tmp_path / "annapalm.toml").write_text(
        f'frames = "0:20"\nexposure = 2\nno-preview = true\nmodel = "{tiny_model_path}"\n'
    )
    result = invoke(source, "-o", "one")
    assert_ends(result, 0)
    assert "settings from annapalm.toml: frames, exposure, no-preview, model" in result.stderr
    assert options_of(tmp_path / "one") == {"exposure": 2.0, "frames": [0, 20]}
    assert not (tmp_path / "one" / "cell.png").exists()
    assert_ends(invoke(source, "-o", "two", "--frames", "0:30"), 0)
    assert options_of(tmp_path / "two") == {"exposure": 2.0, "frames": [0, 30]}


def test_what_is_printed_can_be_fed_back(tmp_path: Path) -> None:
    words = ("--frames", "0:9", "--threads", 2, "--no-widefield", "--columns", 'a"b\\,µ')
    printed = invoke(*words, "--print-settings")
    assert_ends(printed, 0)
    (tmp_path / "again.toml").write_text(printed.stdout, encoding="utf-8")
    again = invoke("--settings", "again.toml", "--print-settings")
    assert again.stdout == printed.stdout
    assert 'columns = "a\\"b\\\\,µ"' in printed.stdout


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("frame = 3", "s.toml, frame: it must be one of out, model, device,"),
        ("overwrite = true", "s.toml, overwrite: it must be given on the command line"),
        ('threads = "1"', 's.toml, threads = "1": it must be a whole number of at least 1.'),
        ("threads = 0", "s.toml, threads = 0: it must be a whole number of at least 1."),
        ("threads = true", "threads = true: it must be a whole number"),
        ("doubt = true", "doubt = true: it must be a number."),
        ('quiet = "yes"', "it must be true or false."),
        ("frames = 3", "frames = 3: it must be a text in quotes, START:STOP."),
        ('device = "gpu"', "it must be one of auto, cpu, cuda."),
        ('unit = "pm"', "it must be one of nm"),
        ("model =", "s.toml: it must be TOML ("),
        ('frames = "5"', "s.toml: --frames 5: it must be START:STOP"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "s.toml").write_text(text)
    result = invoke(write_table(tmp_path / "cell.csv"), "-o", "out", "--settings", "s.toml")
    assert_ends(result, 2)
    assert told in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_not_there_is_an_error() -> None:
    result = invoke("x.csv", "-o", "out", "--settings", "none.toml")
    assert_ends(result, 2)
    assert "none.toml: it must be a file that can be read (No such file" in result.stderr


@pytest.mark.parametrize(
    ("words", "told"), [((), "needs an INPUT"), (("x.csv",), "needs -o FOLDER")]
)
def test_what_neither_gives_is_named(words: tuple[str, ...], told: str) -> None:
    result = invoke(*words)
    assert_ends(result, 2)
    assert told in result.stderr
