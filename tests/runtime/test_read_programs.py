"""Text tables of the microscopes' and analysts' programs: where zero lies, and each one's traps."""

from __future__ import annotations

from typing import get_args

import pytest
from read_words import DATA, assert_localization, assert_refuses, table

from annapalm.read import FormatName, TableOptions, read_table
from annapalm.read.errors import (
    BadCellError,
    CameraPixelMissingError,
    CellCountError,
    FirstFrameError,
    ForeignFormatError,
    MissingColumnError,
    NotUtf8Error,
    SeveralChannelsError,
    UnitContradictsError,
    UnknownUnitError,
)
from annapalm.read.format_errors import (
    BadHeaderError,
    CameraPixelContradictsError,
    ShiftedColumnsError,
    UntestedVersionError,
)

ELYRA = "Index\tFirst Frame\tNumber Frames\tPosition X [nm]\tPosition Y [nm]\tPrecision [nm]\r\n"
NSTORM = (
    "Channel Name\tX\tY\tXc\tYc\tFrame\tLength\tZ\tZc\tPhotons\tLateral Localization Accuracy\n"
)
NIS = "X\tY\tChannel\tWidth\tBG\tLength\tArea\tFrame\r\n"
ONI = "Channel,Frame,X (nm),Y (nm),Z (nm),Photons,Background\n"
CHALLENGE = "Ground-truth,frame,xnano,ynano,znano,intensity \n"
X = '<field identifier="Position-0-0" unit="nanometer" min="0 m" max="6.3e-006 m" />'
Y = '<field identifier="Position-1-0" unit="nanometer" min="0 m" max="4.7e-006 m" />'
T = '<field identifier="ImageNumber-0-0" unit="frame" min="0 fr" />'
RAPIDSTORM = f'# <localizations insequence="true">{X}{Y}{T}</localizations>\n'
DECODE_HEADER = "x,y,z,phot,frame_ix,x_sig,y_sig\n"


def decode(
    meta: str = '{"xy_unit": "px", "px_size": [110.0, 90.0]}',
    version: str = '{"version": "0.10.1"}',
) -> str:
    """Write what stands above the header of a DECODE table, and the header."""
    return f"# DECODE EmitterSet\n# {version}\n# {meta}\n{DECODE_HEADER}"


def test_a_point_of_elyra() -> None:
    found = table(ELYRA + "1\t17\t1\t1200.5\t3400.25\t21\r\n2\t18\t3\t1\t2\t20\r\n")
    assert found.format == "elyra"
    assert_localization(found.localizations, frame=16, x_nm=1200.5, y_nm=3400.25, precision_nm=21)
    assert not found.origin_known
    assert found.merged_rows == 1
    assert "1 of 2 rows are merged" in found.localizations.notes[1]


def test_elyra_has_a_variant_with_short_names_and_semicolons() -> None:
    found = table("Index;First Frame;x [nm];y [nm]\n1;17;1200.5;3400.25\n")
    assert found.format == "elyra"
    assert_localization(found.localizations, frame=16, x_nm=1200.5, y_nm=3400.25)


@pytest.mark.parametrize("ending", ["\r\n\0\r\n", "\r\n\0", "\0"])
def test_only_a_nul_ends_the_rows_of_elyra_and_the_footer_gives_the_field(ending: str) -> None:
    row = "1\t17\t1\t1200.5\t3400.25\t21"
    footer = "VoxelSizeX : 0.0970873786 µm\r\nVoxelSizeY : 0.0970873786 µm\r\nResolutionX : 0.1\r\n"
    footer += "ResolutionY : 0.1\r\nSizeX : 3200\r\nSizeY : 1600\r\nROI List : 1 2 3"
    found = table(f"{ELYRA}{row}{ending}{footer}".encode("latin-1"))
    assert found.rows == 1
    assert found.camera_pixel_nm == pytest.approx(97.0873786)
    assert found.localizations.field_nm == pytest.approx((31067.961, 15533.981))
    assert_refuses(ELYRA + row + "\r\n" + footer, error=CellCountError, line=3)


