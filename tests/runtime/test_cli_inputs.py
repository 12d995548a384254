"""Which files count as inputs, and where their results go."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cli_words import write_table, write_widefield

from annapalm.batch import Item
from annapalm.cli import errors
from annapalm.cli.errors import InputFolderError, InputNotFoundError, SeveralInputsError
from annapalm.cli.inputs import Plan, make_plan
from annapalm.cli.options import SUFFIXES
from annapalm.extent import OutlierError, OutsideFieldError, RoiOutsideError
from annapalm.field import NoFramesError

if TYPE_CHECKING:
    from annapalm.errors import AnnaPalmError

WIDEFIELD = "_widefield.tif"


def plan(*inputs: object, out: Path, widefield: Path | None = None) -> Plan:
    """Plan a run over inputs that are only looked at."""
    return make_plan(
        [str(path) for path in inputs], out, widefield_suffix=WIDEFIELD, widefield=widefield
    )


def touch(folder: Path, *names: str) -> None:
    """Make files that will not be opened."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x", encoding="utf-8")


def stems(made: Plan, out: Path) -> list[str]:
    """Where results would go, relative to the output folder."""
    return [item.stem.relative_to(out).as_posix() for item in made.items]


def test_in_a_folder_the_suffix_decides(tmp_path: Path) -> None:
    counted = ["a.csv", "b.TXT", "c.tsv", "d.xls", "e.tif", "f.tiff", "g.ome.tif", "h/i.csv"]
    others = ["j.py", "k.md", "l.json", "README.txt", "LICENSE.txt", ".m.csv", ".n/o.csv", "p.png"]
    touch(tmp_path / "in", *counted, *others)
    made = plan(tmp_path / "in", out=tmp_path / "out")
    assert stems(made, tmp_path / "out") == ["a", "b", "c", "d", "e", "f", "g", "h/i"]
    (notice,) = made.notices
    assert notice == (
        "passed over 4 files (j.py, k.md, l.json, ...): in folders, inputs end in .csv, .txt, "
        ".tsv, .xls, .hdf5, .h5, .mat, .smlm, .parquet, .tif, .tiff."
    )


def test_a_file_that_is_named_always_counts(tmp_path: Path) -> None:
    touch(tmp_path, "README.txt", "table.dat", ".hidden.csv")
    made = plan(*sorted(tmp_path.iterdir()), out=tmp_path / "out")
    assert stems(made, tmp_path / "out") == [".hidden", "README", "table"]


def test_results_of_an_earlier_run_are_no_inputs(tmp_path: Path) -> None:
    touch(tmp_path, "cell.csv", "cell.ome.tif", "cell.json", "own.ome.tif", "results/old.csv")
    made = plan(tmp_path, out=tmp_path / "results")
    assert stems(made, tmp_path / "results") == ["cell", "own"]


def test_the_widefield_image_beside_a_table_is_found(tmp_path: Path) -> None:
    touch(tmp_path, "cell.csv", "cell_widefield.tif", "other.csv", "orphan_widefield.tif")
    made = plan(tmp_path, out=tmp_path / "out")
    assert [item.widefield for item in made.items] == [tmp_path / "cell_widefield.tif", None]
    (notice,) = made.notices
    assert notice == (
        f"{tmp_path / 'orphan_widefield.tif'} is named like a widefield image but no input has "
        "this name; not used."
    )


def test_a_widefield_image_among_named_files_is_no_input(tmp_path: Path) -> None:
    table = write_table(tmp_path / "cell.csv")
    image = tmp_path / "cell_widefield.tif"
    write_widefield(image)
    made = plan(table, image, out=tmp_path / "out")
    assert made.items == (Item(table, tmp_path / "out" / "cell", image),)


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    touch(tmp_path, "in/cell.csv")
    made = plan(tmp_path / "in", tmp_path / "in" / "cell.csv", out=tmp_path / "out")
    assert stems(made, tmp_path / "out") == ["cell"]


