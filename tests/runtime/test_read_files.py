"""Whole files: the small ones shipped here, and real acquisitions where they are at hand."""

from __future__ import annotations

import hashlib
import runpy
from pathlib import Path

import numpy as np
import pytest
from read_words import DATA, assert_localization, assert_same_localizations

from annapalm import Grid, read_localizations
from annapalm.read import TableOptions, read_table
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
LINES = {"headerless.txt": (1, 60), "decode.csv": (5, 64), "nstorm.txt": (2, 68)}
"""First and last row of a file, where they are not on the lines 2 and 61."""
REAL = Path(__file__).parents[3] / "shared" / "data"
COS7 = REAL / "cos7_tubulin_left" / "localizations.txt"
EVENT_CAMERA = REAL / "event_camera_tubulin" / "localizations.csv"
ECOLI = [
    path
    for name in ("05_storm.csv", "07_storm.csv")
    if (path := REAL / "ecoli_membrane_thunderstorm" / name).exists()
]


@pytest.mark.parametrize("name", WAYS)
def test_the_same_localizations_come_from_every_format(name: str) -> None:
    expected = read_localizations(DATA / "thunderstorm.csv")
    assert len(expected) == 60
    found = read_localizations(DATA / name, WAYS[name])
    assert_same_localizations(found, expected)
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
