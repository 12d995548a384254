"""What the user may say about a table, checked before any file is opened."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, get_args

import pytest
from read_words import source

from annapalm.errors import AnnaPalmError, InvalidValueError
from annapalm.read import FormatName, TableOptions, Unit
from annapalm.read.columns import parse_columns
from annapalm.read.errors import ColumnsOptionError, OptionsContradictError
from annapalm.read.registry import format_module


def test_nothing_said_is_fine() -> None:
    assert TableOptions() == TableOptions(format=None, columns=None, unit=None)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"format": "excel"},
            f"format is 'excel', but it must be one of {', '.join(get_args(FormatName))}.",
        ),
        ({"unit": "mm"}, "unit is 'mm', but it must be one of nm, um, px."),
        ({"camera_pixel_nm": 0.0}, "camera_pixel_nm is 0.0"),
        ({"camera_pixel_nm": float("nan")}, "camera_pixel_nm is nan"),
        ({"field_nm": (100.0, -1.0)}, "field_nm is"),
        ({"field_nm": (100.0, float("inf"))}, "field_nm is"),
        ({"first_frame": -1}, "first_frame is -1"),
    ],
)
def test_values_that_cannot_be_are_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        TableOptions(**options)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"unit": "px"}, "--unit px needs the size of a camera pixel. Add --camera-pixel NM."),
        (
            {"format": "thunderstorm", "columns": ("x", "y", "frame")},
            "delimited, matlab, parquet, and --format says thunderstorm. Leave one out.",
        ),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: Any, says: str) -> None:
    with pytest.raises(OptionsContradictError) as caught:
        TableOptions(**options)
    assert str(caught.value).endswith(says)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (("x", "y"), "frame missing"),
        (("frame",), "x and y missing"),
        (("x", "y", "t", "frame"), "'t' is none of x, y, z, frame, time, "),
        (("x", "x", "y", "frame"), "'x' is named more than once"),
        (("x", "y", "time", "frame"), "'time' stands in the place of 'frame'"),
        (("x=a", "y", "frame"), "do not go together"),
        (("x=a", "y=b", "frame="), "a name of the file is missing"),
        (("x=a", "y=a", "frame=c"), "'a' cannot be two quantities"),
        (("x=a", "y=b", "-=c"), "'-' is none of"),
        (("x", "", "y", "frame"), "one name is empty"),
        ((), "x and y and frame missing"),
    ],
)
def test_columns_that_cannot_be_understood_are_refused(columns: Any, says: str) -> None:
    with pytest.raises(ColumnsOptionError) as caught:
        TableOptions(columns=columns)
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"--columns {','.join(columns)}: ")


def test_columns_in_file_order() -> None:
    choice = parse_columns(("y", "x", "-", " z ", "_", "frame"))
    assert choice.in_order == ("y", "x", None, "z", None, "frame")
    assert not choice.by_name


def test_columns_by_the_names_of_the_file() -> None:
    choice = parse_columns(("x=Xc", " y = Position Y [nm] ", "frame=a=b"))
    named = [("x", "Xc"), ("y", "Position Y [nm]"), ("frame", "a=b")]
    assert list(choice.by_name.items()) == named
    assert not choice.in_order


def test_every_format_is_one_module_of_its_name() -> None:
    for name in get_args(FormatName):
        module = format_module(name)
        assert name == module.NAME
        for content in (b"", b"\xff\x00\n\n", b"\n", b"#", b'"', b",", b"\t;"):
            assert module.matches(source(content)) is False


def test_every_unit_is_read() -> None:
    for unit in get_args(Unit):
        assert TableOptions(unit=unit, camera_pixel_nm=100).unit == unit


def test_options_are_made_without_loading_numpy() -> None:
    code = (
        "import sys; from annapalm.read import TableOptions, is_counts_image; "
        "TableOptions(columns=('x', 'y', 'frame')); "
        "sys.exit(','.join({'numpy', 'tifffile', 'onnxruntime'} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_mistake_is_an_error_of_annapalm() -> None:
    assert issubclass(ColumnsOptionError, AnnaPalmError)
    assert issubclass(ColumnsOptionError, ValueError)
