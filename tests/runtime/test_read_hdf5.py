"""HDF5 tables of Picasso and DECODE: their zero, their metadata, and what is not followed."""

from __future__ import annotations

import io
import json
import shutil
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
from read_words import DATA, assert_localization, assert_refuses, table

from annapalm.read import ReadError, TableOptions, read_table
from annapalm.read.arrays import collect
from annapalm.read.errors import (
    BadCellError,
    CameraPixelMissingError,
    FirstFrameError,
    ForeignFormatError,
    MissingColumnError,
    SingleFrameError,
    TooManyRowsError,
    UnitContradictsError,
    UnreadableFileError,
)
from annapalm.read.format_errors import (
    BadArrayError,
    BadHeaderError,
    CameraPixelContradictsError,
    DamagedFileError,
    SidecarError,
    UnsafeContentError,
    UntestedVersionError,
)
from annapalm.read.registry import read_here

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from annapalm.read.rows import Rows

INFO: list[dict[str, Any]] = [{"Width": 64, "Height": 48}, {"Pixelsize": 130}]


def hdf5(write: Callable[[h5py.File], object]) -> bytes:
    """Make an HDF5 file in memory."""
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        write(file)
    return stream.getvalue()


def picasso(
    info: object = INFO, rows: int = 2, extra: dict[str, Any] | None = None, **storage: Any
) -> bytes:
    """Make a table of Picasso: frames 7, 8, ..., x 9.5 px, y 19.5 px, unless `extra` says else."""
    values: dict[str, Any] = {
        "frame": np.arange(7, 7 + rows, dtype=np.uint32),
        "x": np.full(rows, 9.5, np.float32),
        "y": np.full(rows, 19.5, np.float32),
        "lpx": np.full(rows, 0.1, np.float32),
        "lpy": np.full(rows, 0.2, np.float32),
    } | (extra or {})
    values = {name: np.asarray(v) for name, v in values.items() if v is not None}
    locs = np.zeros(rows, [(name, v.dtype) for name, v in values.items()])
    for name, column in values.items():
        locs[name] = column

    def write(file: h5py.File) -> None:
        file.create_dataset("locs", data=locs, **storage)
        if info is not None:
            file["metadata"] = json.dumps(info)

    return hdf5(write)


def decode(
    change: Callable[[h5py.File], object] | None = None,
    *,
    unit: str = "px",
    size: object = (110.0, 90.0),
    version: str = "v0.10.1",
) -> bytes:
    """Make a table of DECODE with three rows."""

    def write(file: h5py.File) -> None:
        file.create_group("meta").attrs["xy_unit"] = unit
        if size is not None:
            file["meta"].attrs["px_size"] = size
        file.create_group("decode").attrs["version"] = version
        data = file.create_group("data")
        data["xyz"] = np.array([[30, 10, -55], [31, 11, 0], [32, 12, 9]], np.float32)
        data["frame_ix"] = np.array([16, 17, 18])
        data["phot"] = np.array([900, 901, 902], np.float32)
        data["xyz_sig"] = np.full((3, 3), 0.1)
        data.create_dataset("xyz_cr", data=h5py.Empty("f"))
        if change is not None:
            change(file)

    return hdf5(write)


def replaced(name: str, value: object) -> Callable[[h5py.File], None]:
    """Give a change that puts another array in the place of one."""

    def change(file: h5py.File) -> None:
        del file[name]
        if value is not None:
            file[name] = value

    return change


def test_a_point_of_picasso() -> None:
    found = table(picasso(extra={"z": np.array([5.0, 6.0]), "photons": np.array([900, 1])}))
    assert found.format == "picasso"
    assert_localization(
        found.localizations,
        frame=7, x_nm=1300, y_nm=2600, z_nm=5, photons=900,
    )  # fmt: skip
    assert found.localizations.precision_nm == pytest.approx([0.15 * 130] * 2)
    assert found.origin_known
    assert found.camera_pixel_nm == 130
    assert found.localizations.field_nm == (64 * 130, 48 * 130)
    assert found.units == dict.fromkeys(("x", "y", "precision", "precision_y"), "px") | {"z": "nm"}


