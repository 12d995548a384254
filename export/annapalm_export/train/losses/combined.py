"""The scalar that a training step minimises, from the parts that the recipe gives a weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from annapalm.contract import QUARTER
from annapalm_export.train.losses.likelihood import (
    FLOOR,
    invented,
    laplace_nll,
    per_image,
    shape_nll,
    total_deviance,
)
from annapalm_export.train.losses.pictures import l1, ms_ssim_loss, picture
from annapalm_export.train.losses.widefield import widefield_deviance

if TYPE_CHECKING:
    from annapalm_export.train.dataset import Batch
    from annapalm_export.train.losses.config import LossConfig


def known_truth(batch: Batch) -> Tensor:
    """Which samples have a noise-free rate: bool [N].

    A sample of a real table has none: its `rate` is NaN in every pixel, and `held_structure` holds
    all its held-out localizations, for nobody knows which of them are background.
    """
    return ~torch.isnan(batch.rate).any(dim=3).any(dim=2).any(dim=1)


def training_loss(
    outputs: tuple[Tensor, Tensor, Tensor, Tensor],
    batch: Batch,
    config: LossConfig,
    taught: Tensor | None = None,
) -> tuple[Tensor, dict[str, float]]:
    """Return the scalar to minimise and its parts for the log (nats).

    `taught` [N,1,H,W] is what the recipe's teacher draws of the batch; None where there is none.
    Samples without known truth (`known_truth`) teach by the sum of `dense` and background alone,
    and teach nothing that needs the truth. Parts of weight 0 are neither computed nor logged.
    """
    dense, error, background, estimate = outputs
    diffuse = background.repeat_interleave(QUARTER, 2).repeat_interleave(QUARTER, 3)
    seen = batch.counts.sum((1, 2, 3))
    everything = batch.held_structure + batch.held_background
    explained, held, rate = dense, batch.held_structure, batch.rate
    share, ratio = config.noise_free, batch.ratio
    mask = known_truth(batch)
    known = None if bool(mask.all()) else mask
    if known is not None:
        explained = torch.where(per_image(known), dense, dense + diffuse)
        held = torch.where(per_image(known), held, everything)
        rate = torch.where(per_image(known), rate, 0.0)
    structure = (1 - share) * held + share * rate * ratio[..., None, None]
    if known is not None:
        structure = torch.where(per_image(known), structure, held)
    parts = {
        "shape": shape_nll(explained, held, _aim(rate, taught, config), share, known),
        "shape_all": shape_nll(dense + diffuse, everything, None, 0.0),
        "total": total_deviance(explained, structure, ratio, seen, config)
        + total_deviance(diffuse, batch.held_background, ratio, seen, config, known),
        "error": laplace_nll(dense.detach(), error, rate, known),
    }
    loss = (
        config.shape * parts["shape"]
        + config.everything * parts["shape_all"]
        + config.total * parts["total"]
        + config.error * parts["error"]
    )
    if config.invented > 0:
        # A table's truth is not known: without a mark it would count as empty here.
        truth = batch.rate if known is None else torch.where(per_image(known), batch.rate, 1.0)
        parts["invented"] = invented(dense, truth, seen)
        loss = loss + config.invented * parts["invented"]
    for name, (weight, value) in _pictures(dense, batch, mask, config).items():
        parts[name], loss = value, loss + weight * value
    if config.widefield > 0:
        scale = batch.widefield_scale
        parts["widefield"] = widefield_deviance(estimate, background, batch.widefield, scale)
        loss = loss + config.widefield * parts["widefield"]
    return loss, {name: float(value.detach()) for name, value in parts.items()}


def _aim(rate: Tensor, taught: Tensor | None, config: LossConfig) -> Tensor:
    """Mix the noise-free rate with the teacher's picture, brought to the same total."""
    if taught is None:
        return rate
    total, drawn = (image.sum((1, 2, 3), keepdim=True) for image in (rate, taught))
    return (1 - config.taught) * rate + config.taught * taught * (total / drawn.clamp_min(FLOOR))


def _pictures(
    dense: Tensor, batch: Batch, known: Tensor, config: LossConfig
) -> dict[str, tuple[float, Tensor]]:
    """Weight and value of each picture loss that is on, over the samples with known truth."""
    losses = {"l1": (config.l1, l1), "ms_ssim": (config.ms_ssim, ms_ssim_loss)}
    wanted = {name: pair for name, pair in losses.items() if pair[0] > 0}
    if wanted and not bool(known.any()):
        # Logged all the same: every step of a log has the same parts.
        return {name: (weight, dense.sum() * 0.0) for name, (weight, _) in wanted.items()}
    if not wanted:
        return {}
    ratio, scale = batch.ratio[known], config.picture_scale
    drawn, truth = (picture(rate[known], ratio, scale) for rate in (dense, batch.rate))
    return {name: (weight, loss(drawn, truth)) for name, (weight, loss) in wanted.items()}
