"""The file keeps the contract and computes what was trained."""

from __future__ import annotations

import copy
import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
import torch
from small import SMALL

from annapalm.contract import CONTRACT_VERSION, INPUTS, OPSET, OUTPUTS, ModelInfo
from annapalm.model import SessionOptions, load_model
from annapalm_export.to_onnx import check_parity, export_onnx, inference_copy, measure_reach_px
from annapalm_export.to_onnx.graph import MAX_IR_VERSION, STRIDE, example_inputs, weights_sha256
from annapalm_export.to_onnx.halo import halo_for
from annapalm_export.train.network import CountsStem, NetworkConfig, Student

if TYPE_CHECKING:
    from pathlib import Path


STRUCTURES = ("microtubules", "actin")
SHAPES = {
    "small": SMALL.network,
    "another": NetworkConfig(
        widths=(16, 32, 48),
        enter_convs=1,
        deep_blocks=2,
        up_half_convs=2,
        up_full_convs=1,
        error_width=16,
        structures=2,
        psf_sigma_px=5.0,
    ),
}


@pytest.fixture(scope="module", params=SHAPES)
def student(request: pytest.FixtureRequest) -> Student:
    """Make a network with random weights and statistics: nothing in it is 0 or 1 by chance."""
    torch.manual_seed(0)
    model = Student(SHAPES[request.param])
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.get_buffer("running_mean").uniform_(-0.2, 0.2)
                module.get_buffer("running_var").uniform_(0.5, 2.0)
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.2, 0.2)
    return model.eval()


