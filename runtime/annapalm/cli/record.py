"""From the ledger of an output folder to `run.json` and `report.html`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from annapalm.batch import skipped
from annapalm.ledger import tidy_report
from annapalm.ledger.ledger import key_of
from annapalm.write import Row, output_paths, write_run

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm.batch import Item
    from annapalm.ledger import Index, Ledger, OutputLock
    from annapalm.write.schema import RunRecord, RunStatus


class RunRows(Sequence[Row]):
    """What became of each input, in their order; then what else was done in the folder.

    The latter are results of an earlier run of the same settings that are still there. Each row is
    read from the disk when it is asked for.
    """

    def __init__(self, index: Index, out: Path, items: Sequence[Item]) -> None:
        """Find what there is to be told of."""
        self._index = index
        self._items = {key_of(item.stem, out): item for item in items}
        self._keys = list(self._items)
        for key in index.places:
            if key not in self._items and _is_there(index, out, key):
                self._keys.append(key)

    def __len__(self) -> int:
        return len(self._keys)

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Row]: ...
    def __getitem__(self, at: int | slice) -> Row | Sequence[Row]:
        """Read one row, or several."""
        if isinstance(at, slice):
            return [self[number] for number in range(*at.indices(len(self)))]
        key = self._keys[at]
        row = self._index.row(key)
        if row is None and key in self._items:
            row = Row(skipped(self._items[key]).entry)
        if row is None:
            raise LookupError(key)  # damaged since it was found
        return row


def _is_there(index: Index, out: Path, key: str) -> bool:
    """Whether an input of an earlier run was done, and its results are still there."""
    row = index.row(key)
    paths = output_paths(out / key)
    return (
        row is not None
        and row.entry["status"] == "done"
        and paths[0].exists()
        and paths[-1].exists()
    )


def write_record(
    ledger: Ledger,
    lock: OutputLock,
    record: RunRecord,
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
        rows = RunRows(index, ledger.out, items)
        if ledger.shard is not None:
            ended = index.ended(ledger.shard.count)
            record["shards"] = {"count": ledger.shard.count, "ended": ended}
        if (of_all or ledger.shard is not None) and record["status"] != "interrupted":
            record["status"] = _status(rows)
        return write_run(ledger.out, record, rows, overwrite=ledger.owns_record)


def _status(rows: Sequence[Row]) -> RunStatus:
    """Say how the run stands to which several shards belong."""
    found = {row.entry["status"] for row in rows}
    if "skipped" in found:
        return "partial"
    return "failed" if "failed" in found else "done"
