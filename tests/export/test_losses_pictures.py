"""Picture losses: fixed scaling, MS-SSIM as the evaluation computes it, no trap in empty crops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from annapalm.errors import InvalidValueError
from annapalm_export.evaluate.metrics import ms_ssim
from annapalm_export.train.losses.pictures import PICTURE_TOP, l1, ms_ssim_loss, picture

ONE = torch.ones((1, 1))


def _random(side: int, seed: int) -> torch.Tensor:
    return torch.rand((2, 1, side, side), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("scale", ["sqrt", "linear"])
def test_a_picture_is_0_without_light_and_1_at_its_top_whatever_else_is_in_the_crop(
    scale: str,
) -> None:
    rate = torch.tensor([0.0, PICTURE_TOP / 5, 1e-6]).reshape(1, 1, 1, 3)
    drawn = picture(rate, 5 * ONE, scale).flatten()
    assert float(drawn[0]) == pytest.approx(0, abs=1e-7)
    assert float(drawn[1]) == pytest.approx(1, abs=1e-6)
    assert torch.equal(drawn[2:], picture(rate[..., 2:], 5 * ONE, scale).flatten())


def test_the_root_has_a_finite_slope_where_there_is_nothing() -> None:
    rate = torch.zeros((1, 1, 2, 2), requires_grad=True)
    picture(rate, ONE, "sqrt").sum().backward()
    assert rate.grad is not None
    assert 0 < float(rate.grad.max()) < 1


def test_ms_ssim_is_that_of_the_evaluation() -> None:
    truth = torch.nn.functional.avg_pool2d(_random(360, 3), 9, 1, 4)[..., :192, :192]
    drawn = (truth + 0.1 * _random(192, 4)).clamp_min(0)
    expected = [
        ms_ssim(d.numpy(), t.numpy(), data_range=1.0)
        for d, t in zip(drawn[:, 0], truth[:, 0], strict=True)
    ]
    assert float(ms_ssim_loss(drawn, truth)) == pytest.approx(1 - np.mean(expected), abs=1e-4)
    assert float(ms_ssim_loss(truth, truth)) == pytest.approx(0, abs=1e-5)


def test_both_losses_fall_as_a_picture_nears_the_truth() -> None:
    truth = _random(96, 5)
    for loss in (l1, ms_ssim_loss):
        values = [
            float(loss(truth + part * (_random(96, 6) - truth), truth)) for part in (1, 0.5, 0)
        ]
        assert values[0] > values[1] > values[2]
        assert values[2] == pytest.approx(0, abs=1e-5)


def test_empty_and_opposite_pictures_have_finite_gradients() -> None:
    empty = torch.zeros((1, 1, 64, 64))
    for truth in (empty, _random(64, 7)[:1]):
        drawn = (1 - truth).requires_grad_()
        (ms_ssim_loss(drawn, truth) + l1(drawn, truth)).backward()
        assert drawn.grad is not None
        assert bool(torch.isfinite(drawn.grad).all())


def test_a_little_noise_in_an_empty_crop_is_not_amplified() -> None:
    empty = torch.zeros((2, 1, 96, 96))
    assert float(ms_ssim_loss(0.001 * _random(96, 8), empty)) < 0.02


def test_a_crop_smaller_than_the_window_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="crop_px is 8, but it must be at least 11"):
        ms_ssim_loss(_random(8, 9), _random(8, 9))
