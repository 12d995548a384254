"""Damaged files of every format: a table or a reason, never anything else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from read_words import DATA, source

from annapalm.errors import AnnaPalmError, CancelledError
from annapalm.read import ReadError, Table, TableOptions, child, read_table
from annapalm.read.format_errors import DamagedFileError
from annapalm.read.registry import read_source

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "elyra.txt": TableOptions(),
    "nstorm.txt": TableOptions(),
    "picasso_nis.txt": TableOptions(),
    "oni.csv": TableOptions(),
    "smlm_challenge.csv": TableOptions(),
    "rapidstorm.txt": TableOptions(camera_pixel_nm=100),
    "decode.csv": TableOptions(),
    "smap7_sml.mat": TableOptions(),
    "struct.mat": TableOptions(columns=("x=data.x", "y=data.y", "time=data.t"), unit="nm"),
    "matrix.mat": TableOptions(columns=("y", "x", "frame"), unit="nm"),
    "shareloc.smlm": TableOptions(),
    "table.parquet": TableOptions(),
}
HDF5 = ("picasso_embedded.hdf5", "decode.h5", "smap_sml.mat")

_WORDS = (
    b"\0",
    b"\xff" * 8,
    b"\0" * 8,
    b"\xff\xff\xff\x7f",
    b"\n",
    b"nan",
    b"-1",
    b"\t",
    b'"',
    b"1e999",
)
_CHANGE = st.tuples(
    st.floats(0, 1, exclude_max=True), st.one_of(st.sampled_from(_WORDS), st.binary(max_size=9))
)


def damaged(data: bytes, changes: list[tuple[float, bytes]], share: float) -> bytes:
    """Write over a file at some places, and cut it."""
    changed = bytearray(data)
    for where, words in changes:
        start = int(where * len(data))
        changed[start : start + len(words)] = words
    return bytes(changed[: max(1, int(share * len(data)))])


def check(found: Table) -> None:
    """See that a table is one."""
    locs = found.localizations
    assert found.rows == len(locs) == len(found.line_of)
    assert np.isfinite([locs.x_nm, locs.y_nm]).all()
    assert (locs.frame >= 0).all()


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=40, deadline=None)
@given(st.lists(_CHANGE, min_size=1, max_size=4), st.sampled_from((1.0, 1.0, 0.97, 0.5)))
def test_a_damaged_file_gives_a_table_or_a_reason(
    name: str, changes: list[tuple[float, bytes]], share: float
) -> None:
    data = damaged((DATA / name).read_bytes(), changes, share)
    try:
        found = read_source(source(data), FILES[name])
    except AnnaPalmError as error:
        assert "field.csv" in str(error)  # noqa: PT017 - the outcome is either of two
    else:
        check(found)


def read_hdf5(path: Path, data: bytes) -> None:
    """Read a file as users do: in a process of its own, because the library may hang or crash."""
    path.write_bytes(data)
    try:
        check(read_table(path))
    except ReadError as error:
        assert path.name in str(error)  # noqa: PT017 - the outcome is either of two


@pytest.mark.parametrize("name", HDF5)
def test_a_damaged_hdf5_file_gives_a_table_or_a_reason(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "SECONDS", 10.0)
    random = np.random.default_rng(1)
    data = (DATA / name).read_bytes()
    for _ in range(3):
        changes = [(random.uniform(), random.bytes(4)) for _ in range(3)]
        read_hdf5(tmp_path / "a.hdf5", damaged(data, changes, 1.0))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # A string of the heap that is longer than all numbers: h5py 3.16 never ends.
        (b"\2\0\0\0\0\0\0\0px", b"\xf0" + b"\xff" * 7 + b"px"),
        # A kind of string that there is not: h5py 3.16 crashes.
        (b"version\0\x19\x01", b"version\0\x19\x32"),
    ],
)
def test_what_hangs_or_crashes_the_library_takes_nothing_else_along(
    old: bytes, new: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "SECONDS", 5.0)
    data = (DATA / "decode.h5").read_bytes()
    assert data.count(old) == 1
    path = tmp_path / "a.h5"
    path.write_bytes(data.replace(old, new))
    with pytest.raises(ReadError, match=r"a\.h5"):
        read_table(path)


def test_a_process_that_finds_no_end_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "SECONDS", 0.5)
    monkeypatch.setattr(child, "_CODE", "import time; time.sleep(600)")
    with pytest.raises(DamagedFileError, match="the HDF5 library found no end with it in 0 s"):
        child.read_in_child(tmp_path / "a.h5", TableOptions(), 0)


class Impatient:
    """A host that asks to stop at the third look."""

    looks = 0

    def advance(self, done: int, total: int) -> None:
        raise AssertionError(done, total)

    def cancelled(self) -> bool:
        self.looks += 1
        return self.looks == 3


def test_a_host_stops_a_file_that_is_read_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(child, "_CODE", "import time; time.sleep(600)")
    host = Impatient()
    with pytest.raises(CancelledError):
        child.read_in_child(tmp_path / "a.h5", TableOptions(), 0, host)
    assert host.looks == 3


def test_a_process_that_crashes_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "_CODE", "import os; os.abort()")
    with pytest.raises(DamagedFileError, match="the HDF5 library crashed on it, code"):
        child.read_in_child(tmp_path / "a.h5", TableOptions(), 0)
    monkeypatch.setattr(child, "_CODE", "raise SystemError('oh')")
    with pytest.raises(DamagedFileError, match="code 1: SystemError: oh"):
        child.read_in_child(tmp_path / "a.h5", TableOptions(), 0)


def test_what_the_process_says_is_the_same_as_if_it_were_read_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = DATA / "picasso.hdf5"
    there = read_table(path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "host.exe"))
    assert not child.can_start()
    here = read_table(path)
    assert here.sha256 == there.sha256
    assert here.columns == there.columns
    np.testing.assert_array_equal(here.localizations.x_nm, there.localizations.x_nm)
    assert here.line_of(3) == there.line_of(3) == "row 4"
    monkeypatch.setattr(sys, "executable", "")
    assert not child.can_start()


def test_an_error_comes_back_from_the_process_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "other.h5"
    path.write_bytes((DATA / "decode.h5").read_bytes().replace(b"v0.10.1", b"v0.11.1"))
    with pytest.raises(ReadError, match=r"other\.h5 was written by DECODE 'v0\.11\.1'"):
        read_table(path)
    found = read_table(path, TableOptions(format="decode"))
    assert found.rows == 60


def test_a_relative_path_means_the_same_in_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.h5").write_bytes((DATA / "decode.h5").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert read_table("a.h5").rows == 60
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]
