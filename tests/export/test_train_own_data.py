"""Training on own tables from end to end, and that nothing held out was ever learned from."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import typer
from lines import write_lines, write_widefield
from small import SMALL
from typer.testing import CliRunner

from annapalm_export.cli import app
from annapalm_export.cli.train import choose_structure
from annapalm_export.simulate import SceneOptions, simulate_scene
from annapalm_export.simulate.files import write_scene
from annapalm_export.to_onnx.model import describe, licence_of
from annapalm_export.train.advice import TooLittleDataError
from annapalm_export.train.division import HoldOut
from annapalm_export.train.loop import train
from annapalm_export.train.own_data import (
    OtherTablesError,
    OwnData,
    SeenBeforeError,
    read_own_data,
    sessions,
)
from annapalm_export.train.table_scores import (
    BLURRED,
    STARTED,
    TRAINED,
    WITH_WIDEFIELD,
    Difference,
    conclude,
    score_own,
)
from annapalm_export.train.tables import ReadOptions

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

RUNNER = CliRunner()
TWO_STEPS = dataclasses.replace(SMALL, optimizer=dataclasses.replace(SMALL.optimizer, steps=2))
RECIPE = """
name = "small"
[data]
crop_px = 64
batch = 2
pool = 2
crops_per_scene = 4
[scene]
field_um = 4.0
frames = 2000
amount_per_um2 = 3.0
[network]
widths = [16, 16, 16]
deep_blocks = 1
error_width = 8
[optimizer]
steps = 2
warmup_steps = 1
[output]
log_every = 1
checkpoint_every = 2
preview_every = 2
workers = 0
"""


def _quiet(_line: str) -> None:
    pass


def _own(folder: Path, hold_out: HoldOut | None = None, share: float = 0.5) -> OwnData:
    options, name = ReadOptions(), SMALL.data.structures[0]
    own, _ = read_own_data(
        [folder], folder / "run", SMALL, name, options, hold_out or HoldOut(), share
    )
    return own


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write two tables, one of them with a widefield image."""
    folder = tmp_path_factory.mktemp("tables")
    for seed, stem in enumerate(("a", "b")):
        write_lines(folder, stem, seed=seed)
    write_widefield(folder, "a")
    return folder


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train without tables."""
    return train(TWO_STEPS, tmp_path_factory.mktemp("simulated"), say=_quiet)


@pytest.fixture(scope="module")
def tuned(tables: Path, simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Go on from there with the tables."""
    folder = tmp_path_factory.mktemp("tuned")
    return train(TWO_STEPS, folder, say=_quiet, start=simulated, own=_own(tables))


def test_the_checkpoint_says_what_it_has_seen(tables: Path, simulated: Path, tuned: Path) -> None:
    assert sessions(simulated) == []
    (session,) = sessions(tuned)
    assert [table["stem"] for table in session["tables"]] == ["a", "b"]
    for table in session["tables"]:
        assert table["learned"][2] < table["held_out"][0]
    assert session == {**_own(tables).session(), "run": True}


def test_a_model_file_never_denies_its_real_data(tuned: Path, simulated: Path) -> None:
    from annapalm_export.train.networks import load_network

    recipe = load_network(tuned).recipe
    said = describe(recipe, 2)
    assert "Real data: 50% of the crops from 2 real table(s) of microtubules;" in said
    assert "No real data" not in said
    assert licence_of(recipe).startswith("not stated")
    simulation = load_network(simulated).recipe
    assert "No real data." in describe(simulation, 2)
    assert licence_of(simulation) == "BSD-3-Clause"


def test_a_stopped_run_goes_on_only_with_its_own_tables(
    tables: Path, simulated: Path, tmp_path: Path
) -> None:
    train(TWO_STEPS, tmp_path, say=_quiet, start=simulated, own=_own(tables))
    path = train(SMALL, tmp_path, say=_quiet, start=simulated, own=_own(tables))
    assert len(sessions(path)) == 1
    for other in (_own(tables, HoldOut(0.3)), _own(tables, share=0.4), None):
        with pytest.raises(OtherTablesError, match="this run was begun with"):
            train(SMALL, tmp_path, say=_quiet, own=other)


