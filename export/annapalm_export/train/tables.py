"""A lab's own acquisitions: localization tables with their widefield images, found and read."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from annapalm.cli.inputs import TEXTS, stem_of, widefield_beside
from annapalm.cli.options import SUFFIXES
from annapalm.errors import AnnaPalmError
from annapalm.extent import choose_extent
from annapalm.grid import DEFAULT_PIXEL_NM
from annapalm.read import TableOptions, read_table
from annapalm.widefield import check_covers, read_widefield

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from annapalm.grid import Grid
    from annapalm.localizations import Localizations
    from annapalm.widefield import WidefieldImage

WIDEFIELD_SUFFIX = "_widefield.tif"
"""`STEM_widefield.tif` beside `STEM.csv` is its widefield image: the rule of annapalm-run."""

TABLE_SUFFIXES = tuple(suffix for suffix in SUFFIXES if not suffix.startswith(".tif"))
"""What counts as a table in a folder. Images of counts do not: they have no frames."""


class NoTablesError(AnnaPalmError, ValueError):
    """A folder holds nothing to train on."""

    def __init__(self, folder: Path, passed_over: int) -> None:
        others = f" (other files there: {passed_over:,})" if passed_over else ""
        super().__init__(
            f"Folder {folder} holds no localization table{others}: the files in it and below that "
            f"end in {', '.join(TABLE_SUFFIXES)} count, but not hidden ones and texts such as "
            "README. Export the localizations, with their frames, into this folder."
        )


class NotAFolderError(AnnaPalmError, NotADirectoryError):
    """What was named as a folder of tables is none, or cannot be listed."""

    def __init__(self, folder: Path, problem: str) -> None:
        super().__init__(f"{folder}: {problem}. Give a folder that holds localization tables.")


class SameStemError(AnnaPalmError, ValueError):
    """Two tables have one name."""

    def __init__(self, first: Path, second: Path, stem: str) -> None:
        super().__init__(
            f"{first} and {second} are both called '{stem}', so that neither a widefield image nor "
            "a score could be told to belong to one of them. Rename one, or take it away if both "
            "are the same acquisition."
        )


class SameTableError(AnnaPalmError, ValueError):
    """Two files hold the same table, so that one could be learned and the other held out."""

    def __init__(self, first: Path, second: Path) -> None:
        super().__init__(f"{first} and {second} are the same table. Take one of them away.")


class NoTimeError(AnnaPalmError, ValueError):
    """A table without a course of time: input and target could not be told apart."""

    def __init__(self, path: Path, rows: int, frame: int | None) -> None:
        found = (
            "no localization" if frame is None else f"all {rows:,} localizations in frame {frame}"
        )
        super().__init__(
            f"{path} has {found}: nothing can be learned without frames to see and others to hold "
            "out. Name the right column with --columns, or export the table again with its frames."
        )


@dataclass(frozen=True, slots=True)
class TableFile:
    """A table and what belongs to it, not read yet."""

    path: Path
    stem: str
    """Its name without suffix; no other table of the training has it, whatever the case."""
    widefield: Path | None


@dataclass(frozen=True, slots=True, eq=False)
class Acquisition:
    """One acquisition as read."""

    stem: str
    path: Path
    sha256: str
    """Of the table's bytes."""
    locs: Localizations
    """Sorted by frame; inside `grid`."""
    grid: Grid
    """The field of view, chosen as annapalm-run does, with pixels of 20 nm."""
    widefield: WidefieldImage | None
    notes: tuple[str, ...] = ()
    """What the reader wants the user to know."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What the user says about tables and images; the same for all of them."""

    table: TableOptions = field(default_factory=TableOptions)
    widefield_pixel_nm: float | None = None
    """Camera pixel of the widefield images; None: as the files say."""
    use_widefield: bool = True


