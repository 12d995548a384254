"""Whole files: the small ones shipped here, and real acquisitions where they are at hand."""

from __future__ import annotations

import hashlib
import runpy
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from read_words import DATA, assert_localization, assert_same_localizations

from annapalm import Grid, read_localizations
from annapalm.read import FormatName, TableOptions, read_table
from annapalm.render import render

WAYS = {
    "thunderstorm.csv": TableOptions(),
    "thunderstorm.xls": TableOptions(),
    "headerless.txt": TableOptions(columns=("y", "x", "z", "-", "frame"), unit="nm"),
    "comment_header.csv": TableOptions(unit="px", camera_pixel_nm=100),
    "elyra.txt": TableOptions(),
    "elyra.csv": TableOptions(),
    "nstorm.txt": TableOptions(),
    "picasso_nis.txt": TableOptions(camera_pixel_nm=100),
    "oni.csv": TableOptions(),
    "smlm_challenge.csv": TableOptions(),
    "rapidstorm.txt": TableOptions(camera_pixel_nm=100),
    "decode.csv": TableOptions(),
}
"""The files that `make.py` writes."""
BINARY = {
    "picasso.hdf5": TableOptions(),
    "picasso_embedded.hdf5": TableOptions(),
    "decode.h5": TableOptions(),
    "smap_sml.mat": TableOptions(),
    "smap7_sml.mat": TableOptions(),
    "shareloc.smlm": TableOptions(),
    "table.parquet": TableOptions(),
    "struct.mat": TableOptions(columns=("x=data.x", "y=data.y", "time=data.t"), unit="nm"),
    "matrix.mat": TableOptions(columns=("y", "x", "frame"), unit="nm", first_frame=1),
}
"""Those that `make_binary.py` writes."""
ROUNDED = ("picasso.hdf5", "picasso_embedded.hdf5", "decode.h5")
"""Those that hold float32 in camera pixels: to a thousandth of a nm."""
LINES = {"headerless.txt": (1, 60), "decode.csv": (5, 64), "nstorm.txt": (2, 68)}
"""First and last row of a file, where they are not on the lines 2 and 61."""
REAL = Path(__file__).parents[3] / "shared" / "data"
COS7 = REAL / "cos7_tubulin_left" / "localizations.txt"
EVENT_CAMERA = REAL / "event_camera_tubulin" / "localizations.csv"
NPC = REAL / "npc_veatch" / "sampledata_npc.mat"
YPAINT = REAL / "ypaint_gurdon" / "ExampleData.mat"
ECOLI = [
    path
    for name in ("05_storm.csv", "07_storm.csv")
    if (path := REAL / "ecoli_membrane_thunderstorm" / name).exists()
]


@pytest.mark.parametrize("name", [*WAYS, *BINARY])
def test_the_same_localizations_come_from_every_format(name: str) -> None:
    expected = read_localizations(DATA / "thunderstorm.csv")
    assert len(expected) == 60
    found = read_localizations(DATA / name, (WAYS | BINARY)[name])
    if name == "struct.mat":  # times say in which order frames came, and not their numbers
        frame = np.unique(expected.frame, return_inverse=True)[1]
        expected = replace(expected, frame=frame)
    assert_same_localizations(found, expected, 2e-3 if name in ROUNDED else 1e-4)
    # To the localization: no rounding moves one into the next pixel.
    grid = Grid.over((0, 0, 6400, 4800), 20)
    counts, outside = render(found, grid)
    assert outside == 0
    np.testing.assert_array_equal(counts, render(expected, grid)[0])


@pytest.mark.parametrize("name", WAYS)
def test_a_file_is_identified_by_what_was_read(name: str) -> None:
    found = read_table(str(DATA / name), WAYS[name])
    assert found.path == DATA / name
    assert found.sha256 == hashlib.sha256((DATA / name).read_bytes()).hexdigest()
    assert found.rows == 60
    assert (found.line_of(0), found.line_of(59)) == LINES.get(name, (2, 61))


