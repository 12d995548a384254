"""ThunderSTORM tables in all the variants seen in the wild."""

from __future__ import annotations

import numpy as np
import pytest
from read_words import assert_localization, assert_refuses, table, thunderstorm

from annapalm.read.errors import (
    BadCellError,
    CameraPixelMissingError,
    CellCountError,
    FirstFrameError,
    MissingColumnError,
    NotUtf8Error,
    RepeatedColumnError,
    SeveralChannelsError,
    SingleFrameError,
    UnitContradictsError,
    UnknownUnitError,
)

HEADER = '"id","frame","x [nm]","y [nm]","sigma [nm]","intensity [photon]","uncertainty [nm]"\n'


def test_frames_start_at_one_and_zero_is_the_corner_of_the_first_pixel() -> None:
    locs = thunderstorm('"frame","x [nm]","y [nm]"\n1,105.0,40.0\n')
    assert_localization(locs, row=0, frame=0, x_nm=105.0, y_nm=40.0)


def test_every_known_column_is_read() -> None:
    locs = thunderstorm(
        "frame,x [nm],y [nm],z [nm],intensity [photon],uncertainty_xy [nm],uncertainty_z [nm]\n"
        "12,105.5,40.25,-300,884.6,9.5,20\n"
    )
    assert_localization(
        locs, frame=11, x_nm=105.5, y_nm=40.25, z_nm=-300, photons=884.6, precision_nm=9.5
    )


def test_used_and_unused_columns_are_told_apart() -> None:
    found = table(HEADER + "1,1,10,20,120,900,9\n2,2,11,21,120,900,9\n")
    assert found.columns == {
        "x": "x [nm]",
        "y": "y [nm]",
        "frame": "frame",
        "precision": "uncertainty [nm]",
        "photons": "intensity [photon]",
    }
    assert found.unused_columns == ("id", "sigma [nm]")
    assert found.rows == 2
    assert found.origin_known
    assert found.localizations.notes == ()


@pytest.mark.parametrize(
    "header",
    [
        "frame,x [nm],y [nm]",
        '"frame","x [nm]","y [nm]"',
        'frame,"x [nm]",y [nm]',
        '"""frame""","""x [nm]""","""y [nm]"""',
        '"frame,x [nm],y [nm]"',
        "frame, x [nm], y [nm]",
        "frame,x[nm],y[nm]",
        "Frame,X [nm],Y [nm]",
        "\ufeffframe,x [nm],y [nm]",
        "\n\nframe,x [nm],y [nm]",
    ],
)
def test_headers_come_quoted_fully_partly_or_doubly(header: str) -> None:
    assert_localization(thunderstorm(f"{header}\n3,105,40\n"), frame=2, x_nm=105, y_nm=40)


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends(mark: str, end: str) -> None:
    lines = ["id;frame;x [nm];y [nm]", "1;3;105.5;40", "2;5;1e2;+4.5E1", ""]
    locs = thunderstorm(end.join(lines).replace(";", mark))
    assert len(locs) == 2
    assert_localization(locs, row=0, frame=2, x_nm=105.5, y_nm=40)
    assert_localization(locs, row=1, frame=4, x_nm=100, y_nm=45)


@pytest.mark.parametrize(
    ("unit", "factor"), [("nm", 1), ("um", 1000), ("µm", 1000), ("μm", 1000), ("px", 160)]
)
def test_units_in_brackets_are_converted(unit: str, factor: float) -> None:
    locs = thunderstorm(
        f"frame,x [{unit}],y [{unit}],uncertainty [{unit}]\n1,2,3,0.5\n", camera_pixel_nm=160
    )
    assert_localization(locs, x_nm=2 * factor, y_nm=3 * factor, precision_nm=factor / 2)


def test_quoted_cells_are_read() -> None:
    assert_localization(thunderstorm('frame,x [nm],y [nm]\n"2","1.5","3"\n'), frame=1, x_nm=1.5)


def test_float_frames_pass() -> None:
    assert_localization(thunderstorm("frame,x [nm],y [nm]\n2001.0,1,1\n"), frame=2000)


