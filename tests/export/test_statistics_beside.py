"""Simulated beside real: matched densities, the table, the picture, and the command."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from annapalm import Localizations
from annapalm.errors import InvalidValueError
from annapalm_export.cli.statistics import compare_statistics
from annapalm_export.evaluate.beside import (
    comparison_table,
    first_of_density,
    fullest_square,
    per_um2,
    picture,
    scenes_with_structure,
    simulated_summaries,
    to_json,
)
from annapalm_export.evaluate.statistics import SUMMARY
from annapalm_export.simulate import SceneOptions, simulate_scene

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

SMALL = SceneOptions(field_um=3, frames=2000, empty_share=0, with_widefield=False, amount_per_um2=2)
WORDS = ["--field-um", 3, "--frames", 2000, "--amount", 2, "--scenes", 2]


def even(number: int, side_nm: float = 4000.0, frames: int = 500) -> Localizations:
    """Spread localizations evenly over a square field and over the frames."""
    rng = np.random.default_rng(5)
    x, y = rng.random((2, number)) * side_nm
    frame = np.sort(rng.integers(0, frames, number))
    return Localizations(x, y, frame, field_nm=(side_nm, side_nm))


def test_the_first_frames_are_cut_to_a_density() -> None:
    locs = even(8000)
    cut = first_of_density(locs, 100)
    assert cut.frame.max() < locs.frame.max()
    assert cut.frame.min() == locs.frame.min()
    assert per_um2(cut) == pytest.approx(100, rel=0.02)  # whole frames: 16 localizations each
    assert len(cut) == (locs.frame <= cut.frame.max()).sum()


def test_a_sparser_table_is_kept_whole() -> None:
    assert len(first_of_density(even(800), 1000)) == 800


def test_a_table_without_a_field_keeps_its_extent_when_cut() -> None:
    locs = even(8000)
    unknown = Localizations(locs.x_nm + 7000, locs.y_nm - 900, locs.frame)
    cut = first_of_density(unknown, 50)
    assert cut.field_nm == (np.ptp(locs.x_nm), np.ptp(locs.y_nm))
    assert min(cut.x_nm.min(), cut.y_nm.min()) >= 0


@pytest.mark.parametrize("density", [0.0, -1.0, float("nan"), 0.01])
def test_a_density_that_leaves_nothing_is_refused(density: float) -> None:
    with pytest.raises(InvalidValueError, match="density is"):
        first_of_density(even(100), density)


def test_scenes_are_summarised_at_the_density_asked_for() -> None:
    said: list[str] = []
    found = simulated_summaries(SMALL, 2, 2, 60, say=said.append)
    assert [list(s) for s in found] == [list(SUMMARY)] * 2
    assert [s["per_um2"] for s in found] == pytest.approx([60, 60], rel=0.2)
    assert not any("taken whole" in line for line in said)


def test_scenes_that_are_too_sparse_are_named() -> None:
    said: list[str] = []
    (summary,) = simulated_summaries(SMALL, 4, 1, 1e6, say=said.append)
    assert summary["per_um2"] < 1e6
    assert said[-1] == f"{summary['per_um2']:.3g} localizations per µm² in all, taken whole"


def test_scenes_with_hardly_any_structure_are_passed_over() -> None:
    least = 60 * (3 / 12.8) ** 2
    amounts = {seed: simulate_scene(seed, SMALL).amount for seed in range(6)}
    empty = [seed for seed, amount in amounts.items() if amount < least]
    full = [seed for seed, amount in amounts.items() if amount >= least]
    assert empty
    assert full
    said: list[str] = []
    found = scenes_with_structure(SMALL, 0, len(full), said.append)
    assert [scene.amount for scene in found] == [amounts[seed] for seed in full]
    assert [line.split(":")[0] for line in said] == [f"seed {n}" for n in empty if n < full[-1]]


def test_structure_too_sparse_for_any_scene_is_refused() -> None:
    sparse = dataclasses.replace(SMALL, amount_per_um2=1e-6, frames=200)
    with pytest.raises(InvalidValueError, match="ask for a higher amount"):
        list(scenes_with_structure(sparse, 0, 1, lambda _line: None))


def test_the_table_has_a_line_per_statistic_and_medians_with_ranges() -> None:
    base = dict.fromkeys(SUMMARY, 1.0)
    scenes = [base | {"burst_mean": value} for value in (2.0, 3.0, 40.0)]
    text = comparison_table({"cell": base | {"precision_50_nm": float("nan")}}, {"made": scenes})
    lines = text.splitlines()
    assert lines[0] == "| statistic | cell | made (3 scenes) |"
    assert "| localizations per burst, mean | 1 | 3 (2.1 to 36.3) |" in lines
    assert "| stated precision, median, nm | - | 1 (1 to 1) |" in lines
    assert len(lines) == 2 + len(SUMMARY)


def test_a_statistic_that_nobody_has_is_left_out() -> None:
    base = dict.fromkeys(SUMMARY, 1.0) | {"crowding": float("nan")}
    assert SUMMARY["crowding"] not in comparison_table({"cell": base}, {"made": [base]})


def test_json_has_null_for_what_is_not_defined() -> None:
    assert json.loads(to_json({"a": [float("nan"), 1.0], "b": (2.0, "x")})) == {
        "a": [None, 1.0],
        "b": [2.0, "x"],
    }


def test_the_fullest_square_is_cut_out() -> None:
    locs = even(2000)
    crowd = Localizations(
        np.concatenate([locs.x_nm, np.full(500, 3100.0)]),
        np.concatenate([locs.y_nm, np.full(500, 600.0)]),
        np.concatenate([locs.frame, locs.frame[:500]]),
        field_nm=locs.field_nm,
    )
    square = fullest_square(crowd, 1000)
    assert square.field_nm == (1000, 1000)
    assert len(square) > 500
    assert 0 <= square.x_nm.min() <= square.x_nm.max() < 1000
    with pytest.raises(InvalidValueError, match="shorter side, 4000 nm"):
        fullest_square(locs, 4001)


def test_the_fullest_square_may_be_the_whole_field() -> None:
    assert len(fullest_square(even(500), 4000)) == 500


def test_a_picture_is_a_png_with_a_panel_per_table() -> None:
    one, two = (picture(dict.fromkeys(names, even(500))) for names in (["a"], ["a", "b"]))
    assert one.startswith(b"\x89PNG")
    width = [int.from_bytes(png[16:20], "big") for png in (one, two)]
    assert width[1] > 1.8 * width[0]


def test_a_picture_needs_tables_of_one_size() -> None:
    with pytest.raises(InvalidValueError, match="one size"):
        picture({"a": even(500), "b": even(500, 3000.0)})
    with pytest.raises(InvalidValueError, match="at least one"):
        picture({})


@pytest.fixture
def cell(tmp_path: Path) -> Path:
    """Write a delimited table of evenly spread localizations."""
    locs = even(3000)
    path = tmp_path / "cell.txt"
    np.savetxt(
        path, np.column_stack([locs.frame, locs.x_nm, locs.y_nm]), fmt=("%d", "%.2f", "%.2f")
    )
    return path


def _run(*words: object) -> Result:
    app = typer.Typer()
    app.command()(compare_statistics)
    environment = {"COLUMNS": "250", "NO_COLOR": "1", "TERM": "dumb"}
    return CliRunner(env=environment).invoke(app, [str(word) for word in words])


def test_the_command_compares_a_table_with_scenes(cell: Path, tmp_path: Path) -> None:
    result = _run(
        cell, "--columns", "frame,x,y", "--unit", "nm", *WORDS, "--density", 60,
        "-o", tmp_path / "all.json", "--picture", tmp_path / "beside.png",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    head = result.stdout.splitlines()[0]
    name = f"{tmp_path.name}/cell.txt"
    assert (
        head == f"| statistic | {name} | simulated (2 scenes) | simulated, imperfect (2 scenes) "
        "| simulated, imperfect, stray (2 scenes) |"
    )
    found = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    assert found["real"][name]["per_um2"] == pytest.approx(60, rel=0.05)
    assert found["settings"]["density_per_um2"] == 60
    assert [len(scenes) for scenes in found["simulated"].values()] == [2, 2, 2]
    assert (tmp_path / "beside.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--density", "0"], "must be above 0, not 0"),
        (["--density", "9", "--amount", "-2"], "must be above 0, not -2"),
        (["--density", "9", "--structure", "cheese"], "'cheese' is not one of: microtubules"),
        (["--density", "9", "--kinetics", "slow"], "'slow' is not one of: any, palm"),
        (["--density", "9", "--picture", "p.png"], "needs a table to draw"),
        (["--density", "9", "--scenes", "0"], "Invalid value for '--scenes'"),
        ([], "needed where no table is given"),
    ],
)
def test_the_command_refuses_what_it_cannot_do(words: list[str], problem: str) -> None:
    result = _run(*words)
    assert result.exit_code == 2
    assert problem in " ".join(result.stderr.replace("│", " ").split())
