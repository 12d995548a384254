"""The mean of trained networks is a network: what went into it is known, and nothing else fits."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest
import torch
from small import SMALL
from typer.testing import CliRunner

from annapalm.errors import InvalidValueError
from annapalm_export.cli import app
from annapalm_export.simulate.files import ExistingOutputError
from annapalm_export.to_onnx.graph import inference_copy
from annapalm_export.to_onnx.model import describe, licence_of
from annapalm_export.train import checkpoint
from annapalm_export.train.average import average
from annapalm_export.train.loop import train
from annapalm_export.train.networks import load_network
from annapalm_export.train.start import trained_before
from annapalm_export.train.weights import CHECKPOINT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two runs of other seeds and lengths; the second goes on from the first."""
    folder = tmp_path_factory.mktemp("runs")
    paths: list[Path] = []
    for steps in (1, 2):
        optimizer = dataclasses.replace(SMALL.optimizer, steps=steps, seed=steps)
        recipe = dataclasses.replace(SMALL, optimizer=optimizer)
        start = paths[0] if paths else None
        paths.append(train(recipe, folder / str(steps), say=lambda _: None, start=start))
    return paths


def folded(path: Path) -> dict[str, torch.Tensor]:
    return dict(inference_copy(load_network(path).network).named_parameters())


def test_every_weight_is_the_mean_whatever_moments_the_norms_had(
    runs: list[Path], tmp_path: Path
) -> None:
    first, second, mean = (folded(path) for path in [*runs, average(runs, tmp_path / "mean")])
    assert any(not torch.equal(first[name], second[name]) for name in mean)
    for name, weight in mean.items():
        torch.testing.assert_close(weight, (first[name] + second[name]) / 2, rtol=1e-6, atol=1e-9)


def test_one_that_is_given_twice_counts_twice(runs: list[Path], tmp_path: Path) -> None:
    first, second = (folded(path) for path in runs)
    mean = folded(average([runs[0], *runs], tmp_path))
    for name, weight in mean.items():
        wanted = (2 * first[name] + second[name]) / 3
        torch.testing.assert_close(weight, wanted, rtol=1e-6, atol=1e-9)


def test_the_mean_of_a_network_and_itself_is_that_network(runs: list[Path], tmp_path: Path) -> None:
    before, after = folded(runs[0]), folded(average([runs[0], runs[0]], tmp_path))
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_it_says_what_it_is_the_mean_of(runs: list[Path], tmp_path: Path) -> None:
    path = average(runs, tmp_path / "mean")
    loaded = load_network(path)
    assert [history[-1]["steps"] for history in loaded.recipe["averaged"]] == [1, 2]
    name = SMALL.name
    said = f"mean of those after 1 steps of '{name}' and after 2 steps of '{name}'."
    assert said in describe(loaded.recipe, loaded.steps)
    after = train(
        dataclasses.replace(SMALL, optimizer=dataclasses.replace(SMALL.optimizer, steps=1)),
        tmp_path / "after",
        say=lambda _: None,
        start=path,
    )
    earlier = json.loads(checkpoint.load(after)["recipe"])["earlier"]
    assert earlier == trained_before(path)
    assert earlier[-1]["averaged"] == loaded.recipe["averaged"]


def test_tables_that_any_of_them_has_seen_stay_known(runs: list[Path], tmp_path: Path) -> None:
    """Weights that have learned from somebody's data must never be released as the project's."""
    session = {"structure": "microtubules", "simulated_share": 0.5, "tables": [], "run": True}
    state = checkpoint.load(runs[0])
    state["recipe"] = json.dumps(json.loads(state["recipe"]) | {"real": [session]})
    (tmp_path / "seen").mkdir()
    seen = tmp_path / "seen" / CHECKPOINT
    checkpoint.save(seen, state)
    for number, order in enumerate(([seen, runs[1]], [runs[1], seen], [seen, seen])):
        recipe = load_network(average(order, tmp_path / str(number))).recipe
        assert recipe["real"] == [session | {"run": False}]
        assert licence_of(recipe) != licence_of({})


def test_it_cannot_be_resumed_and_says_what_can_be_done(runs: list[Path], tmp_path: Path) -> None:
    average(runs, tmp_path)
    with pytest.raises(checkpoint.CheckpointError, match="--start"):
        train(SMALL, tmp_path, say=lambda _: None)


def test_networks_that_differ_have_no_mean(runs: list[Path], tmp_path: Path) -> None:
    wider = dataclasses.replace(SMALL.network, error_width=SMALL.network.error_width + 1)
    recipe = dataclasses.replace(SMALL, network=wider)
    optimizer = dataclasses.replace(SMALL.optimizer, steps=1)
    recipe = dataclasses.replace(recipe, optimizer=optimizer)
    other = train(recipe, tmp_path / "other", say=lambda _: None)
    with pytest.raises(checkpoint.CheckpointError, match="are others than those of"):
        average([runs[0], other], tmp_path / "mean")
    state = checkpoint.load(runs[0])
    values = json.loads(state["recipe"])
    values["data"]["structures"] = ["actin"]
    checkpoint.save(other, state | {"recipe": json.dumps(values)})
    with pytest.raises(checkpoint.CheckpointError, match="are others than those of"):
        average([runs[0], other], tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


def test_too_few_and_an_old_checkpoint_are_refused(runs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="two or more"):
        average(runs[:1], tmp_path / "mean")
    before = runs[0].read_bytes()
    with pytest.raises(ExistingOutputError, match=r"exists\. Choose another folder\.$"):
        average(runs, runs[0].parent)
    assert runs[0].read_bytes() == before


def test_the_command_takes_folders_and_refuses_one_alone(runs: list[Path], tmp_path: Path) -> None:
    words = ["average", str(runs[0].parent), str(runs[1]), "-o", str(tmp_path / "mean")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(tmp_path / "mean" / CHECKPOINT)
    alone = CliRunner().invoke(app, ["average", str(runs[0]), "-o", str(tmp_path / "alone")])
    assert alone.exit_code == 2
    assert "two or more" in alone.output
    assert not (tmp_path / "alone").exists()
