"""What a run is given for each field, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from annapalm.write import skipped_entry

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm.field import ChannelFile
    from annapalm.read import TableOptions
    from annapalm.write.schema import FieldEntry
    from annapalm.write.thumbnails import Thumbnails


@dataclass(frozen=True, slots=True)
class Item:
    """One input of a run."""

    source: Path
    """The table or image of counts."""
    stem: Path
    """Where its results go: path without suffix, below the output folder."""
    widefield: Path | None = None
    """The widefield image that belongs to it."""
    replace: bool = False
    """Its results may be replaced although `FieldOptions.overwrite` is not set: they are ours, of
    another version of the input, or not all there."""
    table: TableOptions | None = None
    """What the user says about this table; None: as `FieldOptions.table`."""
    channels: tuple[ChannelFile, ...] = ()
    """Where its channels are, for `FieldOptions.channels`; `source` is then the first of them, and
    `widefield` None."""

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that are read, the tables first."""
        tables = [self.source, *(file.source for file in self.channels)]
        images = [self.widefield, *(file.widefield for file in self.channels)]
        return tuple(dict.fromkeys([*tables, *(image for image in images if image is not None)]))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one input."""

    item: Item
    entry: FieldEntry
    """As in `run.json` and a line of `--jsonl`."""
    thumbnails: Thumbnails | None = None
    """Small pictures for the report; None unless done."""
    error: Exception | None = None
    """Why it failed; None where it did not."""
    trace: str | None = None
    """The traceback of an error that annapalm did not raise on purpose: a fault of the program."""


def skipped(item: Item) -> Outcome:
    """Describe an item that was never begun, or was interrupted."""
    return Outcome(item, skipped_entry(str(item.source)))
