"""Own tables: which files count, how they are divided, and every way in which they can be wrong."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from lines import SIZE_UM, lines_table, write_lines, write_widefield

from annapalm.errors import InvalidValueError
from annapalm.read import ReadError, TableOptions
from annapalm.widefield.errors import WidefieldSizeError
from annapalm_export.simulate.files import write_thunderstorm
from annapalm_export.train.division import HoldOut, TableTooSmallError, divide
from annapalm_export.train.tables import (
    Acquisition,
    NoTablesError,
    NotAFolderError,
    NoTimeError,
    ReadOptions,
    SameStemError,
    SameTableError,
    find_tables,
    read_acquisition,
    read_acquisitions,
)

if TYPE_CHECKING:
    from pathlib import Path


def _read(folder: Path, options: ReadOptions | None = None) -> list[Acquisition]:
    return read_acquisitions(find_tables([folder], folder / "run"), options or ReadOptions())


def test_tables_and_their_widefield_images_are_found(tmp_path: Path) -> None:
    write_lines(tmp_path / "day 1", "cell_b")
    write_lines(tmp_path, "cell_a")
    image = write_widefield(tmp_path, "cell_a")
    (tmp_path / "README.txt").write_text("notes")
    (tmp_path / ".hidden.csv").write_text("x")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "log.txt").write_text("an earlier run")
    found = find_tables([tmp_path, tmp_path], tmp_path / "run")
    assert [(file.stem, file.widefield) for file in found] == [("cell_a", image), ("cell_b", None)]
    assert find_tables([tmp_path], tmp_path / "run", use_widefield=False)[0].widefield is None


def test_a_table_is_read_as_the_runtime_does_and_sorted_by_frame(tmp_path: Path) -> None:
    write_lines(tmp_path, "cell")
    write_widefield(tmp_path, "cell")
    (acquisition,) = _read(tmp_path)
    assert len(acquisition.locs) == 20_000
    assert (np.diff(acquisition.locs.frame) >= 0).all()
    assert acquisition.widefield is not None
    rows, columns = acquisition.grid.shape
    assert (columns, rows) == tuple(50 * side for side in SIZE_UM)


def test_any_text_is_read_with_the_options_of_annapalm_run(tmp_path: Path) -> None:
    locs = lines_table(number=3000)
    columns = np.column_stack([locs.y_nm / 100, locs.x_nm / 100, locs.y_nm, locs.frame])
    np.savetxt(tmp_path / "cell.txt", columns)
    options = TableOptions(columns=("y", "x", "-", "frame"), unit="px", camera_pixel_nm=100.0)
    (acquisition,) = _read(tmp_path, ReadOptions(options))
    assert acquisition.locs.x_nm.max() == pytest.approx(locs.x_nm.max())


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoTablesError, match="holds no localization table: the files in it"):
        find_tables([tmp_path], tmp_path / "run")


def test_images_of_counts_are_no_tables(tmp_path: Path) -> None:
    write_widefield(tmp_path, "cell").rename(tmp_path / "cell.tif")
    with pytest.raises(NoTablesError, match=r"\(other files there: 1\)"):
        find_tables([tmp_path], tmp_path / "run")


@pytest.mark.parametrize("name", ["nothing", "file.csv"])
def test_what_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.csv").write_text("x")
    with pytest.raises(NotAFolderError, match=name):
        find_tables([tmp_path / name], tmp_path / "run")


def test_two_tables_with_one_stem_are_refused(tmp_path: Path) -> None:
    write_lines(tmp_path / "a", "cell")
    write_lines(tmp_path / "b", "Cell", seed=1)
    with pytest.raises(SameStemError, match=r"cell\.csv and .*Cell\.csv are both called 'Cell'"):
        find_tables([tmp_path / "a", tmp_path / "b"], tmp_path / "run")


def test_a_copy_of_a_table_is_refused(tmp_path: Path) -> None:
    shutil.copy(write_lines(tmp_path, "cell"), tmp_path / "copy.csv")
    with pytest.raises(SameTableError, match=r"cell\.csv and .*copy\.csv are the same table"):
        _read(tmp_path)


def test_an_unreadable_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "cell.csv").write_text('"frame","x [nm]","y [nm]"\n1,oops,40\n')
    with pytest.raises(ReadError, match=r"cell\.csv, line 2.*'oops'"):
        _read(tmp_path)


def test_a_table_without_frames_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cell.csv").write_text("x,y\n1.0,2.0\n")
    options = TableOptions(columns=("x=x", "y=y", "frame=frame"), unit="nm")
    with pytest.raises(ReadError, match=r"cell\.csv.*frame"):
        _read(tmp_path, ReadOptions(options))


@pytest.mark.parametrize(("rows", "problem"), [(5, "all 5 local.*in frame 6"), (0, "no local")])
def test_a_table_without_a_course_of_time_is_refused(
    tmp_path: Path, rows: int, problem: str
) -> None:
    text = '"frame","x [nm]","y [nm]"\n' + "".join(f"7,{i},3\n" for i in range(rows))
    (tmp_path / "cell.csv").write_text(text)
    (file,) = find_tables([tmp_path], tmp_path / "run")
    with pytest.raises(NoTimeError, match=problem):
        read_acquisition(file, ReadOptions())


def test_a_widefield_image_of_another_field_is_refused(tmp_path: Path) -> None:
    write_lines(tmp_path, "cell")
    write_widefield(tmp_path, "cell", (9.0, 9.0)).rename(tmp_path / "wide.tif")
    (tmp_path / "wide.tif").rename(tmp_path / "cell_widefield.tif")
    options = ReadOptions(TableOptions(field_nm=(9000.0, 4000.0)))
    with pytest.raises(WidefieldSizeError, match="90 x 90 pixels of 100 nm"):
        _read(tmp_path, options)
    without = ReadOptions(options.table, use_widefield=False)
    assert _read(tmp_path, without)[0].widefield is None


def test_a_stripe_and_its_margin_are_never_learned_from(tmp_path: Path) -> None:
    write_lines(tmp_path, "cell")
    division = divide(_read(tmp_path), HoldOut(0.3), 64, 125.0)
    (learned,), (held_out,) = division.learned, division.held_out
    assert held_out.locs.x_nm.min() - learned.locs.x_nm.max() >= 1000
    assert held_out.grid.extent_nm[2] == 9000
    assert len(held_out.locs) == pytest.approx(0.3 * 20_000, rel=0.03)
    assert len(learned.locs) + len(held_out.locs) < 20_000


def test_the_cut_goes_across_the_longer_side(tmp_path: Path) -> None:
    write_lines(tmp_path, "cell", size_um=(5.0, 10.0))
    division = divide(_read(tmp_path), HoldOut(), 64, 125.0)
    assert division.learned[0].grid.shape[1] == division.held_out[0].grid.shape[1] == 250
    assert division.learned[0].locs.y_nm.max() < division.held_out[0].locs.y_nm.min() - 1000


def test_the_learned_part_of_a_widefield_image_lies_on_its_grid(tmp_path: Path) -> None:
    write_lines(tmp_path, "cell")
    write_widefield(tmp_path, "cell")
    (learned,) = divide(_read(tmp_path), HoldOut(), 64, 125.0).learned
    assert learned.quarter is not None
    assert learned.quarter.shape == tuple(-(-n // 4) for n in learned.grid.shape)
    bright = learned.quarter.sum(axis=1)
    counts = np.histogram(learned.locs.y_nm, bins=len(bright), range=(0, 4000))[0]
    assert np.corrcoef(bright, counts)[0, 1] > 0.4


def test_whole_tables_are_held_out_by_name(tmp_path: Path) -> None:
    for seed, stem in enumerate(("a", "b", "c")):
        write_lines(tmp_path, stem, seed=seed)
    division = divide(_read(tmp_path), HoldOut(stems=("B",)), 64, 125.0)
    assert [region.source.stem for region in division.learned] == ["a", "c"]
    (held_out,) = division.held_out
    assert len(held_out.locs) == 20_000
    assert sorted(division.record()[0]) == ["learned", "sha256", "stem"]


def test_a_name_that_no_table_has_is_answered_with_those_there_are(tmp_path: Path) -> None:
    for seed, stem in enumerate(("a", "b")):
        write_lines(tmp_path, stem, seed=seed)
    acquisitions = _read(tmp_path)
    with pytest.raises(InvalidValueError, match=r"hold-out is 'x'.*names of tables: a, b"):
        divide(acquisitions, HoldOut(stems=("x",)), 64, 125.0)
    with pytest.raises(InvalidValueError, match="not of all"):
        divide(acquisitions, HoldOut(stems=("a", "b")), 64, 125.0)


@pytest.mark.parametrize("share", [0.0, 0.04, 0.6, float("nan")])
def test_a_share_with_which_nothing_can_be_said_is_refused(share: float) -> None:
    with pytest.raises(InvalidValueError, match="hold-out is"):
        HoldOut(share)


def test_a_table_too_small_for_a_crop_is_refused(tmp_path: Path) -> None:
    write_thunderstorm(lines_table(size_um=(4.0, 3.0)), tmp_path / "cell.csv")
    with pytest.raises(TableTooSmallError, match=r"cell\.csv: 0\.\d\d x 3\.00 µm are left.*4\.48"):
        divide(_read(tmp_path), HoldOut(), 224, 125.0)
    write_thunderstorm(lines_table(size_um=(2.0, 1.0)), tmp_path / "cell.csv")
    with pytest.raises(TableTooSmallError, match=r"0\.02 x 1\.00 µm are left"):
        divide(_read(tmp_path), HoldOut(), 224, 125.0)
