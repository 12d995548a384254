"""Localizations that belong to no structure: isolated and sticking dyes, haze, what went astray."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm_export.simulate.photophysics import Events

STRAY_SHARE = (0.0, 0.6)
"""Share of the structure's localizations that lie beside it, drawn evenly per scene. Real tables of
microtubules have a halo that no precision explains: `docs/simulation.md`, "Across a filament"."""
STRAY_NM = (30.0, 100.0)
"""How far beside it, per axis (standard deviation), drawn evenly per scene."""


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


def lead_astray(rng: np.random.Generator, events: Events) -> tuple[Events, Events]:
    """Move a part of the structure's events beside it: those that stay, and those that went astray.

    In half of the scenes whole emitters (labels that stick nearby, free antigen), else single
    events (two molecules fitted as one). Either way they say nothing of the structure's exact place
    and count as background.
    """
    share, away = rng.uniform(*STRAY_SHARE), rng.uniform(*STRAY_NM)
    number = int(events.emitter.max()) + 1 if len(events.emitter) else 0
    if rng.random() < 0.5:
        astray = (rng.random(number) < share)[events.emitter]
        moved = rng.normal(0, away, (number, 2))[events.emitter]
    else:
        astray = rng.random(len(events.frame)) < share
        moved = rng.normal(0, away, (len(events.frame), 2))
    return events.select(~astray), events.select(astray).moved(moved[astray])
