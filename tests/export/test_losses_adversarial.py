"""The critic: what it learns, that it is trained only when asked for, and that it is resumed."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
import torch
from batches import random_batch, random_outputs, without_truth
from small import SMALL

from annapalm_export.train import checkpoint
from annapalm_export.train.loop import _Run
from annapalm_export.train.losses import LossConfig
from annapalm_export.train.losses.adversarial import Adversary, Critic

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm_export.train.config import Recipe

TINY = LossConfig(adversarial=0.1, adversarial_width=4)
CRITICISED = dataclasses.replace(SMALL, loss=TINY)


def _run(recipe: Recipe, folder: Path) -> _Run:
    return _Run(recipe, folder / "checkpoint.pt", "cpu", lambda _line: None, None)


def test_a_verdict_sees_70_pixels_and_no_more() -> None:
    torch.manual_seed(0)
    critic = Critic(1, 4)
    for layer in critic.layers:
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.eval()  # the batch's moments would reach everywhere
            layer.running_mean, layer.running_var = (
                torch.zeros(layer.num_features),
                torch.ones(layer.num_features),
            )
    image = torch.zeros((1, 1, 128, 128), requires_grad=True)
    verdict = critic(image, torch.zeros((1, 0, 128, 128)))
    assert verdict.shape == (1, 1, 14, 14)
    verdict[0, 0, 7, 7].backward()
    assert image.grad is not None
    seen = image.grad[0, 0].abs().sum(0).nonzero()
    assert int(seen.max() - seen.min()) + 1 == 70


def test_the_critic_learns_to_tell_a_poor_picture_from_the_truth() -> None:
    torch.manual_seed(0)
    batch = random_batch()
    dense = torch.full_like(batch.rate, float(batch.rate.mean()))
    adversary = Adversary(dataclasses.replace(TINY, adversarial_learning_rate=2e-3), 1, "cpu")
    losses = [adversary.learn(dense, batch) for _ in range(15)]
    assert losses[-1] < 0.5 * losses[0]
    assert adversary.fool(dense, batch) > adversary.fool(batch.rate, batch)


def test_fooling_moves_the_network_and_not_the_critic() -> None:
    batch = random_batch()
    dense = random_outputs(batch)[0]
    adversary = Adversary(TINY, 1, "cpu")
    adversary.fool(dense, batch).backward()
    assert dense.grad is not None
    assert dense.grad.any()
    assert all(p.grad is None and p.requires_grad for p in adversary.critic.parameters())


def test_real_tables_are_not_judged() -> None:
    batch = without_truth(random_batch(), [0, 1, 2])
    dense = random_outputs(batch)[0]
    adversary = Adversary(TINY, 1, "cpu")
    before = [p.clone() for p in adversary.critic.parameters()]
    assert float(adversary.fool(dense, batch).detach()) == 0
    assert adversary.learn(dense, batch) == 0
    assert all(map(torch.equal, before, adversary.critic.parameters()))
    mixed = without_truth(random_batch(), [0])
    assert adversary.learn(dense, mixed) > 0


def test_without_a_weight_there_is_no_critic_and_with_one_it_is_logged(tmp_path: Path) -> None:
    for recipe in (SMALL, CRITICISED):
        run = _run(recipe, tmp_path)
        parts = run.take(random_batch())
        present = recipe is CRITICISED
        assert (run.adversary is not None) == present
        assert ({"adversarial", "critic"} <= set(parts)) == present


def test_a_weight_of_the_critic_changes_what_the_network_learns(tmp_path: Path) -> None:
    runs = [_run(recipe, tmp_path) for recipe in (SMALL, CRITICISED)]
    for run in runs:
        run.take(random_batch())
    heads = [run.model.get_parameter("dense_head.weight") for run in runs]
    assert not torch.equal(heads[0], heads[1])


def test_a_resumed_run_goes_on_with_its_critic_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    run = _run(CRITICISED, tmp_path)
    run.take(random_batch())
    run.save()
    again = _run(CRITICISED, tmp_path)
    assert again.step == 1
    expected, found = (r.take(random_batch(seed=5)) for r in (run, again))
    assert found == expected
    assert run.adversary is not None
    assert again.adversary is not None
    first, second = (r.critic.state_dict() for r in (run.adversary, again.adversary))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_run_without_a_critic_is_not_resumed_with_one(tmp_path: Path) -> None:
    _run(SMALL, tmp_path).save()
    with pytest.raises(checkpoint.CheckpointError, match="it has no critic of this recipe's"):
        _run(CRITICISED, tmp_path)