def test_a_run_without_tables_does_not_go_on_with_some(tables: Path, simulated: Path) -> None:
    with pytest.raises(OtherTablesError, match="begun without tables"):
        train(SMALL, simulated.parent, say=_quiet, own=_own(tables))


def test_what_the_start_has_seen_is_not_held_out(tables: Path, tuned: Path, tmp_path: Path) -> None:
    for hold_out in (HoldOut(0.4), HoldOut(stems=("a",))):
        with pytest.raises(SeenBeforeError, match="has learned from a part of 'a'"):
            train(SMALL, tmp_path, say=_quiet, start=tuned, own=_own(tables, hold_out))
    assert not (tmp_path / "checkpoint.pt").exists()
    same = train(TWO_STEPS, tmp_path, say=_quiet, start=tuned, own=_own(tables))
    assert [session["run"] for session in sessions(same)] == [False, True]


def test_what_a_model_has_seen_is_passed_on_by_runs_without_tables(
    tuned: Path, tmp_path: Path
) -> None:
    path = train(TWO_STEPS, tmp_path, say=_quiet, start=tuned)
    assert [session["run"] for session in sessions(path)] == [False]
    train(SMALL, tmp_path, say=_quiet, start=tuned)


def test_the_held_out_part_is_scored_beside_start_and_blur(
    tables: Path, simulated: Path, tuned: Path
) -> None:
    own = _own(tables)
    scores = score_own(tuned, simulated, own)
    methods = {(row["field"], row["method"]) for row in scores.rows}
    plain = {TRAINED, STARTED, BLURRED}
    lit = {TRAINED + WITH_WIDEFIELD, STARTED + WITH_WIDEFIELD}
    assert methods == {("a", m) for m in plain | lit} | {("b", m) for m in plain}
    assert len(scores.rows) == 3 * len(methods)
    assert {(d.than, d.with_widefield) for d in scores.differences} == {
        (name, light) for name in (STARTED, BLURRED) for light in (False, True)
    }
    # A difference of the sentences is that of the rows, weighted by localizations.
    (over_blur,) = (d for d in scores.differences if d.than == BLURRED and not d.with_widefield)
    by_method = [
        sum(r["bits"] * r["held_out"] for r in scores.rows if r["method"] == method)
        / sum(r["held_out"] for r in scores.rows if r["method"] == method)
        for method in (TRAINED, BLURRED)
    ]
    assert over_blur.bits == pytest.approx(by_method[0] - by_method[1], abs=1e-6)
    assert over_blur.standard_error is not None
    # Two steps teach nothing, and lines are what a blur is good for.
    assert over_blur.sign == -1
    assert "worse than the best Gaussian blur and must not be used" in scores.markdown()
    record = json.loads(scores.json(own, tuned, simulated))
    assert record["conclusion"] == list(scores.sentences)
    assert record["start"] == str(simulated)


def test_a_model_compared_with_itself_makes_no_difference(tables: Path, simulated: Path) -> None:
    scores = score_own(simulated, simulated, _own(tables))
    (same,) = (d for d in scores.differences if d.than == STARTED and not d.with_widefield)
    assert (same.bits, same.sign) == (0.0, 0)
    assert any(s.startswith("Whether training on these tables helped") for s in scores.sentences)


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        (Difference(STARTED, 0.1, 0.02), "Training on these tables helped: +0.100 ± 0.020"),
        (Difference(STARTED, 0.1, 0.06), "helped cannot be told from this held-out part"),
        (Difference(STARTED, -0.1, 0.02), "did harm: use the model it started from"),
        (Difference(STARTED, 0.1, None), "helped cannot be told"),
        (
            Difference(STARTED, 0.1, 0.02, with_widefield=True),
            "helped, with the widefield image: +0.100",
        ),
        (Difference(BLURRED, 0.1, 0.02), "beats every Gaussian blur: +0.100"),
        (Difference(BLURRED, 0.0, 0.02), "cannot be told from the best Gaussian blur"),
        (Difference(BLURRED, -0.1, 0.02), "must not be used: -0.100"),
    ],
)
def test_the_conclusion_is_a_plain_sentence(difference: Difference, words: str) -> None:
    assert words in conclude((difference,))[0]