def test_the_pixel_of_picasso_is_that_beside_the_table_then_that_inside_then_that_of_the_user(
    tmp_path: Path,
) -> None:
    path = tmp_path / "cell.hdf5"
    path.write_bytes(picasso())
    assert read_table(path).camera_pixel_nm == 130
    sidecar = path.with_suffix(".yaml")
    sidecar.write_text("Width: 64\n---\nPixelsize: 99  # of the sample\nHeight: 1e3\n")
    found = read_table(path)
    assert found.camera_pixel_nm == 99
    assert found.localizations.field_nm == (64 * 99, 99_000)
    assert "The camera pixel, 99 nm, is that of cell.yaml." in found.remarks
    sidecar.write_text("Width: 64\n")
    assert read_table(path).camera_pixel_nm == 130
    path.write_bytes(picasso(None))
    with pytest.raises(CameraPixelMissingError, match="--camera-pixel"):
        read_table(path)
    told = read_table(path, TableOptions(camera_pixel_nm=100))
    assert_localization(told.localizations, x_nm=1000, y_nm=2000)
    sidecar.write_text("Pixelsize: 99\n")
    assert read_table(path, TableOptions(camera_pixel_nm=99.05)).camera_pixel_nm == 99
    with pytest.raises(CameraPixelContradictsError, match="99 nm, not 100 nm as asked for"):
        read_table(path, TableOptions(camera_pixel_nm=100))


