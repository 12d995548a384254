"""What training asks for: the likelihood of localizations that the network never saw.

For a Poisson process the likelihood of the disjoint frames' localizations falls into two parts,
weighted separately because the noise of the totals gets in the way of the shape (DESIGN.md section
6): the shape (multinomial: where in the crop do they fall) and the total (how many).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as nnf

from annapalm.contract import QUARTER

if TYPE_CHECKING:
    from annapalm_export.train.dataset import Batch

FLOOR = 1e-8
"""Added to rates before a logarithm, localizations per pixel."""
PRIOR_TOTAL = 30.0
"""Localizations that a crop is taken to hold at least when totals are compared: so a false filament
in an empty crop costs about as much as a wrong total in a sparse one."""


@dataclass(frozen=True, slots=True)
class LossConfig:
    """Weights of the parts; all are means per localization or per pixel."""

    total: float = 0.5
    """Poisson totals of structure and background."""
    everything: float = 0.5
    """Shape of dense + background at all held-out localizations, beside that of dense alone."""
    noise_free: float = 0.5
    """Share of the target that is the simulation's noise-free rate instead of its held-out
    localizations: the same expectation over labels, without their noise. 0 on real tables."""
    error: float = 1.0
    """Likelihood of the error head (it shares no gradient with the rest)."""


def training_loss(
    outputs: tuple[Tensor, Tensor, Tensor, Tensor], batch: Batch, config: LossConfig
) -> tuple[Tensor, dict[str, float]]:
    """Return the scalar to minimise and its parts for the log (nats)."""
    dense, error, background, _ = outputs
    diffuse = background.repeat_interleave(QUARTER, 2).repeat_interleave(QUARTER, 3)
    seen = batch.counts.sum((1, 2, 3))
    everything = batch.held_structure + batch.held_background
    share = config.noise_free
    structure = (1 - share) * batch.held_structure + share * batch.rate * batch.ratio[
        ..., None, None
    ]
    parts = {
        "shape": shape_nll(dense, batch.held_structure, batch.rate, config.noise_free),
        "shape_all": shape_nll(dense + diffuse, everything, None, 0.0),
        "total": total_deviance(dense, structure, batch.ratio, seen)
        + total_deviance(diffuse, batch.held_background, batch.ratio, seen),
        "error": laplace_nll(dense.detach(), error, batch.rate),
    }
    loss = (
        parts["shape"]
        + config.everything * parts["shape_all"]
        + config.total * parts["total"]
        + config.error * parts["error"]
    )
    return loss, {name: float(value.detach()) for name, value in parts.items()}


def shape_nll(rate: Tensor, held: Tensor, truth: Tensor | None, share: float) -> Tensor:
    """Multinomial: mean of -log(density over the crop) at held-out localizations, per pixel unit.

    `rate` and `held` are [N,1,H,W]. A part `share` of the target is `truth`, the noise-free rate.
    Each crop counts by the square root of its localizations up to 200, so that sparse crops are
    heard and empty ones are not divided by zero.
    """
    density = (rate + FLOOR) / (rate + FLOOR).sum((1, 2, 3), keepdim=True)
    number = held.sum((1, 2, 3), keepdim=True)
    target = held / number.clamp_min(1.0)
    if truth is not None and share > 0:
        target = (1 - share) * target + share * truth / truth.sum(
            (1, 2, 3), keepdim=True
        ).clamp_min(1e-6)
    weight = (number.flatten().clamp_max(200.0) / 200.0).sqrt()
    # Relative to a uniform density, so that the value reads the same at every crop size.
    nll = -(target * (density * rate[0].numel()).log()).sum((1, 2, 3))
    return (weight * nll).mean()


def total_deviance(rate: Tensor, held: Tensor, ratio: Tensor, seen: Tensor) -> Tensor:
    """Poisson deviance of the number of held-out localizations per crop, per localization seen.

    `ratio` [N,1] is the exposure of the held-out frames relative to the input's, `seen` [N] the
    localizations of the input crop. A crop's weight must not depend on what is held out: weighted
    by that, large totals count less and every total is learned too small (measured: by 40 %).
    """
    exposure = ratio.flatten()
    expected = rate.sum((1, 2, 3)) * exposure + FLOOR
    number = held.sum((1, 2, 3))
    # xlogy of the quotient would have no gradient where nothing was held out.
    deviance = expected - number + torch.xlogy(number, number) - number * expected.log()
    return (2 * deviance / (exposure * (seen + PRIOR_TOTAL))).mean()


def laplace_nll(dense: Tensor, error: Tensor, truth: Tensor) -> Tensor:
    """Proper score whose best answer is the expected absolute error of `dense`, per pixel."""
    scale = error + 1e-5
    misfit = (dense - truth).abs()
    # Pixels that both say are empty are nine in ten and teach little: a tenth of their weight.
    weight = 0.1 + 0.9 * nnf.hardtanh((truth + dense) / 2e-3, 0.0, 1.0)
    return (weight * (misfit / scale + scale.log())).sum() / weight.sum()
