"""Whether a field looks like the structure that was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from annapalm.domain.fingerprint import WINDOW_UM, fingerprint
from annapalm.domain.reference import NO_STRUCTURE, read_reference

if TYPE_CHECKING:
    from annapalm.domain.reference import Reference
    from annapalm.render import CountImage


BARE = 0.005
"""Excess or lack of pairs up to which a field may be bare: no background is quite even."""
BARE_ERRORS = 3.0
"""Or so many standard errors, where there are few pairs."""


@dataclass(frozen=True, slots=True)
class Familiarity:
    """How the localizations of a field compare with simulated fields of the structure asked for."""

    structure: str
    """That was asked for."""
    distance: float
    """Squared Mahalanobis distance of the fingerprint to simulated fields of it."""
    limit: float
    """What 99 % of its simulated fields keep to."""
    likeliest: str
    """Which structure's simulated fields it is most like; may be "no structure"."""
    mistaken_for: str | None
    """The structure that it looks like instead, beyond what happens to the one asked for."""
    is_bare: bool = False
    """Whether it looks like background without structure, and no part of the field holds any that
    would be seen: nothing is to be drawn."""

    @property
    def is_noise(self) -> bool:
        """Whether it looks like background without structure, and not like what was asked for."""
        return self.mistaken_for == NO_STRUCTURE

    @property
    def is_unlike(self) -> bool:
        """Whether something is to be said."""
        return self.distance > self.limit or self.mistaken_for is not None

    @property
    def warning(self) -> str | None:
        """One line for the user, None where all looks well."""
        if self.is_noise:
            return (
                f"The localizations look like background without structure, not like "
                f"{self.structure}; what is drawn may be invented."
            )
        if self.mistaken_for is not None:
            return (
                f"The localizations look like {self.mistaken_for}, not like {self.structure}; "
                "image and error map may be wrong. Ask for the structure that is there."
            )
        if self.distance > self.limit:
            return (
                f"The localizations are arranged unlike any simulated {self.structure} (distance "
                f"{self.distance:.0f}; 99 of 100 stay below {self.limit:.0f}); image and error map "
                "may be wrong."
            )
        return None

    @property
    def withheld_warning(self) -> str:
        """Say, in place of the warning, that nothing was drawn for it."""
        return (
            f"Nothing is drawn: the localizations look like background without structure, not like "
            f"{self.structure}. The error map shows what would have been drawn; to draw it all the "
            "same, give --draw-anyway (in Python withhold=False)."
        )


def judge(
    counts: CountImage, pixel_nm: float, structure: str, reference: Reference | None = None
) -> Familiarity | None:
    """Compare a sparse image (float32 [Y, X], localizations per pixel) with simulated fields.

    None where nothing can be said: a structure or pixel that the reference does not know, or too
    few localizations or too small a field (`fingerprint`).
    """
    reference = reference or read_reference()
    if structure not in reference.structures or pixel_nm != reference.pixel_nm:
        return None
    found = fingerprint(counts, pixel_nm)
    if found is None:
        return None
    asked = reference.structures.index(structure)
    distances = reference.distances(found.values, found.density_per_um2)
    unlikely = reference.unlikeliness(distances)
    excess = unlikely[asked] - unlikely - reference.likelihood_limit[asked]
    excess[asked] = -np.inf
    other = int(np.argmax(np.where(excess > 0, -unlikely, -np.inf)))
    mistaken_for = reference.structures[other] if excess[other] > 0 else None
    return Familiarity(
        structure=structure,
        distance=float(distances[asked]),
        limit=float(reference.distance_limit[asked]),
        likeliest=reference.structures[int(np.argmin(unlikely))],
        mistaken_for=mistaken_for,
        is_bare=mistaken_for == NO_STRUCTURE and _is_bare(counts, pixel_nm),
    )


def _is_bare(counts: CountImage, pixel_nm: float) -> bool:
    """Whether no window of the field has more pairs, or fewer, than background by itself has.

    A little structure in much background looks like background as a whole, and structure need not
    lie where the field is fullest; but its localizations have other neighbours than chance gives
    them. Windows with too few localizations have no say.
    """
    side = round(WINDOW_UM * 1000 / pixel_nm)
    found = (
        fingerprint(counts[top : top + side, left : left + side], pixel_nm)
        for top, left in product(*(_starts(n, side) for n in counts.shape))
    )
    return all(
        bool((np.abs(one.excess) <= np.maximum(BARE, BARE_ERRORS * one.excess_error)).all())
        for one in found
        if one is not None
    )


def _starts(length: int, side: int) -> list[int]:
    """Where windows begin that cover a length; the last one ends with it."""
    return [min(start, max(length - side, 0)) for start in range(0, length, side)]
