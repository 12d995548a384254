"""From the ledger of an output folder to `run.json` and `report.html`."""

from __future__ import annotations

import base64
import json
from dataclasses import fields
from typing import TYPE_CHECKING

from annapalm.batch import skipped
from annapalm.ledger import Row, tidy_report
from annapalm.ledger.ledger import key_of
from annapalm.write import Thumbnails, output_paths, write_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from annapalm.batch import Item
    from annapalm.ledger import Index, Ledger, OutputLock
    from annapalm.write.schema import RunRecord, RunStatus


def rows_of(index: Index, out: Path, items: Sequence[Item]) -> Iterator[Row]:
    """Yield what became of each input, in their order; then what else was done in the folder.

    The latter are results of an earlier run of the same settings that are still there.
    """
    keys = set()
    for item in items:
        key = key_of(item.stem, out)
        keys.add(key)
        yield index.row(key) or Row(skipped(item).entry)
    for key in index.places:
        row = None if key in keys else index.row(key)
        if row is not None and row.entry["status"] == "done":
            paths = output_paths(out / key)
            if paths[0].exists() and paths[-1].exists():
                yield row


def write_record(
    ledger: Ledger, lock: OutputLock, record: RunRecord, items: Sequence[Item]
) -> tuple[Path, Path]:
    """Write record and report of all that the ledgers know; raises as `write_run` does.

    They replace those of the same run, and stand beside those of another program or of old.
    """
    with lock.report():  # shards that end at once: the last one to write knows of all others
        index = ledger.index if ledger.shard is None else ledger.read_again()
        tidy_report(ledger.out)
        rows = list(rows_of(index, ledger.out, items))
        record["fields"] = [row.entry for row in rows]
        if ledger.shard is not None:
            ended = index.ended(ledger.shard.count)
            record["shards"] = {"count": ledger.shard.count, "ended": ended}
            if record["status"] != "interrupted":
                record["status"] = _status(rows)
        pictures = [None if row.tile is None else _unpack(row.tile) for row in rows]
        return write_run(ledger.out, record, pictures, overwrite=ledger.owns_record)


def _status(rows: Sequence[Row]) -> RunStatus:
    """Say how the run stands to which several shards belong."""
    found = {row.entry["status"] for row in rows}
    if "skipped" in found:
        return "partial"
    return "failed" if "failed" in found else "done"


def pack(pictures: Thumbnails | None) -> bytes | None:
    """Turn the small pictures of a field into the bytes that the ledger keeps."""
    if pictures is None:
        return None
    named = {f.name: getattr(pictures, f.name) for f in fields(pictures)}
    return json.dumps(
        {name: base64.b64encode(png).decode() for name, png in named.items() if png is not None}
    ).encode()


def _unpack(tile: bytes) -> Thumbnails:
    return Thumbnails(**{name: base64.b64decode(text) for name, text in json.loads(tile).items()})
