"""Low-resolution consistency: what a widefield image of the reconstruction would look like.

The idea of the original's consistency loss and of SQUIRREL, with the physical blur of the contract
in place of a learned one: `widefield_estimate` is `dense` on the quarter grid under the PSF.
"""

from __future__ import annotations

import torch
from torch import Tensor

from annapalm.contract import QUARTER
from annapalm.errors import InvalidValueError
from annapalm_export.train.losses.likelihood import FLOOR, PRIOR_TOTAL

MARGIN = 6
"""Quarter pixels (480 nm) left out along the border of a crop: light from beyond it falls there."""
MOST_GAIN = 2.0
"""The widefield image is believed up to this factor: see `widefield_deviance`."""


def widefield_deviance(
    estimate: Tensor, background: Tensor, widefield: Tensor, widefield_scale: Tensor
) -> Tensor:
    """Poisson deviance between the widefield image and the estimate of it, per localization.

    All images [N,1,H/4,W/4], `widefield_scale` [N,1] as in `annapalm.contract`. With the light
    w = widefield / widefield_scale, in localizations per quarter pixel, and the expectation
    e = g (estimate + 16 background), each crop counts 2 sum(e - w + w log(w / e)) over
    sum(w) + `PRIOR_TOTAL`; the mean is over the samples that have a widefield image, 0 if none has.
    Variance in proportion to the light, as of Poisson counts, keeps one bright crossing from
    deciding. The gain g = sum(w) / sum(estimate + 16 background), held within 1/2 and 2, is the
    factor by which `widefield_scale` is wrong: it counts localizations of diffuse background, whose
    light was mostly taken away with the image's. Beyond that range, the estimate is wrong.
    `background` explains haze and learns nothing from it. Raises `InvalidValueError` for crops that
    are all margin.
    """
    if min(estimate.shape[2:]) <= 2 * MARGIN:
        least = QUARTER * (2 * MARGIN + 1)
        crop = QUARTER * min(estimate.shape[2:])
        raise InvalidValueError("crop_px", crop, f"at least {least} for loss.widefield")
    present = widefield_scale.flatten() > 0
    scale = torch.where(present, widefield_scale.flatten(), 1.0)
    inside = slice(MARGIN, -MARGIN)
    light = (widefield / scale.reshape(-1, 1, 1, 1))[:, :, inside, inside]
    expected = (estimate + QUARTER**2 * background.detach())[:, :, inside, inside] + FLOOR
    total = light.sum((1, 2, 3))
    gain = (total / expected.detach().sum((1, 2, 3))).clamp(1 / MOST_GAIN, MOST_GAIN)
    expected = expected * gain.reshape(-1, 1, 1, 1)
    deviance = expected - light + torch.xlogy(light, light) - light * expected.log()
    each = 2 * deviance.sum((1, 2, 3)) / (total + PRIOR_TOTAL)
    return torch.where(present, each, 0.0).sum() / present.sum().clamp_min(1)