@pytest.mark.parametrize("name", BINARY)
def test_a_binary_file_is_identified_too_and_its_rows_are_counted(name: str) -> None:
    found = read_table(DATA / name, BINARY[name])
    assert found.sha256 == hashlib.sha256((DATA / name).read_bytes()).hexdigest()
    assert found.rows == len(found.line_of) == 60
    assert (found.line_of(0), found.line_of(59)) == ("row 1", "row 60")
    with pytest.raises(IndexError):
        found.line_of(60)


def test_every_format_has_a_file_here() -> None:
    read = {read_table(DATA / n, o).format for n, o in (WAYS | BINARY).items()}
    assert read == set(get_args(FormatName))


def test_what_is_not_used_in_a_file_is_said() -> None:
    found = read_table(DATA / "thunderstorm.xls")
    assert found.format == "thunderstorm"
    assert found.unused_columns == ("id", "intensity [ADU]")
    assert found.localizations.photons is None


def test_the_shipped_files_are_those_that_the_script_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "make.py"
    script.write_text((DATA / "make.py").read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(script), run_name="__main__")
    for name in WAYS:
        assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes()


# Real acquisitions are not part of the repository: where they are absent, there is no test.

if ECOLI:

    @pytest.mark.parametrize("path", ECOLI, ids=lambda path: path.name)
    def test_a_real_thunderstorm_table(path: Path) -> None:
        found = read_table(path)
        locs = found.localizations
        x_nm, y_nm, frame, precision = np.loadtxt(
            path, delimiter=",", skiprows=1, usecols=(2, 3, 1, 9), unpack=True
        )
        assert found.format == "thunderstorm"
        assert found.unused_columns == (
            *("id", "sigma [nm]", "offset [photon]", "bkgstd [photon]", "chi2"),
        )
        np.testing.assert_array_equal(locs.x_nm, x_nm)
        np.testing.assert_array_equal(locs.y_nm, y_nm)
        np.testing.assert_array_equal(locs.frame, frame - 1)
        np.testing.assert_array_equal(locs.precision_nm, precision)
        assert locs.notes == ()


if NPC.exists():

    def test_a_real_struct_of_matlab_with_times_instead_of_frames() -> None:
        options = TableOptions(columns=("x=data.x", "y=data.y", "time=data.t"), unit="nm")
        found = read_table(NPC, options)
        assert found.rows == 57_778
        assert_localization(
            found.localizations, row=0, x_nm=11861.455014175548, y_nm=11963.198109432626, frame=0
        )
        assert found.localizations.frame.max() == 12_411
        assert found.first_frame is None
        assert "12,412 distinct times, 0.10176 to 1358.24" in found.localizations.notes[1]


if YPAINT.exists():

    def test_a_real_matrix_of_matlab_in_camera_pixels() -> None:
        columns = ("x", "y", "frame", "precision")
        found = read_table(YPAINT, TableOptions(columns=columns, unit="px", camera_pixel_nm=100))
        assert found.rows == 169_102
        assert found.columns == {n: f"Data:{i}" for i, n in enumerate(columns, 1)}
        assert_localization(
            found.localizations,
            row=0, x_nm=0.2637443542480469 * 100, y_nm=2.8098602294921875 * 100, frame=1,
        )  # fmt: skip
        assert found.localizations.frame.max() == 60_000


if COS7.exists():

    def test_a_real_table_without_header_and_with_y_first() -> None:
        options = TableOptions(columns=("y", "x", "-", "z", "frame"), unit="nm")
        found = read_table(COS7, options)
        assert found.rows == 69_253
        assert_localization(
            found.localizations, row=0, x_nm=11164.04, y_nm=23872.17, z_nm=353, frame=196
        )
        assert found.localizations.frame.max() == 10_141
        extent = np.ptp(found.localizations.x_nm), np.ptp(found.localizations.y_nm)
        assert extent == pytest.approx((12_500, 32_000), rel=0.05)


if EVENT_CAMERA.exists():

    def test_a_real_table_with_a_comment_header_in_camera_pixels() -> None:
        found = read_table(EVENT_CAMERA, TableOptions(unit="px", camera_pixel_nm=67))
        assert found.rows == 25_437
        assert_localization(
            found.localizations, row=0, x_nm=89.2603 * 67, y_nm=54.1255 * 67, frame=0
        )
        assert found.localizations.frame.max() == 1249
        assert found.unused_columns == ("Intensity",)
        assert not found.origin_known