@pytest.mark.parametrize("footer", ["", "VoxelSizeX : nan", "SizeX : 3200", "VoxelSizeX : 0\n"])
def test_a_footer_of_elyra_that_says_nothing_gives_no_field(footer: str) -> None:
    found = table(ELYRA + "1\t17\t1\t1200.5\t3400.25\t21\r\n\0" + footer)
    assert found.localizations.field_nm is None
    assert found.camera_pixel_nm is None


def test_the_footer_of_elyra_is_found_behind_many_rows() -> None:
    rows = "1\t17\t1\t1200.5\t3400.25\t21\r\n2\t18\t1\t1200.5\t3400.25\t21\r\n" * 80_000
    footer = "VoxelSizeX : 0.1\nVoxelSizeY : 0.1\n"
    found = table(f"{ELYRA}{rows}\0\r\n{footer}")
    assert found.rows == 160_000
    assert found.camera_pixel_nm == 100


def test_what_is_wrong_in_an_elyra_table() -> None:
    assert_refuses(ELYRA + "1\t0\t1\t1\t2\t3\n", error=FirstFrameError, says=("--first-frame 0",))
    assert_refuses(ELYRA + "1\t1\t1\t1,5\t2\t3\n", error=BadCellError, says=("decimal comma",))
    assert_refuses(ELYRA + "1\t1\t1\tNaN\t2\t3\n", error=BadCellError, says=("'NaN'",))
    assert_refuses("First Frame\tPosition X [nm]\tPosition Y\n1\t2\t3\n", error=UnknownUnitError)


def test_a_point_of_nstorm_is_the_drift_corrected_one() -> None:
    found = table(NSTORM + "647\t1\t2\t1200.5\t3400.25\t17\t1\t5\t-6\t900\t12\n")
    assert found.format == "nstorm"
    assert_localization(
        found.localizations,
        frame=16, x_nm=1200.5, y_nm=3400.25, z_nm=-6, photons=900, precision_nm=12,
    )  # fmt: skip
    assert found.origin_known
    assert found.localizations.notes == ()
    assert found.remarks == (
        "Positions are the drift-corrected ones, Xc and Yc.",
        "All rows are of the channel '647'.",
    )


def test_rows_that_nstorm_rejected_are_counted_apart_and_the_others_keep_their_lines() -> None:
    rows = [
        "647\t1\t2\t10\t20\t1\t1\t5\t6\t900\t12",
        "Z Rejected\t1\t2\t11\t20\t2\t1\t5\t6\t900\t12",
    ]
    found = table(NSTORM + "\n".join([*rows, *rows]) + "\n", allow_single_frame=True)
    assert found.rows == 2
    assert found.localizations.x_nm.tolist() == [10, 10]
    assert [found.line_of(row) for row in (0, 1)] == [2, 4]
    assert "2 rows of the channel 'Z Rejected' are not used; 2 are." in found.localizations.notes
    with pytest.raises(IndexError):
        found.line_of(2)


@pytest.mark.parametrize("odd", ["", "\n"], ids=["plain", "with a blank line"])
def test_two_channels_of_nstorm_are_a_question(odd: str) -> None:
    row = "\t1\t2\t10\t20\t1\t1\t5\t6\t900\t12\n"
    assert_refuses(
        f"{NSTORM}{odd}Alexa 647{row}Alexa 647{row}Cy3{row}",
        error=SeveralChannelsError,
        line=4 + len(odd),
        column="Channel Name",
        says=("'Alexa 647', 'Cy3'",),
    )


