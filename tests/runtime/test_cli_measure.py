"""`annapalm measure` and `annapalm compare`, from files to verdicts."""

from __future__ import annotations

import csv
import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from cli_words import assert_ends, names_in
from measure_words import parallel_lines, write_result
from test_cli_models import annapalm

from annapalm.cli.measure import field_lines
from annapalm.measure.record import JSON_NAME, read_measures

if TYPE_CHECKING:
    from pathlib import Path

LINES = parallel_lines()


def a_group(folder: Path, lines: list[int], **options: Any) -> Path:
    """Write results with so many lines each."""
    for number, count in enumerate(lines):
        shape = (200, 200)
        dense = parallel_lines(count, seed=count * 100 + number, shape=shape)
        write_result(folder / f"cell_{number}", dense, **options)
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write_result(tmp_path / "run" / "sub" / "cell_1", LINES)
    write_result(tmp_path / "run" / "cell_2", LINES, doubt=1.1)
    return tmp_path / "run"


def test_fields_are_measured_and_written(run: Path, tmp_path: Path) -> None:
    result = annapalm("measure", run, "-o", tmp_path / "out")
    assert_ends(result, 0)
    assert f"{(run / 'cell_2.ome.tif').as_posix()}: microtubules, 36.0 µm²\n" in result.stdout
    assert "; drawn 0.8" in result.stdout
    assert "  doubtful: 0% of it\n" in result.stdout
    assert "  doubtful: 100% of it: too doubtful to conclude\n" in result.stdout
    assert names_in(tmp_path / "out") == {"measures.json", "measures.csv"}
    first, second = read_measures(tmp_path / "out" / JSON_NAME)
    assert first["conclusive"] is False
    assert second["conclusive"] is True
    with (tmp_path / "out" / "measures.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert float(rows[1]["length_um_per_um2"]) == second["measures"]["length_um_per_um2"]["value"]
    assert float(rows[1]["order_drawn"]) == second["measures"]["order"]["drawn"]
    assert rows[0]["conclusive"] == "False"


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ({"low": 1.0, "high": 3.0}, "2 (1 to 3; drawn 1.5) µm"),
        ({"low": 1.0, "drawn": 2.0}, "2 (1 or more) µm"),
        ({"high": 3.0, "drawn": None}, "2 (3 or less) µm"),
        ({}, "2 (no interval known; drawn 1.5) µm"),
        ({"value": None}, "not shown by this field"),
    ],
)
def test_ends_of_an_interval_that_are_not_known_are_said(ends: dict[str, Any], words: str) -> None:
    bend = {"drawn": 1.5, "value": 2.0, "low": None, "high": None} | ends
    field = {
        "field": "cell",
        "structure": "actin",
        "area_um2": 1.0,
        "measures": {"persistence_um": bend},
        "doubtful_share": None,
        "model": "actin/1.0.0",
        "fitted_to": "actin/1.0.0",
    }
    assert f"  persistence length: {words}" in field_lines(field)[1]


def test_a_picture_of_a_model_that_nothing_was_fitted_to_is_told(run: Path) -> None:
    said = annapalm("measure", run).stdout
    assert (
        said.count(
            "corrected as microtubule/1.3.0 draws it: nothing was fitted to microtubule/1.0.0"
        )
        == 2
    )


def test_one_line_of_json_per_field(run: Path) -> None:
    lines = annapalm("measure", run, "--json").stdout.splitlines()
    assert [json.loads(line)["doubtful_share"] for line in lines] == [1.0, 0.0]


def test_a_region_is_measured(run: Path) -> None:
    result = annapalm("measure", run / "cell_2.ome.tif", "--roi", "1,1,4,3", "--json")
    field = json.loads(result.stdout)
    assert field["area_um2"] == pytest.approx(6)
    assert field["roi_um"] == [1, 1, 4, 3]


def test_a_structure_can_be_named(run: Path) -> None:
    image = run / "cell_2.ome.tif"
    assert ": actin, " in annapalm("measure", image, "--structure", "actin").stdout
    pores = annapalm("measure", image, "--structure", "nuclear pores", "--radius", 60)
    assert_ends(pores, 0)
    assert "pore density" in pores.stdout


def test_measures_that_are_there_are_kept_unless_told(run: Path, tmp_path: Path) -> None:
    assert_ends(annapalm("measure", run, "-o", tmp_path / "out"), 0)
    again = annapalm("measure", run, "-o", tmp_path / "out")
    assert_ends(again, 2)
    assert "measures.json exists already" in again.stderr
    assert again.stdout == ""
    assert_ends(annapalm("measure", run, "-o", tmp_path / "out", "--overwrite"), 0)


