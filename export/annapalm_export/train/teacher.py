"""A trained network whose pictures are a part of what another one learns (`[loss] teacher`).

The noise-free rate of a scene is one of many that its few localizations allow. What a better
network draws of them is nearer to the mean of all, which is the best answer there is, and has less
noise to learn from (distillation: Hinton, Vinyals, Dean 2015, arXiv:1503.02531).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from annapalm.errors import InvalidValueError
from annapalm_export.train.networks import load_network
from annapalm_export.train.weights import find_weights

if TYPE_CHECKING:
    from torch import Tensor

    from annapalm_export.train.config import Recipe
    from annapalm_export.train.dataset import Batch


class Teacher:
    """The network that a recipe names, drawing and never learning."""

    def __init__(self, recipe: Recipe, device: str = "cpu") -> None:
        """Load it.

        Raises `ModelNotFoundError` or `CheckpointError` where it cannot be read, and
        `InvalidValueError` where it knows other structures or cannot take the recipe's crops.
        """
        name, asked = recipe.loss.teacher, recipe.data.structures
        loaded = load_network(find_weights(name))
        knows = tuple(loaded.recipe["data"]["structures"])
        if knows != asked:
            must = f"a network of {', '.join(asked)} in this order; it is one of {', '.join(knows)}"
            raise InvalidValueError("loss.teacher", name, must)
        stride = loaded.network.stride
        if recipe.data.crop_px % stride:
            must = f"a network that takes crops of {recipe.data.crop_px} px; its stride is {stride}"
            raise InvalidValueError("loss.teacher", name, must)
        self._network = loaded.network.to(device)
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch omits it

    @torch.no_grad()
    def draw(self, batch: Batch) -> Tensor:
        """Draw `dense` [N,1,H,W] of a batch's inputs, over the exposure of the inputs."""
        ones = torch.ones_like(batch.widefield_scale)
        dense: Tensor = self._network(
            batch.counts, batch.widefield, batch.widefield_scale, ones, batch.structure
        )[0]
        return dense
