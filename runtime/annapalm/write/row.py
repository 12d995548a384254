"""One field of a run as the report needs it."""

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
    """A PNG of at most `TILE_BYTES` for the mosaic of the report; None unless done."""