def test_one_bad_field_does_not_stop_the_others(run: Path, tmp_path: Path) -> None:
    (run / "cell_2.ome.tif").write_bytes(b"broken")
    result = annapalm("measure", run, "-o", tmp_path / "out")
    assert_ends(result, 1)
    assert "cell_2.ome.tif is not the image that its record describes" in result.stderr
    assert len(read_measures(tmp_path / "out" / JSON_NAME)) == 1


def test_a_structure_without_measures_is_said(tmp_path: Path) -> None:
    image = write_result(tmp_path / "cell", LINES, structure="mitochondria")
    result = annapalm("measure", image)
    assert_ends(result, 1)
    assert "shows mitochondria, of which there are no measures" in result.stderr


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("gone",), "Input gone does not exist"),
        ((".", "--roi", "1,2,3"), "--roi 1,2,3: it must be"),
        ((".", "--structure", "lamin"), "--structure lamin: it must be one of microtubules"),
        ((".", "--radius", "0"), "--radius 0.0: it must be a number above 0"),
    ],
)
def test_calls_that_cannot_be_carried_out(args: tuple[str, ...], words: str) -> None:
    for verb in ("measure", "compare"):
        given = (args[0], *args) if verb == "compare" else args
        result = annapalm(verb, *given)
        assert_ends(result, 2)
        assert words in result.stderr


def test_two_groups_are_compared(tmp_path: Path) -> None:
    control = a_group(tmp_path / "control", [6, 7, 6, 7, 6])
    drug = a_group(tmp_path / "drug", [3, 2, 3, 3, 2])
    assert_ends(annapalm("measure", drug, "-o", tmp_path / "measured"), 0)
    result = annapalm("compare", control, tmp_path / "measured")
    assert_ends(result, 0)
    assert "5 fields, 0 of 5 fields too doubtful to conclude\n" in result.stdout
    (line,) = [one for one in result.stdout.splitlines() if one.startswith("length")]
    assert line.endswith(": difference")
    assert "-59%" in line
    found = json.loads(annapalm("compare", control, drug, "--json").stdout)
    assert found["comparisons"][0]["change"] == pytest.approx(2.6 / 6.4 - 1, abs=0.02)
    assert found["replicate"] == "field"


def test_doubt_forbids_a_conclusion(tmp_path: Path) -> None:
    control = a_group(tmp_path / "control", [6, 7, 6, 7, 6])
    drug = a_group(tmp_path / "drug", [3, 2, 3, 3, 2], doubt=1.1)
    result = annapalm("compare", control, drug)
    assert_ends(result, 0)
    assert "5 of 5 fields too doubtful to conclude" in result.stdout
    (line,) = [one for one in result.stdout.splitlines() if one.startswith("length")]
    assert line.endswith(": too doubtful to conclude")


def test_a_folder_can_be_the_replicate(tmp_path: Path) -> None:
    for group, counts in (("a", [6, 7]), ("b", [3, 4])):
        for dish in "xyz":
            for number, count in enumerate(counts):
                dense = parallel_lines(count, seed=ord(dish) + ord(group), shape=(200, 200))
                write_result(tmp_path / group / dish / f"cell_{number}", dense)
    result = annapalm("compare", tmp_path / "a", tmp_path / "b", "--by", "folder")
    assert_ends(result, 0)
    assert "3 folders" in result.stdout
    assert "one replicate is one folder" in result.stdout
    assert "no difference can be shown" in result.stderr


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"lines": [3, 4]}, "holds 2 field(s), but at least 3 in each group are needed"),
        ({"lines": [3, 4, 5], "structure": "actin"}, "differ in structure: microtubules and actin"),
        ({"lines": [3, 4, 5], "version": "2.0.0"}, "differ in model: microtubule/1.0.0"),
        ({"lines": [6, 5, 6]}, "was given more than once"),
    ],
)
def test_groups_that_cannot_be_compared(tmp_path: Path, other: dict[str, Any], words: str) -> None:
    control = a_group(tmp_path / "control", [6, 7, 6])
    result = annapalm("compare", control, a_group(tmp_path / "drug", **other))
    assert_ends(result, 1)
    assert words in result.stderr


def test_groups_that_were_sampled_unlike_are_warned_of(tmp_path: Path) -> None:
    control = a_group(tmp_path / "control", [6, 7, 6, 7, 7])
    for number in range(5):
        dense = parallel_lines(3, seed=number, shape=(200, 200)) * np.float32(3)
        write_result(tmp_path / "bright" / f"cell_{number}", dense)
    result = annapalm("compare", control, tmp_path / "bright")
    assert "The groups were sampled unlike" in result.stderr
    assert "difference, perhaps of sampling" in result.stdout
    assert not re.search(r": difference$", result.stdout, re.MULTILINE)
