"""Training on own tables: from folders to a stream of batches, and a record that prevents leaks.

A score is worth something only where the held-out part was never learned from: not in this run, not
before it was stopped, and not by the model that it starts from. Every checkpoint therefore carries
which rectangles of which tables it has seen (`real` in its recipe).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from annapalm.errors import AnnaPalmError
from annapalm.grid import DEFAULT_PIXEL_NM
from annapalm_export.train import checkpoint
from annapalm_export.train.advice import Advice, advise
from annapalm_export.train.dataset import SimulatedCrops
from annapalm_export.train.division import MARGIN_NM, Division, HoldOut, divide
from annapalm_export.train.mix import SIMULATED_SHARE, MixedCrops, split_batch
from annapalm_export.train.table_crops import TableCrops
from annapalm_export.train.tables import ReadOptions, find_tables, read_acquisitions
from annapalm_export.train.weights import load_weights

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from torch.utils.data import IterableDataset

    from annapalm_export.train.config import Recipe
    from annapalm_export.train.dataset import Batch

    Session = dict[str, Any]


class SeenBeforeError(AnnaPalmError, ValueError):
    """The model to start from has learned from what is now to be held out."""

    def __init__(self, path: Path, stem: str) -> None:
        super().__init__(
            f"{path} has learned from a part of '{stem}' that is now to be held out, so that the "
            "score would say nothing. Hold out the same part as then (--hold-out), or start from a "
            "model that has not seen this table."
        )


class OtherTablesError(AnnaPalmError, ValueError):
    """A run that is to go on was begun with other tables."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(
            f"{path}: this run was begun {what}. Repeat the command that began it, or give another "
            "folder for a new run and name this one with --start."
        )


@dataclass(frozen=True, slots=True, eq=False)
class OwnData:
    """Tables, divided, and how they are mixed with simulation."""

    division: Division
    structure: str
    simulated_share: float = SIMULATED_SHARE
    notes: tuple[str, ...] = field(default=())
    """What the reader wants the user to know of the tables."""

    def session(self) -> Session:
        """Say in plain values what this training learns from and holds out."""
        return {
            "structure": self.structure,
            "simulated_share": self.simulated_share,
            "tables": self.division.record(),
        }

    def stream(self, recipe: Recipe, seed: int) -> IterableDataset[Batch]:
        """Make the endless stream of mixed batches."""
        simulated, real = split_batch(recipe.data.batch, self.simulated_share)
        tables = TableCrops(self.division.learned, recipe.data, self.structure, real, seed)
        if not simulated:
            return tables
        data = replace(recipe.data, batch=simulated)
        return MixedCrops([SimulatedCrops(data, recipe.scene, seed), tables])


def read_own_data(
    folders: Sequence[Path],
    run: Path,
    recipe: Recipe,
    structure: str,
    options: ReadOptions,
    hold_out: HoldOut,
    simulated_share: float = SIMULATED_SHARE,
) -> tuple[OwnData, Advice]:
    """Find, read and divide the tables, and measure whether they are enough.

    Raises the errors of `tables` and `division`; not those of `advice`, whose `check` does.
    """
    split_batch(recipe.data.batch, simulated_share)  # before anything is read
    files = find_tables(folders, run, use_widefield=options.use_widefield)
    acquisitions = read_acquisitions(files, options)
    psf_nm = recipe.network.psf_sigma_px * DEFAULT_PIXEL_NM
    division = divide(acquisitions, hold_out, recipe.data.crop_px, psf_nm)
    notes = tuple(f"{a.stem}: {note}" for a in acquisitions for note in a.notes)
    own = OwnData(division, structure, simulated_share, notes)
    return own, advise(division, recipe.data.crop_px)


def begin(path: Path, own: OwnData | None, start: Path | None) -> list[Session]:
    """Give the record for the checkpoints of a run: what its weights will have seen, in order.

    `path` is the run's checkpoint: where it is there already, the run must go on with the tables
    that it was begun with, else with what the model `start` has seen. Raises `OtherTablesError`,
    `SeenBeforeError` and `CheckpointError`.
    """
    if path.exists():
        seen = sessions(path)
        own_before = seen[-1] if seen and seen[-1].get("run") else None
        now = None if own is None else own.session()
        if own_before is None and now is not None:
            raise OtherTablesError(path, "without tables")
        if own_before is not None and {k: v for k, v in own_before.items() if k != "run"} != now:
            what = "with tables" if now is None else "with other tables, shares or held-out parts"
            raise OtherTablesError(path, what)
        return seen
    seen = [] if start is None else [{**s, "run": False} for s in sessions(start)]
    if own is None:
        return seen
    if start is not None:
        check_unseen(start, seen, own.division)
    return [*seen, {**own.session(), "run": True}]


def sessions(path: Path) -> list[Session]:
    """Read which tables these weights have seen; none before there were any."""
    state = load_weights(path)
    try:
        found: list[Session] = json.loads(state["recipe"]).get("real", [])
    except (KeyError, TypeError, json.JSONDecodeError) as problem:
        raise checkpoint.CheckpointError(path, f"it holds no recipe ({problem})") from problem
    return found


def check_unseen(path: Path, seen: Iterable[Session], division: Division) -> None:
    """Raise `SeenBeforeError` where an earlier training learned from what is held out now.

    Closer than `MARGIN_NM` counts as that.
    """
    learned = [
        (table["sha256"], table["learned"])
        for session in seen
        for table in session["tables"]
        if "learned" in table
    ]
    for region in division.held_out:
        for sha256, box in learned:
            if sha256 == region.source.sha256 and _near(box, region.grid.extent_nm):
                raise SeenBeforeError(path, region.source.stem)


def _near(first: Sequence[float], second: Sequence[float]) -> bool:
    """Whether two rectangles (x0, y0, x1, y1) overlap or lie closer than the margin."""
    return all(
        first[low] < second[high] + MARGIN_NM and second[low] < first[high] + MARGIN_NM
        for low, high in ((0, 2), (1, 3))
    )
