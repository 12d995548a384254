"""A larger network begins by drawing what the smaller one did, and everything in it learns."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest
import torch
from batches import random_batch
from small import SMALL

from annapalm_export.train import checkpoint
from annapalm_export.train.grow import FAINT, grow, is_larger, misfit
from annapalm_export.train.loop import _Run
from annapalm_export.train.losses import training_loss
from annapalm_export.train.network import NetworkConfig
from annapalm_export.train.networks import build_network
from annapalm_export.train.start import settle_norms, start_from

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm_export.train.network import Network

WIDER = {"widths": (48, 32, 48), "error_width": 16}
MORE = {"enter_convs": 1, "up_half_convs": 3, "up_full_convs": 3}
DEEPER = {"deep_blocks": 3}


def _network(seed: int, **changes: object) -> Network:
    torch.manual_seed(seed)
    config = dataclasses.replace(SMALL.network, **changes)  # type: ignore[arg-type]
    return build_network(config).eval()


def _trained() -> Network:
    """Make a network with norms that have seen something, as a trained one has."""
    network = _network(1)
    batch = random_batch()
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.05 * torch.randn(weight.shape))
    settle_norms(network, [batch])
    return network


def _drawn(network: Network) -> list[torch.Tensor]:
    batch = random_batch()
    ones = torch.ones_like(batch.widefield_scale)
    with torch.no_grad():
        return list(
            network(batch.counts, batch.widefield, batch.widefield_scale, ones, batch.structure)
        )


@pytest.mark.parametrize(
    ("changes", "closeness"), [(WIDER, 1e-4), (MORE, 1e-3), ({**WIDER, **MORE}, 1e-3)]
)
def test_a_grown_network_draws_what_the_small_one_did(
    changes: dict[str, object], closeness: float
) -> None:
    small, large = _trained(), _network(2, **changes)
    before = [image.clone() for image in _drawn(large)]
    assert is_larger(small.state_dict(), large)
    grow(small.state_dict(), large)
    for was, random, found in zip(_drawn(small), before, _drawn(large), strict=True):
        assert torch.allclose(found, was, rtol=closeness, atol=1e-6)
        assert not torch.allclose(random, was, rtol=closeness, atol=1e-6)  # the test can fail


def test_new_blocks_begin_faint() -> None:
    small, large = _trained(), _network(2, **DEEPER)
    grow(small.state_dict(), large)
    was, found = _drawn(small)[0], _drawn(large)[0]
    assert not torch.equal(was, found)
    apart = float((was - found).abs().mean() / was.abs().mean())
    assert apart < FAINT


def test_everything_in_a_grown_network_learns() -> None:
    large = _network(2, **WIDER, **MORE, **DEEPER)
    grow(_trained().state_dict(), large)
    batch = random_batch()
    settle_norms(large, [batch])
    large.train()
    ones = torch.ones_like(batch.widefield_scale)
    for number in (1, 2):  # what is not heard yet learns once it is
        outputs = large(batch.counts, batch.widefield, batch.widefield_scale, ones, batch.structure)
        loss, _ = training_loss(outputs, batch, SMALL.loss)
        large.zero_grad()
        loss.backward()
        if number == 1:
            with torch.no_grad():
                for weight in large.parameters():
                    assert weight.grad is not None
                    weight.sub_(1e-3 * weight.grad)
    still = [n for n, w in large.named_parameters() if w.grad is None or not w.grad.any()]
    assert still == []


def test_a_run_says_that_it_grew_and_settles(tmp_path: Path) -> None:
    path = tmp_path / "small.pt"
    recipe = json.dumps(dataclasses.asdict(SMALL))
    checkpoint.save(path, {"step": 7, "average": _trained().state_dict(), "recipe": recipe})
    larger = dataclasses.replace(SMALL, network=_network(1, **WIDER).config)
    said: list[str] = []
    run = _Run(larger, tmp_path / "checkpoint.pt", "cpu", said.append, path)
    assert run.unsettled
    assert said == [f"starts from {path} (step 7); grown from 0.02 to 0.14 million numbers"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (_network(1, **WIDER), _network(1), "in this recipe's network"),
        (_network(1, **DEEPER), _network(1), "it belongs to another kind of network"),
        (
            _network(1),
            build_network(NetworkConfig(kind="anet", ngf=2)),
            "it belongs to another kind of network",
        ),
        (
            build_network(NetworkConfig(kind="anet", ngf=2)),
            build_network(NetworkConfig(kind="anet", ngf=4)),
            "in this recipe's network",
        ),
    ],
)
def test_what_is_no_larger_form_is_named(
    tmp_path: Path, old: Network, new: Network, message: str
) -> None:
    assert message in (misfit(old.state_dict(), new) or "")
    checkpoint.save(tmp_path / "a.pt", {"step": 7, "average": old.state_dict()})
    with pytest.raises(checkpoint.CheckpointError, match=message):
        start_from(tmp_path / "a.pt", new, SMALL.data.structures)
