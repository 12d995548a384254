"""What drugs do to a structure: factors on what a scene draws; a control has factors of 1.

Only the direction of each effect is that of a drug (docs/measure.md); the size is chosen so that
groups of ten fields can show it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annapalm.errors import InvalidValueError


@dataclass(frozen=True, slots=True)
class Treatment:
    """Factors on what is drawn; a factor of 1 changes no bit of a scene."""

    name: str
    structure: str | None = None
    """The one structure that it can be given to; None: any."""
    amount: float = 1.0
    """On the µm of filament per µm²; microtubules. 0.1 to 3."""
    length: float = 1.0
    """On the mean length of a filament (4 to 25 µm); microtubules. 0.1 to 3."""
    bend: float = 1.0
    """On the rms curvature (0.04 to 0.45 per µm, never above 2); microtubules. 0.3 to 4."""
    mesh: float = 1.0
    """On the mesh size of cortex (150 to 900 nm) and leading edge (30 to 120 nm); actin. 0.5 to
    4."""

    def __post_init__(self) -> None:
        """Check the factors once."""
        for name in ("amount", "length", "bend", "mesh"):
            factor = getattr(self, name)
            if not 0 < factor < np.inf:
                raise InvalidValueError(name, factor, "finite and above 0")


CONTROL = Treatment("control")
BENT = Treatment("bent", "microtubules", bend=2.0)
DEPOLYMERIZED = Treatment("depolymerized", "microtubules", amount=0.5, length=0.5, bend=2.0)
SPARSE_MESH = Treatment("sparse mesh", "actin", mesh=2.0)

TREATMENTS: dict[str, Treatment] = {t.name: t for t in (CONTROL, BENT, DEPOLYMERIZED, SPARSE_MESH)}
"""By name."""


def treatment_named(name: str, structure: str) -> Treatment:
    """Find a treatment of a structure; raises `InvalidValueError` with those that there are."""
    known = [t.name for t in TREATMENTS.values() if t.structure in (None, structure)]
    if name not in known:
        raise InvalidValueError("treatment", name, f"for {structure} one of {', '.join(known)}")
    return TREATMENTS[name]