def test_channels_of_nstorm_are_told_apart_for_who_draws_each_by_itself() -> None:
    row = "\t1\t2\t{x}\t20\t1\t1\t5\t6\t900\t12\n"
    names = ("Alexa 647", "Z Rejected", "Cy3", "Alexa 647")
    rows = "".join(name + row.format(x=10 * n) for n, name in enumerate(names))
    found = table(NSTORM + rows, several_channels=True, allow_single_frame=True)
    names_of = {number: name for name, number in (found.channel_names or {}).items()}
    channel = found.localizations.channel
    assert channel is not None
    assert [names_of[number] for number in channel.tolist()] == ["Alexa 647", "Cy3", "Alexa 647"]
    assert found.localizations.x_nm.tolist() == [0, 20, 30]


def test_more_channels_than_there_are_colours_end_the_reading() -> None:
    rows = "".join(f"{i}\t1\t2\t10\t20\t1\t1\t5\t6\t900\t12\n" for i in range(2000))
    assert_refuses(NSTORM + rows, error=SeveralChannelsError, says=("and 1992 more",))


def test_traces_of_nstorm_are_merged_rows() -> None:
    found = table(NSTORM + "647\t1\t2\t10\t20\t1\t4\t5\t6\t900\t12\n")
    assert found.merged_rows == 1


def test_nstorm_without_drift_corrected_columns_is_not_guessed() -> None:
    assert_refuses("Channel Name\tX\tY\tFrame\n647\t1\t2\t3\n", says=("--unit nm",))
    assert_refuses(
        NSTORM + "647\t1\t2\t10\t20\t1\t1\t5\t6\t900\t12\n",
        error=UnitContradictsError, unit="um", says=("is in nm, not in um",),
    )  # fmt: skip
    latin = (NSTORM + "Z\xe4hler\t1\t2\t10\t20\t1\t1\t5\t6\t900\t12\n").encode("latin-1")
    assert_refuses(latin, error=NotUtf8Error, line=2)


def test_a_point_of_picassos_export_for_nis() -> None:
    text = NIS + "1200.50\t3400.25\t1\t130.00\t52\t1\t900\t17\r\n"
    found = table(text, camera_pixel_nm=130)
    assert found.format == "picasso_nis"
    assert_localization(found.localizations, frame=16, x_nm=1265.5, y_nm=3465.25, photons=900)
    assert found.origin_known
    unshifted = table(text)
    assert_localization(unshifted.localizations, x_nm=1200.5, y_nm=3400.25)
    assert not unshifted.origin_known
    assert "half a camera pixel too far" in unshifted.localizations.notes[0]


def test_picassos_values_in_another_order_than_its_header_are_refused() -> None:
    # As Picasso 0.11.3 wrote it: x y sx bg photons frame 1 1.
    rows = "1200.50\t3400.25\t130\t52.00\t900\t17\t1\t1\r\n"
    assert_refuses(
        NIS + rows, error=ShiftedColumnsError, line=2, says=("--columns x=X,y=Y,frame=Length",)
    )
    columns = ("x=X", "y=Y", "frame=Length")
    found = table(NIS + rows, columns=columns, unit="nm", first_frame=1)
    assert_localization(found.localizations, frame=16, x_nm=1200.5, y_nm=3400.25)


def test_a_point_of_oni() -> None:
    found = table(ONI + "0,16,40918.949219,56104.691406,-5.0,139.8,0.85\n")
    assert found.format == "oni"
    assert_localization(
        found.localizations,
        frame=16, x_nm=40918.949219, y_nm=56104.691406, z_nm=-5, photons=139.8, channel=0,
    )  # fmt: skip
    assert not found.origin_known
    two = "0,16,1,2,3,4,5\n1,17,1,2,3,4,5\n"
    assert_refuses(ONI + two, error=SeveralChannelsError, line=3, column="Channel")


