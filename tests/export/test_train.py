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

from annapalm_export.simulate import simulate_scene
from annapalm_export.train import checkpoint
from annapalm_export.train.config import OptimizerConfig, Recipe, RecipeError, read_recipe
from annapalm_export.train.dataset import SimulatedCrops, choose_block, draw_crop, prepare
from annapalm_export.train.loop import learning_rate, train
from annapalm_export.train.losses import laplace_nll, shape_nll, total_deviance
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


def test_the_stream_of_crops_is_seeded() -> None:
    first, second, other = (
        next(iter(SimulatedCrops(SMALL.data, SMALL.scene, seed))) for seed in (3, 3, 4)
    )
    for mine, same in zip(first, second, strict=True):
        assert torch.equal(mine, same)
    assert not torch.equal(first.counts, other.counts)


def test_an_absent_widefield_image_is_zeros_and_a_scale_of_zero() -> None:
    config = dataclasses.replace(SMALL.data, widefield_share=0.0)
    batch = next(iter(SimulatedCrops(config, SMALL.scene, 5)))
    assert not batch.widefield.any()
    assert not batch.widefield_scale.any()


def _counts(rate: torch.Tensor) -> torch.Tensor:
    return torch.poisson(rate, generator=torch.Generator().manual_seed(0))


def test_the_shape_loss_is_best_at_the_true_rate() -> None:
    truth = torch.rand((1, 1, 32, 32), generator=torch.Generator().manual_seed(1)) ** 4 + 0.01
    held = _counts(truth * 200)
    at_truth = shape_nll(truth, held, None, 0.0)
    assert shape_nll(truth * 7, held, None, 0.0) == pytest.approx(float(at_truth), rel=1e-4)
    for wrong in (truth.sqrt(), truth**2, truth.roll(2, -1), torch.ones_like(truth)):
        assert shape_nll(wrong, held, None, 0.0) > at_truth


def test_a_uniform_picture_has_no_bits() -> None:
    held = torch.full((1, 1, 16, 16), 5.0)
    assert float(shape_nll(torch.ones(1, 1, 16, 16), held, None, 0.0)) == pytest.approx(0, abs=1e-5)


def test_the_total_is_best_at_the_true_total_and_has_a_gradient_without_localizations() -> None:
    held = torch.full((1, 1, 10, 10), 2.0)
    ratio = torch.tensor([[4.0]])
    seen = torch.tensor([40.0])
    right = total_deviance(torch.full((1, 1, 10, 10), 0.5), held, ratio, seen)
    assert float(right) == pytest.approx(0, abs=1e-5)
    for wrong in (0.4, 0.6):
        assert total_deviance(torch.full((1, 1, 10, 10), wrong), held, ratio, seen) > right
    rate = torch.full((1, 1, 10, 10), 0.5, requires_grad=True)
    total_deviance(rate, torch.zeros_like(held), ratio, seen).backward()
    assert rate.grad is not None
    assert bool((rate.grad > 0).all())


def test_totals_that_scatter_are_learned_without_bias() -> None:
    totals = torch.tensor([10.0, 10.0, 10.0, 370.0])  # mean 100, harmonic mean 13
    held = torch.zeros((4, 1, 8, 8))
    held[:, 0, 0, 0] = totals
    ratio, seen = torch.ones((4, 1)), torch.full((4,), 50.0)

    def loss(total: float) -> float:
        return float(total_deviance(torch.full((4, 1, 8, 8), total / 64), held, ratio, seen))

    assert loss(100.0) < min(loss(80.0), loss(125.0))


def test_the_error_loss_is_best_at_the_mean_absolute_error() -> None:
    generator = torch.Generator().manual_seed(2)
    truth = torch.full((1, 1, 100, 100), 0.5)
    dense = truth + 0.1 * torch.randn(truth.shape, generator=generator)
    mean = float((dense - truth).abs().mean())
    losses = {
        f: float(laplace_nll(dense, torch.full_like(dense, f * mean), truth)) for f in (0.7, 1, 1.4)
    }
    assert min(losses, key=lambda f: losses[f]) == 1


def test_the_error_head_never_pulls_on_the_picture() -> None:
    model = Student(SMALL.network)
    counts = torch.poisson(torch.full((1, 1, 32, 32), 0.1))
    one = torch.ones((1, 1))
    _, error, _, _ = model(counts, torch.zeros((1, 1, 8, 8)), 0 * one, one, one)
    error.sum().backward()
    assert model.dense_head.weight.grad is None
    assert model.stem.weight.grad is None
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
    assert recipe.data.density_per_um == (2.0, 120.0)
    assert recipe.network == Recipe().network


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[data]\ncrop = 3", "'crop' is unknown; known are crop_px"),
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
    path.write_text(
        "[scene]\nfield_um = 10\nfilament_per_um = 2\n[data]\ndensity_per_um = [3.0, 4.0]"
    )
    recipe = read_recipe(path)
    assert recipe.scene.field_um == 10.0
    assert recipe.scene.filament_per_um == 2.0
    assert recipe.data.density_per_um == (3.0, 4.0)