@pytest.mark.parametrize(
    "line",
    ["Pixelsize: !!python/object/apply:os.system ['touch hacked']", "Pixelsize: &a 130",
     "Pixelsize: '130'", "Pixelsize: -3", "Pixelsize: .nan", "Pixelsize: 0", "Pixelsize: 1_30",
     "Pixelsize:   # none", "{Pixelsize: 130}", '"Pixelsize": 130'],
)  # fmt: skip
def test_metadata_that_are_not_as_picasso_writes_them_are_refused(
    tmp_path: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "cell.hdf5"
    path.write_bytes(picasso())
    path.with_suffix(".yaml").write_text(f"Width: 64\n{line}\n")
    with pytest.raises(SidecarError, match=r"cell\.yaml, line 2: .*--camera-pixel"):
        read_table(path)
    assert not (tmp_path / "hacked").exists()


def test_what_else_stands_in_the_metadata_of_picasso_is_not_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "cell.hdf5"
    path.write_bytes(picasso(None))
    path.with_suffix(".yaml").write_text(
        "Micro: !!python/object/apply:os.system ['x']\nROI:\n  Pixelsize: 7\n  - {a: *b}\n"
        "Text: 'a\n\n  Pixelsize: 8'\nPixelsize: 130\n---\nWidth: 2\n"
    )
    assert read_table(path).camera_pixel_nm == 130


def test_metadata_of_picasso_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "cell.hdf5"
    path.write_bytes(picasso())
    sidecar = path.with_suffix(".yaml")
    sidecar.mkdir()
    with pytest.raises(UnreadableFileError, match=r"cell\.yaml"):
        read_table(path)
    sidecar.rmdir()
    with sidecar.open("wb") as stream:
        stream.truncate(2**24 + 1)
    with pytest.raises(SidecarError, match="far too long"):
        read_table(path)
    for info in ({"Pixelsize": 3}, [{"Pixelsize": "x"}], [{"Pixelsize": True}], [{"Width": [3]}]):
        assert_refuses(picasso(info), error=SidecarError, says=("metadata",))
    assert_refuses(picasso([1, {}]), error=CameraPixelMissingError)


def test_a_type_where_data_should_be_is_refused() -> None:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file["locs"] = np.dtype([("x", "f4"), ("y", "f4"), ("frame", "i4")])
    says = ("column 'locs': it is a type without data",)
    assert_refuses(stream.getvalue(), error=BadArrayError, says=says)


def test_rows_of_picasso_that_were_linked_are_merged() -> None:
    found = table(picasso(extra={"len": np.array([1, 4]), "n": np.array([3, 1])}))
    assert found.merged_rows == 1
    assert found.columns["detections"] == "n"


@pytest.mark.parametrize(
    ("extra", "error", "says"),
    [
        ({"x": np.array([1, np.nan])}, BadCellError, "row 2, column 'x': 'nan' is not a finite"),
        ({"y": np.array([np.inf, 1])}, BadCellError, "row 1, column 'y': 'inf'"),
        ({"x": np.array([1e308, 1])}, BadCellError, "beyond all lengths"),
        ({"frame": np.array([7, 7.5])}, BadCellError, "row 2, column 'frame': '7.5' is not"),
        ({"frame": np.array([-1, 7])}, BadCellError, "negative"),
        ({"frame": np.array([2**60, 7])}, BadCellError, "larger than any number"),
        ({"frame": np.array([7, 7])}, SingleFrameError, "row 1, column 'frame': all 2"),
        ({"frame": None}, MissingColumnError, "no column 'frame'"),
        ({"x": np.array([b"a", b"b"])}, MissingColumnError, "no column 'x'"),
        ({"std_frame": np.array([1, 2])}, ForeignFormatError, "cluster centres"),
    ],
)  # fmt: skip
def test_rows_of_picasso_that_are_refused(extra: dict[str, Any], error: Any, says: str) -> None:
    assert_refuses(picasso(extra=extra), error=error, says=(says,))


def test_options_that_do_not_fit_picasso() -> None:
    assert_refuses(picasso(), error=UnitContradictsError, unit="nm", says=("in px, not in nm",))
    assert_refuses(picasso(), error=FirstFrameError, first_frame=8, says=("row 1",))
    found = table(picasso(), first_frame=7)
    assert found.localizations.frame.tolist() == [0, 1]
    assert not found.origin_known


def test_what_stands_in_the_place_of_picassos_table_is_named() -> None:
    group = hdf5(lambda file: file.create_group("locs"))
    assert_refuses(group, error=ForeignFormatError, says=("pandas", "save it there"))
    matrix = hdf5(lambda file: file.create_dataset("locs", data=np.zeros((3, 3))))
    assert_refuses(matrix, error=ForeignFormatError, says=("no table as Picasso saves it",))


def test_a_table_of_picasso_without_rows_is_a_table() -> None:
    found = table(picasso(rows=0))
    assert found.rows == 0
    assert "The table has no rows" in found.localizations.notes[-1]


def test_a_point_of_decode_has_its_axes_swapped_each_with_its_own_pixel() -> None:
    found = table(decode())
    assert found.format == "decode"
    assert_localization(
        found.localizations, frame=16, x_nm=10.5 * 90, y_nm=30.5 * 110, z_nm=-55, photons=900
    )
    assert found.localizations.precision_nm == pytest.approx([0.1 * 100] * 3)
    assert found.origin_known
    assert found.unused_columns == ("xyz_cr",)


def test_decode_in_nm_and_without_a_pixel_size() -> None:
    found = table(decode(unit="nm"))
    assert_localization(found.localizations, x_nm=10 + 45, y_nm=30 + 55)
    unshifted = table(decode(unit="nm", size=None))
    assert_localization(unshifted.localizations, x_nm=10, y_nm=30)
    assert not unshifted.origin_known
    assert_refuses(decode(size=None), error=CameraPixelMissingError, says=("group 'meta'",))


def test_photons_of_several_channels_are_no_column_and_of_one_are() -> None:
    two = table(decode(replaced("data/phot", np.ones((3, 2)))))
    assert two.localizations.photons is None
    assert "phot" in two.unused_columns
    one = table(decode(replaced("data/phot", np.full((3, 1), 5.0))))
    assert one.localizations.photons is not None
    assert one.localizations.photons.tolist() == [5, 5, 5]


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        (decode(version="0.11.0"), UntestedVersionError, "--format decode"),
        (decode(unit="mm"), BadHeaderError, "group 'meta'"),
        (decode(size=(0.0, 1.0)), BadHeaderError, "px_size"),
        (decode(replaced("data/xyz", np.zeros((3, 2)))), BadArrayError, "[3, 2]"),
        (decode(replaced("data/xyz", None)), BadArrayError, "no list of numbers"),
        (decode(replaced("data/xyz", [b"a"] * 3)), BadArrayError, "no list of numbers"),
        (decode(replaced("data/frame_ix", np.arange(2))), BadArrayError, "3 rows were expected"),
        (decode(replaced("data/frame_ix", np.array([1, 2.5, 3]))), BadCellError, "row 2"),
    ],
)
def test_tables_of_decode_that_are_refused(data: bytes, error: Any, says: str) -> None:
    assert_refuses(data, error=error, says=(says,))


def test_an_hdf5_file_of_another_program_is_named_by_what_is_in_it() -> None:
    other = hdf5(lambda file: file.create_dataset("tracks/x", data=[1.0]))
    assert_refuses(other, error=ForeignFormatError, says=("'tracks'", "Picasso, DECODE and SMAP"))
    assert_refuses(hdf5(lambda _: None), error=ForeignFormatError, says=("empty HDF5 file",))
    assert_refuses(
        other, error=ForeignFormatError, columns=("x", "y", "frame"), unit="nm",
        says=("an HDF5 file", "Leave out --format and --columns"),
    )  # fmt: skip
    assert_refuses("x,y\n", error=DamagedFileError, format="picasso", says=("HDF5",))


