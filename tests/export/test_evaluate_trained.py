"""Networks that are not exported, scored like models."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from small import SMALL

from annapalm.errors import AnnaPalmError, InvalidValueError
from annapalm.model.errors import ModelNotFoundError
from annapalm_export.evaluate.fields import simulated_fields
from annapalm_export.evaluate.suite import reconstruct_both
from annapalm_export.evaluate.trained import load_checkpoint, load_trained
from annapalm_export.seeds import VALIDATION_SEEDS
from annapalm_export.train import checkpoint
from annapalm_export.train.loop import train
from annapalm_export.train.network import NetworkConfig
from annapalm_export.train.networks import build_network, load_network

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm.model import Model
    from annapalm_export.evaluate.reconstructor import Reconstructor
    from annapalm_export.train.config import Recipe

ANET = dataclasses.replace(
    SMALL,
    name="small anet",
    data=dataclasses.replace(SMALL.data, crop_px=256, batch=1),
    scene=dataclasses.replace(SMALL.scene, field_um=6.0),
    network=NetworkConfig(kind="anet", ngf=2),
    optimizer=dataclasses.replace(SMALL.optimizer, steps=2),
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(ANET, tmp_path_factory.mktemp("anet"), say=lambda _line: None)


@pytest.fixture(scope="module")
def anet(trained: Path) -> Model:
    return load_checkpoint(trained)


def _save(path: Path, recipe: Recipe, **changes: object) -> Path:
    torch.manual_seed(0)
    average = build_network(recipe.network).state_dict()
    plain = json.dumps(dataclasses.asdict(recipe) | changes)
    checkpoint.save(path, {"step": 3, "average": average, "recipe": plain})
    return path


def _counts(shape: tuple[int, int]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.random.default_rng(0).poisson(0.05, shape).astype(np.float32)


def test_a_training_run_of_an_a_net_becomes_a_model(anet: Model) -> None:
    assert (anet.info.name, anet.info.version) == ("small anet", "step-2")
    assert anet.info.structures == ("microtubules",)
    assert anet.info.stride == 256
    assert anet.info.intervals == {}
    assert str(anet.device) == f"cpu (asked for, {anet.device.threads} threads, {_torch()})"


def _torch() -> str:
    return f"torch {torch.__version__}"


@pytest.mark.parametrize("shape", [(256, 256), (300, 17), (513, 250)])
def test_a_field_is_padded_with_zeros_and_run_whole(
    anet: Model, trained: Path, shape: tuple[int, int]
) -> None:
    counts = _counts(shape)
    light = np.random.default_rng(1).random([-(-n // 4) for n in shape], np.float32)
    result = anet.reconstruct(counts, light)
    assert result.tiles == 1
    assert not any("Memory" in warning for warning in result.warnings)
    padded = [-(-n // 256) * 256 for n in shape]
    whole, quarter = torch.zeros((1, 1, *padded)), torch.zeros((1, 1, *(n // 4 for n in padded)))
    whole[0, 0, : shape[0], : shape[1]] = torch.from_numpy(counts)
    quarter[0, 0, : light.shape[0], : light.shape[1]] = torch.from_numpy(light)
    one = torch.ones((1, 1))
    with torch.inference_mode():
        dense, error, _, _ = load_network(trained).network(
            whole, quarter, one * float(light.sum() / counts.sum()), one, one
        )
    window = (0, 0, slice(shape[0]), slice(shape[1]))
    np.testing.assert_allclose(result.dense, dense.numpy()[window], rtol=1e-4)
    np.testing.assert_allclose(result.error, error.numpy()[window], rtol=1e-5)
    assert not result.background.any()
    assert result.widefield is not None


def test_it_is_never_cut_into_tiles(anet: Model) -> None:
    with pytest.raises(InvalidValueError, match="tile_px is 1024"):
        anet.reconstruct(_counts((300, 300)), tile_px=1024)


def test_it_is_scored_where_models_are(anet: Model) -> None:
    reconstructor: Reconstructor = anet
    (field,) = simulated_fields(20.0, VALIDATION_SEEDS, 1, with_widefield=True)
    results = reconstruct_both(reconstructor, field)
    assert len(results) == 2
    for result in results.values():
        assert result.dense.shape == field.grid.shape
        assert float(result.dense.min()) >= 0


def test_a_student_runs_from_its_checkpoint_too(tmp_path: Path) -> None:
    path = _save(tmp_path / "checkpoint.pt", SMALL)
    model = load_checkpoint(path, intervals={"0.9": 2.0})
    assert model.info.stride == 16
    result = model.reconstruct(_counts((40, 50)))
    assert result.dense.shape == (40, 50)
    assert result.intervals == {"0.9": 2.0}


def test_a_recipe_that_does_not_fit_its_network_is_refused(tmp_path: Path) -> None:
    data = dataclasses.asdict(SMALL.data) | {"structures": ["microtubules", "actin"]}
    path = _save(tmp_path / "checkpoint.pt", SMALL, data=data)
    with pytest.raises(checkpoint.CheckpointError, match="1 structures, its recipe 2"):
        load_checkpoint(path)


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(checkpoint.CheckpointError, match="there is no checkpoint here"):
        load_checkpoint(tmp_path / "checkpoint.pt")
    with pytest.raises(AnnaPalmError):
        load_checkpoint(tmp_path)


def test_an_absent_gpu_is_an_error(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InvalidValueError, match="device is 'cuda', but it must be cpu"):
        load_checkpoint(trained, "cuda")


def test_whatever_was_trained_is_found_by_its_name(trained: Path, repository: Path) -> None:
    by_folder, by_file = load_trained(trained.parent), load_trained(trained)
    assert by_folder.sha256 == by_file.sha256 == load_checkpoint(trained).sha256
    path = repository / "models" / "structures" / "1.1.2" / "model.onnx"
    by_name, by_file = load_trained("structures/1.1.2"), load_trained(path)
    assert by_name.sha256 == by_file.sha256 != by_folder.sha256


def test_a_name_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="no-such-model"):
        load_trained("no-such-model")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelNotFoundError, match="empty"):
        load_trained(tmp_path / "empty")
