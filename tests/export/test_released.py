"""A released model is something to go on from: to be calibrated anew, and to be fine-tuned."""

from __future__ import annotations

import copy
import dataclasses
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
import pytest
import torch
from batches import random_batch
from onnx import numpy_helper
from small import SMALL
from torch import nn

from annapalm.errors import InvalidValueError
from annapalm.model.errors import ModelNotFoundError
from annapalm.model.names import find_model
from annapalm_export.to_onnx.graph import example_inputs, inference_copy
from annapalm_export.train import checkpoint
from annapalm_export.train.loop import train
from annapalm_export.train.networks import build_network, load_network
from annapalm_export.train.own_data import sessions
from annapalm_export.train.start import settle_norms, start_from, trained_before
from annapalm_export.train.weights import find_weights, load_weights

if TYPE_CHECKING:
    from annapalm_export.train.network import Network


@pytest.fixture(scope="module", params=["structures/1.1.1", "microtubule/1.2.0"])
def released(request: pytest.FixtureRequest) -> Path:
    return find_model(request.param)


def test_the_network_is_that_of_the_file_bit_for_bit(released: Path) -> None:
    loaded = load_network(released)
    folded = dict(inference_copy(loaded.network).named_parameters())
    graph = onnx.load(released).graph
    inside = {w.name: torch.from_numpy(numpy_helper.to_array(w).copy()) for w in graph.initializer}
    assert len(folded) > 20
    for name, weight in folded.items():
        assert torch.equal(weight, inside[name]), name
    assert loaded.steps == json.loads(released.with_name("recipe.json").read_text())["steps_done"]


def test_it_can_be_told_what_it_went_through(released: Path) -> None:
    recipe = json.loads(released.with_name("recipe.json").read_text())
    *earlier, last = trained_before(released)
    assert earlier == recipe.get("earlier", [])
    assert (last["name"], last["steps"]) == (recipe["name"], recipe["steps_done"])
    assert sessions(released) == []


def _without_norms(model: Network) -> Network:
    """Make a network whose norms have unequal moments, as if it were read from a file."""
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    return model.eval()


def test_settled_norms_change_no_output_but_what_training_makes_of_it() -> None:
    model = _without_norms(build_network(SMALL.network))
    batches = [random_batch(seed=seed) for seed in range(4)]
    inputs = example_inputs(model, 2, 4, 4)  # type: ignore[arg-type] # a student
    settled = copy.deepcopy(model)
    settle_norms(settled, batches)
    with torch.no_grad():
        for mine, theirs in zip(settled(*inputs), model(*inputs), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-6)
        seen = batches[0]
        args = (seen.counts, seen.widefield, seen.widefield_scale, torch.ones_like(seen.ratio))
        usual = model(*args, seen.structure)[0]
        changed = [
            float((copy.deepcopy(m).train()(*args, seen.structure)[0] - usual).abs().mean())
            for m in (settled, model)
        ]
    assert changed[0] < 0.3 * changed[1]
    assert not settled.training


def test_a_run_goes_on_from_a_released_model_and_says_so(tmp_path: Path) -> None:
    released = find_model("microtubule")
    steps = json.loads((released.parent / "recipe.json").read_text(encoding="utf-8"))["steps_done"]
    optimizer = dataclasses.replace(SMALL.optimizer, steps=1, learning_rate=0.0)
    network = load_network(released).network.config
    recipe = dataclasses.replace(SMALL, network=network, optimizer=optimizer)
    said: list[str] = []
    path = train(recipe, tmp_path / "run", say=said.append, start=find_weights("microtubule"))
    assert said[0] == f"starts from {released} (step {steps})"
    state = checkpoint.load(path)
    assert json.loads(state["recipe"])["earlier"][-1]["steps"] == steps
    norms = [name for name in state["model"] if name.endswith("running_var")]
    assert norms
    assert all(not torch.allclose(state["model"][n], torch.ones(1)) for n in norms)  # settled
    before, after = load_network(released).network, load_network(path).network
    with torch.no_grad():
        for mine, theirs in zip(
            after(*example_inputs(after, 1, 4, 4)),  # type: ignore[arg-type]
            before(*example_inputs(before, 1, 4, 4)),  # type: ignore[arg-type]
            strict=True,
        ):
            # A step without learning still moves the averaged moments a little.
            torch.testing.assert_close(mine, theirs, rtol=0.05, atol=1e-3)


