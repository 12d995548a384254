"""The files beside an input on which its picture depends."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from read_words import DATA

from annapalm.read import companions, read_table
from annapalm.read.errors import UnreadableFileError

if TYPE_CHECKING:
    from pathlib import Path


def test_the_metadata_of_picasso_belong_to_its_table(tmp_path: Path) -> None:
    path = tmp_path / "cell.hdf5"
    shutil.copy(DATA / "picasso_embedded.hdf5", path)
    assert companions(path) == ()
    beside = tmp_path / "cell.yaml"
    shutil.copy(DATA / "picasso.yaml", beside)
    assert companions(str(path)) == (beside,)
    # And they do change how it is read.
    before = read_table(path).localizations.x_nm
    beside.write_text("Pixelsize: 50\n")
    assert (read_table(path).localizations.x_nm == before / 2).all()


def test_other_files_stand_alone(tmp_path: Path) -> None:
    (tmp_path / "cell.yaml").write_text("Pixelsize: 50\n")
    for name in ("thunderstorm.csv", "smap7_sml.mat", "counts.tif", "shareloc.smlm"):
        path = tmp_path / f"cell{(DATA / name).suffix}"
        shutil.copy(DATA / name, path)
        assert companions(path) == ()
    empty = tmp_path / "cell.hdf5"
    empty.touch()
    assert companions(empty) == ()


def test_an_input_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match=r"gone\.hdf5 cannot be read"):
        companions(tmp_path / "gone.hdf5")