def test_the_smallest_frame_is_not_taken_for_the_first() -> None:
    locs = thunderstorm("frame,x [nm],y [nm]\n2001,1,1\n2300,1,1\n")
    assert locs.frame.tolist() == [2000, 2299]


def test_a_delimiter_at_the_end_of_rows_or_header_is_no_column() -> None:
    assert len(thunderstorm("frame,x [nm],y [nm]\n1,2,3,\n2,3,4,\n")) == 2
    assert len(thunderstorm("frame,x [nm],y [nm],\n1,2,3\n2,3,4\n")) == 2
    assert len(thunderstorm("frame,x [nm],y [nm],\n1,2,3,\n2,3,4,\n")) == 2


def test_an_unnamed_column_is_called_by_its_number() -> None:
    assert table(",frame,x [nm],y [nm]\n0,1,2,3\n").unused_columns == ("1",)


def test_blank_lines_are_passed_over_and_lines_still_known() -> None:
    found = table("frame,x [nm],y [nm]\n1,1,1\n\n  \n2,2,2\n3,3,3\n\n\n")
    assert found.rows == 3
    assert [found.line_of(row) for row in range(3)] == [2, 5, 6]


def test_a_header_alone_is_an_empty_table_and_says_so() -> None:
    for text in ("frame,x [nm],y [nm]", "frame,x [nm],y [nm]\n", "frame,x [nm],y [nm]\r\n\r\n"):
        locs = thunderstorm(text)
        assert len(locs) == 0
        assert any("no rows" in note for note in locs.notes)


# Not known, not photons, merged


def test_cells_that_are_not_known_become_nan_and_are_counted() -> None:
    locs = thunderstorm(
        HEADER
        + "1,1,10,20,120,NaN,9\n2,2,11,21,120,900,Infinity\n3,3,12,22,NaN,,-inf\n4,4,1,1,,∞,1\n"
    )
    np.testing.assert_equal(locs.photons, [np.nan, 900, np.nan, np.nan])
    np.testing.assert_equal(locs.precision_nm, [9, np.nan, np.nan, 1])
    assert [note[:65] for note in locs.notes] == [
        "Column 'uncertainty [nm]': 2 of 4 cells hold no number (NaN, infi",
        "Column 'intensity [photon]': 3 of 4 cells hold no number (NaN, in",
    ]


def test_counts_of_the_camera_are_not_photons() -> None:
    found = table("frame,x [nm],y [nm],intensity [ADU]\n1,1,1,900\n")
    assert found.localizations.photons is None
    assert "intensity [ADU]" in found.unused_columns
    assert "in 'ADU', not in photons" in found.localizations.notes[0]


def test_an_optional_length_without_unit_is_left_out_and_noted() -> None:
    text = "frame,x [nm],y [nm],uncertainty\n1,1,1,9\n"
    locs = thunderstorm(text)
    assert locs.precision_nm is None
    assert locs.notes == ("Column 'uncertainty' was not used: it has no unit.",)
    assert_localization(thunderstorm(text, unit="nm"), precision_nm=9)


def test_merged_rows_are_noted() -> None:
    locs = thunderstorm("frame,x [nm],y [nm],detections\n1,1,1,1\n2,2,2,3\n3,3,3,2\n")
    assert len(locs) == 3
    assert "2 of 3 rows are merged" in locs.notes[0]
    assert thunderstorm("frame,x [nm],y [nm],detections\n1,1,1,1\n2,2,2,1\n").notes == ()


def test_one_channel_is_kept_and_several_are_refused() -> None:
    header = "frame,x [nm],y [nm],channel\n"
    locs = thunderstorm(header + "1,1,1,2\n2,1,1,2\n")
    assert locs.channel is not None
    assert locs.channel.tolist() == [2, 2]
    assert_refuses(
        header + "1,1,1,2\n2,1,1,1\n3,1,1,1\n",
        error=SeveralChannelsError,
        line=3,
        column="channel",
        says=("'1', '2'", "--columns"),
    )


def test_the_field_comes_from_the_user() -> None:
    assert thunderstorm("frame,x [nm],y [nm]\n", field_nm=(3e4, 2e4)).field_nm == (3e4, 2e4)


