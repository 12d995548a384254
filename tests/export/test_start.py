"""Fine-tuning: where a new run begins, and what does not fit."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest
import torch
from batches import random_batch
from small import SMALL

from annapalm_export.to_onnx.model import describe
from annapalm_export.train import checkpoint
from annapalm_export.train.loop import _Run, train
from annapalm_export.train.network import NetworkConfig
from annapalm_export.train.networks import build_network
from annapalm_export.train.start import start_from

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm_export.train.network import Network

INPUTS = (
    torch.poisson(torch.full((1, 1, 32, 32), 0.2), generator=torch.Generator().manual_seed(0)),
    torch.rand((1, 1, 8, 8), generator=torch.Generator().manual_seed(1)),
    torch.tensor([[0.3]]),
    torch.ones((1, 1)),
)


def _network(structures: int, seed: int, **changes: object) -> Network:
    torch.manual_seed(seed)
    config = dataclasses.replace(SMALL.network, structures=structures, **changes)  # type: ignore[arg-type]
    return build_network(config).eval()


KNOWN = ("microtubules", "actin", "spectrin")


def _written(path: Path, network: Network) -> Path:
    recipe = dataclasses.asdict(SMALL)
    recipe["data"]["structures"] = KNOWN[: network.config.structures]
    checkpoint.save(
        path, {"step": 7, "average": network.state_dict(), "recipe": json.dumps(recipe)}
    )
    return path


def test_a_run_begins_with_the_average_of_another_and_says_so(tmp_path: Path) -> None:
    first = _written(tmp_path / "first.pt", _network(1, seed=3))
    none = dataclasses.replace(SMALL, optimizer=dataclasses.replace(SMALL.optimizer, steps=1))
    still = dataclasses.replace(
        none, optimizer=dataclasses.replace(none.optimizer, learning_rate=0.0)
    )
    said: list[str] = []
    second = train(still, tmp_path / "second", say=said.append, start=first)
    assert said[0] == f"starts from {first} (step 7)"
    old, new = (checkpoint.load(path) for path in (first, second))
    weights = [name for name in old["average"] if name.endswith("conv.weight")]
    assert weights
    assert all(torch.equal(old["average"][name], new["model"][name]) for name in weights)
    assert new["step"] == 1
    third = train(still, tmp_path / "third", say=said.append, start=second)
    train(still, tmp_path / "third", say=said.append)  # a run that is resumed forgets nothing
    recipe = json.loads(checkpoint.load(third)["recipe"])
    assert [run["steps"] for run in recipe["earlier"]] == [7, 1]
    assert f"Before that: 7 steps of '{SMALL.name}', then 1 steps of" in describe(recipe, 1)


def test_a_run_that_is_under_way_goes_on_instead(tmp_path: Path) -> None:
    first = _Run(SMALL, tmp_path / "checkpoint.pt", "cpu", print, None)
    first.take(random_batch())
    first.save()
    said: list[str] = []
    again = _Run(SMALL, first.path, "cpu", said.append, tmp_path / "absent.pt")
    assert said == []
    assert again.step == 1


def test_a_new_structure_is_drawn_as_well_as_the_old_one_was(tmp_path: Path) -> None:
    old, new = _network(1, seed=1), _network(3, seed=2)
    line = start_from(_written(tmp_path / "a.pt", old), new, KNOWN)
    assert "each of 3 structures begins as microtubules (side.weight, structure_deep" in line
    with torch.no_grad():
        expected = old(*INPUTS, torch.ones((1, 1)))
        for structure in torch.eye(3):
            found = new(*INPUTS, structure[None])
            for one, other in zip(found, expected, strict=True):
                assert torch.allclose(one, other, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("wanted", [("spectrin",), ("spectrin", "microtubules"), KNOWN])
def test_structures_are_taken_over_by_their_names(tmp_path: Path, wanted: tuple[str, ...]) -> None:
    old, new = _network(3, seed=1), _network(len(wanted), seed=2)
    line = start_from(_written(tmp_path / "a.pt", old), new, wanted)
    assert (f"; {', '.join(wanted)} of 3 structures" in line) == (wanted != KNOWN)
    with torch.no_grad():
        for place, name in enumerate(wanted):
            before = old(*INPUTS, torch.eye(3)[None, KNOWN.index(name)])
            after = new(*INPUTS, torch.eye(len(wanted))[None, place])
            for one, other in zip(after, before, strict=True):
                assert torch.allclose(one, other, rtol=1e-4, atol=1e-7)


def test_an_a_net_is_grown_as_well(tmp_path: Path) -> None:
    old, new = (build_network(NetworkConfig(kind="anet", ngf=2, structures=n)) for n in (1, 2))
    start_from(_written(tmp_path / "a.pt", old), new, KNOWN[:2])
    grown = [name for name in new.state_dict() if name.endswith("switch.weight")]
    assert len(grown) == 8
    for name in grown:
        column = old.state_dict()[name]
        assert torch.equal(new.state_dict()[name], torch.cat([column, column], dim=1))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (_network(1, 1), _network(1, 1, widths=(8, 16, 16)), "in this recipe's network"),
        (_network(1, 1), _network(1, 1, deep_blocks=0), "it belongs to another kind of network"),
        (_network(2, 1), _network(3, 1), "it knows microtubules, actin, and not spectrin; only a"),
    ],
)
def test_weights_that_do_not_fit_are_named(
    tmp_path: Path, old: Network, new: Network, message: str
) -> None:
    with pytest.raises(checkpoint.CheckpointError, match=message) as caught:
        start_from(_written(tmp_path / "a.pt", old), new, KNOWN[: new.config.structures])
    assert str(tmp_path / "a.pt") in str(caught.value)


def test_a_file_without_weights_is_refused(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "a.pt", {"step": 1})
    with pytest.raises(checkpoint.CheckpointError, match="holds no averaged weights"):
        start_from(tmp_path / "a.pt", _network(1, 1), KNOWN[:1])
    with pytest.raises(checkpoint.CheckpointError, match="there is no checkpoint here"):
        start_from(tmp_path / "b.pt", _network(1, 1), KNOWN[:1])
