"""From the ledger of an output folder to `run.json` and `report.html`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annapalm.batch import skipped
from annapalm.ledger import Row, tidy_report
from annapalm.ledger.ledger import key_of
from annapalm.write import output_paths, write_run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from annapalm.batch import Item
    from annapalm.ledger import Index, Ledger, OutputLock
    from annapalm.write.schema import RunHead, RunStatus


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
    ledger: Ledger,
    lock: OutputLock,
    record: RunHead,
    items: Sequence[Item],
    *,
    of_all: bool = False,
) -> tuple[Path, Path]:
    """Write record and report of all that the ledgers know; raises as `write_run` does.

    The status in `record` becomes that of all fields, where a shard writes or `of_all` is set. They
    replace those of the same run, and stand beside those of another program or of old.
    """
    with lock.report():  # shards that end at once: the last one to write knows of all others
        index = ledger.index if ledger.shard is None else ledger.read_again()
        tidy_report(ledger.out)
        if ledger.shard is not None:
            ended = index.ended(ledger.shard.count)
            record["shards"] = {"count": ledger.shard.count, "ended": ended}
        if (of_all or ledger.shard is not None) and record["status"] != "interrupted":
            record["status"] = _status(rows_of(index, ledger.out, items))
        rows = rows_of(index, ledger.out, items)
        return write_run(ledger.out, record, rows, replace=ledger.owns_record)


def _status(rows: Iterable[Row]) -> RunStatus:
    """Say how the run stands to which several shards belong."""
    found = {row.entry["status"] for row in rows}
    if "skipped" in found:
        return "partial"
    return "failed" if "failed" in found else "done"
