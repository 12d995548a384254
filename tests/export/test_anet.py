"""The A-net: as the paper's, its weaknesses included, behind the contract's inputs and outputs."""

from __future__ import annotations

import pytest
import torch
from batches import random_batch
from torch import Tensor, nn

from annapalm.errors import InvalidValueError
from annapalm_export.train.anet import ANet, BatchMoments
from annapalm_export.train.losses import LossConfig, training_loss
from annapalm_export.train.network import NetworkConfig, gaussian, widefield_of
from annapalm_export.train.networks import measure_cost

Outputs = tuple[Tensor, Tensor, Tensor, Tensor]


def _anet(ngf: int = 2, structures: int = 1, seed: int = 0) -> ANet:
    """Make a small one; its weights are larger than at the start, so that layers matter."""
    torch.manual_seed(seed)
    network = ANet(NetworkConfig(kind="anet", ngf=ngf, structures=structures)).eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.mul_(10.0)
    return network


@torch.no_grad()
def _run(network: ANet, counts: Tensor, structure: Tensor, exposure: float = 1.0) -> Outputs:
    number, _, rows, columns = counts.shape
    light = torch.rand((number, 1, rows // 4, columns // 4), generator=_generator())
    one = torch.ones((number, 1))
    outputs: Outputs = network(counts, light, one, exposure * one, structure)
    return outputs


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def _counts(number: int = 1, side: int = 256) -> Tensor:
    return torch.poisson(torch.full((number, 1, side, side), 0.05), generator=_generator())


def test_it_has_the_originals_size_and_work() -> None:
    """SCIENCE.md section 2, counted with the 3 x 3 decoder and two input planes."""
    cost = measure_cost(ANet(NetworkConfig(kind="anet")))
    assert cost.parameters == pytest.approx(39.16e6, abs=0.005e6)
    assert cost.macs_per_px * 512**2 == pytest.approx(43.7e9, abs=0.05e9)
    quarter = measure_cost(ANet(NetworkConfig(kind="anet", ngf=16)))
    assert quarter.macs_per_px / cost.macs_per_px == pytest.approx(1 / 16, rel=0.04)


def test_it_has_the_originals_layers() -> None:
    network = ANet(NetworkConfig(kind="anet"))
    widths = [64, 128, 256, 512, 512, 512, 512, 512]
    encoder, decoder = list(network.encoder.children()), list(network.decoder.children())
    convolutions = [layer.get_submodule("conv") for layer in encoder]
    assert all(c.kernel_size == (4, 4) and c.stride == (2, 2) for c in convolutions)
    assert [c.in_channels for c in convolutions] == [2, *widths[:-1]]
    assert [c.out_channels for c in convolutions] == widths
    assert [isinstance(e.norm, BatchMoments) for e in encoder] == [False] + [True] * 7
    assert [e.slope for e in encoder] == [1.0] + [0.2] * 7
    convolutions = [*(layer.get_submodule("conv") for layer in decoder), network.picture]
    assert [c.in_channels for c in convolutions] == [512, 1024, 1024, 1024, 1024, 512, 256, 128]
    assert [c.out_channels for c in convolutions] == [512, 512, 512, 512, 256, 128, 64, 1]
    assert all(c.kernel_size == (3, 3) and c.stride == (1, 1) for c in convolutions)
    assert [getattr(d.dropout, "p", None) for d in decoder] == [0.5] * 3 + [0.0] * 4


def test_weights_begin_as_the_originals() -> None:
    torch.manual_seed(0)
    network = ANet(NetworkConfig(kind="anet", ngf=16))
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 4000:
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.05)
            assert abs(module.weight.mean().item()) < 0.002


def test_moments_are_those_of_the_batch_at_hand_also_at_prediction() -> None:
    norm = BatchMoments(3).eval()
    x = 5 + 3 * torch.randn((2, 3, 16, 16), generator=_generator())
    with torch.no_grad():
        norm.weight.fill_(2.0)
        norm.bias.fill_(7.0)
        out = norm(x)
    torch.testing.assert_close(out.mean((0, 2, 3)), torch.full((3,), 7.0))
    torch.testing.assert_close(out.std((0, 2, 3), correction=0), torch.full((3,), 2.0))
    assert not list(norm.buffers())


def test_of_a_single_pixel_the_offset_is_left() -> None:
    norm = BatchMoments(3)
    with torch.no_grad():
        norm.bias.copy_(torch.tensor([1.0, 2.0, 3.0]))
        left = norm(torch.randn((1, 3, 1, 1))).flatten()
    torch.testing.assert_close(left, norm.bias.detach(), rtol=1e-4, atol=0)


def test_every_pixel_depends_on_the_whole_image() -> None:
    network, counts = _anet(), _counts(side=512)
    changed = counts.clone()
    changed[..., 500:, 500:] += 30
    before, after = (_run(network, c, torch.ones((1, 1)))[0] for c in (counts, changed))
    assert bool((before != after)[..., :32, :32].any())


def test_at_batch_1_the_structure_is_heard_in_the_first_layer_alone() -> None:
    # In double precision: norms of few pixels blow up what rounding leaves of a difference.
    network, counts = _anet(structures=2).double(), _counts().double()
    structures = torch.eye(2, dtype=torch.float64)
    light, one = torch.zeros((1, 1, 64, 64), dtype=torch.float64), structures[:1, :1]

    def heard() -> float:
        a, b = (network(counts, light, 0 * one, one, s[None])[0] for s in structures)
        return float((a - b).abs().max() / a.max())

    with torch.no_grad():
        assert heard() > 1e-2
        network.get_parameter("encoder.0.switch.weight").zero_()
        assert heard() < 1e-6
        network.get_parameter("encoder.7.switch.weight").mul_(100.0)
        assert heard() < 1e-6


def test_in_a_batch_of_several_structures_deeper_layers_hear_it_too() -> None:
    network = _anet(structures=2)
    with torch.no_grad():
        network.get_parameter("encoder.0.switch.weight").zero_()
    counts = _counts().expand(2, -1, -1, -1)
    dense = _run(network, counts, torch.eye(2))[0]
    same = _run(network, counts, torch.eye(2)[[0, 0]])[0]
    assert not torch.allclose(dense, same, rtol=1e-3)


@pytest.mark.parametrize("shape", [(256, 256), (256, 768)])
def test_outputs_are_the_contracts(shape: tuple[int, int]) -> None:
    counts = torch.poisson(torch.full((2, 1, *shape), 0.05), generator=_generator())
    dense, error, background, estimate = _run(_anet(), counts, torch.ones((2, 1)))
    quarter = (2, 1, shape[0] // 4, shape[1] // 4)
    assert dense.shape == error.shape == counts.shape
    assert background.shape == estimate.shape == quarter
    assert bool((dense > 0).all())
    assert not background.any()
    assert torch.equal(estimate, widefield_of(dense, gaussian(6.25 / 4)))


def test_the_error_map_is_one_number() -> None:
    network = _anet()
    counts = _counts()
    error = _run(network, counts, torch.ones((1, 1)))[1]
    assert float(error.min()) == float(error.max()) > 0
    network.calibration[1, :, 1] = 3.0
    torch.testing.assert_close(_run(network, counts, torch.ones((1, 1)))[1], 3 * error)


def test_outputs_are_proportional_to_the_exposure() -> None:
    network, counts, structure = _anet(), _counts(), torch.ones((1, 1))
    once, thrice = (_run(network, counts, structure, exposure) for exposure in (1.0, 3.0))
    for mine, other in zip(thrice, once, strict=True):
        torch.testing.assert_close(mine, 3 * other)


def test_an_absent_widefield_image_is_not_looked_at() -> None:
    network, counts, one = _anet(), _counts(), torch.ones((1, 1))
    light = torch.rand((1, 1, 64, 64))
    with torch.no_grad():
        absent, dark, present = (
            network(counts, image, scale * one, one, one)[0]
            for image, scale in ((light, 0), (0 * light, 0), (light, 1))
        )
    assert torch.equal(absent, dark)
    assert not torch.allclose(absent, present)


def test_a_picture_begins_dark() -> None:
    torch.manual_seed(0)
    network = ANet(NetworkConfig(kind="anet", ngf=4)).eval()
    dense = _run(network, _counts(), torch.ones((1, 1)))[0]
    assert 0.005 < float(dense.median()) < 0.1


def test_dropout_is_off_at_prediction() -> None:
    network, counts, structure = _anet(), _counts(side=512), torch.ones((1, 1))
    assert torch.equal(*(_run(network, counts, structure)[0] for _ in range(2)))
    network.train()
    assert not torch.equal(*(_run(network, counts, structure)[0] for _ in range(2)))


@pytest.mark.parametrize("shape", [(224, 224), (256, 128), (640, 512)])
def test_other_sides_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(InvalidValueError, match=r"sides of counts is \(\d+, \d+\), but .* 256 px"):
        _run(_anet(), torch.zeros((1, 1, *shape)), torch.ones((1, 1)))


def test_our_losses_teach_all_of_it() -> None:
    batch = random_batch(side=512, number=1)
    network = _anet().train()
    one = torch.ones_like(batch.widefield_scale)
    outputs = network(batch.counts, batch.widefield, batch.widefield_scale, one, batch.structure)
    loss, parts = training_loss(outputs, batch, LossConfig())
    loss.backward()
    assert all(torch.isfinite(torch.tensor(list(parts.values()))))
    silent = {
        name
        for name, p in network.named_parameters()
        if p.grad is None or float(p.grad.abs().max()) == 0
    }
    assert not silent


def test_one_field_can_be_learned_by_heart() -> None:
    batch = random_batch(side=256, number=1)
    network = _anet().train()
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    one = torch.ones_like(batch.widefield_scale)
    losses = []
    for _ in range(15):
        outputs = network(
            batch.counts, batch.widefield, batch.widefield_scale, one, batch.structure
        )
        loss, parts = training_loss(outputs, batch, LossConfig())
        losses.append(parts["shape"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert sum(losses[-3:]) < sum(losses[:3])
