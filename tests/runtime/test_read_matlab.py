"""MATLAB files: SMAP's localizations, anything else by name, and bytes that lie."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import h5py
import numpy as np
import pytest
from read_words import DATA, assert_localization, assert_refuses, source, table
from scipy.io import savemat

from annapalm.read import mat, mat5
from annapalm.read.errors import (
    BadCellError,
    MissingColumnError,
    SeveralChannelsError,
    UnitContradictsError,
    UnknownUnitError,
)
from annapalm.read.format_errors import (
    BadArrayError,
    CameraPixelContradictsError,
    ColumnsNeededError,
    DamagedFileError,
    SeveralTablesError,
    UnsafeContentError,
)

LOC = {"frame": [17.0, 18.0], "xnm": [1200.5, 2.0], "ynm": [3400.25, 4.0]}
BY_NAME: dict[str, Any] = {"columns": ("x=d.x", "y=d.y", "frame=d.f"), "unit": "nm"}


def version7(variables: dict[str, Any], *, packed: bool = True) -> bytes:
    """Save as MATLAB 7 does, or 6."""
    stream = io.BytesIO()
    savemat(stream, variables, do_compression=packed)
    return stream.getvalue()


def version73(arrays: dict[str, Any], kind: str = "double") -> bytes:
    """Save as MATLAB 7.3 does."""
    stream = io.BytesIO()
    with h5py.File(stream, "w", userblock_size=512) as file:
        for name, values in arrays.items():
            file[name] = values
            file[name].attrs["MATLAB_class"] = np.bytes_(kind)
            if np.size(values) == 0 or (np.ndim(values) == 1 and 0 in np.ravel(values)):
                file[name].attrs["MATLAB_empty"] = 1
    data = bytearray(stream.getvalue())
    data[:128] = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM"
    return bytes(data)


def smap(more: dict[str, Any] | None = None, *, hdf5: bool = False, info: Any = None) -> bytes:
    """Make a table of SMAP with two rows."""
    loc = {name: np.asarray(values)[:, None] for name, values in (LOC | (more or {})).items()}
    if hdf5:
        return version73({f"saveloc/loc/{name}": values.T for name, values in loc.items()})
    return version7({"saveloc": {"loc": loc, "file": {"info": info or {"a": 1.0}}}})


@pytest.mark.parametrize("hdf5", [False, True], ids=["version 7", "version 7.3"])
def test_a_point_of_smap(hdf5: bool) -> None:  # noqa: FBT001 - a parameter of the test
    more = {"znm": [5.0, 6], "phot": [900.0, 1], "locprecnm": [11.0, 12], "channel": [0.0, 0]}
    found = table(smap(more, hdf5=hdf5))
    assert found.format == "smap"
    assert_localization(
        found.localizations,
        frame=16, x_nm=1200.5, y_nm=3400.25, z_nm=5, photons=900, precision_nm=11, channel=0,
    )  # fmt: skip
    assert not found.origin_known
    assert found.units == dict.fromkeys(("x", "y", "z", "precision"), "nm")


def test_the_camera_pixel_of_smap_is_that_of_its_info() -> None:
    info = {"cam_pixelsize_um": np.array([[0.13, 0.13]]), "roi": np.array([0, 0, 64, 48])}
    assert table(smap(info=info)).camera_pixel_nm == 130
    assert_refuses(smap(info=info), error=CameraPixelContradictsError, camera_pixel_nm=100.0)
    oblong = {"cam_pixelsize_um": np.array([[0.13, 0.12]])}
    assert table(smap(info=oblong)).camera_pixel_nm is None


def test_several_files_and_channels_of_smap_are_questions() -> None:
    assert table(smap({"filenumber": [2.0, 2]})).rows == 2
    assert_refuses(
        smap({"filenumber": [1.0, 2]}), error=SeveralTablesError,
        says=("several files in 'filenumber' ('1', '2')",),
    )  # fmt: skip
    assert_refuses(smap({"channel": [1.0, 2]}), error=SeveralChannelsError, says=("row 2",))


def test_only_a_grouped_table_of_smap_is_merged() -> None:
    grouped = table(smap({"groupindex": [1.0, 2], "numberInGroup": [3.0, 1]}))
    assert grouped.merged_rows == 1
    ungrouped = table(smap({"groupindex": [1.0, 1], "numberInGroup": [2.0, 2]}))
    assert ungrouped.merged_rows is None


def test_tables_of_smap_that_are_refused() -> None:
    assert_refuses(smap({"frame": [0.0, 1]}), says=("row 1, column 'frame'", "--first-frame 0"))
    assert_refuses(smap({"xnm": [np.nan, 1]}), error=BadCellError, says=("row 1",))
    assert_refuses(smap({"xnm": [1.0]}), error=BadArrayError, says=("'xnm' has 1",)[:0])
    assert_refuses(smap(), error=UnitContradictsError, unit="um")
    without = version7({"saveloc": {"loc": {"xnm": [1.0], "frame": [1.0]}}})
    assert_refuses(without, error=MissingColumnError, says=("'ynm'", "'saveloc.loc'"))
    assert_refuses(version7({"saveloc": 1.0}), error=MissingColumnError)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("dtype", ["f8", "f4", "i2", "u1", "i8", ">f8"])
def test_numbers_of_every_kind_are_read(packed: bool, dtype: str) -> None:  # noqa: FBT001
    values = np.array([1, 2, 3]).astype(dtype)
    data = version7({"d": {"x": values, "y": values[:, None], "f": values}}, packed=packed)
    found = table(data, **BY_NAME)
    assert found.format == "matlab"
    assert found.localizations.x_nm.tolist() == [1, 2, 3]
    assert found.localizations.frame.tolist() == [1, 2, 3]


def test_files_of_machines_with_the_other_byte_order_are_read() -> None:
    # double, 1 x 2, 'x', [3.5, 4.5] by hand, big endian
    flags = struct.pack(">IIII", 6, 8, 6, 0)
    shape = struct.pack(">IIii", 5, 8, 1, 2)
    name = struct.pack(">HH4s", 1, 1, b"x\0\0\0")
    content = flags + shape + name + struct.pack(">IIdd", 9, 16, 3.5, 4.5)
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\1\0MI"
    data = header + struct.pack(">II", 14, len(content)) + content
    node = mat5.load(source(b"a").path, io.BytesIO(data))["x"]
    assert isinstance(node, mat5.Numbers)
    assert node.array().tolist() == [[3.5, 4.5]]


def test_a_column_of_a_matrix_is_named_by_its_number() -> None:
    matrix = np.array([[1.0, 20, 7, 3], [2.0, 30, 8, 4]])
    data = version7({"D": matrix, "other": np.zeros((2, 3))})
    found = table(data, columns=("y=D:1", "x=D:2", "frame=D:3"), unit="um")
    assert_localization(found.localizations, x_nm=20_000, y_nm=1000, frame=7)
    assert found.unused_columns == ("other",)
    by_order = table(data, columns=("y", "x", "frame", "-"), unit="um")
    assert_localization(by_order.localizations, x_nm=20_000, y_nm=1000, frame=7)
    for wrong in ("D:5", "D:0", "E:1", "other"):
        assert_refuses(data, columns=(f"x={wrong}", "y=D:1", "frame=D:3"), unit="nm")
    two = version7({"a": matrix, "b": matrix})
    assert_refuses(
        two, error=ColumnsNeededError, columns=("x", "y", "frame", "-"), unit="nm",
        says=("2 matrices of 4 columns", "'a (2 x 4)', 'b (2 x 4)'"),
    )  # fmt: skip


def test_a_matrix_of_version_73_is_turned_back() -> None:
    matrix = np.array([[1.0, 20, 7], [2.0, 30, 8]])
    data = version73({"D": matrix.T})
    found = table(data, columns=("y", "x", "frame"), unit="nm")
    assert found.localizations.x_nm.tolist() == [20, 30]
    struct_ = version73({"d/x": [[1.0, 2]], "d/y": [[1.0], [2]], "d/f": [[7.0, 8]]})
    assert table(struct_, **BY_NAME).localizations.frame.tolist() == [7, 8]


def test_times_become_frames_only_by_name() -> None:
    data = version7({"d": {"x": [1.0, 2, 3, 4], "y": [1.0, 2, 3, 4], "t": [0.5, -1, 0.5, 2]}})
    found = table(data, columns=("x=d.x", "y=d.y", "time=d.t"), unit="nm")
    assert found.localizations.frame.tolist() == [1, 0, 1, 2]
    assert found.first_frame is None
    assert "3 distinct times, -1 to 2, were taken as consecutive" in found.localizations.notes[1]
    assert_refuses(data, columns=("x=d.x", "y=d.y", "frame=d.t"), unit="nm", says=("'0.5'",))
    bad = version7({"d": {"x": [1.0], "y": [1.0], "t": [np.nan]}})
    assert_refuses(
        bad, columns=("x=d.x", "y=d.y", "time=d.t"), unit="nm", error=BadCellError, says=("row 1",)
    )


def test_a_text_with_times_is_read_in_the_same_way() -> None:
    found = table("x,y,t\n1,2,0.25\n3,4,0.125\n", columns=("x=x", "y=y", "time=t"), unit="nm")
    assert found.localizations.frame.tolist() == [1, 0]
    by_order = table("1 2 0.25\n3 4 0.125\n", columns=("x", "y", "time"), unit="nm")
    assert by_order.localizations.frame.tolist() == [1, 0]
    assert_refuses("x,y,time\n1,2,0.25\n", unit="nm")  # unasked, times are no frames


def test_a_file_without_columns_is_answered_with_what_is_in_it() -> None:
    data = version7({"d": {"x": np.zeros((1, 7)), "name": "abc", "c": np.array([1j])}})
    message = assert_refuses(data, error=ColumnsNeededError, says=("--columns", "'d.x (1 x 7)'"))
    assert "name" not in message.split("Say which")[0]
    assert "d.c'" not in message
    assert "d.c " not in message
    for hdf5 in (version73({"q": [[1.0]]}), version73({"q": [[1.0]]}, kind="cell")):
        assert_refuses(hdf5, error=ColumnsNeededError)


def test_arrays_that_are_no_columns() -> None:
    data = version7({"d": {"x": np.zeros((2, 2)), "y": [1.0, 2], "f": [1.0, 2]}})
    assert_refuses(data, error=BadArrayError, says=("it is 2 x 2", "d.x:1"), **BY_NAME)
    cube = version7({"d": {"x": np.zeros((2, 1, 2)), "y": [1.0, 2], "f": [1.0, 2]}})
    assert_refuses(cube, error=BadArrayError, says=("2 x 1 x 2",), **BY_NAME)
    uneven = version7({"d": {"x": [1.0, 2], "y": [1.0], "f": [1.0, 2]}})
    assert_refuses(uneven, error=BadArrayError, says=("it has 1 values",), **BY_NAME)
    unitless = version7({"d": {"x": [1.0], "y": [1.0], "f": [1.0]}})
    assert_refuses(unitless, error=UnknownUnitError, columns=BY_NAME["columns"])
    for words in ("abc", np.array(["a", "b"], object), [{"a": 1}, {"a": 2}]):
        other = version7({"d": {"x": words, "y": [1.0], "f": [1.0]}})
        assert_refuses(other, error=MissingColumnError, says=("'d.x'",), **BY_NAME)


def test_an_empty_table_of_matlab_is_a_table() -> None:
    empty = np.zeros((0, 1))
    for data in (
        version7({"d": {"x": empty, "y": empty, "f": empty}}),
        version73(dict.fromkeys(("d/x", "d/y", "d/f"), np.array([0, 1], np.uint64))),
    ):
        assert table(data, **BY_NAME).rows == 0


def test_a_struct_array_and_empty_parts_are_passed_over() -> None:
    array = np.zeros((2,), [("x", "O")])
    array["x"] = [np.array([1.0]), np.array([2.0])]
    data = version7({"s": array, "d": {"x": [1.0], "y": [1.0], "f": [1.0]}, "e": {}})
    assert table(data, **BY_NAME).rows == 1


@pytest.mark.parametrize("name", ["smap7_sml.mat", "struct.mat", "matrix.mat"])
def test_a_file_that_was_cut_off_is_damaged(name: str) -> None:
    data = (DATA / name).read_bytes()
    for end in (130, 140, 200, len(data) // 2, len(data) - 1):
        assert_refuses(data[:end], error=DamagedFileError, says=("MATLAB file",))


def test_a_variable_that_unpacks_to_too_much_is_refused_before_it_is_unpacked() -> None:
    flags, shape = struct.pack("<4I", 6, 8, 6, 0), struct.pack("<2I2i", 5, 8, 1, 1)
    start = flags + shape + struct.pack("<HH4s", 1, 1, b"x")
    bomb = zlib.compress(struct.pack("<II", 14, 2**27) + start + bytes(2**20))
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM"
    data = header + struct.pack("<II", 15, len(bomb)) + bomb
    assert_refuses(data, error=UnsafeContentError, says=("134,217,728", "more than 200 times"))
    giant = zlib.compress(struct.pack("<II", 14, 2**32 - 1) + start)
    data = header + struct.pack("<II", 15, len(giant)) + giant
    assert_refuses(data, error=UnsafeContentError, says=("-v7.3",))


@pytest.mark.parametrize(
    ("variables", "stored", "other", "says"),
    [
        ({"d": np.ones((3, 2))}, (6, 8), 5, "no flags"),
        ({"d": np.ones((3, 2))}, (5, 8), 9, "no shape"),
        ({"a_name": np.ones((3, 2))}, (1, 6), 7, "a name of the type 7"),
        ({"d": {"long_field": 1.0}}, (1, 11), 9, "no field names"),
    ],
)
def test_an_array_that_is_described_with_other_types_is_damaged(
    variables: dict[str, Any], stored: tuple[int, int], other: int, says: str
) -> None:
    data = bytearray(version7(variables, packed=False))
    data[data.index(struct.pack("<2I", *stored))] = other
    assert_refuses(bytes(data), error=DamagedFileError, says=(says,))


def test_structs_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    inner: dict[str, Any] = {"x": 1.0}
    for _ in range(20):
        inner = {"s": inner}
    assert_refuses(version7(inner), error=UnsafeContentError, says=("nested deeper than 16",))
    monkeypatch.setattr(mat5, "MAX_NODES", 100)
    wide = np.zeros((50,), [("a", "O"), ("b", "O")])
    assert_refuses(version7({"w": wide}), error=UnsafeContentError, says=("too many parts",))


def test_only_numbers_are_ever_made_of_a_matlab_file() -> None:
    data = version7({"d": {"x": [1.0], "c": np.array([1, "a"], object), "s": "text"}})
    with mat.opened(source(data)) as variables:
        assert variables.shapes() == {"d.x": (1, 1)}
        assert variables.array("d.c") is None
        assert variables.array("d.s") is None
