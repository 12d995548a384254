"""Low-resolution consistency: best at the physical image, silent where there is no image."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from annapalm.errors import InvalidValueError
from annapalm_export.train.losses.widefield import widefield_deviance

SCALE = torch.full((2, 1), 7.0)
NOTHING = torch.zeros((2, 1, 24, 24))


def _light() -> Tensor:
    """Localizations per quarter pixel."""
    noise = torch.rand((2, 1, 32, 32), generator=torch.Generator().manual_seed(0))
    return 4 * torch.nn.functional.avg_pool2d(noise, 9, 1) ** 4


def test_it_is_best_where_the_estimate_is_the_image_in_localizations() -> None:
    light = _light()
    right = widefield_deviance(light, NOTHING, 7.0 * light, SCALE)
    assert float(right) == pytest.approx(0, abs=1e-4)
    for wrong in (light.flip(-1), light.sqrt(), light + 0.1, 3 * light, light / 3, NOTHING):
        assert widefield_deviance(wrong, NOTHING, 7.0 * light, SCALE) > right + 1e-3


def test_a_gain_up_to_two_is_forgiven_for_background_was_taken_from_the_image() -> None:
    light = _light()
    found = widefield_deviance(light / 1.8, NOTHING, 7.0 * light, SCALE)
    assert float(found) == pytest.approx(0, abs=1e-4)


def test_the_background_explains_haze_and_learns_nothing_from_it() -> None:
    light = _light()
    haze = torch.full_like(light, 0.01)
    estimate, background = light.clone().requires_grad_(), haze.clone().requires_grad_()
    loss = widefield_deviance(estimate, background, 7.0 * (light + 16 * haze), SCALE)
    assert float(loss.detach()) == pytest.approx(0, abs=1e-4)
    loss.backward()
    assert estimate.grad is not None
    assert background.grad is None


def test_samples_without_an_image_do_not_count() -> None:
    light = _light()
    one = widefield_deviance(light[:1].flip(-1), NOTHING[:1], 7.0 * light[:1], SCALE[:1])
    scale = SCALE.clone()
    scale[1] = 0
    image = 7.0 * light * (scale > 0)[..., None, None]
    both = widefield_deviance(light.flip(-1), NOTHING, image, scale)
    assert float(both) == pytest.approx(float(one), rel=1e-5)
    estimate = light.clone().requires_grad_()
    none = widefield_deviance(estimate, NOTHING, 0 * light, 0 * SCALE)
    none.backward()
    assert float(none.detach()) == 0
    assert estimate.grad is not None
    assert not estimate.grad.any()


def test_what_falls_in_from_beyond_the_crop_is_left_out() -> None:
    light = _light()
    image = 7.0 * light
    image[..., :6, :] += 100
    image[..., -6:] += 100
    assert float(widefield_deviance(light, NOTHING, image, SCALE)) == pytest.approx(0, abs=1e-4)


def test_a_crop_that_is_all_margin_is_refused() -> None:
    small = torch.ones((2, 1, 12, 12))
    message = r"crop_px is 48, but it must be at least 52 for loss\.widefield"
    with pytest.raises(InvalidValueError, match=message):
        widefield_deviance(small, small, small, SCALE)