def test_a_point_of_the_smlm_challenge() -> None:
    found = table(CHALLENGE + "1,17,1200.5,3400.25,-70,900\n")
    assert found.format == "smlm_challenge"
    assert_localization(
        found.localizations, frame=16, x_nm=1200.5, y_nm=3400.25, z_nm=-70, photons=900
    )
    assert found.origin_known
    assert found.columns["photons"] == "intensity"
    assert_refuses(CHALLENGE + "1,0,1,2,3,4\n", error=FirstFrameError, line=2, column="frame")
    assert_refuses("xnano,ynano\n1,2\n", error=MissingColumnError, says=("'frame'",))
    assert_refuses(CHALLENGE + "1,1,1,2,3,4\n", error=UnitContradictsError, unit="px",
                   camera_pixel_nm=100.0)  # fmt: skip


def test_a_point_of_rapidstorm() -> None:
    text = RAPIDSTORM + "1200.5 3400.25 16\n"
    found = table(text, camera_pixel_nm=100)
    assert found.format == "rapidstorm"
    assert_localization(found.localizations, frame=16, x_nm=1250.5, y_nm=3450.25)
    assert found.origin_known
    assert found.localizations.field_nm == pytest.approx((6400, 4800))
    unshifted = table(text)
    assert_localization(unshifted.localizations, frame=16, x_nm=1200.5, y_nm=3400.25)
    assert not unshifted.origin_known
    assert unshifted.localizations.field_nm is None
    # 6.3 µm are no whole number of pixels of 101 nm.
    assert table(text, camera_pixel_nm=101).localizations.field_nm is None


def test_rapidstorm_says_order_and_unit_in_its_header() -> None:
    um = X.replace("nanometer", "micrometer")
    sigma = X.replace("0-0", "0-0-uncertainty").replace("max", "top")
    text = f"# <localizations>{T}{Y}{um}{sigma}</localizations>\n16 3400.25 1.2 7.5\n"
    found = table(text)
    assert_localization(found.localizations, frame=16, x_nm=1200, y_nm=3400.25, precision_nm=7.5)
    assert found.units == {"x": "um", "y": "nm", "precision": "nm"}


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        (RAPIDSTORM.replace(T, f"{T}<localizations/>"), ForeignFormatError, "tracks"),
        (RAPIDSTORM.replace("</loc", "</lok"), BadHeaderError, "the header is no XML"),
        (RAPIDSTORM.replace("><", "><!ENTITY a 'b'><", 1), BadHeaderError, "declaration"),
        (RAPIDSTORM.replace("identifier", "name"), BadHeaderError, "does not name its columns"),
        (RAPIDSTORM.replace("nanometer", "furlong"), UnknownUnitError, "'furlong'"),
        (RAPIDSTORM.replace(T, ""), MissingColumnError, "'imagenumber-0-0'"),
        ("# <localizations></localizations>\n", BadHeaderError, "does not name its columns"),
    ],
)  # fmt: skip
def test_headers_of_rapidstorm_that_are_refused(text: str, error: type, says: str) -> None:
    assert_refuses(text + "1 2 3\n", error=error, says=(says,))


def test_rows_of_rapidstorm_that_are_refused() -> None:
    assert_refuses(RAPIDSTORM + "1 2 3 4\n", error=CellCountError, line=2)
    assert_refuses(RAPIDSTORM + "1 2 3.5\n", error=BadCellError, says=("'3.5' is not a whole",))
    assert_refuses(RAPIDSTORM + "1 2 -1\n", error=BadCellError, says=("negative",))


def test_a_point_of_decode_has_its_axes_swapped_each_with_its_own_pixel() -> None:
    found = table(decode() + "30,10,-55,900,16,0.1,0.2\n")
    assert found.format == "decode_csv"
    assert_localization(
        found.localizations,
        frame=16, x_nm=10.5 * 90, y_nm=30.5 * 110, z_nm=-55, photons=900,
        precision_nm=(0.2 * 90 + 0.1 * 110) / 2,
    )  # fmt: skip
    assert found.origin_known
    assert found.camera_pixel_nm is None
    assert found.line_of(0) == 5
    assert found.units == dict.fromkeys(("x", "y", "precision", "precision_y"), "px") | {"z": "nm"}