@pytest.fixture(scope="module")
def exported(student: Student, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folded = inference_copy(student)
    info = ModelInfo(
        contract=CONTRACT_VERSION,
        name="small",
        version="0.0.1",
        pixel_nm=20.0,
        stride=STRIDE,
        halo_px=halo_for(measure_reach_px(folded)),
        structures=STRUCTURES[: student.config.structures],
        psf_sigma_nm=student.config.psf_sigma_px * 20.0,
        intervals={"0.9": 2.0},
        intervals_widefield={"0.9": 1.5},
        density_range_per_um2=(0.0, 1e6),
        units=dict.fromkeys(OUTPUTS, "localizations per pixel"),
        training="random weights, for tests",
        licence="BSD-3-Clause",
        weights_sha256=weights_sha256(folded),
    )
    path = tmp_path_factory.mktemp("onnx") / "small.onnx"
    export_onnx(folded, info, path)
    return path


def test_folding_the_norms_changes_nothing(student: Student) -> None:
    folded = inference_copy(student)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    inputs = example_inputs(student, 1, 4, 4)
    with torch.no_grad():
        for mine, theirs in zip(folded(*inputs), student(*inputs), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-6)


def test_the_strided_stem_is_the_same_map() -> None:
    torch.manual_seed(0)
    stem = CountsStem(7)
    image = torch.randn((2, 1, 16, 32))
    with torch.no_grad():
        torch.testing.assert_close(stem.as_strided()(image), stem(image))


def test_onnx_runtime_computes_what_torch_does(student: Student, exported: Path) -> None:
    parity = check_parity(inference_copy(student), exported)
    assert parity.passed, parity.worst


def test_parity_notices_other_weights(student: Student, exported: Path) -> None:
    other = inference_copy(student)
    with torch.no_grad():
        other.dense_head.get_parameter("bias").add_(1e-3)
    assert not check_parity(other, exported).passed


def test_the_graph_names_what_the_contract_names(student: Student, exported: Path) -> None:
    proto = onnx.load(exported)
    for values, contract in ((proto.graph.input, INPUTS), (proto.graph.output, OUTPUTS)):
        shapes = {
            v.name: tuple(d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim)
            for v in values
        }
        assert shapes == {
            name: tuple(student.config.structures if part == "S" else part for part in shape)
            for name, shape in contract.items()
        }
    assert {o.domain: o.version for o in proto.opset_import} == {"": OPSET}
    assert proto.ir_version <= MAX_IR_VERSION
    assert not any(t.data_location for t in proto.graph.initializer)


@pytest.mark.parametrize("shape", [(500, 430), (700, 21), (16, 600), (460, 460)])
def test_the_runtime_loads_it_and_tiles_are_the_whole(
    exported: Path, shape: tuple[int, int]
) -> None:
    rng = np.random.default_rng(1)
    counts = rng.poisson(0.05, shape).astype(np.float32)
    light = rng.random([-(-side // 4) for side in shape], np.float32)
    pictures = []
    for threads in (1, 2, 5):
        model = load_model(exported, device="cpu", options=SessionOptions(threads=threads))
        wanted = model.info.structures[-1]
        tiles = (None, 2 * model.info.halo_px + 64)
        pictures += [
            model.reconstruct(counts, light, structure=wanted, tile_px=tile) for tile in tiles
        ]
    assert any(picture.tiles > 1 for picture in pictures)
    for picture in pictures[1:]:
        for name in ("dense", "error", "background"):
            np.testing.assert_array_equal(getattr(picture, name), getattr(pictures[0], name))


def test_outputs_are_proportional_to_the_exposure(exported: Path) -> None:
    model = load_model(exported, device="cpu")
    counts = np.random.default_rng(2).poisson(0.05, (64, 64)).astype(np.float32)
    wanted = model.info.structures[0]
    once, thrice = (model.reconstruct(counts, exposure=e, structure=wanted) for e in (1.0, 3.0))
    for name in ("dense", "error", "background"):
        np.testing.assert_allclose(getattr(thrice, name), 3 * getattr(once, name), rtol=1e-5)


def test_the_reach_is_the_furthest_influence_there_is(student: Student) -> None:
    folded = inference_copy(student)
    reach = measure_reach_px(folded)
    side, middle = 36 * STRIDE, 18 * STRIDE
    inputs = list(example_inputs(folded, 1, 36, 36))
    furthest = 0
    with torch.no_grad():
        before = folded(*inputs)
        inputs[0] = inputs[0].clone()
        inputs[0][:, :, middle, middle] += 50
        after = folded(*inputs)
    for old, new in zip(before, after, strict=True):
        factor = side // old.shape[-1]
        changed = torch.nonzero((old != new)[0, 0]) * factor
        furthest = max(furthest, int((changed - middle).abs().max()))
    assert furthest <= reach + STRIDE
    # Of what may have an influence, much has: the measure is not a mere upper bound.
    assert furthest > reach / 2
    assert STRIDE < reach < side / 2


def test_a_reach_beyond_the_test_image_is_noticed(student: Student) -> None:
    with pytest.raises(ValueError, match="larger than the image"):
        measure_reach_px(inference_copy(student), side_strides=5)


def test_metadata_that_does_not_fit_is_refused(student: Student, exported: Path) -> None:
    info = load_model(exported, device="cpu").info
    more = dataclasses.replace(info, structures=(*info.structures, "pores"))
    number = student.config.structures
    with pytest.raises(ValueError, match=f"'structure' has {number} where the contract has S"):
        export_onnx(inference_copy(student), more, exported.with_name("other.onnx"))
    assert not exported.with_name("other.onnx").exists()


def _ones(student: Student) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.ones((1, 1)), torch.ones((1, student.config.structures))


@torch.no_grad()
def test_what_is_not_present_is_not_looked_at(student: Student) -> None:
    counts = torch.poisson(torch.full((1, 1, 32, 32), 0.1))
    one, structure = _ones(student)
    light = torch.rand((1, 1, 8, 8))
    for mine, other in zip(
        student(counts, light, 0 * one, one, structure),
        student(counts, 0 * light, 0 * one, one, structure),
        strict=True,
    ):
        assert torch.equal(mine, other)


@torch.no_grad()
def test_the_scale_of_the_widefield_image_does_not_matter(student: Student) -> None:
    counts = torch.poisson(torch.full((1, 1, 32, 32), 0.1))
    one, structure = _ones(student)
    light = torch.rand((1, 1, 8, 8))
    for mine, other in zip(
        student(counts, light, 3 * one, one, structure),
        student(counts, 1000 * light, 3000 * one, one, structure),
        strict=True,
    ):
        torch.testing.assert_close(mine, other)


@torch.no_grad()
def test_denormal_inputs_are_taken_as_zero(student: Student) -> None:
    tiny = torch.full((1, 1, 32, 32), 1e-39)
    one, structure = _ones(student)
    for mine, other in zip(
        student(tiny, tiny[:, :, :8, :8], one, one, structure),
        student(0 * tiny, 0 * tiny[:, :, :8, :8], one, one, structure),
        strict=True,
    ):
        assert torch.equal(mine, other)


@torch.no_grad()
def test_the_structure_asked_for_changes_the_picture() -> None:
    torch.manual_seed(0)
    model = Student(SHAPES["another"]).eval()
    counts = torch.poisson(torch.full((1, 1, 32, 32), 0.1))
    light, one = torch.zeros((1, 1, 8, 8)), torch.ones((1, 1))
    first, second = (model(counts, light, 0 * one, one, wanted[None])[0] for wanted in torch.eye(2))
    assert not torch.allclose(first, second)


@pytest.mark.parametrize("blocks", [0, 12])
def test_the_reach_grows_with_the_depth_and_by_nothing_else(blocks: int) -> None:
    torch.manual_seed(0)
    shape = dataclasses.replace(SHAPES["small"], deep_blocks=blocks, error_width=16)
    deeper = dataclasses.replace(shape, deep_blocks=blocks + 1)
    wider = dataclasses.replace(shape, widths=(32, 16, 16), structures=3)
    reach, *others = (
        measure_reach_px(inference_copy(Student(s).eval())) for s in (shape, deeper, wider)
    )
    # Two convolutions of 3 x 3 at a sixteenth of the size.
    assert others == [reach + 2 * STRIDE, reach]


def test_the_reach_along_x_counts_like_that_along_y() -> None:
    torch.manual_seed(0)
    model = inference_copy(Student(SHAPES["small"]).eval())
    whole = measure_reach_px(model)
    narrow = {}
    for axis in (2, 3):
        cut = copy.deepcopy(model)
        for conv in cut.modules():
            if isinstance(conv, torch.nn.Conv2d) and conv.kernel_size == (3, 3):
                conv.weight.index_fill_(axis, torch.tensor([0, 2]), 0.0)
        narrow[axis] = measure_reach_px(cut)
    assert narrow == {2: whole, 3: whole}


def test_a_gradient_that_is_lost_is_no_reach() -> None:
    torch.manual_seed(0)
    model = inference_copy(Student(SHAPES["small"]).eval())
    model.dense_head.weight.zero_()
    with pytest.raises(ValueError, match="overflowed or vanished"):
        measure_reach_px(model)