def test_a_model_of_an_earlier_network_is_refused() -> None:
    with pytest.raises(checkpoint.CheckpointError, match=r"1\.0\.0.*not those of the network"):
        load_weights(find_model("microtubule/1.0.0"))


def _copied(released: Path, folder: Path) -> Path:
    folder.mkdir()
    for name in ("model.onnx", "recipe.json"):
        shutil.copy(released.with_name(name), folder / name)
    return folder / "model.onnx"


def test_what_is_missing_or_does_not_fit_is_named(released: Path, tmp_path: Path) -> None:
    path = _copied(released, tmp_path / "a")
    recipe = json.loads(path.with_name("recipe.json").read_text())
    recipe["network"]["widths"] = [16, 16, 16]
    path.with_name("recipe.json").write_text(json.dumps(recipe))
    with pytest.raises(
        checkpoint.CheckpointError, match=r"not those of the network in recipe\.json"
    ):
        load_weights(path)
    path.with_name("recipe.json").write_text("{}")
    with pytest.raises(checkpoint.CheckpointError, match=r"recipe\.json beside it cannot be used"):
        load_weights(path)
    recipe["network"] |= {"kind": "anet"}
    path.with_name("recipe.json").write_text(json.dumps(recipe))
    with pytest.raises(checkpoint.CheckpointError, match="of kind 'anet' is in no model file"):
        load_weights(path)
    path.with_name("recipe.json").unlink()
    with pytest.raises(checkpoint.CheckpointError, match=r"there is no recipe\.json beside it"):
        load_weights(path)
    path = _copied(released, tmp_path / "b")
    path.write_bytes(b"garbage")
    with pytest.raises(checkpoint.CheckpointError, match="not a readable model"):
        load_weights(path)
    structures = ("microtubules", "nuclear pores")
    other = build_network(dataclasses.replace(SMALL.network, structures=2))
    with pytest.raises(checkpoint.CheckpointError, match=r"in this recipe's network|another kind"):
        start_from(released, other, structures)


def test_weights_are_found_by_run_checkpoint_file_and_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "checkpoint.pt").touch()
    assert find_weights(run) == find_weights(run / "checkpoint.pt") == run / "checkpoint.pt"
    structures = find_model("structures")
    assert find_weights("structures") == find_weights(str(structures)) == structures
    assert find_weights(str(structures.parent)) == structures
    with pytest.raises(ModelNotFoundError, match="nowhere"):
        find_weights("nowhere")
    # A folder cannot take the place of a released model, unless it is asked for as a folder.
    (tmp_path / "structures").mkdir()
    shutil.copy(run / "checkpoint.pt", tmp_path / "structures" / "checkpoint.pt")
    monkeypatch.chdir(tmp_path)
    assert find_weights("structures") == structures
    assert find_weights("./structures") == Path("structures/checkpoint.pt")


def test_frozen_norms_keep_their_moments_and_what_is_trained_is_what_is_used(
    tmp_path: Path,
) -> None:
    released = find_model("microtubule")
    optimizer = dataclasses.replace(
        SMALL.optimizer, steps=2, learning_rate=0.0, weight_decay=0.0, frozen_norms=True
    )
    network = load_network(released).network.config
    recipe = dataclasses.replace(SMALL, network=network, optimizer=optimizer)
    path = train(recipe, tmp_path / "run", say=lambda _line: None, start=released)
    before, after = load_network(released).network, load_network(path).network
    with torch.no_grad():
        for mine, theirs in zip(
            after(*example_inputs(after, 1, 4, 4)),  # type: ignore[arg-type]
            before(*example_inputs(before, 1, 4, 4)),  # type: ignore[arg-type]
            strict=True,
        ):
            torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-5)
    more = dataclasses.replace(optimizer, steps=3, learning_rate=1e-3)
    train(dataclasses.replace(recipe, optimizer=more), tmp_path / "run", say=lambda _line: None)
    learned, settled = checkpoint.load(path)["model"], after.state_dict()
    for name in settled:
        moment = name.endswith(("running_mean", "running_var", "num_batches_tracked"))
        assert torch.equal(learned[name], settled[name]) == moment, name


def test_norms_without_moments_cannot_be_frozen(tmp_path: Path) -> None:
    optimizer = dataclasses.replace(SMALL.optimizer, frozen_norms=True)
    recipe = dataclasses.replace(SMALL, optimizer=optimizer)
    with pytest.raises(InvalidValueError, match=r"optimizer\.frozen_norms.*--start"):
        train(recipe, tmp_path / "run", say=lambda _line: None)
    assert not list(tmp_path.rglob("*"))