def _link(file: h5py.File) -> None:
    file["locs"] = h5py.ExternalLink("/etc/other.hdf5", "locs")


def _soft(file: h5py.File) -> None:
    file["locs"] = h5py.SoftLink("/locs")


def _outside(file: h5py.File) -> None:
    file.create_dataset("locs", (2,), [("x", "f4"), ("y", "f4"), ("frame", "i4")],
                        external=[("/etc/passwd", 0, 24)])  # fmt: skip


def _virtual(file: h5py.File) -> None:
    kind = np.dtype([("x", "f4"), ("y", "f4"), ("frame", "i4")])
    layout = h5py.VirtualLayout(shape=(2,), dtype=kind)
    layout[:] = h5py.VirtualSource("/etc/other.hdf5", "locs", shape=(2,), dtype=kind)
    file.create_virtual_dataset("locs", layout)


@pytest.mark.parametrize("write", [_link, _soft, _outside, _virtual])
def test_nothing_outside_the_file_is_followed(write: Callable[[h5py.File], None]) -> None:
    assert_refuses(hdf5(write), error=UnsafeContentError, says=("'",))


def test_filters_that_every_library_has_are_unpacked_and_others_are_not() -> None:
    for storage in ({"compression": "gzip"}, {"compression": "lzf"}, {"shuffle": True},
                    {"fletcher32": True}):  # fmt: skip
        assert table(picasso(rows=50, chunks=(10,), **storage)).rows == 50
    packed = hdf5(lambda file: file.create_dataset("locs", (50,), "f4,f4", scaleoffset=None,
                                                   chunks=(10,), compression=32004,
                                                   allow_unknown_filter=True))  # fmt: skip
    assert_refuses(packed, error=UnsafeContentError, says=("filter 32004", "deflate, shuffle"))


def test_a_table_that_was_packed_to_nothing_is_refused_before_it_fills_the_memory() -> None:
    # 8 GB of zeros, none of which was ever written.
    kind = np.dtype([("x", "f8"), ("y", "f8"), ("frame", "i8")])
    bomb = hdf5(lambda file: file.create_dataset("locs", (10**8,), kind, chunks=(10**5,)))
    assert_refuses(bomb, error=UnsafeContentError, says=("more than 200 times",))
    huge = hdf5(lambda file: file.create_dataset("locs", (10**12,), kind, chunks=(10**5,)))
    assert_refuses(huge, error=UnsafeContentError)


def test_more_rows_than_a_field_can_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annapalm.read.arrays.MAX_ROWS", 5)
    assert table(picasso(rows=5)).rows == 5
    assert_refuses(picasso(rows=6), error=TooManyRowsError, says=("row 6",))


def test_blocks_of_rows_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = table(picasso(rows=50))
    monkeypatch.setattr("annapalm.read.arrays.BLOCK_ROWS", 7)
    parts = table(picasso(rows=50))
    np.testing.assert_array_equal(parts.localizations.frame, whole.localizations.frame)
    bad = np.full(50, 1.0)
    bad[33] = np.nan
    assert_refuses(picasso(rows=50, extra={"x": bad}), error=BadCellError, says=("row 34",))


@pytest.mark.parametrize("name", ["picasso_embedded.hdf5", "decode.h5", "smap_sml.mat"])
def test_a_file_that_was_cut_off_is_damaged(name: str) -> None:
    data = (DATA / name).read_bytes()
    for share in (0.1, 0.5, 0.9, 0.99):
        try:
            found = table(data[: int(share * len(data))])
        except ReadError as error:
            assert "field.csv" in str(error)  # noqa: PT017 - the rest may be room at the end
        else:
            assert found.rows == 60
    assert_refuses(data[:1024], error=DamagedFileError, says=("was cut off",))


def test_a_file_that_changes_while_it_is_read_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cell.hdf5"
    shutil.copy(DATA / "picasso_embedded.hdf5", path)

    def slow(*args: Any) -> Rows:
        path.write_bytes(path.read_bytes() + b" ")
        return collect(*args)

    monkeypatch.setattr("annapalm.read.picasso.collect", slow)
    with pytest.raises(UnreadableFileError, match="it changed while it was read"):
        read_here(path, TableOptions())