# Refused


def test_a_word_where_a_number_belongs_is_named() -> None:
    message = assert_refuses(
        "frame,x [nm],y [nm]\n1,oops,40\n", error=BadCellError, line=2, column="x [nm]"
    )
    assert message == (
        "field.csv, line 2, column 'x [nm]': 'oops' is not a number. Correct the cell or export "
        "the table again. Nothing was read from this file."
    )


@pytest.mark.parametrize(
    ("row", "column", "says"),
    [
        ("1,NaN,40", "x [nm]", "'NaN' is not a finite number"),
        ("1,105,inf", "y [nm]", "'inf' is not a finite number"),
        ("1,105,1e400", "y [nm]", "'1e400' is not a finite number"),
        ("NaN,105,40", "frame", "'NaN' is not a finite number"),
        ("1,,40", "x [nm]", "'' is empty, and a number is needed here"),
        (",105,40", "frame", "'' is empty"),
        ("1,105,", "y [nm]", "'' is empty"),
        ("1.5,105,40", "frame", "'1.5' is not a whole number"),
        ("-1,105,40", "frame", "'-1' is negative"),
        ("1e300,105,40", "frame", "'1e300' is larger than any number of a frame"),
        ("1_000,105,40", "frame", "'1_000' is not a number"),
        ("0x10,105,40", "frame", "'0x10' is not a number"),
        ("1,\u0661\u0660,40", "x [nm]", "'\u0661\u0660' is not a number"),
        ('1,"105,5",40', "x [nm]", "'105,5' has a decimal comma"),
        ("1,105 nm,40", "x [nm]", "'105 nm' is not a number"),
        ("1,\x1f05,40", "x [nm]", r"'\x1f05' is not a number"),
    ],
)
@pytest.mark.parametrize("rows_before", [0, 3])
def test_a_bad_cell_is_named(row: str, column: str, says: str, rows_before: int) -> None:
    text = "frame,x [nm],y [nm]\n" + "7,1.0,2.0\n" * rows_before + row + "\n8,1,1\n"
    assert_refuses(text, line=rows_before + 2, column=column, says=(says, "Nothing was read"))


def test_a_bad_cell_in_a_column_not_used_does_no_harm() -> None:
    assert len(thunderstorm(HEADER + "oops,1,10,20,???,900,9\n")) == 1


def test_a_length_beyond_all_numbers_once_in_nm_is_refused() -> None:
    assert_refuses(
        "frame,x [um],y [um]\n1,1,1\n2,1,1e307\n", line=3, column="y [um]", says=("beyond",)
    )


def test_decimal_commas_behind_semicolons_are_shown() -> None:
    assert_refuses(
        "frame;x [nm];y [nm]\n1;105,5;40,25\n",
        line=2,
        column="x [nm]",
        says=("'105,5' has a decimal comma",),
    )


def test_decimal_commas_among_commas_are_suspected() -> None:
    assert_refuses(
        "frame,x [nm],y [nm]\n1,105,5,40,25\n",
        error=CellCountError,
        line=2,
        says=("5 cells, but the table has 3 columns", "decimal comma"),
    )


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_truncated_last_line_is_named(end: str) -> None:
    message = assert_refuses(
        HEADER + "1,1,10,20,120,900,9\n2,2,11,2" + end,
        error=CellCountError,
        line=3,
        says=("4 cells, but the table has 7 columns",),
    )
    assert ("it was cut off" in message) == (end == "")


def test_a_last_cell_that_may_be_cut_off_is_noted() -> None:
    text = "frame,x [nm],y [nm]\n1,10,20\n2,11,2"
    assert any("cut off" in note for note in thunderstorm(text).notes)
    assert thunderstorm(text + "\n").notes == ()
    unused_at_the_end = "frame,x [nm],y [nm],chi2\n1,10,20,3\n2,11,2,4"
    assert thunderstorm(unused_at_the_end).notes == ()


def test_a_row_too_short_is_named_even_where_another_is_too_long() -> None:
    assert_refuses(
        "frame,x [nm],y [nm],chi2\n1,1,1\n1,1,1,1,1\n",
        error=CellCountError,
        line=2,
        says=("3 cells",),
    )


