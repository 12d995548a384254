"""Losses of counts: what they reward, that the defaults are those of 1.0, and bad entries."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import pytest
import torch
from batches import Outputs, random_batch, random_outputs, without_truth
from torch.nn import functional as nnf

from annapalm.errors import InvalidValueError
from annapalm_export.train.config import RecipeError, read_recipe
from annapalm_export.train.losses import (
    LossConfig,
    invented,
    laplace_nll,
    shape_nll,
    total_deviance,
    training_loss,
)

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm_export.train.dataset import Batch

NEGATIVE_BINOMIAL = LossConfig(count_model="negative_binomial")
EVERYTHING = LossConfig(l1=1.0, ms_ssim=1.0, widefield=1.0)


def _counts(rate: torch.Tensor) -> torch.Tensor:
    return torch.poisson(rate, generator=torch.Generator().manual_seed(0))


def _loss_of_version_1(outputs: Outputs, batch: Batch, config: LossConfig) -> torch.Tensor:
    """Write out again, operation by operation, the loss of microtubule 1.0.0."""
    dense, error, background, _ = outputs
    diffuse = background.repeat_interleave(4, 2).repeat_interleave(4, 3)
    seen = batch.counts.sum((1, 2, 3))
    share = config.noise_free

    def shape(rate: torch.Tensor, held: torch.Tensor, truth: torch.Tensor | None) -> torch.Tensor:
        density = (rate + 1e-8) / (rate + 1e-8).sum((1, 2, 3), keepdim=True)
        number = held.sum((1, 2, 3), keepdim=True)
        target = held / number.clamp_min(1.0)
        if truth is not None and share > 0:
            all_of_it = truth.sum((1, 2, 3), keepdim=True).clamp_min(1e-6)
            target = (1 - share) * target + share * truth / all_of_it
        weight = (number.flatten().clamp_max(200.0) / 200.0).sqrt()
        return (weight * -(target * (density * rate[0].numel()).log()).sum((1, 2, 3))).mean()

    def total(rate: torch.Tensor, held: torch.Tensor) -> torch.Tensor:
        exposure = batch.ratio.flatten()
        expected = rate.sum((1, 2, 3)) * exposure + 1e-8
        number = held.sum((1, 2, 3))
        deviance = expected - number + torch.xlogy(number, number) - number * expected.log()
        return (2 * deviance / (exposure * (seen + 30.0))).mean()

    scale = error + 1e-5
    drawn = dense.detach()
    weight = 0.1 + 0.9 * nnf.hardtanh((batch.rate + drawn) / 2e-3, 0.0, 1.0)
    misfit = (drawn - batch.rate).abs()
    structure = (1 - share) * batch.held_structure + share * batch.rate * batch.ratio[
        ..., None, None
    ]
    return (
        shape(dense, batch.held_structure, batch.rate)
        + config.everything
        * shape(dense + diffuse, batch.held_structure + batch.held_background, None)
        + config.total * (total(dense, structure) + total(diffuse, batch.held_background))
        + config.error * ((weight * (misfit / scale + scale.log())).sum() / weight.sum())
    )


@pytest.mark.parametrize("noise_free", [0.0, 0.3, 0.5, 1.0])
def test_the_default_loss_and_its_gradients_are_bit_for_bit_those_of_version_1(
    noise_free: float,
) -> None:
    batch, config = random_batch(), LossConfig(noise_free=noise_free)
    mine, theirs = random_outputs(batch), random_outputs(batch)
    loss, parts = training_loss(mine, batch, config)
    expected = _loss_of_version_1(theirs, batch, config)
    assert torch.equal(loss, expected)
    assert list(parts) == ["shape", "shape_all", "total", "error"]
    loss.backward()
    expected.backward()
    for one, other in zip(mine[:3], theirs[:3], strict=True):
        assert one.grad is not None
        assert other.grad is not None
        assert torch.equal(one.grad, other.grad)
    assert mine[3].grad is None


def test_without_the_shape_the_rest_remains() -> None:
    batch = random_batch()
    outputs = random_outputs(batch)
    whole, parts = training_loss(outputs, batch, LossConfig())
    rest, same = training_loss(outputs, batch, LossConfig(shape=0.0))
    assert parts == same
    assert float((whole - rest).detach()) == pytest.approx(parts["shape"], rel=1e-4)


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


@pytest.mark.parametrize("config", [LossConfig(), NEGATIVE_BINOMIAL])
def test_the_total_is_best_at_the_true_total_and_has_a_gradient_without_localizations(
    config: LossConfig,
) -> None:
    held = torch.full((1, 1, 10, 10), 2.0)
    ratio = torch.tensor([[4.0]])
    seen = torch.tensor([40.0])
    right = total_deviance(torch.full((1, 1, 10, 10), 0.5), held, ratio, seen, config)
    assert float(right) == pytest.approx(0, abs=1e-4)
    for wrong in (0.4, 0.6):
        assert total_deviance(torch.full((1, 1, 10, 10), wrong), held, ratio, seen, config) > right
    rate = torch.full((1, 1, 10, 10), 0.5, requires_grad=True)
    total_deviance(rate, torch.zeros_like(held), ratio, seen, config).backward()
    assert rate.grad is not None
    assert bool((rate.grad > 0).all())


@pytest.mark.parametrize("config", [LossConfig(), NEGATIVE_BINOMIAL])
def test_totals_that_scatter_are_learned_without_bias(config: LossConfig) -> None:
    totals = torch.tensor([10.0, 10.0, 10.0, 370.0])  # mean 100, harmonic mean 13
    held = torch.zeros((4, 1, 8, 8))
    held[:, 0, 0, 0] = totals
    ratio, seen = torch.ones((4, 1)), torch.full((4,), 50.0)

    def loss(total: float) -> float:
        rate = torch.full((4, 1, 8, 8), total / 64)
        return float(total_deviance(rate, held, ratio, seen, config))

    assert loss(100.0) < min(loss(80.0), loss(125.0))


def test_the_negative_binomial_is_the_likelihood_of_its_distribution() -> None:
    seen, clump, mean = 170.0, 4.0, 900.0
    size = (seen + 30.0) / clump

    def log_likelihood(number: float, at: float) -> float:
        coefficient = math.lgamma(number + size) - math.lgamma(size) - math.lgamma(number + 1)
        chances = number * math.log(at / (at + size)) + size * math.log(size / (at + size))
        return coefficient + chances

    config = LossConfig(count_model="negative_binomial", clump=clump)
    held = torch.zeros((1, 1, 8, 8))
    held[0, 0, 0, 0] = 700.0
    rate = torch.full((1, 1, 8, 8), mean / 64)
    found = float(total_deviance(rate, held, torch.ones((1, 1)), torch.tensor([seen]), config))
    deviance = 2 * (log_likelihood(700.0, 700.0) - log_likelihood(700.0, mean))
    assert found == pytest.approx(deviance / 50.0, rel=2e-3)


def test_clumpier_blinking_makes_a_wrong_total_weigh_less() -> None:
    held, rate = torch.full((1, 1, 8, 8), 10.0), torch.full((1, 1, 8, 8), 20.0)
    ratio, seen = torch.ones((1, 1)), torch.tensor([100.0])
    found = [
        float(
            total_deviance(rate, held, ratio, seen, dataclasses.replace(NEGATIVE_BINOMIAL, clump=c))
        )
        for c in (1.0, 5.0, 25.0)
    ]
    assert found[0] > found[1] > found[2] > 0


def test_the_error_loss_is_best_at_the_mean_absolute_error() -> None:
    generator = torch.Generator().manual_seed(2)
    truth = torch.full((1, 1, 100, 100), 0.5)
    dense = truth + 0.1 * torch.randn(truth.shape, generator=generator)
    mean = float((dense - truth).abs().mean())
    losses = {
        f: float(laplace_nll(dense, torch.full_like(dense, f * mean), truth)) for f in (0.7, 1, 1.4)
    }
    assert min(losses, key=lambda f: losses[f]) == 1


def test_structure_in_an_empty_crop_is_invented_and_in_a_full_or_real_one_is_not() -> None:
    batch = random_batch()
    empty = batch.rate.clone()
    empty[1] = 0
    batch = without_truth(batch._replace(rate=empty), [2])
    outputs = random_outputs(batch)
    config = LossConfig(invented=1.0, shape=0.0, total=0.0, everything=0.0, error=0.0)
    loss, parts = training_loss(outputs, batch, config)
    drawn, seen = float(outputs[0][1].detach().sum()), float(batch.counts[1].sum())
    assert float(loss.detach()) == pytest.approx(drawn / (seen + 30) / 3)
    assert parts["invented"] == pytest.approx(float(loss.detach()))
    loss.backward()
    assert outputs[0].grad is not None
    assert bool((outputs[0].grad[1] > 0).all())
    assert not outputs[0].grad[[0, 2]].any()


def test_the_worst_that_can_be_invented_is_all_that_was_seen() -> None:
    seen = torch.tensor([970.0])
    nothing, rate = torch.zeros(1, 1, 8, 8), torch.full((1, 1, 8, 8), 970 / 64)
    assert float(invented(rate, nothing, seen)) == pytest.approx(0.97)


def test_samples_without_truth_teach_the_sum_of_dense_and_background_alone() -> None:
    batch = without_truth(random_batch(), [0, 1, 2])
    dense, error, background, estimate = random_outputs(batch)
    config = dataclasses.replace(EVERYTHING, widefield=0.0, everything=0.0)
    loss, parts = training_loss((dense, error, background, estimate), batch, config)
    assert math.isfinite(float(loss.detach()))
    assert (parts["error"], parts["l1"], parts["ms_ssim"]) == (0.0, 0.0, 0.0)
    loss.backward()
    assert dense.grad is not None
    assert background.grad is not None
    assert error.grad is not None
    assert not error.grad.any()
    # A pixel of background stands for 4 x 4 pixels, and pulls as they do together.
    together = nnf.avg_pool2d(dense.grad, 4) * 16
    assert torch.allclose(background.grad, together, rtol=1e-3, atol=1e-6)


def test_a_real_sample_changes_nothing_of_what_its_neighbours_teach() -> None:
    batch = random_batch()
    alone = type(batch)(*(t[1:] for t in batch))
    mixed, pure = random_outputs(batch), random_outputs(batch)
    training_loss(mixed, without_truth(batch, [0]), EVERYTHING)[0].backward()
    training_loss(tuple(t[1:] for t in pure), alone, EVERYTHING)[0].backward()  # type: ignore[arg-type]
    assert mixed[1].grad is not None
    assert pure[1].grad is not None
    assert not mixed[1].grad[0].any()
    assert torch.allclose(mixed[1].grad[1:], pure[1].grad[1:], rtol=1e-4)
    assert all(t.grad is not None and bool(torch.isfinite(t.grad).all()) for t in mixed)


def test_each_part_that_is_on_is_logged_and_adds_its_weight() -> None:
    batch = random_batch()
    outputs = random_outputs(batch)
    plain, _ = training_loss(outputs, batch, LossConfig())
    weights = {"l1": 0.3, "ms_ssim": 0.2, "widefield": 0.1}
    loss, parts = training_loss(outputs, batch, LossConfig(**weights))  # type: ignore[arg-type]
    added = sum(weight * parts[name] for name, weight in weights.items())
    assert float(loss.detach()) == pytest.approx(float(plain.detach()) + added, rel=1e-5)
    assert all(parts[name] > 0 for name in weights)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"total": -1.0}, "total is -1.0, but it must be a finite number of at least 0"),
        ({"l1": math.nan}, "l1 is nan, but it must be a finite number of at least 0"),
        ({"invented": -0.1}, "invented is -0.1, but it must be a finite number of at least 0"),
        ({"noise_free": 1.5}, "noise_free is 1.5, but it must be a share, 0 to 1"),
        ({"clump": 0.5}, "clump is 0.5, but it must be at least 1"),
        ({"adversarial_width": 0}, "adversarial_width is 0, but it must be at least 1"),
        ({"count_model": "gamma"}, "one of poisson, negative_binomial"),
        ({"picture_scale": "log"}, "one of sqrt, linear"),
    ],
)
def test_an_entry_that_cannot_be_meant_is_refused(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        LossConfig(**entry)
    assert message in str(caught.value)


def test_a_recipe_chooses_losses_and_a_bad_choice_is_named_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("[loss]\ncount_model = 'negative_binomial'\nclump = 8\nms_ssim = 0.1\n")
    found = read_recipe(path).loss
    assert found == LossConfig(count_model="negative_binomial", clump=8.0, ms_ssim=0.1)
    path.write_text("[loss]\ncount_model = 'gamma'\n")
    with pytest.raises(
        RecipeError, match=r"recipe\.toml, section \[loss\]: count_model is 'gamma'"
    ):
        read_recipe(path)
