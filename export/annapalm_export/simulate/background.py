"""Localizations that belong to no structure: isolated ones, sticking dyes, haze near the cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def place_background(
    rng: np.random.Generator,
    number: int,
    field_nm: float,
    structure_nm: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Places of background emitters: float64 [number, 2], (x, y) in nm.

    A part lies anywhere in the field, the rest is haze: places of the structure's emitters
    displaced by 0.2 to 1.5 µm, as out-of-focus and non-specifically bound dyes are.
    """
    anywhere = rng.uniform(0, field_nm, (number, 2))
    if not len(structure_nm):
        return anywhere
    haze_share = rng.choice([0.0, rng.random()], p=[0.3, 0.7])
    near = structure_nm[rng.integers(0, len(structure_nm), number)]
    near = near + rng.normal(0, rng.uniform(200, 1500), (number, 2))
    return np.where(rng.random((number, 1)) < haze_share, near, anywhere)
