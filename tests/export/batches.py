"""Batches of random numbers for tests of losses: nothing is simulated."""

from __future__ import annotations

import torch

from annapalm_export.train.dataset import Batch

Outputs = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def random_batch(side: int = 64, number: int = 3, seed: int = 0, structures: int = 1) -> Batch:
    """Make a batch as a simulation would; the last sample has no widefield image."""
    generator = torch.Generator().manual_seed(seed)
    rate = 0.2 * torch.rand((number, 1, side, side), generator=generator) ** 6
    ratio = torch.full((number, 1), 20.0)
    scale = torch.full((number, 1), 3.0)
    scale[-1] = 0.0
    widefield = torch.rand((number, 1, side // 4, side // 4), generator=generator)
    return Batch(
        counts=torch.poisson(rate + 0.002, generator=generator),
        widefield=widefield * (scale > 0)[..., None, None],
        widefield_scale=scale,
        held_structure=torch.poisson(20.0 * rate, generator=generator),
        held_background=torch.poisson(torch.full_like(rate, 0.04), generator=generator),
        rate=rate,
        ratio=ratio,
        structure=torch.eye(structures)[torch.arange(number) % structures],
    )


def random_outputs(batch: Batch, seed: int = 1) -> Outputs:
    """Make what a network might say of a batch; every output wants its gradient."""
    generator = torch.Generator().manual_seed(seed)

    def draw(like: torch.Tensor) -> torch.Tensor:
        image = 0.1 * torch.rand(like.shape, generator=generator) + 1e-4
        return image.requires_grad_()

    return draw(batch.counts), draw(batch.counts), draw(batch.widefield), draw(batch.widefield)


def without_truth(batch: Batch, samples: list[int]) -> Batch:
    """Turn samples into ones of a real table: no rate, and nobody knows what is background."""
    rate, held = batch.rate.clone(), batch.held_structure.clone()
    background = batch.held_background.clone()
    rate[samples] = float("nan")
    held[samples] += background[samples]
    background[samples] = 0
    return batch._replace(rate=rate, held_structure=held, held_background=background)
