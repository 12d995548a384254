"""Delimited tables, whose columns and unit the user says."""

from __future__ import annotations

from typing import Any

import pytest
from read_words import assert_localization, assert_refuses, delimited, table

from annapalm.read.errors import (
    BadCellError,
    CellCountError,
    ColumnNumberError,
    EmptyFileError,
    FirstFrameError,
    HeaderContradictsError,
    LongHeaderError,
    MissingColumnError,
    NoHeaderError,
    RepeatedColumnError,
    SingleFrameError,
    UnitContradictsError,
    UnknownFormatError,
    UnknownUnitError,
)

IN_ORDER = ("y", "x", "-", "z", "frame")
EVENT_CAMERA = "# frame, x, y, Intensity\n0 89.5 54 742.0\n3 202.25 149 267.0\n"


def test_frames_start_at_zero_and_positions_are_taken_as_they_are() -> None:
    locs = delimited("40.0 105.0 7 -30 12\n", columns=IN_ORDER, unit="nm")
    assert_localization(locs, frame=12, x_nm=105.0, y_nm=40.0, z_nm=-30)


@pytest.mark.parametrize("mark", [" ", "   ", "\t", ",", ", ", ";", " ; ", " \t "])
def test_any_delimiter_is_found(mark: str) -> None:
    text = mark.join(["40.5", "105", "7", "-30", "12"]) + "\n" + mark.join("12345") + "\n"
    locs = delimited(text, columns=IN_ORDER, unit="um")
    assert_localization(locs, row=0, frame=12, x_nm=105_000, y_nm=40_500, z_nm=-30_000)
    assert_localization(locs, row=1, frame=5, x_nm=2000, y_nm=1000, z_nm=4000)


def test_leading_blanks_are_no_cell() -> None:
    assert len(delimited("   1  2  3\n  4  5  6\n", columns=("x", "y", "frame"), unit="nm")) == 2


def test_underscore_skips_too() -> None:
    locs = delimited("9,1,2,3\n9,1,2,4\n", columns=("_", "x", "y", "frame"), unit="nm")
    assert_localization(locs, row=1, frame=4, x_nm=1, y_nm=2)


def test_columns_without_header_are_called_by_number() -> None:
    found = table("1,2,3,4,5\n1,2,3,4,6\n", columns=IN_ORDER, unit="nm")
    assert found.columns == {"y": "1", "x": "2", "z": "4", "frame": "5"}
    assert found.unused_columns == ("3",)
    assert not found.origin_known
    assert found.line_of(1) == 2


def test_a_comment_header_with_other_delimiters_than_the_rows() -> None:
    wanted = {"frame": 3, "x_nm": 13_550.75, "y_nm": 9983}
    pixels = {"unit": "px", "camera_pixel_nm": 67}
    by_unit = table(EVENT_CAMERA, **pixels)
    by_order = table(EVENT_CAMERA, columns=("frame", "x", "y", "-"), **pixels)
    by_name = table(EVENT_CAMERA, columns=("x=X", "y=y", "frame=frame"), **pixels)
    for found in (by_unit, by_order, by_name):
        assert_localization(found.localizations, row=1, **wanted)
        assert found.columns["x"] == "x"
        assert found.unused_columns == ("Intensity",)
        assert found.camera_pixel_nm == 67
        assert found.line_of(0) == 2


def test_without_a_unit_it_is_a_question() -> None:
    assert_refuses(
        EVENT_CAMERA,
        error=UnknownFormatError,
        line=1,
        says=("names x, y and frame, but not the unit", "--unit px --camera-pixel NM"),
    )
    assert_refuses(
        EVENT_CAMERA,
        error=UnknownUnitError,
        line=1,
        says=("'x' has no unit", "--unit"),
        format="delimited",
    )


def test_numbers_without_names_are_a_question() -> None:
    assert_refuses(
        "1 2 3 4 5\n", error=UnknownFormatError, line=1, says=("row of 5 numbers", "--columns")
    )


