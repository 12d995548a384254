"""Scores of a network on validation scenes: likelihood on crops, filaments on whole fields."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch.nn import functional as nnf

from annapalm.contract import QUARTER
from annapalm_export.evaluate.fields import make_field, scored_scenes
from annapalm_export.evaluate.filaments import LEVELS, f1_by_level, score_filaments
from annapalm_export.seeds import THRESHOLD_SEEDS, VALIDATION_SEEDS
from annapalm_export.train.validate import Validation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from annapalm_export.evaluate.field import EvalField, LinePoints
    from annapalm_export.simulate import SceneOptions
    from annapalm_export.train.config import Recipe
    from annapalm_export.train.network import Network

DENSITY = 10.0
"""Localizations per µm of filament in the fields, without widefield image: sparse, but enough that
a good network draws most of it."""
THRESHOLD_FIELDS = 4
"""Fields per structure on which each network's skeleton threshold is chosen."""


class _Field(NamedTuple):
    field: EvalField
    points: LinePoints
    structure: int
    """Index into the recipe's structures."""


class ValidationScores:
    """Scores any network of a recipe's structures; scenes are simulated once, here.

    Bits, totals and Pearson's r come from the crops of `Validation`, filaments from the whole
    fields of the validation seeds, for structures made of filaments, at `DENSITY`.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.structures = len(recipe.data.structures)
        self.validation = Validation(recipe)
        self.fields = list(_fields(recipe, VALIDATION_SEEDS, len(VALIDATION_SEEDS)))
        self.thresholds = list(_fields(recipe, THRESHOLD_SEEDS, THRESHOLD_FIELDS))

    def score(self, network: Network, picture: Path) -> dict[str, float | None]:
        """Score a network in evaluation mode; draws the crops to `picture`.

        Returns the scores of `Validation.score`, and f1, false_um_per_um2, missed_um_per_um2, each
        the mean over the fields, and level, the skeleton threshold of best F1 on other fields; None
        where no structure is made of filaments.
        """
        scores: dict[str, float | None] = {**self.validation.score(network, picture)}
        names = ("f1", "false_um_per_um2", "missed_um_per_um2")
        if not self.fields or not self.thresholds:
            return {**scores, **dict.fromkeys((*names, "level"))}
        tables = [f1_by_level(self._draw(network, f), f.field, f.points) for f in self.thresholds]
        level = LEVELS[int(np.argmax(np.mean(tables, axis=0)))]
        found = [
            score_filaments(self._draw(network, f), f.field, f.points, level) for f in self.fields
        ]
        means = {name: float(np.mean([getattr(s, name) for s in found])) for name in names}
        return {**scores, **means, "level": level}

    def _draw(self, network: Network, field: _Field) -> NDArray[np.float32]:
        """Reconstruct a whole field without widefield image: dense, float32 [Y, X]."""
        device = next(network.parameters()).device
        rows, columns = field.field.grid.shape
        beyond = [-n % network.stride for n in (rows, columns)]
        counts = torch.from_numpy(field.field.counts)[None, None].to(device)
        counts = nnf.pad(counts, (0, beyond[1], 0, beyond[0]))
        absent = counts.new_zeros((1, 1, counts.shape[2] // QUARTER, counts.shape[3] // QUARTER))
        one = counts.new_ones((1, 1))
        structure = nnf.one_hot(torch.tensor([field.structure]), self.structures).to(counts)
        with torch.no_grad():
            dense = network(counts, absent, 0 * one, one, structure)[0]
        drawn: NDArray[np.float32] = dense[0, 0, :rows, :columns].cpu().numpy()
        return drawn


def _fields(recipe: Recipe, seeds: Iterable[int], number: int) -> Iterator[_Field]:
    """Make up to `number` fields of each structure that is made of filaments."""
    for index, name in enumerate(recipe.data.structures):
        options = replace(recipe.scene, structure=name)
        yield from islice(_fields_of(options, seeds, index), number)


def _fields_of(options: SceneOptions, seeds: Iterable[int], index: int) -> Iterator[_Field]:
    """Make a field of every seed whose scene has enough to score; none of other structures."""
    for seed, scene in scored_scenes(DENSITY, seeds, options, with_widefield=False):
        field = make_field(scene, DENSITY, seed)
        if not field.has_filaments:
            return
        yield _Field(field, field.line_points(), index)
