"""Networks by name: from a recipe, from a checkpoint, and what they cost."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from small import SMALL

from annapalm.contract import CONTRACT_VERSION, OUTPUTS, ModelInfo
from annapalm.errors import InvalidValueError
from annapalm_export.to_onnx import check_parity, export_onnx, inference_copy, measure_reach_px
from annapalm_export.to_onnx.graph import STRIDE
from annapalm_export.to_onnx.halo import halo_for
from annapalm_export.train import checkpoint
from annapalm_export.train.anet import ANet
from annapalm_export.train.config import RecipeError, read_recipe
from annapalm_export.train.network import NetworkConfig, Student
from annapalm_export.train.networks import build_network, load_network, measure_cost

PARAMETERS = 980_257
"""Of the fast student."""
MOST_QUALITY_BYTES = 16_000_000
"""What a release file whose name says `quality` may have at most."""


def test_the_kind_says_what_is_built() -> None:
    assert isinstance(build_network(NetworkConfig()), Student)
    assert isinstance(build_network(NetworkConfig(kind="anet", ngf=2)), ANet)


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("kind = 'unet'", "network.kind is 'unet', but it must be one of student, anet"),
        ("kind = 3", "'kind' is 3, not str"),
        ("widths = [48, 0, 128]", "network.widths is (48, 0, 128), but it must be three whole"),
        ("widths = [48, 96]", "network.widths is (48, 96), but it must be three whole"),
        ("widths = [48, 96.5, 128]", "network.widths is (48, 96.5, 128)"),
        ("widths = [true, 96, 128]", "network.widths is (True, 96, 128)"),
        ("ngf = 0", "network.ngf is 0, but it must be a whole number above 0"),
        ("error_width = -1", "network.error_width is -1"),
        ("deep_blocks = -1", "network.deep_blocks is -1, but it must be a whole number, at least"),
        ("enter_convs = -2", "network.enter_convs is -2"),
        ("psf_sigma_px = 0", "network.psf_sigma_px is 0.0, but it must be finite and above 0"),
        ("psf_sigma_px = nan", "network.psf_sigma_px is nan"),
    ],
)
def test_a_network_that_cannot_be_is_refused_with_its_recipe(
    tmp_path: Path, entry: str, problem: str
) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(f"[network]\n{entry}\n")
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    assert f"{path}, section [network]: {problem}" in str(caught.value)


@pytest.mark.parametrize("structures", [0, -1, True, 1.0])
def test_a_network_for_no_structure_is_refused(structures: Any) -> None:
    with pytest.raises(InvalidValueError, match=r"network\.structures is .*whole number above 0"):
        NetworkConfig(structures=structures)


def test_parameters_keep_their_names_and_shapes() -> None:
    """Checkpoints of runs in progress hold these."""
    state = build_network(NetworkConfig()).state_dict()
    assert {
        "stem.conv.weight": (48, 16, 3, 3),
        "side.weight": (48, 4, 3, 3),
        "down1.1.0.weight": (96, 48, 3, 3),
        "down2.1.0.weight": (128, 96, 3, 3),
        "structure_deep.weight": (128, 1, 1, 1),
        "deep.1.convs.1.0.weight": (128, 128, 3, 3),
        "up1.0.0.weight": (96, 96, 3, 3),
        "up2.1.1.running_var": (48,),
        "error_head.2.bias": (16,),
        "enter_norm.weight": (48,),
    }.items() <= {name: tuple(value.shape) for name, value in state.items()}.items()
    assert sum(value.numel() for value in state.values()) == PARAMETERS + _averages(state)


def _averages(state: dict[str, torch.Tensor]) -> int:
    """Count what is no parameter: batch norm's averages."""
    ends = ("running_mean", "running_var", "num_batches_tracked")
    return sum(value.numel() for name, value in state.items() if name.endswith(ends))


def test_the_student_costs_what_it_was_chosen_for() -> None:
    cost = measure_cost(build_network(NetworkConfig()))
    assert cost.parameters == PARAMETERS
    assert cost.macs_per_px == pytest.approx(9_400, rel=0.01)


