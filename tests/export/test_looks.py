"""A network that looks at a field and its mirror images draws their mean, in a model file too."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from batches import random_batch
from small import SMALL

from annapalm.contract import CONTRACT_VERSION, OUTPUTS, ModelInfo
from annapalm.errors import InvalidValueError
from annapalm.model import load_model
from annapalm_export.to_onnx.graph import STRIDE, export_onnx, inference_copy
from annapalm_export.to_onnx.halo import halo_for, measure_reach_px
from annapalm_export.to_onnx.model import make_model
from annapalm_export.to_onnx.parity import check_parity
from annapalm_export.train.loop import train
from annapalm_export.train.network import MIRRORS, NetworkConfig
from annapalm_export.train.networks import build_network, measure_cost

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm_export.train.network import Network

Images = list[torch.Tensor]


def _pair() -> tuple[Network, Network]:
    """Make a network that looks once and one of the same weights that looks four times."""
    torch.manual_seed(4)
    once = build_network(SMALL.network).eval()
    four = build_network(dataclasses.replace(SMALL.network, looks=len(MIRRORS))).eval()
    four.load_state_dict(once.state_dict())
    return once, four


def _drawn(network: Network, axes: tuple[int, ...] = ()) -> Images:
    """Draw a random batch mirrored along axes, and mirror what is drawn back."""
    batch = random_batch()
    ones = torch.ones_like(batch.widefield_scale)
    counts, widefield = (torch.flip(i, axes) for i in (batch.counts, batch.widefield))
    with torch.no_grad():
        images = network(counts, widefield, batch.widefield_scale, ones, batch.structure)
    return [torch.flip(image, axes) for image in images]


def test_the_mean_of_four_looks_is_drawn() -> None:
    once, four = _pair()
    looks = [_drawn(once, axes) for axes in MIRRORS]
    for found, images in zip(_drawn(four), zip(*looks, strict=True), strict=True):
        assert torch.allclose(found, torch.stack(images).mean(0), rtol=1e-4, atol=1e-9)
        assert not torch.allclose(found, images[0], rtol=1e-3)  # the looks do differ


def test_a_mirrored_field_gives_the_mirrored_picture() -> None:
    once, four = _pair()
    for axes in MIRRORS[1:]:
        for found, plain in zip(_drawn(four, axes), _drawn(four), strict=True):
            assert torch.allclose(found, plain, rtol=1e-4, atol=1e-9)
        assert not torch.allclose(_drawn(once, axes)[0], _drawn(once)[0], rtol=1e-3)


def test_training_looks_once() -> None:
    once, four = _pair()
    for one, other in zip(_drawn(once.train()), _drawn(four.train()), strict=True):
        assert torch.equal(one, other)
    assert measure_cost(four).macs_per_px == pytest.approx(4 * measure_cost(once).macs_per_px, 0.05)


def test_a_model_file_looks_four_times_and_gives_the_same_bits_in_tiles(tmp_path: Path) -> None:
    model = inference_copy(_pair()[1])
    reach = measure_reach_px(model)
    info = ModelInfo(
        contract=CONTRACT_VERSION,
        name="four",
        version="0.0.1",
        pixel_nm=20.0,
        stride=STRIDE,
        halo_px=halo_for(reach),
        structures=SMALL.data.structures,
        psf_sigma_nm=125.0,
        intervals={"0.9": 2.0},
        intervals_widefield={"0.9": 1.5},
        density_range_per_um2=(0.0, 1e6),
        units=dict.fromkeys(OUTPUTS, "localizations per pixel"),
        training="random weights, for tests",
        licence="BSD-3-Clause",
        weights_sha256="0" * 64,
    )
    path = tmp_path / "four.onnx"
    export_onnx(model, info, path)
    parity = check_parity(model, path, ((1, 1, 1), (1, 2, 3)))
    assert parity.passed, parity.worst
    counts = np.random.default_rng(0).poisson(0.05, (500, 430)).astype(np.float32)
    loaded = load_model(path, device="cpu")
    whole = loaded.reconstruct(counts, tile_px=None)
    tiled = loaded.reconstruct(counts, tile_px=2 * info.halo_px + 4 * STRIDE)
    assert whole.tiles == 1
    assert tiled.tiles > 1
    for name in ("dense", "error", "background"):
        assert np.array_equal(getattr(whole, name), getattr(tiled, name)), name


def test_a_trained_network_is_exported_with_four_looks_on_request(tmp_path: Path) -> None:
    run = train(SMALL, tmp_path / "run", say=lambda _line: None)
    once, four = (
        make_model(run, tmp_path / f"{looks}.onnx", "small", "0.0.1", fields=8, looks=looks)
        for looks in (None, 4)
    )
    assert once.recipe["network"]["looks"] == 1
    assert four.recipe["network"]["looks"] == 4
    assert "mean of 4 looks" in four.info.training
    assert "looks" not in once.info.training
    assert once.info.weights_sha256 != four.info.weights_sha256  # each has its own calibration
    assert check_parity(four.model, tmp_path / "4.onnx", ((1, 2, 3),)).passed
    plain, mirrored = (load_model(tmp_path / f"{n}.onnx", device="cpu") for n in ("None", "4"))
    counts = np.random.default_rng(1).poisson(0.05, (160, 160)).astype(np.float32)
    once_flipped, flipped = (m.reconstruct(counts[::-1].copy()) for m in (plain, mirrored))
    once_drawn, drawn = (m.reconstruct(counts) for m in (plain, mirrored))
    assert np.allclose(flipped.dense[::-1], drawn.dense, rtol=1e-4)
    assert not np.allclose(once_flipped.dense[::-1], once_drawn.dense, rtol=1e-3)


@pytest.mark.parametrize("looks", [0, 2, 8, True])
def test_another_number_of_looks_is_refused(looks: int) -> None:
    with pytest.raises(InvalidValueError, match=r"network\.looks is .*, but it must be 1 or 4"):
        NetworkConfig(looks=looks)
