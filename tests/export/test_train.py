"""Training: what is held out, what the losses reward, and that a run goes on where it stopped."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from small import SMALL

from annapalm.errors import InvalidValueError
from annapalm_export.simulate import simulate_scene
from annapalm_export.train import checkpoint
from annapalm_export.train.config import OptimizerConfig, Recipe, RecipeError, read_recipe
from annapalm_export.train.dataset import SimulatedCrops, choose_block, draw_crop, prepare
from annapalm_export.train.loop import learning_rate, train
from annapalm_export.train.network import Student

if TYPE_CHECKING:
    from pathlib import Path


def test_input_and_target_are_disjoint_in_time() -> None:
    ready = prepare(simulate_scene(11, SMALL.scene))
    rng = np.random.default_rng(0)
    locs = ready.scene.localizations
    start, stop = choose_block(rng, ready, 20.0)
    inside = ((locs.frame >= start) & (locs.frame < stop)).sum()
    assert 0 < inside < 0.5 * len(locs)
    sample = draw_crop(rng, ready, SMALL.data)
    seen = float(sample["counts"].sum())
    held = float(sample["held_structure"].sum() + sample["held_background"].sum())
    # Together never more than the table has in the whole field: no localization is on both sides.
    assert seen + held <= len(locs)
    assert float(sample["ratio"]) > 1


def test_noise_without_structure_is_shown_from_next_to_nothing_to_all_that_may_be_seen() -> None:
    ready = prepare(simulate_scene(11, dataclasses.replace(SMALL.scene, empty_share=1.0)))
    frame = ready.scene.localizations.frame
    rng = np.random.default_rng(0)
    blocks = [choose_block(rng, ready, 20.0) for _ in range(300)]
    share = [((frame >= start) & (frame < stop)).mean() for start, stop in blocks]
    assert np.quantile(share, 0.1) < 0.02
    assert np.quantile(share, 0.9) > 0.2
    assert max(share) < 0.45


def test_the_stream_of_crops_is_seeded() -> None:
    first, second, other = (
        next(iter(SimulatedCrops(SMALL.data, SMALL.scene, seed))) for seed in (3, 3, 4)
    )
    for mine, same in zip(first, second, strict=True):
        assert torch.equal(mine, same)
    assert not torch.equal(first.counts, other.counts)


def test_each_scene_takes_one_of_the_kinetics_of_the_recipe() -> None:
    stream = {}
    for kinetics in ((), ("any",), ("merged",), ("any", "merged")):
        config = dataclasses.replace(SMALL.data, kinetics=kinetics)
        crops = SimulatedCrops(config, SMALL.scene, 3)
        rng = np.random.default_rng(1)
        stream[kinetics] = [crops._scene(rng).parameters["frames_per_burst"] for _ in range(6)]
    assert max(stream["merged",]) <= 1.3
    assert max(stream[()]) > 1.3
    assert max(stream["any",]) > 1.3
    assert min(stream["any", "merged"]) < 1.3 < max(stream["any", "merged"])
    with pytest.raises(InvalidValueError, match="merged"):
        dataclasses.replace(SMALL.data, kinetics=("nothing",))


def test_a_gross_error_of_the_error_head_does_not_hold_the_picture_back(tmp_path: Path) -> None:
    def moved(of_error: float) -> torch.Tensor:
        loss = dataclasses.replace(SMALL.loss, error=of_error)
        once = dataclasses.replace(SMALL.optimizer, steps=1, warmup_steps=0, clip_norm=1e-6)
        recipe = dataclasses.replace(SMALL, loss=loss, optimizer=once)
        path = train(recipe, tmp_path / f"{of_error:g}", say=lambda _line: None)
        weight: torch.Tensor = checkpoint.load(path)["model"]["dense_head.weight"]
        return weight

    # Adam forgets the scale of a gradient, but not against its epsilon: hence so tight a bound.
    assert torch.equal(moved(1.0), moved(1e6))


def test_an_absent_widefield_image_is_zeros_and_a_scale_of_zero() -> None:
    config = dataclasses.replace(SMALL.data, widefield_share=0.0)
    batch = next(iter(SimulatedCrops(config, SMALL.scene, 5)))
    assert not batch.widefield.any()
    assert not batch.widefield_scale.any()


def test_the_error_head_never_pulls_on_the_picture() -> None:
    model = Student(SMALL.network)
    counts = torch.poisson(torch.full((1, 1, 32, 32), 0.1))
    one = torch.ones((1, 1))
    _, error, _, _ = model(counts, torch.zeros((1, 1, 8, 8)), 0 * one, one, one)
    error.sum().backward()
    assert model.dense_head.weight.grad is None
    assert all(p.grad is None for p in model.stem.parameters())
    assert any(p.grad is not None for p in model.error_head.parameters())


def test_the_learning_rate_rises_and_falls() -> None:
    config = OptimizerConfig(steps=1000, warmup_steps=100, learning_rate=1.0)
    rates = [learning_rate(config, step) for step in (0, 99, 550, 999)]
    assert rates[0] == pytest.approx(0.01)
    assert rates[1] == pytest.approx(1.0)
    assert 0.4 < rates[2] < 0.6
    assert rates[3] == pytest.approx(0.01, abs=1e-3)


def test_a_run_writes_its_log_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    said: list[str] = []
    half = dataclasses.replace(SMALL, optimizer=dataclasses.replace(SMALL.optimizer, steps=2))
    train(half, tmp_path, say=said.append)
    assert checkpoint.load(tmp_path / "checkpoint.pt")["step"] == 2
    path = train(SMALL, tmp_path, say=said.append)
    state = checkpoint.load(path)
    assert state["step"] == 4
    assert json.loads(state["recipe"])["name"] == "small"
    assert "small: steps 2 to 4 on cpu" in said
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4]
    assert all(math.isfinite(line["shape"]) for line in lines)
    assert (tmp_path / "preview-000004.png").stat().st_size > 1000


def test_training_leaves_the_floating_point_mode_of_the_process_alone(tmp_path: Path) -> None:
    train(SMALL, tmp_path, say=lambda _line: None)
    assert np.float64(1e-310) * np.float64(0.5) > 0


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    half = dataclasses.replace(SMALL, optimizer=dataclasses.replace(SMALL.optimizer, steps=2))
    train(half, tmp_path, say=lambda _line: None)
    other = dataclasses.replace(
        SMALL, network=dataclasses.replace(SMALL.network, widths=(16, 32, 16))
    )
    with pytest.raises(checkpoint.CheckpointError, match="it belongs to another network"):
        train(other, tmp_path, say=lambda _line: None)


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(checkpoint.CheckpointError, match=r"checkpoint\.pt: not a readable"):
        train(SMALL, tmp_path, say=lambda _line: None)


def test_a_checkpoint_with_code_in_it_is_not_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (tmp_path.joinpath("sprung").touch, ())

    torch.save({"step": Trap()}, tmp_path / "checkpoint.pt")
    with pytest.raises(checkpoint.CheckpointError):
        checkpoint.load(tmp_path / "checkpoint.pt")
    assert not (tmp_path / "sprung").exists()


def test_the_shipped_recipe_is_read(repository: Path) -> None:
    recipe = read_recipe(repository / "export" / "recipes" / "microtubule.toml")
    assert recipe.name == "microtubule"
    assert recipe.data.density == (2.0, 120.0)
    assert recipe.network == Recipe().network


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[data]\ncrop = 3", "'crop' is unknown; known are crop_px"),
        ("[data]\ncrop_px = 100", "crop_px is 100, but it must be a multiple of 16"),
        ("[data]\ncrop_px = 'wide'", "'crop_px' is 'wide', not int"),
        ("[optimizer]\nsteps = true", "'steps' is True, not int"),
        ("[dat]\ncrop_px = 3", "known sections are data, scene"),
        ("crop_px = 3", "known sections are data, scene"),
        ("name = 3", "'name' must be text"),
        ("[data", "this is not TOML"),
    ],
)
def test_a_wrong_recipe_names_what_is_wrong(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    assert str(path) in str(caught.value)
    assert problem in str(caught.value)


def test_a_whole_number_may_stand_for_a_decimal_one(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("[scene]\nfield_um = 10\namount_per_um2 = 2\n[data]\ndensity = [3.0, 4.0]")
    recipe = read_recipe(path)
    assert recipe.scene.field_um == 10.0
    assert recipe.scene.amount_per_um2 == 2.0
    assert recipe.data.density == (3.0, 4.0)
