"""Checkpoints: complete or not at all, and enough to go on as if nothing had happened."""

from __future__ import annotations

import copy
import os
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from annapalm.errors import AnnaPalmError

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm_export.train.network import Network


class CheckpointError(AnnaPalmError, ValueError):
    """A checkpoint cannot be read, or belongs to another network."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            f"{path}: {problem}. Give the folder of a run of the same recipe, or start a new one."
        )


class Average:
    """Exponential moving average of weights and batch-norm statistics."""

    def __init__(self, model: Network, decay: float) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(requires_grad=False)
        self.decay = decay
        self.steps = 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move towards `model`; the decay grows from 0, so that the start is soon forgotten."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for mine, theirs in zip(
            self.model.state_dict().values(), model.state_dict().values(), strict=True
        ):
            if mine.dtype.is_floating_point:
                mine.lerp_(theirs, 1 - decay)
            else:
                mine.copy_(theirs)


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint under a temporary name, then rename it."""
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(path)


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint: tensors and plain values only, never code.

    Raises `CheckpointError` when the file is absent, damaged or holds anything else.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as problem:
        raise CheckpointError(path, "there is no checkpoint here") from problem
    except Exception as problem:  # torch raises many kinds for a damaged file
        raise CheckpointError(path, f"not a readable checkpoint ({problem})") from problem
    return state