def test_a_header_repeated_in_the_middle_is_refused() -> None:
    text = "frame,x [nm],y [nm]\n1,1,1\nframe,x [nm],y [nm]\n1,1,1\n"
    assert_refuses(text, line=3, column="x [nm]")


@pytest.mark.parametrize("missing", ["frame", "x", "y"])
def test_a_missing_column_is_named(missing: str) -> None:
    names = {"frame": "frame", "x": "x [nm]", "y": "y [nm]", "chi2": "chi2"}
    del names[missing]
    assert_refuses(
        ",".join(names.values()) + "\n1,1,1\n",
        error=MissingColumnError,
        line=1,
        says=(f"no column '{missing}'", "'chi2'", "--columns"),
    )


def test_two_columns_of_one_name_are_a_question() -> None:
    assert_refuses(
        "frame,x [nm],x [px],y [nm]\n1,1,1,1\n",
        error=RepeatedColumnError,
        line=1,
        says=("'x [nm]', 'x [px]'", "--columns 'x=x [nm]'"),
    )


def test_a_unit_not_known_is_a_question() -> None:
    assert_refuses(
        "frame,x [furlong],y [nm]\n1,1,1\n",
        error=UnknownUnitError,
        line=1,
        column=None,
        says=("'x [furlong]' is in 'furlong'",),
    )


def test_a_missing_unit_is_a_question_with_its_answer() -> None:
    text = "frame,x,y [nm]\n1,1,1\n"
    assert_refuses(
        text, error=UnknownUnitError, line=1, says=("'x' has no unit", "--unit nm, --unit um")
    )
    assert_localization(thunderstorm(text, unit="nm"), x_nm=1, y_nm=1)


def test_another_unit_than_asked_for_is_a_contradiction() -> None:
    text = "frame,x [nm],y [nm]\n1,1,1\n"
    assert_refuses(
        text, error=UnitContradictsError, line=1, says=("is in nm, not in um",), unit="um"
    )
    assert len(thunderstorm(text, unit="nm")) == 1


def test_camera_pixels_need_their_size() -> None:
    assert_refuses(
        "frame,x [px],y [px]\n1,1,1\n",
        error=CameraPixelMissingError,
        line=1,
        says=("'x [px]'", "--camera-pixel"),
    )


def test_frame_zero_offers_the_option_that_reads_it() -> None:
    text = "frame,x [nm],y [nm]\n1,1,1\n0,1,1\n"
    assert_refuses(text, error=FirstFrameError, line=3, column="frame", says=("--first-frame 0",))
    found = table(text, first_frame=0)
    assert found.localizations.frame.tolist() == [1, 0]
    assert not found.origin_known
    assert any("Where zero lies is not known" in note for note in found.localizations.notes)


def test_equal_frames_are_refused_unless_the_user_insists() -> None:
    text = "frame,x [nm],y [nm]\n5,1,1\n5,2,2\n"
    assert_refuses(
        text,
        error=SingleFrameError,
        line=2,
        column="frame",
        says=("all 2 localizations are in frame 5", "--allow-single-frame"),
    )
    assert thunderstorm(text, allow_single_frame=True).frame.tolist() == [4, 4]
    assert len(thunderstorm("frame,x [nm],y [nm]\n5,1,1\n")) == 1


def test_another_encoding_is_refused_by_line() -> None:
    latin = "frame,x [µm],y [µm]\n1,1,1\n".encode("latin-1")
    assert_refuses(latin, error=NotUtf8Error, line=1, says=("UTF-8",))
    comment = "frame,x [nm],y [nm],remark\n1,1,1,a\n2,1,1,µ\n".encode("latin-1")
    assert_refuses(comment, error=NotUtf8Error, line=3)


def test_other_text_in_utf8_is_no_obstacle() -> None:
    locs = thunderstorm("frame,x [nm],y [nm],remark\n1,1,1,µ\n2,3.5,1,日本\n")
    assert_localization(locs, row=1, frame=1, x_nm=3.5)