def test_columns_are_found_by_the_names_of_the_file() -> None:
    text = "Channel Name\tX\tY\tXc\tYc\tFrame\n647\t9\t9\t105.5\t40\t7\n"
    locs = delimited(text, columns=("x=Xc", "y=yc", "frame=Frame"), unit="nm", first_frame=1)
    assert_localization(locs, frame=6, x_nm=105.5, y_nm=40)


def test_units_in_the_header_count_where_the_user_names_none() -> None:
    text = "Channel,Frame,X (nm),Y (nm),Z [um]\n0,5,105.5,40,0.3\n"
    by_name = delimited(text, columns=("x=X (nm)", "y=Y", "frame=Frame", "z=Z"))
    by_order = delimited(text, columns=("-", "frame", "x", "y", "z"))
    for locs in (by_name, by_order, delimited(text)):
        assert_localization(locs, frame=5, x_nm=105.5, y_nm=40, z_nm=300)


def test_a_whole_header_is_meant_before_a_part_of_one() -> None:
    text = "x [px],x [nm],y [nm],frame\n1,160,3,4\n"
    locs = delimited(text, columns=("x=x [nm]", "y=y", "frame=frame"))
    assert_localization(locs, x_nm=160)
    assert_refuses(
        text,
        error=RepeatedColumnError,
        line=1,
        columns=("x=x", "y=y", "frame=frame"),
    )


def test_upper_and_lower_case_count_where_they_make_the_difference() -> None:
    text = "x,X,y,frame\n1,2,3,4\n"
    locs = delimited(text, columns=("x=X", "y=y", "frame=frame"), unit="nm")
    assert_localization(locs, x_nm=2)


def test_a_plain_header_is_passed_over_when_columns_are_in_order() -> None:
    locs = delimited("a;b;c\n1;2;3\n2;3;4\n", columns=("x", "y", "frame"), unit="nm")
    assert locs.frame.tolist() == [3, 4]


def test_several_comment_lines_and_the_last_that_fits_is_the_header() -> None:
    text = "# made by hand\n#\n%  x   y   frame\n# units: none, I think\n1 2 3\n1 2 4\n"
    assert table(text, format="delimited", unit="nm").columns["frame"] == "frame"


def test_pixels_say_nothing_about_z() -> None:
    text = "frame,x,y,z\n1,2,3,400\n"
    locs = delimited(text, unit="px", camera_pixel_nm=100)
    assert locs.z_nm is None
    assert any("Column 'z' was not used: it has no unit." in note for note in locs.notes)


def test_precision_in_pixels() -> None:
    locs = delimited(
        "1 2 3 0.1\n", columns=("x", "y", "frame", "precision"), unit="px", camera_pixel_nm=100
    )
    assert_localization(locs, x_nm=100, precision_nm=10)


def test_comments_alone_are_an_empty_table() -> None:
    locs = delimited("# frame, x, y\n", unit="nm")
    assert len(locs) == 0
    assert any("no rows" in note for note in locs.notes)
    assert len(delimited("# some words\n", columns=("x", "y", "frame"), unit="nm")) == 0


def test_merged_rows_are_checked_where_the_user_names_the_column() -> None:
    text = "frame,x,y,Length\n1,1,1,3\n2,2,2,1\n"
    assert any("suggests that rows may be merged" in n for n in delimited(text, unit="nm").notes)
    columns = ("frame=frame", "x=x", "y=y", "detections=Length")
    notes = delimited(text, unit="nm", columns=columns).notes
    assert any("1 of 2 rows are merged" in note for note in notes)


def test_a_blank_behind_the_last_cell_is_no_cell() -> None:
    text = "frame,xnano,ynano,intensity \n1,2,3,4 \n"
    assert_localization(
        delimited(text, columns=("x=xnano", "y=ynano", "frame=frame"), unit="nm"), x_nm=2
    )


def test_a_delimiter_behind_every_row() -> None:
    assert len(delimited("1,2,3,\n4,5,6,\n", columns=("x", "y", "frame"), unit="nm")) == 2


# Refused


