"""The structures that can be simulated; a new one is one module and one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annapalm.errors import InvalidValueError
from annapalm_export.simulate.structures.actin import ACTIN
from annapalm_export.simulate.structures.microtubules import MICROTUBULES
from annapalm_export.simulate.structures.mitochondria import MITOCHONDRIA
from annapalm_export.simulate.structures.nuclear_pores import NUCLEAR_PORES
from annapalm_export.simulate.structures.spectrin import SPECTRIN

if TYPE_CHECKING:
    from annapalm_export.simulate.structures.geometry import Structure

_ALL: tuple[Structure, ...] = (MICROTUBULES, NUCLEAR_PORES, ACTIN, MITOCHONDRIA, SPECTRIN)

STRUCTURES: dict[str, Structure] = {s.name: s for s in _ALL}
"""By name, in the order in which a model of all of them lists them."""


def structure_named(name: str) -> Structure:
    """Find a structure; raises `InvalidValueError` with the known names."""
    if name not in STRUCTURES:
        raise InvalidValueError("structure", name, f"one of {', '.join(STRUCTURES)}")
    return STRUCTURES[name]