def find_tables(
    folders: Sequence[Path], run: Path, *, use_widefield: bool = True
) -> list[TableFile]:
    """Find the tables in folders and below, in the order of their names.

    The folder `run`, into which training writes, is passed over. Raises `NotAFolderError`,
    `NoTablesError` for a folder without tables, and `SameStemError`.
    """
    found: dict[str, TableFile] = {}
    for folder in folders:
        if not folder.is_dir():
            raise NotAFolderError(folder, "it is no folder" if folder.exists() else "not found")
        tables = passed_over = 0
        for path in _files(folder, run):
            if not _is_table(path):
                passed_over += 1
                continue
            tables += 1
            stem = stem_of(path)
            image = widefield_beside(path, WIDEFIELD_SUFFIX) if use_widefield else None
            table = TableFile(path, stem, image)
            other = found.setdefault(stem.casefold(), table)
            # A folder that is named twice is read once.
            if other is not table and not other.path.samefile(path):
                raise SameStemError(other.path, path, stem)
        if not tables:
            raise NoTablesError(folder, passed_over)
    return list(found.values())


def _files(folder: Path, run: Path) -> Iterator[Path]:
    """Yield the files below a folder that are not hidden, sorted within each folder."""

    def refuse(error: OSError) -> None:
        problem = f"{error.filename} cannot be listed ({error.strerror})"
        raise NotAFolderError(folder, problem) from error

    output = os.path.realpath(run)
    for parent, folders, names in os.walk(folder, onerror=refuse):
        if os.path.realpath(parent) == output:
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(names) if not name.startswith("."))


def _is_table(path: Path) -> bool:
    return path.name.lower().endswith(TABLE_SUFFIXES) and path.stem.lower() not in TEXTS


def read_acquisitions(files: Sequence[TableFile], options: ReadOptions) -> list[Acquisition]:
    """Read all tables; as `read_acquisition`, and raises `SameTableError`."""
    acquisitions: dict[str, Acquisition] = {}
    for file in files:
        acquisition = read_acquisition(file, options)
        other = acquisitions.setdefault(acquisition.sha256, acquisition)
        if other is not acquisition:
            raise SameTableError(other.path, acquisition.path)
    return list(acquisitions.values())


def read_acquisition(file: TableFile, options: ReadOptions) -> Acquisition:
    """Read a table and its widefield image and see that they fit together.

    Raises the errors of `annapalm.read`, `annapalm.extent` and `annapalm.widefield`, each with file
    and place, and `NoTimeError`.
    """
    # A table of one frame is refused here, in words that fit: it can be reconstructed, not learned.
    table = read_table(file.path, replace(options.table, allow_single_frame=True))
    locs = table.localizations
    if not len(locs) or (locs.frame == locs.frame[0]).all():
        raise NoTimeError(file.path, len(locs), int(locs.frame[0]) if len(locs) else None)
    image = None
    if file.widefield is not None and options.use_widefield:
        image = read_widefield(file.widefield, options.widefield_pixel_nm)
    extent = choose_extent(
        locs,
        DEFAULT_PIXEL_NM,
        path=file.path,
        line_of=table.line_of,
        asked=options.table.field_nm is not None,
        image=image,
    )
    if image is not None:
        check_covers(image, extent.grid, locs.field_nm)
    inside = locs.select(within(locs, extent.grid))
    return Acquisition(
        stem=file.stem,
        path=file.path,
        sha256=table.sha256,
        locs=inside.select(np.argsort(inside.frame, kind="stable")),
        grid=extent.grid,
        widefield=image,
        notes=(*locs.notes, *extent.warnings),
    )


def within(locs: Localizations, grid: Grid) -> NDArray[np.bool_]:
    """Which localizations lie on `grid`: bool [N]; the same as `annapalm.render.render` counts."""
    column = np.floor((locs.x_nm - grid.origin_nm[0]) / grid.pixel_nm)
    row = np.floor((locs.y_nm - grid.origin_nm[1]) / grid.pixel_nm)
    rows, columns = grid.shape
    inside: NDArray[np.bool_] = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    return inside