def test_the_cost_follows_the_shape() -> None:
    one, two = (
        measure_cost(build_network(NetworkConfig(widths=(16, 16, 16), up_full_convs=number)))
        for number in (1, 2)
    )
    conv = 16 * 16 * 9
    assert two.parameters - one.parameters == conv + 2 * 16  # with its norm
    assert two.macs_per_px - one.macs_per_px == conv / 16  # at a quarter of the sides


def _checkpoint(path: Path, **changes: object) -> Path:
    recipe = dataclasses.asdict(SMALL)
    torch.manual_seed(0)
    average = build_network(SMALL.network).state_dict()
    state = {"step": 7, "average": average, "recipe": json.dumps(recipe)} | changes
    checkpoint.save(path, state)
    return path


def test_a_checkpoint_gives_back_its_network(tmp_path: Path) -> None:
    loaded = load_network(_checkpoint(tmp_path / "checkpoint.pt"))
    assert loaded.steps == 7
    assert loaded.recipe["name"] == "small"
    assert loaded.network.config == SMALL.network
    assert not loaded.network.training
    torch.manual_seed(0)
    same = build_network(SMALL.network).state_dict()
    assert all(torch.equal(v, same[k]) for k, v in loaded.network.state_dict().items())


@pytest.mark.parametrize(
    "change",
    [
        {"recipe": "{"},
        {"recipe": "{}"},
        {"recipe": '{"network": {"widths": [16, 16, 16], "depth": 3}}'},
        {"recipe": '{"network": {"widths": [16, 16, 0]}}'},
        {"recipe": '{"network": {"widths": [16, 16, 16], "kind": "other"}}'},
        {"recipe": '{"network": {"widths": [16, 32, 16]}}'},
        {"average": {}},
    ],
)
def test_a_checkpoint_of_another_version_is_refused(
    tmp_path: Path, change: dict[str, object]
) -> None:
    path = _checkpoint(tmp_path / "checkpoint.pt", **change)
    with pytest.raises(checkpoint.CheckpointError, match="not a checkpoint of this version"):
        load_network(path)


def test_an_a_net_is_not_made_a_model_file() -> None:
    with pytest.raises(InvalidValueError, match="'anet', but it must be student"):
        inference_copy(build_network(NetworkConfig(kind="anet", ngf=2)))


def test_the_larger_network_is_small_enough_and_computes_what_torch_does(
    repository: Path, tmp_path: Path
) -> None:
    recipe = read_recipe(repository / "export" / "recipes" / "larger.toml")
    assert recipe.network.kind == "student"
    torch.manual_seed(0)
    network = build_network(recipe.network)
    assert measure_cost(network).parameters < 3_900_000
    model = inference_copy(network.eval())
    reach = measure_reach_px(model)
    info = ModelInfo(
        contract=CONTRACT_VERSION,
        name="larger",
        version="0.0.1",
        pixel_nm=20.0,
        stride=STRIDE,
        halo_px=halo_for(reach),
        structures=recipe.data.structures,
        psf_sigma_nm=125.0,
        intervals={"0.9": 2.0},
        intervals_widefield={"0.9": 1.5},
        density_range_per_um2=(0.0, 1e6),
        units=dict.fromkeys(OUTPUTS, "localizations per pixel"),
        training="random weights, for tests",
        licence="BSD-3-Clause",
        weights_sha256="0" * 64,
    )
    path = tmp_path / "larger.onnx"
    export_onnx(model, info, path)
    assert path.stat().st_size < MOST_QUALITY_BYTES
    parity = check_parity(model, path, ((1, 1, 1), (1, 2, 3)))
    assert parity.passed, parity.worst


RECIPES = sorted((Path(__file__).parents[2] / "export" / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipes_of_this_folder_are_read(path: Path) -> None:
    recipe = read_recipe(path)
    network = build_network(recipe.network)
    assert recipe.data.crop_px % network.stride == 0
    side = recipe.scene.field_um * 1000 / 20
    assert recipe.data.crop_px <= side
