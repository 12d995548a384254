"""The error map that needs no training: how much a picture changes when the field is turned."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from annapalm.widefield import prepare_widefield

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annapalm.render import RateImage
    from annapalm_export.evaluate.field import EvalField
    from annapalm_export.evaluate.reconstructor import Reconstructor

    Turn = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def turned_spread(model: Reconstructor, scene: EvalField, structure: str | None) -> list[RateImage]:
    """Take the standard deviation of `dense` over the field turned and mirrored: [Y, X], >= 0.

    Test-time augmentation (Wang et al. 2019, doi:10.1016/j.neucom.2019.01.103) with the eight
    symmetries of a square field, or the four of another one: nothing else can be done to a field
    without changing what is true of it. First without, then, where there is one, with the widefield
    image, which is registered once and turned with the localizations. `structure` is as for
    `Model.reconstruct`. Nothing for a field of other pixels than the model's.
    """
    grid = scene.grid
    if grid.pixel_nm != model.info.pixel_nm:
        return []
    lights: list[NDArray[np.float32] | None] = [None]
    if scene.widefield is not None:
        psf_nm = model.info.psf_sigma_nm
        lights.append(prepare_widefield(scene.widefield, grid, scene.counts, psf_nm).quarter)
    spreads = []
    for light in lights:
        drawn = []
        for turn, back in _turns(grid.shape[0] == grid.shape[1]):
            counts = np.ascontiguousarray(turn(scene.counts))
            seen = None if light is None else np.ascontiguousarray(turn(light))
            turned = replace(grid, shape=(counts.shape[0], counts.shape[1]))
            result = model.reconstruct(counts, seen, grid=turned, structure=structure)
            drawn.append(back(result.dense))
        spread: RateImage = np.std(drawn, axis=0, dtype=np.float64).astype(np.float32)
        spreads.append(spread)
    return spreads


def _turns(is_square: bool) -> list[tuple[Turn, Turn]]:  # noqa: FBT001
    """Each symmetry with the one that undoes it: these undo themselves, but for two."""
    keeping: list[tuple[Turn, Turn]] = [
        (lambda i: i, lambda i: i),
        (np.flipud, np.flipud),
        (np.fliplr, np.fliplr),
        (lambda i: i[::-1, ::-1], lambda i: i[::-1, ::-1]),
    ]
    if not is_square:
        return keeping
    return [
        *keeping,
        (np.transpose, np.transpose),
        (lambda i: i[::-1, ::-1].T, lambda i: i[::-1, ::-1].T),
        (np.rot90, lambda i: np.rot90(i, -1)),
        (lambda i: np.rot90(i, -1), np.rot90),
    ]
