"""The ledger of one run: what was begun, done and failed, appended as it happens.

    lock, then   Ledger.open(out, shard, settings, overwrite=False)
    per input    begin(...)  before its first file appears
                 done(...)   when all of its files are on the disk, or failed(...)
    at the end   end(status)

A run that is killed leaves `begin` without `done`; `annapalm.ledger.recover` then puts the folder
in order, and says where new files stay (`left`). Nothing of the events stays in memory but where
they stand.
"""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, Any, Self

from annapalm.ledger.errors import RunExistsError, SettingsDifferError
from annapalm.ledger.index import (
    SCHEMA,
    Index,
    Part,
    Spot,
    event_at,
    ledger_name,
    ledger_paths,
    read_index,
)
from annapalm.ledger.lines import Event, LineWriter
from annapalm.write.errors import as_write_error
from annapalm.write.row import Row
from annapalm.write.text import flatten, to_plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from annapalm.ledger.shard import Shard
    from annapalm.write.schema import FieldEntry, JsonValue

HIDDEN = ".annapalm"


class Ledger:
    """What a run into `out` knows of its inputs, called by the names of their results (keys)."""

    def __init__(self, out: Path, shard: Shard | None, index: Index, head: Event) -> None:
        """Go on in `index`; `open` is the way to make one."""
        self.out, self.shard, self.index = out, shard, index
        self.replace: bool = head["replace"]
        """Whether results that are there may be replaced: asked for when this run began."""
        self.owns_record: bool = head["owns_record"]
        """Whether `run.json` and `report.html` are of this run, to be replaced by it."""
        self._run: int = head["run"]
        self._settings: Mapping[str, JsonValue] = head["settings"]
        self._path = out / HIDDEN / ledger_name(shard)
        self._writer = LineWriter(self._path)
        self._begun: dict[str, dict[str, str | None]] = {}
        self._writer.append(head)
        if not any(part.path == self._path for part in index.parts):
            index.parts.append(Part(self._path, shard, head))

    @classmethod
    def open(
        cls,
        out: Path,
        shard: Shard | None,
        settings: Mapping[str, JsonValue],
        *,
        overwrite: bool = False,
        resume: bool = True,
    ) -> Self:
        """Go on with the run in `out`, or begin one; the folder must be locked.

        Raises `SettingsDifferError`, `RunExistsError` (without `resume`) and `LedgerDamagedError`,
        unless with `overwrite`, which begins anew; and the errors of `annapalm.write.errors`.
        """
        folder = out / HIDDEN
        if overwrite:
            _forget(folder, shard)
            index = _of_settings(folder, settings)
        else:
            index = check_settings(out, settings, resume=resume)
        own = next((part for part in index.parts if part.shard == shard), None)
        unfinished = own is not None and own.status in (None, "interrupted")
        free = not any(os.path.lexists(out / name) for name in ("run.json", "report.html"))
        head: Event = {
            "event": "run",
            "schema": SCHEMA,
            "run": index.runs + 1,
            "settings": to_plain(settings),
            "replace": overwrite or (unfinished and own is not None and own.head["replace"]),
            "owns_record": overwrite
            or free
            or any(part.head["owns_record"] for part in index.parts),
        }
        return cls(out, shard, index, head)

    def read_again(self) -> Index:
        """Read what the other shards have done meanwhile, beside what this one has."""
        index = _of_settings(self.out / HIDDEN, self._settings)
        index.unsaved = self.index.unsaved
        return index

    def begin(self, key: str, paths: Iterable[Path], read: Mapping[str, str | None]) -> None:
        """Say, before a file of an input appears, which ones will, and what lies there now.

        `read` has the sha256 of files that change how the input is read, by their names; None for
        one that is not there. Raises an error of `write.errors`; the input must then not be begun.
        """
        files = {path.name: state_of(path) for path in paths}
        self._begun[key] = dict(read)
        self._note(key, {"event": "begin", "files": files})

    def done(self, key: str, entry: FieldEntry, tile: bytes | None) -> None:
        """Say that all files of an input are on the disk; raises as `begin`, and is then not."""
        self._conclude(key, "done", entry, tile)

    def failed(self, key: str, entry: FieldEntry) -> None:
        """Say that an input failed and left no file; raises as `begin`."""
        self._conclude(key, "failed", entry, None)

    def left(self, key: str, paths: Iterable[Path]) -> None:
        """Say that the files of an input are ours though it was never done; raises as `begin`."""
        files = {path.name: state_of(path) for path in paths}
        self._note(key, {"event": "left", "files": files})

    def end(self, status: str) -> None:
        """Say how the run ended; raises as `begin`."""
        self._writer.append({"event": "end", "status": status})

    def close(self) -> None:
        """Let go of the file."""
        self._writer.close()

    def left_begun(self) -> Iterator[tuple[str, Event]]:
        """Yield inputs of this run or shard that were begun and neither done nor failed."""
        for key, place in self.index.places.items():
            if self.index.was_left_begun(key) and (self.shard is None or self.shard.has(key)):
                event = event_at(place.last)
                if event is not None:
                    yield key, event

    def _conclude(self, key: str, kind: str, entry: FieldEntry, tile: bytes | None) -> None:
        event: Event = {
            "event": kind,
            "entry": to_plain(entry),
            "tile": None if tile is None else base64.b64encode(tile).decode(),
            "read": self._begun.pop(key, {}),
        }
        try:
            self._note(key, event)
        except OSError:
            self.index.unsaved[key] = Row(entry, tile)  # for the report of this run at least
            raise

    def _note(self, key: str, event: dict[str, Any]) -> None:
        offset = self._writer.append({"key": key} | event)
        self.index.note(key, Spot(self._path, offset, self._run, event["event"]))


