"""Channels of a field: what each is called, who draws it, and where its localizations are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm.model import Model
    from annapalm.read import TableOptions
    from annapalm.write.schema import JsonValue


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """One channel of a run; the same for all of its fields."""

    name: str
    """As in the OME-TIFF."""
    model: Model
    """What draws it."""
    structure: str | None = None
    """One of the model's; None where there is only one."""
    value: str | None = None
    """Its number or word in the table's channel column; None: it has a file of its own."""

    def record(self) -> dict[str, JsonValue]:
        """Say what decides its pixels."""
        info = self.model.info
        return {
            "value": self.value,
            "structure": self.structure,
            "model": f"{info.name} {info.version}",
            "model-sha256": self.model.sha256,
        }


@dataclass(frozen=True, slots=True)
class ChannelFile:
    """Where one field has the localizations of a channel."""

    name: str
    """Of the channel."""
    source: Path
    """A file of its own, or the table that holds all channels."""
    widefield: Path | None = None
    """The widefield image of this channel."""
    table: TableOptions | None = None
    """What the user says about `source`; None: as `FieldOptions.table`."""
