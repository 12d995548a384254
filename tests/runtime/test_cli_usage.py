"""Mistakes of the call: found before any input is read, exit code 2, nothing written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cli_words import assert_ends, invoke, run_cli, write_table, write_widefield

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--frames", "10"), "--frames 10: it must be START:STOP"),
        (("--frames", "10:10"), "START before STOP"),
        (("--frames", "-3:10"), "--frames -3:10"),
        (("--frames", "9" * 30 + ":"), "it must be START:STOP"),
        (("--roi", "1,2,3"), "--roi 1,2,3: it must be X0,Y0,X1,Y1"),
        (("--roi", "5,5,1,9"), "X0 below X1"),
        (("--roi", "a,b,c,d"), "--roi a,b,c,d"),
        (("--roi", "0,0,inf,1"), "--roi 0,0,inf,1"),
        (("--roi", "0,0,1e9,1e9"), "pixels"),
        (("--field", "40"), "--field 40: it must be WIDTHxHEIGHT"),
        (("--field", "0x5"), "above 0"),
        (("--camera-pixel", "0"), "--camera-pixel 0"),
        (("--camera-pixel", "nan"), "--camera-pixel nan"),
        (("--pixel-size", "-1"), "--pixel-size -1"),
        (("--widefield-pixel", "inf"), "--widefield-pixel inf"),
        (("--exposure", "0"), "--exposure 0"),
        (("--doubt", "0"), "--doubt 0"),
        (("--doubt", "nan"), "--doubt nan"),
        (("--exposure", "1e9"), "exposure"),
        (("--tile", "big"), "--tile big: it must be auto, whole"),
        (("--tile", "100"), "100"),
        (("--tile", "16"), "16"),
        (("--structure", "pore"), "Structure 'pore' is unknown"),
        (("--unit", "px"), "--camera-pixel"),
        (("--unit", "furlong"), "furlong"),
        (("--format", "word"), "word"),
        (("--device", "abacus"), "abacus"),
        (("--device", "cuda"), "The device 'cuda' cannot be used"),
        (("--threads", "0"), "--threads"),
        (("--columns", "x,y"), "frame"),
        (("--columns", "x,x,frame"), "x"),
        (("--columns", "x,y,frame", "--format", "thunderstorm"), "--columns"),
        (("--widefield", "w.tif", "--no-widefield"), "--widefield and --no-widefield contradict"),
        (("--widefield-suffix", "_w.tif", "--no-widefield"), "contradict"),
        (("--widefield-suffix", "_w.tif", "--widefield", "w.tif"), "contradict"),
        (("--widefield-suffix", ""), "--widefield-suffix"),
        (("--widefield", "absent.tif"), "absent.tif"),
        (("--bogus",), "--bogus"),
    ],
)
def test_an_option_that_cannot_be_followed(
    options: tuple[str, ...], told: str, tmp_path: Path, tiny_model_path: Path
) -> None:
    source = write_table(tmp_path / "cell.csv")
    result = invoke(source, "-o", tmp_path / "out", "--model", tiny_model_path, *options)
    assert_ends(result, 2)
    assert told in result.stderr
    assert not (tmp_path / "out").exists()


def test_output_equal_to_the_input_folder(tmp_path: Path, tiny_model_path: Path) -> None:
    write_table(tmp_path / "in" / "cell.csv")
    (tmp_path / "link").symlink_to(tmp_path / "in")
    for out in (tmp_path / "in", tmp_path / "in" / ".." / "in", tmp_path / "link"):
        result = invoke(tmp_path / "in", "-o", out, "--model", tiny_model_path)
        assert_ends(result, 2)
        assert "it is the input folder itself" in result.stderr
    assert {p.name for p in (tmp_path / "in").iterdir()} == {"cell.csv"}


def test_an_output_that_would_replace_an_input(tmp_path: Path, tiny_model_path: Path) -> None:
    source = tmp_path / "counts.ome.tif"
    write_widefield(source)
    before = source.read_bytes()
    result = invoke(source, "-o", tmp_path, "--model", tiny_model_path, "--overwrite")
    assert_ends(result, 2)
    assert "counts.ome.tif: it would replace an input" in result.stderr
    assert source.read_bytes() == before


def test_two_inputs_with_one_output_name(tmp_path: Path, tiny_model_path: Path) -> None:
    first = write_table(tmp_path / "a" / "cell.csv")
    second = write_table(tmp_path / "b" / "cell.txt")
    result = invoke(first, second, "-o", tmp_path / "out", "--model", tiny_model_path)
    assert_ends(result, 2)
    assert f"{first} and {second} would both be written to {tmp_path / 'out' / 'cell'}.*" in (
        result.stderr
    )


def test_names_that_differ_only_in_case_are_one(tmp_path: Path, tiny_model_path: Path) -> None:
    first = write_table(tmp_path / "a" / "Cell.csv")
    second = write_table(tmp_path / "b" / "cell.csv")
    result = invoke(first, second, "-o", tmp_path / "out", "--model", tiny_model_path)
    assert_ends(result, 2)
    assert "would both be written to" in result.stderr


def test_the_name_of_the_record_of_the_run_is_taken(tmp_path: Path, tiny_model_path: Path) -> None:
    source = write_table(tmp_path / "run.csv")
    result = invoke(source, "-o", tmp_path / "out", "--model", tiny_model_path)
    assert_ends(result, 2)
    assert "run.csv would be written to run.json" in result.stderr


def test_an_input_that_does_not_exist(tmp_path: Path, tiny_model_path: Path) -> None:
    for name, told in (("absent.csv", "does not exist"), ("*.csv", "matches no file")):
        result = invoke(tmp_path / name, "-o", tmp_path / "out", "--model", tiny_model_path)
        assert_ends(result, 2)
        assert told in result.stderr


def test_a_folder_without_inputs(tmp_path: Path, tiny_model_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "README.txt").write_text("nothing here", encoding="utf-8")
    result = invoke(tmp_path / "in", "-o", tmp_path / "out", "--model", tiny_model_path)
    assert_ends(result, 2)
    assert "holds no input" in result.stderr
    assert ".csv, .txt, .tsv, .xls, .hdf5, .h5, .mat, .smlm, .parquet, .tif, .tiff" in result.stderr


def test_one_widefield_image_cannot_belong_to_two_inputs(
    tmp_path: Path, tiny_model_path: Path
) -> None:
    image = tmp_path / "image.tif"
    write_widefield(image)
    inputs = [write_table(tmp_path / f"{name}.csv") for name in "ab"]
    result = invoke(
        *inputs, "-o", tmp_path / "out", "--model", tiny_model_path, "--widefield", image
    )  # fmt: skip
    assert_ends(result, 2)
    assert "--widefield" in result.stderr


def test_an_output_that_is_a_file(tmp_path: Path, tiny_model_path: Path) -> None:
    source = write_table(tmp_path / "cell.csv")
    (tmp_path / "out").write_text("a file", encoding="utf-8")
    result = invoke(source, "-o", tmp_path / "out", "--model", tiny_model_path)
    assert_ends(result, 2)
    assert "it is a file, not a folder" in result.stderr


def test_without_arguments_the_command_says_how_it_is_called() -> None:
    result = run_cli()
    assert_ends(result, 2)
    assert "annapalm-run" in result.stderr


def test_the_help_names_every_exit_code() -> None:
    result = run_cli("--help")
    assert_ends(result, 0)
    for text in ("0 all done", "1 some inputs failed", "3 the model", "130 interrupted"):
        assert text in " ".join(result.stdout.split())
