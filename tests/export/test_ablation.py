"""The ablation: one row per variation, all scored alike, finished rows kept."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest
import typer
from small import SMALL
from typer.testing import CliRunner

from annapalm.errors import InvalidValueError
from annapalm_export.cli.ablate import ablate as verb
from annapalm_export.train.ablation import (
    UNCHANGED,
    OtherAblationError,
    Variation,
    ablate,
    ablation_table,
    parse_variation,
)
from annapalm_export.train.losses import LossConfig

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = dataclasses.replace(SMALL, optimizer=dataclasses.replace(SMALL.optimizer, steps=2))
BASE = LossConfig()


def test_a_variation_is_read_as_it_is_typed() -> None:
    found = parse_variation("total=2, count_model=negative_binomial,adversarial_width=8", BASE)
    assert found.loss == LossConfig(total=2.0, count_model="negative_binomial", adversarial_width=8)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("totl=2", "key=value with a key of [loss]: shape, total, everything"),
        ("total", "key=value with a key of [loss]: shape, total, everything"),
        ("total=", "key=value with a key of [loss]: shape, total, everything"),
        ("total=much", "total is 'much', but it must be a value of type float"),
        ("adversarial_width=1.5", "must be a value of type int"),
        ("total=-1", "total is -1.0, but it must be a finite number of at least 0"),
        ("count_model=gamma", "one of poisson, negative_binomial"),
    ],
)
def test_a_variation_that_means_nothing_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        parse_variation(text, BASE)
    assert message in str(caught.value)


def test_rows_are_scored_alike_written_and_kept(tmp_path: Path) -> None:
    said: list[str] = []
    same = Variation("total=0.5", BASE)
    rows = ablate(RECIPE, [same], tmp_path, say=said.append)
    assert [row["variation"] for row in rows] == [UNCHANGED, "total=0.5"]
    first, second = ({k: v for k, v in row.items() if k != "variation"} for row in rows)
    assert first == second  # the same weights, crops and scores: a row differs by its loss alone
    assert first["false_um_per_um2"] >= 0
    assert 0 < first["missed_um_per_um2"] <= 3.5
    assert json.loads((tmp_path / "ablation.json").read_text()) == rows
    assert (tmp_path / "ablation.md").read_text(encoding="utf-8") == ablation_table(rows)
    said.clear()
    other = parse_variation("total=2", BASE)
    more = ablate(RECIPE, [same, other], tmp_path, say=said.append)
    assert more[:2] == rows
    assert more[2]["bits"] != rows[0]["bits"]
    assert said[0].startswith("total=2: ")


def test_a_folder_of_another_recipe_is_refused(tmp_path: Path) -> None:
    (tmp_path / "the-recipe").mkdir()
    (tmp_path / "the-recipe" / "recipe.json").write_text("{}")
    with pytest.raises(OtherAblationError, match="was made from another recipe"):
        ablate(RECIPE, [], tmp_path, say=lambda _line: None)
    (tmp_path / "the-recipe" / "recipe.json").unlink()
    (tmp_path / "the-recipe" / "checkpoint.pt").touch()
    with pytest.raises(OtherAblationError, match="the-recipe"):
        ablate(RECIPE, [], tmp_path, say=lambda _line: None)


def test_two_rows_of_one_name_are_refused(tmp_path: Path) -> None:
    same = Variation("total=0.5", BASE)
    with pytest.raises(InvalidValueError, match="different"):
        ablate(RECIPE, [same, same], tmp_path)


def test_a_score_that_does_not_apply_is_a_dash() -> None:
    names = ("bits", "total", "pearson", "f1", "false_um_per_um2", "missed_um_per_um2")
    row: dict[str, Any] = {"variation": "a", **dict.fromkeys(names), "bits": 1.23456}
    last = ablation_table([row]).splitlines()[-1]
    assert last == "| a | 1.235 | – | – | – | – | – |"  # noqa: RUF001 - a dash


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--loss", "totl=2"], "key=value with a key of"),
        (["--loss", "total=2", "--device", "tpu"], "neither cpu nor cuda"),
        ([], "Missing option '--loss'"),
    ],
)
def test_a_wrong_option_is_a_usage_error(tmp_path: Path, options: list[str], message: str) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("[optimizer]\nsteps = 2\n")
    app = typer.Typer()
    app.command()(verb)
    terminal = {"COLUMNS": "250", "NO_COLOR": "1", "TERM": "dumb"}
    words = [str(recipe), "-o", str(tmp_path / "out"), *options]
    result = CliRunner().invoke(app, words, env=terminal)
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "out").exists()
