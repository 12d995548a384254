"""Whether what a ledger calls done still is: by the contents of all files concerned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from annapalm.ledger.errors import AlteredResultError
from annapalm.ledger.ledger import state_of
from annapalm.provenance import sha256_of
from annapalm.read import companions
from annapalm.read.errors import UnreadableFileError
from annapalm.write.field import RECORD_SUFFIX
from annapalm.write.text import json_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from annapalm.batch import Item
    from annapalm.ledger.lines import Event
    from annapalm.write.schema import FieldRecord, InputRecord, WidefieldInputRecord

Standing: TypeAlias = Literal["new", "stale", "done"]
"""`new`: not done before. `stale`: done before, of another input or with results that are gone;
what is left of the results is as annapalm wrote it. `done`: nothing is to be done."""


def judge(item: Item, event: Event | None, left: Mapping[str, list[int] | None]) -> Standing:
    """Compare an input and its results with the `done` event of the ledger.

    `left`: size and time of files, by name, that a killed run left without a word.
    Raises `AlteredResultError` where a result was changed since: it is not ours to replace.
    """
    if _are_those_left(item.stem, left):
        return "stale"
    record = None if event is None else event["entry"]["record"]
    if event is None or record is None:
        return "new"
    whole = _check_results(item.stem, record)
    same = _inputs_are_the_same(item, event, record)
    return "done" if whole and same else "stale"


def hash_companions(item: Item) -> dict[str, str | None]:
    """Hash the files beside an input that change how it is read, by their names."""
    tables = dict.fromkeys([item.source, *(file.source for file in item.channels)])
    try:
        return {path.name: _sha256_or_none(path) for table in tables for path in companions(table)}
    except UnreadableFileError:
        return {}  # whoever reads it will say so


def _are_those_left(stem: Path, left: Mapping[str, list[int] | None]) -> bool:
    """Whether files are there, and all of them as they were left."""
    now = {name: state_of(stem.with_name(name)) for name in left}
    there = {name: state for name, state in now.items() if state is not None}
    return bool(there) and all(left[name] == state for name, state in there.items())


def _check_results(stem: Path, record: FieldRecord) -> bool:
    """Whether all results are there, each as it was written."""
    whole = True
    for output in record["outputs"]:
        path = stem.with_name(output["name"])
        try:
            same = path.stat().st_size == output["size_bytes"]
            same = same and sha256_of(path) == output["sha256"]
        except FileNotFoundError:
            whole = False
        else:
            if not same:
                raise AlteredResultError(path)
    path = stem.with_name(stem.name + RECORD_SUFFIX)
    try:
        if path.read_bytes() != f"{json_text(record)}\n".encode():
            raise AlteredResultError(path)
    except FileNotFoundError:
        whole = False
    return whole


def _inputs_are_the_same(item: Item, event: Event, record: FieldRecord) -> bool:
    provenance, channels = record["provenance"], record.get("channels")
    if channels is None:
        known = {"": (provenance["input"], provenance["widefield"])}
        there = {"": (item.source, item.widefield)}
    else:
        known = {c["name"]: (c["input"], c["widefield_input"]) for c in channels}
        there = {file.name: (file.source, file.widefield) for file in item.channels}
    if known.keys() != there.keys() or hash_companions(item) != event["read"]:
        return False
    return all(
        _is_input(source, known[name][0]) and _is_image(image, known[name][1])
        for name, (source, image) in there.items()
    )


def _is_input(path: Path, record: InputRecord) -> bool:
    try:
        return path.stat().st_size == record["size_bytes"] and sha256_of(path) == record["sha256"]
    except OSError:
        return False  # it is tried, and says what is wrong


def _is_image(path: Path | None, record: WidefieldInputRecord | None) -> bool:
    if path is None or record is None:
        return path is None and record is None
    return _sha256_or_none(path) == record["sha256"]


def _sha256_or_none(path: Path) -> str | None:
    try:
        return sha256_of(path)
    except OSError:
        return None