def test_a_word_in_the_first_row_is_not_taken_for_a_header() -> None:
    assert_refuses(
        "oops,105,40\n",
        error=BadCellError,
        line=1,
        column="1",
        says=("'oops'",),
        columns=("frame", "x", "y"),
        unit="nm",
    )


def test_a_comment_among_the_rows_is_refused() -> None:
    text = "# x y frame\n1 2 3\n# x y z\n1 2 4\n"
    assert_refuses(text, line=3, columns=("x", "y", "frame"), unit="nm")


def test_a_decimal_comma_is_shown() -> None:
    for mark in (" ", ";", "\t"):
        text = mark.join(("10,5", "3,25", "7")) + "\n"
        assert_refuses(
            text,
            line=1,
            column="1",
            says=("'10,5' has a decimal comma",),
            columns=("x", "y", "frame"),
            unit="nm",
        )


def test_more_or_fewer_cells_than_columns_named() -> None:
    for columns in (("x", "y", "frame"), ("x", "y", "-", "-", "frame")):
        assert_refuses(
            "1 2 3 4\n",
            error=ColumnNumberError,
            line=1,
            says=("4 cells", f"--columns names {len(columns)} columns"),
            columns=columns,
            unit="nm",
        )


def test_an_uneven_row_is_named() -> None:
    for mark in (" ", ","):
        text = "1 2 3\n" * 5 + "1 2\n" + "1 2 3\n"
        assert_refuses(
            text.replace(" ", mark),
            error=CellCountError,
            line=6,
            says=("2 cells, but the table has 3 columns",),
            columns=("x", "y", "frame"),
            unit="nm",
        )


def test_names_in_order_that_contradict_the_header() -> None:
    assert_refuses(
        "y,x,frame\n1,2,3\n",
        error=HeaderContradictsError,
        line=1,
        says=("column 1 is called 'y'", "--columns x=y"),
        columns=("x", "y", "frame"),
        unit="nm",
    )


def test_names_of_the_file_need_a_header() -> None:
    assert_refuses(
        "1 2 3\n",
        error=NoHeaderError,
        line=1,
        says=("'1 2 3' is a row of numbers", "--columns y,x,-,frame"),
        columns=("x=a", "y=b", "frame=c"),
        unit="nm",
    )


def test_a_name_that_is_not_there() -> None:
    assert_refuses(
        "a,b,c\n1,2,3\n",
        error=MissingColumnError,
        line=1,
        says=("no column 'Xc' among 'a', 'b', 'c'",),
        columns=("x=Xc", "y=b", "frame=c"),
        unit="nm",
    )


def test_a_unit_in_the_header_that_contradicts() -> None:
    assert_refuses(
        "x [nm];y [nm];T\n1;2;3\n",
        error=UnitContradictsError,
        line=1,
        says=("'x [nm]' is in nm, not in px",),
        columns=("x=x", "y=y", "frame=T"),
        unit="px",
        camera_pixel_nm=100,
    )


def test_frames_before_the_first() -> None:
    options: dict[str, Any] = {"columns": ("x", "y", "frame"), "unit": "nm"}
    assert_refuses("1 2 -3\n", error=BadCellError, line=1, column="3", **options)
    assert_refuses("1 2 3\n", error=FirstFrameError, line=1, column="3", first_frame=4, **options)
    assert delimited("1 2 4\n", first_frame=4, **options).frame.tolist() == [0]


def test_the_wrong_column_for_the_frame_shows_as_equal_frames() -> None:
    text = "1 2 647 1\n3 4 647 2\n"
    columns = ("x", "y", "frame", "-")
    assert_refuses(text, error=SingleFrameError, line=1, column="3", columns=columns, unit="nm")


def test_comments_without_end_are_not_searched_for_ever() -> None:
    text = "# nothing\n" * 10_000 + "1 2 3\n"
    assert_refuses(text, error=LongHeaderError, columns=("x", "y", "frame"), unit="nm")


def test_empty_comments_alone_are_an_empty_file() -> None:
    assert_refuses("#\n#\n", error=EmptyFileError, columns=("x", "y", "frame"), unit="nm")
