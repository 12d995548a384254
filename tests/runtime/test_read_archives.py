"""ShareLoc's archives and Parquet files: one known point each, and what is refused."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from read_words import DATA, assert_localization, assert_refuses, table

from annapalm.read.errors import (
    BadCellError,
    ForeignFormatError,
    MissingColumnError,
    RepeatedColumnError,
    SingleFrameError,
    TooManyRowsError,
    UnknownUnitError,
)
from annapalm.read.format_errors import (
    BadArrayError,
    BadHeaderError,
    ColumnsNeededError,
    DamagedFileError,
    SeveralTablesError,
    UnsafeContentError,
)

FORM: dict[str, Any] = {
    "type": "table",
    "mode": "binary",
    "columns": 4,
    "headers": ["frame", "x", "y", "intensity"],
    "dtype": ["uint32", "float32", "float64", "uint16"],
    "shape": [1, 1, 1, 1],
    "units": ["frame", "um", "", "photon"],
}
FILE: dict[str, Any] = {
    "name": "table.bin", "type": "table", "format": "f", "channel": "a", "rows": 2, "offset": {},
}  # fmt: skip
ROWS = np.array(
    [(16, 1.5, 3400.25, 900), (17, 2.5, 4, 1)],
    [("frame", "<u4"), ("x", "<f4"), ("y", "<f8"), ("n", "<u2")],
)


def smlm(
    form: dict[str, Any] | None = None,
    file: dict[str, Any] | None = None,
    rows: bytes | None = None,
    more: dict[str, Any] | None = None,
) -> bytes:
    """Make an archive with one table of two rows, changed as the arguments say."""
    manifest = {
        "format_version": "0.2",
        "formats": {"f": FORM | (form or {})},
        "files": [FILE | (file or {})],
    } | (more or {})
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", json.dumps(manifest))
        archive.writestr("table.bin", ROWS.tobytes() if rows is None else rows)
    return stream.getvalue()


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Make an archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


def test_a_point_of_shareloc() -> None:
    found = table(smlm())
    assert found.format == "smlm"
    assert_localization(found.localizations, frame=16, x_nm=1500, y_nm=3400.25, photons=900)
    assert not found.origin_known
    assert found.units == {"x": "um", "y": "nm"}


def test_offsets_are_added_and_numbers_may_stand_as_words() -> None:
    found = table(smlm(file={"rows": "2", "offset": {"x": -1, "frame": "-16", "y": 0.5}}))
    assert_localization(found.localizations, frame=0, x_nm=500, y_nm=3400.75)


def test_columns_of_several_numbers_lengthen_the_row() -> None:
    wide = np.zeros(2, [("p", "<u1", (2, 3)), ("f", "<i1"), ("x", "<f4"), ("y", "<f4")])
    wide["x"], wide["f"] = [7, 8], [3, 4]
    form = {
        "headers": ["raw", "frame", "position_x", "position_y"],
        "dtype": ["uint8", "int8", "float32", "float32"],
        "shape": [[2, 3], 1, 1, 1],
        "units": ["", "", "", ""],
    }
    found = table(smlm(form, rows=wide.tobytes()))
    assert_localization(found.localizations, frame=3, x_nm=7, y_nm=0)
    assert found.unused_columns == ("raw",)
    several = form | {"headers": ["x", "frame", "position_x", "y"]}
    assert_refuses(smlm(several, rows=wide.tobytes()), error=BadArrayError, says=("'x'",))


def test_precisions_along_x_and_y_and_photons_of_no_unit() -> None:
    form = {
        "headers": ["frame", "x", "y", "x_precision", "y_precision", "intensity"],
        "dtype": ["float64"] * 6, "shape": [1] * 6, "units": [None] * 6,
    }  # fmt: skip
    found = table(
        smlm(form, rows=np.array([[1.0, 2, 3, 10, 20, 5], [2.0, 2, 3, 4, 4, 5]]).tobytes())
    )
    assert found.localizations.precision_nm is not None
    assert found.localizations.precision_nm.tolist() == [15, 4]
    assert found.localizations.photons is None
    assert "'an unknown unit', not in photons" in found.localizations.notes[0]


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        (smlm(more={"format_version": "0.3"}), BadHeaderError, "'0.3'"),
        (smlm(more={"files": []}), BadHeaderError, "names no table"),
        (smlm(more={"files": [FILE, FILE]}), SeveralTablesError, "several tables"),
        (smlm(more={"files": 7}), BadHeaderError, "version 0.2"),
        (smlm(more={"formats": {}}), BadHeaderError, "KeyError"),
        (smlm(file={"name": "gone.bin"}), BadHeaderError, "'gone.bin', which is not there"),
        (smlm(file={"rows": 3}), BadHeaderError, "3 rows of 18 bytes are not the 36 bytes"),
        (smlm(file={"rows": -1}), BadHeaderError, "-1 rows"),
        (smlm(file={"rows": "many"}), BadHeaderError, "ValueError"),
        (smlm(file={"rows": 10**9}), TooManyRowsError, "row 200000001"),
        (smlm({"mode": "text"}), ForeignFormatError, "table as text"),
        (smlm({"dtype": ["uint32", "float16", "float64", "uint16"]}), BadHeaderError, "'float16'"),
        (smlm({"dtype": ["uint32"]}), BadHeaderError, "differ in length"),
        (smlm({"shape": [1, 0, 1, 1]}), BadHeaderError, "shape"),
        (smlm({"shape": [1, [[3]], 1, 1]}), BadHeaderError, "TypeError"),
        (smlm({"headers": ["frame", "x", "x", "n"]}), BadHeaderError, "one name"),
        (smlm({"headers": ["frame", "u", "y", "n"]}), MissingColumnError, "'x'"),
        (smlm({"headers": ["t", "x", "y", "n"]}), MissingColumnError, "'frame'"),
        (smlm({"units": ["", "furlong", "", ""]}), UnknownUnitError, "'furlong'"),
        (smlm(file={"offset": {"frame": 0.5}}), BadCellError, "row 1, column 'frame': '16.5'"),
        (smlm(file={"offset": {"x": float("nan")}}), BadCellError, "row 1, column 'x'"),
        (zipped({"manifest.json": b"[" * 9999}), BadHeaderError, "no JSON"),
        (zipped({"manifest.json": b"[]"}), BadHeaderError, "no JSON object"),
        (zipped({"a.csv": b"x"}), ForeignFormatError, "it holds 'a.csv'"),
        (zipped({"[Content_Types].xml": b"x"}), ForeignFormatError, "Excel"),
        (smlm()[:-30], DamagedFileError, "zip archive"),
    ],
)
def test_archives_that_are_refused(data: bytes, error: Any, says: str) -> None:
    assert_refuses(data, error=error, says=(says,))


def test_an_archive_that_was_packed_to_nothing_is_refused_before_it_is_unpacked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = 2**16
    bomb = smlm(file={"rows": rows}, rows=bytes(18 * rows))
    assert len(bomb) < 2**12
    assert_refuses(bomb, error=SingleFrameError)  # up to 64 MB nothing is harmful
    monkeypatch.setattr("annapalm.read.arrays.FREE_BYTES", 2**20)
    assert_refuses(bomb, error=UnsafeContentError, says=("more than 200 times",))
    many = zipped({f"{i}": b"" for i in range(10_001)} | {"manifest.json": b"{}"})
    assert_refuses(many, error=UnsafeContentError, says=("more than 10,000 files",))
    monkeypatch.undo()
    long = zipped({"manifest.json": bytes(2**24 + 1)}, zipfile.ZIP_STORED)
    assert_refuses(long, error=UnsafeContentError, says=("16,777,217",))
    other = zipped({"manifest.json": b"{}"}, zipfile.ZIP_LZMA)
    assert_refuses(other, error=UnsafeContentError, says=("packed by method 14",))
    locked = bytearray(zipped({"manifest.json": b"{}"}))
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    assert_refuses(bytes(locked), error=UnsafeContentError, says=("encrypted",))


def test_an_archive_whose_bytes_changed_is_damaged() -> None:
    data = bytearray(zipped({"manifest.json": b"{}" + b" " * 50}, zipfile.ZIP_STORED))
    data[60] ^= 1
    assert_refuses(bytes(data), error=DamagedFileError, says=("CRC",))


def arrow(columns: dict[str, Any], **more: Any) -> bytes:
    """Make a Parquet file."""
    stream = io.BytesIO()
    parquet.write_table(pa.table(columns), stream, **more)
    return stream.getvalue()


XYF: dict[str, Any] = {"frame": [16, 17], "x [um]": [1.5, 2.5], "y [nm]": [3400.25, 4]}


def test_a_point_of_parquet() -> None:
    found = table(arrow(XYF | {"photons": [900, None], "more": ["a", "b"]}))
    assert found.format == "parquet"
    assert_localization(found.localizations, frame=16, x_nm=1500, y_nm=3400.25, photons=900)
    assert found.unused_columns == ("more",)
    assert not found.origin_known
    assert "1 of 2 cells hold no number" in found.localizations.notes[1]


def test_columns_of_parquet_may_be_named_and_times_ranked() -> None:
    data = arrow({"a": [2.5, 1.5], "b": [1.0, 2], "c": [3, 4], "skip": [0, 0]})
    by_name = table(data, columns=("x=b", "y=c", "time=a"), unit="nm")
    assert by_name.localizations.frame.tolist() == [1, 0]
    by_order = table(data, columns=("x", "y", "frame", "-"), unit="nm")
    assert_localization(by_order.localizations, x_nm=2.5, y_nm=1, frame=3)
    assert_refuses(data, error=ColumnsNeededError, columns=("x", "y", "frame"), unit="nm",
                   says=("4 columns",))  # fmt: skip
    assert_refuses(data, error=MissingColumnError, says=("no column 'x'",))
    assert_refuses(arrow({"x": [1.0], "y": [1.0], "frame": [1]}), error=UnknownUnitError)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"x [um]": ["a", "b"]}, BadArrayError, "'string', not numbers"),
        ({"x [um]": [[1.0], [2.0]]}, BadArrayError, "not numbers"),
        ({"x [um]": [1.0, None]}, BadCellError, "row 2, column 'x [um]'"),
        ({"frame": [None, 3]}, BadCellError, "row 1, column 'frame'"),
        ({"frame": [1.5, 3.0]}, BadCellError, "'1.5' is not a whole"),
        ({"frame": [-1, 3]}, BadCellError, "negative"),
        ({"x [nm]": [1, 2]}, RepeatedColumnError, "several columns for 'x'"),
    ],
)
def test_tables_of_parquet_that_are_refused(change: Any, error: Any, says: str) -> None:
    assert_refuses(arrow(XYF | change), error=error, says=(says,))


def test_a_parquet_file_of_many_rows_and_few_bytes_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("annapalm.read.arrays.FREE_BYTES", 2**20)
    rows = np.zeros(2**18, np.int8)
    bomb = arrow({"frame": rows, "x [nm]": rows, "y [nm]": rows})
    assert_refuses(bomb, error=UnsafeContentError, says=("more than 200 times",))


def test_parquet_in_parts_empty_and_cut_off() -> None:
    assert table(arrow({name: np.zeros(0) for name in XYF})).rows == 0
    many = {"frame": range(100), "x [nm]": range(100), "y [nm]": range(100)}
    found = table(arrow(many, row_group_size=7))
    assert found.localizations.x_nm.tolist() == list(range(100))
    data = (DATA / "table.parquet").read_bytes()
    for end in (4, 100, len(data) // 2, len(data) - 1):
        assert_refuses(data[:end], error=DamagedFileError, says=("Parquet",))


@pytest.mark.parametrize(
    ("package", "name", "extra"),
    [("h5py", "picasso.hdf5", "hdf5"), ("h5py", "smap_sml.mat", "hdf5"),
     ("pyarrow", "table.parquet", "parquet")],
)  # fmt: skip
def test_without_the_extra_the_message_names_it(package: str, name: str, extra: str) -> None:
    # None in sys.modules makes an import fail as it does where nothing is installed.
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from pathlib import Path\n"
        "from annapalm import AnnaPalmError\n"
        "from annapalm.read import TableOptions\n"
        "from annapalm.read.registry import read_here\n"
        f"try: read_here(Path({str(DATA / name)!r}), TableOptions())\n"
        "except AnnaPalmError as error: print(error, isinstance(error, ImportError))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f'pip install "annapalm[{extra}]". True' in done.stdout
