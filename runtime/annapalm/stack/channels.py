"""Channels of a field: what each is called, where its localizations are, and who draws it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm.stack.errors import NoChannelColumnError, NoSuchChannelError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from annapalm.model import Model
    from annapalm.read import Table, TableOptions
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


def rows_of_channel(table: Table, value: str) -> NDArray[np.bool_]:
    """Mark, bool [N], the rows of a channel by its number or word.

    Raises `NoChannelColumnError` and `NoSuchChannelError`.
    """
    channel = table.localizations.channel
    if channel is None:
        raise NoChannelColumnError(table.path)
    words = table.channel_names
    names = words if words is not None else {str(n): n for n in np.unique(channel).tolist()}
    if value not in names:
        raise NoSuchChannelError(table.path, value, list(names))
    rows: NDArray[np.bool_] = channel == names[value]
    return rows