def key_of(stem: Path, out: Path) -> str:
    """Name an input by its results: their path without suffix below `out`, slashes forward."""
    return os.path.relpath(stem, out).replace(os.sep, "/")


def state_of(path: Path) -> list[int] | None:
    """Size and time of a file, by which it is known again under another name; None if absent."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]


def check_settings(out: Path, settings: Mapping[str, JsonValue], *, resume: bool = True) -> Index:
    """Read the ledgers of a folder and see that it may be gone on with; writes nothing."""
    index = read_index(out / HIDDEN)
    done = sum(place.done is not None for place in index.places.values())
    if done and not resume:
        raise RunExistsError(out, done)
    holding = {place.done.path for place in index.places.values() if place.done is not None}
    for part in index.parts:
        differences = _differences(part.head["settings"], settings)
        # Where all failed, other settings are the remedy, and there is nothing to be mixed with.
        if differences and part.path in holding:
            raise SettingsDifferError(out, differences)
    return index


def _differences(before: Mapping[str, Any], now: Mapping[str, JsonValue]) -> tuple[str, ...]:
    old, new = flatten(before), flatten(dict(now))
    names = [*old, *(name for name in new if name not in old)]
    return tuple(
        f"{name} was {old.get(name, 'not given')}, now {new.get(name, 'not given')}"
        for name in names
        if old.get(name) != new.get(name)
    )


def _of_settings(folder: Path, settings: Mapping[str, JsonValue]) -> Index:
    """Read the ledgers of the other shards, as far as they are of these settings."""
    index = read_index(folder)
    index.parts = [p for p in index.parts if not _differences(p.head["settings"], settings)]
    kept = {part.path for part in index.parts}
    index.places = {k: place for k, place in index.places.items() if place.last.path in kept}
    return index


def _forget(folder: Path, shard: Shard | None) -> None:
    """Remove the ledgers that a run with --overwrite replaces: a whole run those of shards too."""
    for path, of in ledger_paths(folder):
        if shard is None or of is None or of == shard:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise as_write_error(error, path) from error
