"""What a settings file says about some of the tables: `[files."PATTERN"]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import tifffile
from cli_words import assert_ends, invoke, read_json, rows_of_a_ring, write_table

if TYPE_CHECKING:
    from pathlib import Path

NAMELESS = "frame,x,y,precision"
"""A header that names no unit: it has to be said, and so have the columns."""
COLUMNS = 'columns = "x=x,y=y,frame=frame"\n'


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_nameless(path: Path, pixel_nm: float) -> None:
    """Write the ring in camera pixels, and no word about them."""
    rows = [list(map(float, row.split(","))) for row in rows_of_a_ring()]
    lines = [f"{f:.0f},{x / pixel_nm:.9f},{y / pixel_nm:.9f},{p}" for f, x, y, p in rows]
    write_table(path, lines, NAMELESS)


def used(folder: Path, stem: str) -> dict[str, object]:
    """Give the options on tables that the record of a field names."""
    options = read_json(folder / f"{stem}.json")["provenance"]["options"]
    return {name: options.get(name) for name in ("columns", "unit", "camera-pixel")}


def test_each_table_gets_the_first_rule_that_fits_it(tmp_path: Path, tiny_model_path: Path) -> None:
    write_table(tmp_path / "in" / "plain.csv")
    write_nameless(tmp_path / "in" / "Scope B" / "One.CSV", 100)
    write_nameless(tmp_path / "in" / "Scope B" / "two.csv", 50)
    (tmp_path / "annapalm.toml").write_text(
        f'camera-pixel = 100\nfield = "4x4"\n'
        f'[files."scope b/o*.csv"]\n{COLUMNS}unit = "px"\n'
        f'[files."scope b/*.csv"]\n{COLUMNS}unit = "px"\ncamera-pixel = 50.0\n'
    )
    result = invoke("in", "-o", "out", "--model", tiny_model_path)
    assert_ends(result, 0)
    assert "settings from annapalm.toml: camera-pixel, field, files" in result.stderr
    said = {"columns": "x=x,y=y,frame=frame", "unit": "px"}
    plain = {"columns": None, "unit": None, "camera-pixel": 100}
    assert used(tmp_path / "out", "plain") == plain
    assert used(tmp_path / "out", "Scope B/One") == {**said, "camera-pixel": 100.0}
    assert used(tmp_path / "out", "Scope B/two") == {**said, "camera-pixel": 50.0}
    whole, other = (tifffile.imread(f"out/{n}.ome.tif") for n in ("Scope B/One", "Scope B/two"))
    assert abs(whole - other).max() == 0


def test_the_command_line_is_stronger_than_a_rule(tmp_path: Path, tiny_model_path: Path) -> None:
    write_nameless(tmp_path / "cell.csv", 50)
    (tmp_path / "annapalm.toml").write_text(
        f'camera-pixel = 70\n[files."*.csv"]\n{COLUMNS}unit = "px"\ncamera-pixel = 100\n'
    )
    words = ("--model", tiny_model_path, "--camera-pixel", 50)
    assert_ends(invoke("cell.csv", "-o", "out", *words), 0)
    assert used(tmp_path / "out", "cell")["camera-pixel"] == 50


def test_other_rules_are_other_settings(tmp_path: Path, tiny_model_path: Path) -> None:
    write_nameless(tmp_path / "cell.csv", 100)
    words = ("cell.csv", "-o", "out", "--model", tiny_model_path)
    settings = tmp_path / "annapalm.toml"
    settings.write_text(f'[files."*.csv"]\n{COLUMNS}unit = "px"\ncamera-pixel = 100\n')
    assert_ends(invoke(*words), 0)
    assert "1 of 1 are done" in invoke(*words).stderr
    settings.write_text(settings.read_text().replace("100", "101"))
    refused = invoke(*words)
    assert_ends(refused, 2)
    assert "files.*.csv.camera-pixel was 100" in refused.stderr


def test_channels_have_a_rule_each(tmp_path: Path, tiny_model_path: Path) -> None:
    write_table(tmp_path / "in" / "cell_647.csv")
    write_nameless(tmp_path / "in" / "cell_561.csv", 100)
    (tmp_path / "annapalm.toml").write_text(
        f'[files."*_561.csv"]\n{COLUMNS}unit = "px"\ncamera-pixel = 100\n'
    )
    channels = ("--channel", "red=*_647.csv", "--channel", "green=*_561.csv")
    result = invoke("in", "-o", "out", "--model", tiny_model_path, "--field", "4x4", *channels)
    assert_ends(result, 0)
    red, _, green, _ = tifffile.imread("out/cell.ome.tif")
    assert abs(red - green).max() < 1e-6
    assert [
        c["input"]["format"] for c in read_json(tmp_path / "out" / "cell.json")["channels"]
    ] == [
        "thunderstorm",
        "delimited",
    ]


def test_rules_are_printed_and_can_be_fed_back(tmp_path: Path) -> None:
    (tmp_path / "annapalm.toml").write_text(
        'threads = 2\n[files."a b/*.txt"]\nfield = "4x4"\nallow-single-frame = true\n'
    )
    printed = invoke("--print-settings")
    assert_ends(printed, 0)
    assert printed.stdout.endswith(
        '\n\n[files."a b/*.txt"]\nfield = "4x4"\nallow-single-frame = true\n'
    )
    (tmp_path / "again.toml").write_text(printed.stdout, encoding="utf-8")
    assert invoke("--settings", "again.toml", "--print-settings").stdout == printed.stdout


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("files = 3", 's.toml, files: it must be sections such as [files."*.mat"]'),
        ('files."*.csv" = 3', "s.toml, files: it must be sections"),
        (
            '[files."*.csv"]\nthreads = 3',
            's.toml, files."*.csv".threads: it must be one of format,',
        ),
        ('[files."*.csv"]\nunit = "pm"', 'files."*.csv".unit = "pm": it must be one of nm'),
        ('[files."*.csv"]\nfirst-frame = -1', "first-frame = -1: it must be a whole number of at"),
        ('[files."*.csv"]\nfield = "4"', 's.toml, files."*.csv": --field 4: it must be'),
        (
            '[files."*.csv"]\ncamera-pixel = 0',
            'files."*.csv": --camera-pixel 0: it must be a number',
        ),
        (
            '[files."*.csv"]\nformat = "elyra"\ncolumns = "x,y,frame"',
            'files."*.csv": --columns is for delimited',
        ),
    ],
)
def test_a_wrong_rule_is_refused_by_name(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "s.toml").write_text(text)
    result = invoke(write_table(tmp_path / "cell.csv"), "-o", "out", "--settings", "s.toml")
    assert_ends(result, 2)
    assert told in result.stderr
    assert not (tmp_path / "out").exists()
