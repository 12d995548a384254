"""The likelihood of localizations that the network never saw.

For a Poisson process the likelihood of the disjoint frames' localizations falls into two parts,
weighted separately because the noise of the totals gets in the way of the shape (DESIGN.md section
6): the shape (multinomial: where in the crop do they fall) and the total (how many).

Blinking makes both overdispersed. The multinomial shape is kept all the same: a likelihood of the
linear exponential family has its best answer at the true mean whatever the scatter really is
(Gourieroux, Monfort, Trognon 1984, doi:10.2307/1913471). A Dirichlet-multinomial has not, and its
clumps would be whole pixels, while a molecule's localizations spread over several: not offered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional as nnf

if TYPE_CHECKING:
    from torch import Tensor

    from annapalm_export.train.losses.config import LossConfig

FLOOR = 1e-8
"""Added to rates before a logarithm, localizations per pixel."""
PRIOR_TOTAL = 30.0
"""Localizations that a crop is taken to hold at least when totals are compared: so a false filament
in an empty crop costs about as much as a wrong total in a sparse one."""
TYPICAL_CLUMPS = 50.0
"""Emitters seen in a typical crop: brings the negative binomial to the size of the Poisson part."""


def shape_nll(
    rate: Tensor, held: Tensor, truth: Tensor | None, share: float, known: Tensor | None = None
) -> Tensor:
    """Multinomial: mean of -log(density over the crop) at held-out localizations, per pixel unit.

    `rate` and `held` are [N,1,H,W]. A part `share` of the target is `truth`, the noise-free rate;
    in samples that are not `known` (bool [N]; None: all are) the target is `held` alone.
    Each crop counts by the square root of its localizations up to 200, so that sparse crops are
    heard and empty ones are not divided by zero.
    """
    density = (rate + FLOOR) / (rate + FLOOR).sum((1, 2, 3), keepdim=True)
    number = held.sum((1, 2, 3), keepdim=True)
    target = held / number.clamp_min(1.0)
    if truth is not None and share > 0:
        mixed = (1 - share) * target + share * truth / truth.sum((1, 2, 3), keepdim=True).clamp_min(
            1e-6
        )
        target = mixed if known is None else torch.where(per_image(known), mixed, target)
    weight = (number.flatten().clamp_max(200.0) / 200.0).sqrt()
    # Relative to a uniform density, so that the value reads the same at every crop size.
    nll = -(target * (density * rate[0].numel()).log()).sum((1, 2, 3))
    return (weight * nll).mean()


def total_deviance(
    rate: Tensor,
    held: Tensor,
    ratio: Tensor,
    seen: Tensor,
    config: LossConfig | None = None,
    known: Tensor | None = None,
) -> Tensor:
    """Deviance of the number of held-out localizations per crop; samples not `known` are left out.

    `ratio` [N,1] is the exposure of the held-out frames relative to the input's, `seen` [N] the
    localizations of the input crop. A crop's weight must not depend on what is held out: weighted
    by that, large totals count less and every total is learned too small (measured: by 40 %).

    "poisson" (the default) is divided by the localizations seen. "negative_binomial" is the scatter
    of a rate that was seen through clumps: after k emitters the rate is known as a gamma
    distribution of shape k, and a Poisson count of it is negative binomial with size k, variance
    mean + mean² / k (McCullagh and Nelder 1989). k is the localizations seen over
    `config.clump`. That number comes from the recipe, not from the batch: a batch holds images
    without frames and few totals, and estimated from these the weight would depend on the target.
    """
    exposure = ratio.flatten()
    expected = rate.sum((1, 2, 3)) * exposure + FLOOR
    number = held.sum((1, 2, 3))
    if config is None or config.count_model == "poisson":
        # xlogy of the quotient would have no gradient where nothing was held out.
        deviance = expected - number + torch.xlogy(number, number) - number * expected.log()
        each = 2 * deviance / (exposure * (seen + PRIOR_TOTAL))
    else:
        size = (seen + PRIOR_TOTAL) / config.clump
        each = 2 * _negative_binomial(number, expected, size) / TYPICAL_CLUMPS
    return (each if known is None else torch.where(known, each, 0.0)).mean()


def invented(rate: Tensor, truth: Tensor, seen: Tensor) -> Tensor:
    """Structure drawn where there is none: its share of the localizations seen, mean over crops.

    `rate` and the noise-free `truth` are [N,1,H,W], `seen` [N] the localizations of the input crop.
    Crops with structure give 0. It is the deviance of their totals (half of it, exposure 1), by
    itself because a false filament in an empty field is worse than a wrong sum in a full one.
    """
    empty = truth.sum((1, 2, 3)) <= 0
    share = rate.sum((1, 2, 3)) / (seen + PRIOR_TOTAL)
    return torch.where(empty, share, 0.0).mean()


def _negative_binomial(number: Tensor, expected: Tensor, size: Tensor) -> Tensor:
    """Half the deviance of counts [N] of mean `expected` and variance mean + mean² / size."""
    both = number + size
    alone = torch.xlogy(number, number) - number * expected.log()
    return alone - both * (both.log() - (expected + size).log())


def laplace_nll(dense: Tensor, error: Tensor, truth: Tensor, known: Tensor | None = None) -> Tensor:
    """Proper score whose best answer is the expected absolute error of `dense`, per pixel.

    Samples that are not `known` (bool [N]) are left out; 0 where none is.
    """
    scale = error + 1e-5
    misfit = (dense - truth).abs()
    # Pixels that both say are empty are nine in ten and teach little: a tenth of their weight.
    weight = 0.1 + 0.9 * nnf.hardtanh((truth + dense) / 2e-3, 0.0, 1.0)
    if known is not None:
        if not bool(known.any()):
            return error.sum() * 0.0
        weight = torch.where(per_image(known), weight, 0.0)
    return (weight * (misfit / scale + scale.log())).sum() / weight.sum()


def per_image(values: Tensor) -> Tensor:
    """Shape values [N] so that they spread over images: [N,1,1,1]."""
    return values.reshape(-1, 1, 1, 1)
