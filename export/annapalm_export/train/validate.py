"""Validation while training: fixed scenes, scores in bits, and a picture to look at."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from annapalm_export.seeds import VALIDATION_SEEDS
from annapalm_export.simulate import simulate_scene
from annapalm_export.train.dataset import Batch, collate, draw_crop, prepare
from annapalm_export.train.losses import shape_nll

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from annapalm_export.train.config import Recipe
    from annapalm_export.train.network import Network


class Validation:
    """Twelve crops that no training sees, the same in every run; the structures take turns."""

    def __init__(self, recipe: Recipe) -> None:
        rng = np.random.default_rng(1_000_000)
        names = recipe.data.structures
        scenes = [
            prepare(simulate_scene(seed, replace(recipe.scene, structure=names[i % len(names)])))
            for i, seed in enumerate(VALIDATION_SEEDS)
        ]
        self.batch: Batch = collate([draw_crop(rng, s, recipe.data) for s in scenes])

    @torch.no_grad()
    def score(self, model: Network, picture: Path) -> dict[str, float]:
        """Score `model` (in evaluation mode) and draw sparse, dense, error and truth side by side.

        Returns bits per held-out localization over a uniform crop, the share of the noise-free
        rate's own bits that this is, the ratio of totals, and Pearson's r with the noise-free rate.
        """
        device = next(model.parameters()).device
        batch = Batch(*(t.to(device) for t in self.batch))
        ones = torch.ones_like(batch.widefield_scale)
        dense, error, _, _ = model(
            batch.counts, batch.widefield, batch.widefield_scale, ones, batch.structure
        )
        bits = -float(shape_nll(dense, batch.held_structure, None, 0.0)) / np.log(2)
        best = -float(shape_nll(batch.rate, batch.held_structure, None, 0.0)) / np.log(2)
        pairs = torch.stack([dense.flatten(), batch.rate.flatten()])
        _draw(picture, (batch.counts, dense, error, batch.rate))
        return {
            "bits": bits,
            "of_best": bits / best,
            "total": float(dense.sum() / batch.rate.sum()),
            "pearson": float(torch.corrcoef(pairs)[0, 1]),
            "mean_error_ratio": float(error.sum() / (dense - batch.rate).abs().sum()),
        }


def _draw(path: Path, images: tuple[Tensor, ...]) -> None:
    """Write one row per crop; sparse, dense, error, truth, each row at its own contrast."""
    from skimage.io import imsave

    rows = []
    for sparse, dense, error, truth in zip(*(i[:, 0].cpu().numpy() for i in images), strict=True):
        top = max(float(np.percentile(truth, 99.5)), 1e-4)
        panels = [np.minimum(sparse, 1), dense / top, error / top, truth / top]
        rows.append(np.hstack([_frame(panel) for panel in panels]))
    sheet = (255 * np.clip(np.vstack(rows), 0, 1) ** 0.7).astype(np.uint8)
    imsave(path, sheet, check_contrast=False)


def _frame(panel: NDArray[np.float32]) -> NDArray[np.float32]:
    framed = np.ones((panel.shape[0] + 2, panel.shape[1] + 2), np.float32)
    framed[1:-1, 1:-1] = panel
    return framed
