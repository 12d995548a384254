"""Bad input: a clear error with file, place and remedy, and the others are still done."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from cli_words import (
    assert_complete_or_absent,
    assert_ends,
    invoke,
    read_json,
    rows_of_a_ring,
    run_cli,
    write_table,
    write_widefield,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Maker = Callable[[Path], object]

RING = rows_of_a_ring()


def _with_row(row: str) -> Maker:
    """Make a table whose line 6 is bad."""
    return lambda path: write_table(path, [*RING[:4], row, *RING[4:]])


def _long_line(path: Path) -> None:
    """Two gigabytes without a line end; sparse, so that the disk does not hold them."""
    with path.open("wb") as stream:
        stream.write(b"1,2,3," * 200_000)
        stream.truncate(2 * 2**30)


BAD_TABLES: dict[str, tuple[Maker, tuple[str, ...]]] = {
    "missing_column": (
        lambda path: write_table(path, ["1,2"] * 3, '"frame","x [nm]"'),
        ("missing_column.csv", "y"),
    ),
    "text_in_a_number": (_with_row("2,oops,5.0,9"), ("line 6", "x [nm]", "'oops'")),
    "nan": (_with_row("2,5.0,NaN,9"), ("line 6", "y [nm]", "NaN")),
    "negative_frame": (_with_row("-2,5.0,6.0,9"), ("line 6", "frame", "-2")),
    "unknown_unit": (
        lambda path: write_table(path, ["1,2,3"] * 3, '"frame","x [furlong]","y [furlong]"'),
        ("line 1", "furlong", "nm, µm or px"),
    ),
    "truncated": (
        lambda path: path.write_text(
            write_table(path).read_text("utf-8").rsplit(",", 2)[0], encoding="utf-8"
        ),
        ("line 401",),
    ),
    "binary": (lambda path: path.write_bytes(bytes(range(256)) * 64), ("binary.csv",)),
    "empty": (lambda path: path.write_bytes(b""), ("empty file",)),
    "long_line": (_long_line, ("long_line.csv", "line 1")),
    "a_kilometre_away": (_with_row("2,1e12,5.0,9"), ("line 6", "--roi", "--field")),
    "one_channel_too_many": (
        lambda path: (
            write_table(path),
            tifffile.imwrite(
                path.with_name("one_channel_too_many_widefield.tif"),
                np.ones((40, 40, 3), np.uint8),
                photometric="rgb",
            ),
        ),
        ("one_channel_too_many_widefield.tif", "colour"),
    ),
    "widefield_of_the_wrong_size": (
        lambda path: (
            write_table(path),
            write_widefield(path.with_name("widefield_of_the_wrong_size_widefield.tif"), (20, 20)),
        ),
        ("outside the field of 2.00 x 2.00 µm that the widefield image gives", "--widefield-pixel"),
    ),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_bad_table_is_named_and_the_others_are_done(
    name: str, tmp_path: Path, tiny_model_path: Path
) -> None:
    make, told = BAD_TABLES[name]
    folder = tmp_path / "in"
    for good in ("a_good", "z_good"):
        write_table(folder / f"{good}.csv")
    make(folder / f"{name}.csv")
    result = invoke(folder, "-o", tmp_path / "out", "--model", tiny_model_path)
    assert_ends(result, 1)
    assert assert_complete_or_absent(tmp_path / "out") == {"a_good", "z_good"}
    assert "2 done, 1 failed" in result.stdout
    errors = [line for line in result.stderr.splitlines() if "error: " in line]
    assert len(errors) == 1
    for text in (f"{name}.csv", *told):
        assert text in errors[0]
    failed = read_json(tmp_path / "out" / "run.json")["fields"][1]
    assert failed["status"] == "failed"
    assert failed["error"]["message"] in errors[0]
    assert failed["error"]["type"].endswith("Error")


def test_a_widefield_that_contradicts_the_stated_field_is_refused(
    tmp_path: Path, tiny_model_path: Path
) -> None:
    source = write_table(tmp_path / "cell.csv")
    write_widefield(tmp_path / "cell_widefield.tif")
    args = (source, "-o", tmp_path / "out", "--model", tiny_model_path)
    result = invoke(*args, "--field", "5x5")
    assert_ends(result, 1)
    assert "shows 40 x 40 pixels of 100 nm = 4.00 x 4.00 µm" in result.stderr
    assert_ends(invoke(*args, "--field", "5x5", "--no-widefield"), 0)


def test_a_tiff_without_pixel_size_is_a_question(tmp_path: Path, tiny_model_path: Path) -> None:
    image = np.zeros((64, 64), np.uint16)
    image[30, 10:50] = 1
    tifffile.imwrite(tmp_path / "counts.tif", image)
    args = (tmp_path / "counts.tif", "-o", tmp_path / "out", "--model", tiny_model_path)
    result = invoke(*args)
    assert_ends(result, 1)
    assert "--pixel-size" in result.stderr
    assert_ends(invoke(*args, "--pixel-size", 20), 0)
    wrong = invoke(*args, "--pixel-size", 25, "--overwrite")
    assert_ends(wrong, 1)
    assert "pixels of the sparse image are 25 nm, but the model tiny 0.0.1 needs 20 nm" in (
        wrong.stderr
    )


def test_a_widefield_without_pixel_size_is_a_question(
    tmp_path: Path, tiny_model_path: Path
) -> None:
    source = write_table(tmp_path / "cell.csv")
    write_widefield(tmp_path / "cell_widefield.tif", resolution=(1, 1), resolutionunit="NONE")
    args = (source, "-o", tmp_path / "out", "--model", tiny_model_path)
    result = invoke(*args)
    assert_ends(result, 1)
    assert "--widefield-pixel" in result.stderr
    assert_ends(invoke(*args, "--widefield-pixel", 100), 0)


def test_frames_cannot_be_chosen_from_an_image(tmp_path: Path, tiny_model_path: Path) -> None:
    tifffile.imwrite(tmp_path / "counts.tif", np.ones((32, 32), np.uint16))
    result = invoke(
        tmp_path / "counts.tif", "-o", tmp_path / "out", "--model", tiny_model_path,
        "--frames", "0:9", "--pixel-size", 20,
    )  # fmt: skip
    assert_ends(result, 1)
    assert "counts.tif is an image of counts, in which frames cannot be told apart" in (
        result.stderr
    )


@pytest.mark.parametrize("content", [b"no model", b"", b"\x08\x0a" * 40])
def test_a_model_that_is_none_ends_with_3_before_anything_is_read(
    content: bytes, tmp_path: Path
) -> None:
    model = tmp_path / "broken.onnx"
    model.write_bytes(content)
    result = invoke(write_table(tmp_path / "cell.csv"), "-o", tmp_path / "out", "--model", model)
    assert_ends(result, 3)
    assert "broken.onnx" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_model_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    source = write_table(tmp_path / "cell.csv")
    result = invoke(source, "-o", tmp_path / "out", "--model", "unheard-of")
    assert_ends(result, 2)
    assert "There is no model 'unheard-of'" in result.stderr


def test_an_input_that_may_not_be_read_is_named(tmp_path: Path, tiny_model_path: Path) -> None:
    # A link to nowhere: the one unreadable file that a test running as root can make.
    (tmp_path / "gone.csv").symlink_to(tmp_path / "nowhere.csv")
    good = write_table(tmp_path / "good.csv")
    result = invoke(
        tmp_path / "gone.csv", good, "-o", tmp_path / "out", "--model", tiny_model_path
    )  # fmt: skip
    assert_ends(result, 1)
    assert "gone.csv cannot be read" in result.stderr
    assert assert_complete_or_absent(tmp_path / "out") == {"good"}


def test_a_file_where_an_output_folder_is_needed(tmp_path: Path, tiny_model_path: Path) -> None:
    write_table(tmp_path / "in" / "sub" / "cell.csv")
    write_table(tmp_path / "in" / "cell.csv")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").write_text("in the way", encoding="utf-8")
    result = invoke(tmp_path / "in", "-o", tmp_path / "out", "--model", tiny_model_path)
    assert_ends(result, 1)
    assert f"{tmp_path / 'out' / 'sub'}" in result.stderr
    assert (tmp_path / "out" / "sub").read_text(encoding="utf-8") == "in the way"
    assert (tmp_path / "out" / "cell.ome.tif").is_file()


if sys.platform != "win32" and os.geteuid() != 0:  # root may write everywhere

    def test_a_folder_without_permission(tmp_path: Path, tiny_model_path: Path) -> None:
        out = tmp_path / "out"
        out.mkdir(mode=0o500)
        source = write_table(tmp_path / "cell.csv")
        result = invoke(source, "-o", out, "--model", tiny_model_path)
        assert_ends(result, 1)
        assert "that you may write to" in result.stderr


if sys.platform != "win32":

    def test_a_full_disk_leaves_nothing_and_is_said(tmp_path: Path, tiny_model_path: Path) -> None:
        # A limit on the size of files stands for the disk: 200 kB, less than one image.
        source = write_table(tmp_path / "cell.csv")
        script = (
            "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)); "
            "from annapalm.cli.run import main; main()"
        )
        result = subprocess.run(
            [sys.executable, "-c", script, source, "-o", tmp_path / "out",
             "--model", tiny_model_path, "--field", "10x10"],
            capture_output=True, encoding="utf-8", timeout=120, check=False,
        )  # fmt: skip
        assert_ends(result, 1)
        assert "could not be written to its end" in result.stderr
        assert "Make room" in result.stderr
        assert assert_complete_or_absent(tmp_path / "out") == set()


def test_a_bad_file_alone_ends_with_1(tmp_path: Path, tiny_model_path: Path) -> None:
    source = write_table(tmp_path / "bad.csv", ["1,2"])
    result = run_cli(source, "-o", tmp_path / "out", "--model", tiny_model_path)
    assert_ends(result, 1)
    assert "0 done, 1 failed" in result.stdout


@pytest.mark.parametrize(
    ("name", "options"), [("annapalm-run", ("-q", "-o", "out")), ("annapalm", ("inspect",))]
)
def test_a_damaged_tiff_is_one_line_of_ours_and_none_of_the_library(
    name: str, options: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "damaged.tif"
    tifffile.imwrite(path, np.ones((32, 32), np.uint16), resolution=(5e5, 5e5), resolutionunit=3)
    content = bytearray(path.read_bytes())
    entry = content.index(b"\x01\x01\x04\x00")  # tag 257, the number of rows
    content[entry + 2] = 215  # a type that there is not
    path.write_bytes(content)
    result = run_cli(*options, path.name, name=name)
    assert_ends(result, 1)
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: damaged.tif ")
