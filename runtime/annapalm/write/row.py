"""One field of a run as its record and report need it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from annapalm.write.schema import FieldEntry


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one input, read from the disk when it is needed."""

    entry: FieldEntry
    tile: bytes | None = None
    """Its picture in the overview, a PNG (`Thumbnails.tile`); None unless done."""