def test_without_a_start_no_sentence_claims_that_training_helped() -> None:
    sentences = conclude((Difference(BLURRED, 0.1, 0.02),))
    assert "no model to compare with" in sentences[1]


def _run(*words: object) -> Result:
    return RUNNER.invoke(app, [str(word) for word in words])


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Write the small recipe as a file."""
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE)
    return path


def test_from_tables_to_a_scored_model_in_one_command(
    recipe: Path, simulated: Path, tmp_path: Path
) -> None:
    data, run = tmp_path / "data", tmp_path / "run"
    options = SceneOptions(field_um=6.0, frames=4000, amount_per_um2=3.0, empty_share=0.0)
    for seed in (24, 31):
        scene = simulate_scene(seed, options)
        write_scene(scene, data, f"cell_{seed}", truth=False)
    words = ["train", recipe, "-o", run, "--data", data, "--start", simulated.parent]
    result = _run(*words)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0] == str(run / "checkpoint.pt")
    assert "| cell_24 | 0.05 | trained |" in result.stdout
    assert "tables to learn from: 2, 2 with a widefield image" in result.stderr
    assert (run / "held-out.md").read_text() in result.stdout
    record = json.loads((run / "held-out.json").read_text())
    assert {row["method"] for row in record["rows"]} >= {TRAINED, STARTED, BLURRED}
    again = _run(*words)
    assert again.exit_code == 0, again.output
    assert json.loads((run / "held-out.json").read_text())["rows"] == record["rows"]


def test_check_measures_and_trains_nothing(recipe: Path, tables: Path, tmp_path: Path) -> None:
    result = _run("train", recipe, "-o", tmp_path / "run", "--data", tables, "--check")
    assert result.exit_code == 0, result.output
    assert "| a |" in result.stderr
    assert "These tables are enough to try" in result.stdout
    assert not (tmp_path / "run").exists()


def test_too_little_data_trains_nothing(recipe: Path, tmp_path: Path) -> None:
    write_lines(tmp_path / "data", "cell", number=4000)
    result = _run("train", recipe, "-o", tmp_path / "run", "--data", tmp_path / "data")
    assert isinstance(result.exception, TooLittleDataError)
    assert "| cell |" in result.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--structure", "hair"], "'hair': one of microtubules"),
        (["--mix", "1"], "mix is 1.0"),
        (["--hold-out", "0.9"], "hold-out is 0.9"),
        (["--camera-pixel", "-3"], "above 0"),
        (["--widefield-pixel", "0"], "above 0"),
        (["--unit", "px"], "needs the size of a camera pixel"),
        (["--hold-out", "c"], "names of tables: a, b"),
    ],
)
def test_options_that_cannot_be_followed_are_refused(
    recipe: Path, tables: Path, tmp_path: Path, words: list[str], problem: str
) -> None:
    result = _run("train", recipe, "-o", tmp_path / "run", "--data", tables, *words)
    assert result.exit_code != 0
    said = " ".join(f"{result.output} {result.exception}".replace("│", " ").split())
    assert problem in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "words",
    [["--structure", "microtubules"], ["--mix", "0.3"], ["--check"], ["--unit", "nm"]],
)
def test_options_on_tables_need_tables(recipe: Path, tmp_path: Path, words: list[str]) -> None:
    result = _run("train", recipe, "-o", tmp_path / "run", *words)
    assert result.exit_code == 2
    assert "needs --data" in " ".join(result.output.split())


def test_several_structures_need_a_name() -> None:
    both = ("microtubules", "nuclear pores")
    assert choose_structure(both, "nuclear pores") == "nuclear pores"
    with pytest.raises(typer.BadParameter, match="needed, as the recipe has several: one of"):
        choose_structure(both, None)


def test_the_fine_tuning_recipe_is_read(repository: Path) -> None:
    from annapalm_export.train.config import Recipe, read_recipe

    recipe = read_recipe(repository / "export" / "recipes" / "fine-tune.toml")
    assert recipe.network == Recipe().network
    assert recipe.optimizer.learning_rate < Recipe().optimizer.learning_rate
    assert np.isclose(recipe.optimizer.steps, 1500)
