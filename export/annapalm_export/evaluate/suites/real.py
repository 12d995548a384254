"""The suite `real-1`: public tables, known by their place in a data folder."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from annapalm.errors import AnnaPalmError
from annapalm.localizations import Localizations
from annapalm.quality.heldout import SHARES
from annapalm.read import TableOptions, read_localizations
from annapalm_export.evaluate.suite import asked_for, evaluate_real
from annapalm_export.evaluate.suites.store import Key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from annapalm_export.evaluate.simulated import Row
    from annapalm_export.evaluate.suites.run import Entry
    from annapalm_export.evaluate.suites.store import Store
    from annapalm_export.evaluate.suites.suite import Suite


class NoTablesError(AnnaPalmError, FileNotFoundError):
    """A data folder holds none of the suite's tables."""

    def __init__(self, folder: Path) -> None:
        known = ", ".join(table.path for table in TABLES)
        super().__init__(
            f"{folder} holds none of the tables of real-1: {known}. Give the folder that they lie "
            "in with --data, or score a table of your own with --table."
        )


@dataclass(frozen=True, slots=True)
class RealTable:
    """A table of the suite."""

    path: str
    """Below the data folder, with /."""
    structure: str
    options: TableOptions = field(default_factory=TableOptions)
    shares: tuple[float, ...] = SHARES
    """Shares of the localizations that the model sees."""

    @property
    def name(self) -> str:
        """Of the table's folder: that of the data set."""
        return PurePosixPath(self.path).parent.name


TABLES = (
    RealTable(
        "cos7_tubulin_left/localizations.txt",
        "microtubules",
        TableOptions(unit="nm", columns=("y", "x", "-", "-", "frame")),
    ),
    RealTable(
        "event_camera_tubulin/localizations.csv",
        "microtubules",
        TableOptions(unit="px", camera_pixel_nm=67.0),
    ),
    RealTable("npc_veatch/sampledata_npc.mat", "nuclear pores", shares=(0.1, 0.3)),
)
"""Described in docs/real-data.md; a table that is not there is left out."""


def run_real(
    suite: Suite,
    entries: Sequence[Entry],
    folder: Path,
    store: Store,
    say: Callable[[str], None],
) -> list[Row]:
    """Score models on those of `TABLES` that `folder` holds and whose structure they know.

    Rows as of `evaluate_real`; those of the best blur come once. Raises `NoTablesError` where the
    folder holds none of them.
    """
    present = [table for table in TABLES if (folder / table.path).is_file()]
    if not present:
        raise NoTablesError(folder)
    rows: list[Row] = []
    for table in present:
        path = folder / table.path
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        scored: list[Row] = []
        for entry in entries:
            if not entry.knows(table.structure):
                say(f"{suite.label}, {table.name}: {entry.label} does not know {table.structure}")
                continue
            key = Key(suite.label, table.name, entry.sha256, input=digest)
            record = store.get(key)
            if record is None:
                record = store.add(key, {"rows": _score(entry, table, path)})
                say(f"{suite.label}, {table.name}: {entry.label}")
            scored += [_labelled(row, entry.label) for row in record["rows"]]
        known: dict[Any, Row] = {}
        for row in scored:
            known.setdefault((row["model"], row["method"], row["share"]), row)
        rows += [
            {"suite": suite.label, "condition": table.name, "structure": table.structure} | row
            for row in known.values()
        ]
    return rows


def _score(entry: Entry, table: RealTable, path: Path) -> list[Row]:
    locs = read_veatch(path) if path.suffix == ".mat" else read_localizations(path, table.options)
    return evaluate_real(
        entry.model,
        table.name,
        locs,
        structure=asked_for(entry.model, table.structure),
        shares=table.shares,
    )


def _labelled(row: Row, label: str) -> Row:
    """Put the model's name to its rows, and none to those of the blur."""
    return {"model": label if row["method"].startswith("model") else ""} | row


def read_veatch(path: Path) -> Localizations:
    """Read a table of VeatchLab/smlm-analysis: MATLAB struct `data` with x, y (nm) and t (s).

    Frames are the rank of each time among all times. Raises `KeyError`, `OSError` or `ValueError`
    for another kind of file.
    """
    from scipy.io import loadmat

    data = loadmat(path, simplify_cells=True)["data"]
    x, y, t = (np.ravel(data[name]).astype(np.float64) for name in "xyt")
    frame = np.unique(t, return_inverse=True)[1].astype(np.int64)
    return Localizations(x, y, frame.ravel())
