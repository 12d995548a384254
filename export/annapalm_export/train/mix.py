"""Batches of simulated and real crops, in a stated share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.utils.data import IterableDataset

from annapalm.errors import InvalidValueError
from annapalm_export.train.dataset import Batch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SIMULATED_SHARE = 0.5
"""Share of every batch that is simulated unless said otherwise. Only there is the truth known:
which localizations are background, and how wrong the picture is. Without it both heads forget."""


def split_batch(batch: int, simulated_share: float) -> tuple[int, int]:
    """Crops of each batch that are simulated and that are real.

    Rounded, but at least one of each unless the share is 0 or 1. Raises `InvalidValueError` for a
    share outside 0 to 1, for 1 (nothing real), and for a batch of one that should hold both.
    """
    if not 0 <= simulated_share < 1:
        must = "at least 0 and below 1: the share of simulated crops in every batch"
        raise InvalidValueError("mix", simulated_share, must)
    if simulated_share == 0:
        return 0, batch
    if batch < 2:
        raise InvalidValueError("batch", batch, "at least 2 to hold simulated and real crops")
    simulated = min(max(round(batch * simulated_share), 1), batch - 1)
    return simulated, batch - simulated


class MixedCrops(IterableDataset[Batch]):
    """Joins one batch of every stream into one; endless if they are."""

    def __init__(self, streams: Sequence[IterableDataset[Batch]]) -> None:
        super().__init__()
        self.streams = tuple(streams)

    def __iter__(self) -> Iterator[Batch]:
        """Yield joined batches, the streams' samples in their order."""
        for parts in zip(*self.streams, strict=True):
            yield Batch(*(torch.cat(fields) for fields in zip(*parts, strict=True)))