def test_decode_in_nm_is_shifted_by_half_a_pixel_too() -> None:
    found = table(decode('{"xy_unit": "nm", "px_size": [110, 90]}') + "3000,1000,0,9,16,1,1\n")
    assert_localization(found.localizations, x_nm=1045, y_nm=3055)
    without = table(decode('{"xy_unit": "nm", "px_size": null}') + "3000,1000,0,9,16,1,1\n")
    assert_localization(without.localizations, x_nm=1000, y_nm=3000)
    assert not without.origin_known
    told = table(
        decode('{"xy_unit": "px", "px_size": null}') + "3,1,0,9,16,1,1\n", camera_pixel_nm=100
    )
    assert_localization(told.localizations, x_nm=150, y_nm=350)
    assert told.camera_pixel_nm == 100


def test_columns_of_decode_that_hold_nothing_are_not_known() -> None:
    found = table(decode() + "3,1,0,9,16,nan,nan\n")
    assert found.localizations.precision_nm is not None
    assert found.localizations.precision_nm.tolist() == pytest.approx([float("nan")], nan_ok=True)


def test_metadata_of_decode_that_is_refused() -> None:
    row = "3,1,0,9,16,1,1\n"
    untested = decode(version='{"version": "v0.11.0"}') + row
    assert_refuses(untested, error=UntestedVersionError, says=("'v0.11.0'", "--format decode_csv"))
    assert table(untested, format="decode_csv").rows == 1
    assert_refuses(decode(version="{}") + row, error=UntestedVersionError, says=("'None'",))
    px = '{"xy_unit": "px", "px_size": %s}'
    assert_refuses(decode(px % "null") + row, error=CameraPixelMissingError, line=3)
    assert_refuses(
        decode() + row, error=CameraPixelContradictsError, camera_pixel_nm=100.0,
        says=("90 x 110 nm, not 100 nm",),
    )  # fmt: skip
    for size in ("[1]", "7", "[0, 1]", '["a", 2]', "[1e999, 1]", "{}"):
        assert_refuses(decode(px % size) + row, error=BadHeaderError, line=3, says=("px_size",))
    assert_refuses(decode('{"xy_unit": "mm"}') + row, error=BadHeaderError, says=("'mm'",))
    assert_refuses(decode() + row, error=UnitContradictsError, unit="nm", says=("in px",))
    for damaged in ("[1]", "oops", "{" * 5000):
        assert_refuses(decode(damaged) + row, error=BadHeaderError, line=3, says=("JSON object",))
    assert_refuses("# DECODE EmitterSet\n", error=BadHeaderError, line=2)


TEXTS = ("elyra.txt", "elyra.csv", "nstorm.txt", "picasso_nis.txt", "oni.csv", "smlm_challenge.csv",
         "rapidstorm.txt", "decode.csv")  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_the_content_decides_and_not_the_name(name: str) -> None:
    data = (DATA / name).read_bytes()
    found = table(data)  # as field.csv
    assert found.rows == 60
    assert found.format == read_table(DATA / name, TableOptions(format=found.format)).format
    assert found.format in get_args(FormatName)
    for another in ("elyra", "nstorm", "decode_csv", "rapidstorm"):
        if another != found.format:
            assert_refuses(data, format=another)


@pytest.mark.parametrize("name", TEXTS)
def test_a_table_without_rows_is_a_table_and_a_cut_one_is_an_error(name: str) -> None:
    data = (DATA / name).read_bytes().split(b"\0")[0]
    lines = data.splitlines(keepends=True)
    header = 4 if name == "decode.csv" else 1
    empty = table(b"".join(lines[:header]))
    assert empty.rows == 0
    assert "The table has no rows: no localizations." in empty.localizations.notes
    row = lines[header]
    assert_refuses(data + row[: len(row) // 2], error=CellCountError, says=("cut off",))