def test_the_order_is_that_of_the_call_and_names_within_a_folder(tmp_path: Path) -> None:
    touch(tmp_path, "in/b.csv", "in/a.csv", "z.csv", "c.csv")
    made = plan(tmp_path / "z.csv", tmp_path / "in", tmp_path / "c.csv", out=tmp_path / "out")
    assert stems(made, tmp_path / "out") == ["z", "a", "b", "c"]


def test_a_pattern_keeps_the_folders_below_its_fixed_part(tmp_path: Path) -> None:
    touch(tmp_path, "day1/a/t.csv", "day1/b/t.csv", "day1/b/u.txt", "day2/a/t.csv")
    made = plan(tmp_path / "day1" / "**" / "*.csv", out=tmp_path / "out")
    assert stems(made, tmp_path / "out") == ["a/t", "b/t"]


def test_a_name_with_brackets_is_a_file_before_it_is_a_pattern(tmp_path: Path) -> None:
    touch(tmp_path, "cell[1].csv", "cell1.csv")
    made = plan(tmp_path / "cell[1].csv", out=tmp_path / "out")
    assert stems(made, tmp_path / "out") == ["cell[1]"]


def test_relative_names_work_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "in/cell.csv", "top.csv")
    monkeypatch.chdir(tmp_path)
    assert stems(plan("in", "top.csv", out=Path("out")), Path("out")) == ["cell", "top"]
    assert stems(plan(".", out=Path("out")), Path("out")) == ["top", "in/cell"]
    assert stems(plan("*/*.csv", out=Path("out")), Path("out")) == ["in/cell"]


def test_an_image_for_one_input_is_not_an_input_itself(tmp_path: Path) -> None:
    touch(tmp_path, "cell.csv", "image.tif", "more/other.csv")
    image = tmp_path / "image.tif"
    made = plan(tmp_path / "cell.csv", image, out=tmp_path / "out", widefield=image)
    assert made.items == (Item(tmp_path / "cell.csv", tmp_path / "out" / "cell", image),)
    with pytest.raises(SeveralInputsError, match="names the image of one input, but there are 2"):
        plan(tmp_path, out=tmp_path / "out", widefield=image)
    with pytest.raises(InputNotFoundError, match=r"absent\.tif does not exist"):
        plan(tmp_path / "cell.csv", out=tmp_path / "out", widefield=tmp_path / "absent.tif")


HERE = Path("here.csv")


@pytest.mark.parametrize(
    "error",
    [
        errors.OptionError("--frames", "x", "START:STOP"),
        errors.ContradictionError("--a", "--b", "of this"),
        errors.MissingOptionError("--a", "--b", "without it there is nothing to do"),
        errors.InputNotFoundError("*.csv"),
        errors.NothingToDoError(HERE, SUFFIXES),
        errors.SameOutputError(HERE, HERE, HERE),
        errors.SeveralInputsError(3),
        errors.InputInDangerError(HERE, "it would replace an input"),
        errors.ReservedNameError(HERE, "run.json"),
        errors.InputFolderError("here", "Permission denied"),
        NoFramesError(HERE),
        OutlierError(HERE, 3, (1e12, 0.0), (1e12, 5.0)),
        OutsideFieldError(
            HERE, outside=2, total=3, field_um=(1, 2), reach_um=(0, 0, 9, 9), said_by="--field"
        ),
        RoiOutsideError(HERE, (0, 0, 1, 1), (5, 5, 6, 6)),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_error_has_a_text_a_builtin_and_survives_pickling(error: AnnaPalmError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert len(str(error)) > 30
    assert not set("{}") & set(str(error))
    assert isinstance(error, (ValueError, OSError))


def test_a_folder_that_cannot_be_listed_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "in/a.csv", "in/sub/b.csv")
    scandir = __import__("os").scandir

    def refuse(path: object) -> object:
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    # The operating system's refusal; as root no folder refuses by itself.
    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(InputFolderError, match=r"sub cannot be listed: Permission denied"):
        plan(tmp_path / "in", out=tmp_path / "out")
