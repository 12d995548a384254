"""Whether what a ledger calls done still is: by the contents of all files concerned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from annapalm.ledger.errors import AlteredResultError
from annapalm.provenance import sha256_of
from annapalm.read import companions
from annapalm.read.errors import UnreadableFileError
from annapalm.write.field import RECORD_SUFFIX
from annapalm.write.text import json_text

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm.batch import Item
    from annapalm.ledger.lines import Event
    from annapalm.write.schema import FieldRecord

Standing: TypeAlias = Literal["new", "stale", "done"]
"""`new`: not done before. `stale`: done before, of another input or with results that are gone;
what is left of the results is as annapalm wrote it. `done`: nothing is to be done."""


def judge(item: Item, event: Event | None) -> Standing:
    """Compare an input and its results with the `done` event of the ledger.

    Raises `AlteredResultError` where a result was changed since: it is not ours to replace.
    """
    record = None if event is None else event["entry"]["record"]
    if event is None or record is None:
        return "new"
    whole = _check_results(item.stem, record)
    same = _inputs_are_the_same(item, event, record)
    return "done" if whole and same else "stale"


def hash_companions(source: Path) -> dict[str, str | None]:
    """Hash the files beside an input that change how it is read, by their names."""
    try:
        return {path.name: _sha256_or_none(path) for path in companions(source)}
    except UnreadableFileError:
        return {}  # whoever reads it will say so


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
    source, image = record["provenance"]["input"], record["provenance"]["widefield"]
    if (item.widefield is None) != (image is None):
        return False
    try:
        if item.source.stat().st_size != source["size_bytes"]:
            return False
        if (
            hash_companions(item.source) != event["read"]
            or sha256_of(item.source) != source["sha256"]
        ):
            return False
    except OSError:
        return False  # it is tried, and says what is wrong
    if item.widefield is None or image is None:
        return True
    return _sha256_or_none(item.widefield) == image["sha256"]


def _sha256_or_none(path: Path) -> str | None:
    try:
        return sha256_of(path)
    except OSError:
        return None
