"""Where the ledgers of an output folder say what of each input; the events stay on the disk."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from annapalm.ledger.errors import LedgerDamagedError
from annapalm.ledger.lines import read_line, read_lines
from annapalm.ledger.shard import Shard
from annapalm.write.row import Row

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm.ledger.lines import Event

SCHEMA = "annapalm-ledger-1"

_NAME = re.compile(r"ledger(?:-(\d+)-of-(\d+))?\.jsonl")


class Spot(NamedTuple):
    """Where an event stands."""

    path: Path
    offset: int
    run: int
    """Runs into a folder are counted: a later one knows better."""
    kind: str
    """`begin`, `left`, `done` or `failed`."""


@dataclass(slots=True)
class Place:
    """What the ledgers know of one input: less than 1 KB, however large the events are."""

    last: Spot
    done: Spot | None = None
    left: Spot | None = None


@dataclass(slots=True)
class Part:
    """One ledger: of a whole run, or of a shard."""

    path: Path
    shard: Shard | None
    head: Event
    """What its latest run said of itself: settings, number, permission to replace."""
    status: str | None = None
    """How its latest run ended; None where it has not."""


@dataclass(slots=True)
class Index:
    """All ledgers of a folder."""

    parts: list[Part] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)
    damaged: int = 0
    """Lines that were passed over."""
    unsaved: dict[str, Row] = field(default_factory=dict)
    """What this run could not write into its ledger, for its report at least."""

    @property
    def runs(self) -> int:
        """Number of the latest run."""
        return max((part.head["run"] for part in self.parts), default=0)

    def ended(self, count: int) -> list[int]:
        """List the shards of a division into `count` that have done what they could."""
        return sorted(
            part.shard.number
            for part in self.parts
            if part.shard is not None
            and part.shard.count == count
            and part.status in ("done", "failed")
        )

    def note(self, key: str, spot: Spot) -> None:
        """Remember an event of an input."""
        place = self.places.setdefault(key, Place(spot))
        if spot.run >= place.last.run:
            place.last = spot
        if spot.kind == "done" and (place.done is None or spot.run >= place.done.run):
            place.done = spot
        if spot.kind == "left" and (place.left is None or spot.run >= place.left.run):
            place.left = spot

    def was_left_begun(self, key: str) -> bool:
        """Whether a run was killed while it had an input in work, and none has come to it since."""
        place = self.places.get(key)
        return place is not None and place.last.kind == "begin"

    def last_done(self, key: str) -> Event | None:
        """Read the latest `done` event of an input."""
        place = self.places.get(key)
        return None if place is None or place.done is None else event_at(place.done)

    def last_left(self, key: str) -> dict[str, list[int] | None]:
        """Read size and time of the files, by name, that a killed run left of an input as ours."""
        place = self.places.get(key)
        event = None if place is None or place.left is None else event_at(place.left)
        return {} if event is None else event["files"]

    def row(self, key: str) -> Row | None:
        """Read what became of an input; None where nothing is known of it."""
        if key in self.unsaved:
            return self.unsaved[key]
        place = self.places.get(key)
        if place is None:
            return None
        spot = place.done if place.last.kind in ("begin", "left") else place.last
        event = None if spot is None else event_at(spot)
        if event is None:
            return None
        tile = event["tile"]
        return Row(event["entry"], None if tile is None else base64.b64decode(tile))


def ledger_paths(folder: Path) -> list[tuple[Path, Shard | None]]:
    """List the ledgers in `OUT/.annapalm`."""
    found: list[tuple[Path, Shard | None]] = []
    try:
        names = sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return found
    for name in names:
        match = _NAME.fullmatch(name)
        if match:
            shard = Shard(int(match[1]), int(match[2])) if match[1] else None
            found.append((folder / name, shard))
    return found


def ledger_name(shard: Shard | None) -> str:
    """Name the ledger of a whole run, or of a shard."""
    return "ledger.jsonl" if shard is None else f"ledger-{shard.number}-of-{shard.count}.jsonl"


def read_index(folder: Path) -> Index:
    """Read all ledgers of a folder once; raises `LedgerDamagedError`."""
    index = Index()
    for path, shard in ledger_paths(folder):
        _read_part(index, path, shard)
    return index


def _read_part(index: Index, path: Path, shard: Shard | None) -> None:
    part: Part | None = None
    headless = 0
    for offset, event in read_lines(path):
        if event is None:
            index.damaged += 1
        elif event["event"] == "run":
            if event["schema"] != SCHEMA:
                raise LedgerDamagedError(path, f"is of another annapalm ({event['schema']})")
            part = Part(path, shard, event)
        elif part is None:
            headless += 1
        elif event["event"] == "end":
            part.status = event["status"]
        else:
            index.note(event["key"], Spot(path, offset, part.head["run"], event["event"]))
    if headless:
        raise LedgerDamagedError(path, "has lost the line that says what was run")
    if part is not None:
        index.parts.append(part)


def event_at(spot: Spot) -> Event | None:
    """Read an event; None where it has been damaged since."""
    return read_line(spot.path, spot.offset)
