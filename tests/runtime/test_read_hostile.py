"""Files that are no tables, or were made to do harm: refused quickly and clearly."""

from __future__ import annotations

import hashlib
import io
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from read_words import NAMED, assert_refuses, source, table

from annapalm.errors import AnnaPalmError
from annapalm.read import ReadError, TableOptions, read_table
from annapalm.read.errors import (
    EmptyFileError,
    ForeignFormatError,
    LongHeaderError,
    LongLineError,
    NotATableError,
    NotUtf8Error,
    SeveralFormatsError,
    TableTooLargeError,
    TooManyRowsError,
    UnknownFormatError,
    UnreadableFileError,
)
from annapalm.read.registry import read_source
from annapalm.read.source import BLOCK_BYTES, HEAD_BYTES, Source

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "frame,x [nm],y [nm]\n"
CHOICES: tuple[dict[str, Any], ...] = (
    {},
    {"unit": "nm"},
    {"columns": ("x", "y", "frame"), "unit": "nm"},
    {"columns": ("x=a", "y=b", "frame=c"), "unit": "nm"},
    {"format": "thunderstorm"},
    {"format": "delimited", "unit": "px", "camera_pixel_nm": 100.0},
)


class Endless(io.BytesIO):
    """A stream that never ends, and counts what was asked of it."""

    def __init__(self, pattern: bytes) -> None:
        super().__init__()
        self.given = 0
        self._pattern = pattern

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert size >= 0
        self.given += size
        return (self._pattern * (size // len(self._pattern) + 1))[:size]


def test_an_empty_file_is_an_error() -> None:
    assert_refuses(b"", error=EmptyFileError, says=("empty file, 0 bytes",))
    for blanks in (b"\n", b"  \r\n\t\n", b"\xef\xbb\xbf\n"):
        assert_refuses(blanks, error=EmptyFileError, says=("nothing but blanks",))


def test_blanks_without_end_are_an_error() -> None:
    assert_refuses(b"\n" * (HEAD_BYTES + 1), error=LongHeaderError)


@pytest.mark.parametrize("options", CHOICES)
def test_binary_garbage_is_refused(options: dict[str, Any]) -> None:
    garbage = hashlib.sha512(b"garbage").digest() * 100
    assert_refuses(b"a" + garbage, error=NotATableError, line=1, says=("is no text",), **options)


def test_a_nul_far_inside_is_named_by_its_line() -> None:
    row = b"1," + b" " * 100 + b"1,1\n"
    rows = BLOCK_BYTES // len(row) + 1000
    text = HEADER.encode() + row * rows + b"2,\0,1\n" + row
    assert_refuses(text, error=NotATableError, line=rows + 2, says=("0x00",))


def test_a_line_without_end_costs_neither_time_nor_memory() -> None:
    for pattern in (b"1,2,3,", b"x [nm],y [nm],frame,"):
        stream = Endless(pattern)
        with pytest.raises(LongLineError, match=r"field\.csv, line 1: longer than 65,536 bytes"):
            read_source(Source(stream, NAMED), TableOptions(format="delimited"))
        assert stream.given <= 2 * BLOCK_BYTES


def test_a_long_line_far_inside_is_named() -> None:
    text = HEADER + "1,1,1\n" * 10 + "1" * (2 * BLOCK_BYTES)
    assert_refuses(text, error=LongLineError, line=12)


def test_more_rows_than_a_field_can_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annapalm.read.rows.MAX_ROWS", 5)
    assert table(HEADER + "1,1,1\n2,1,1\n3,1,1\n4,1,1\n5,1,1\n").rows == 5
    text = HEADER + "".join(f"{i},1,1\n" for i in range(1, 8))
    assert_refuses(text, error=TooManyRowsError, line=7)


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "Excel"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"II*\0", "TIFF"),
        (b"\x89PNG\r\n", "picture"),
        (b'[{"x": 1}]', "JSON"),
        (b'{"x": 1}\n', "JSON"),
        (b"<?xml version", "XML"),
        (b"--- \nx: 1\n", "YAML"),
    ],
)
def test_what_users_hand_over_by_mistake_is_recognised(head: bytes, says: str) -> None:
    assert_refuses(head, error=ForeignFormatError, says=(says,))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_refused(encoding: str) -> None:
    with pytest.raises((NotUtf8Error, NotATableError)):
        table((HEADER + "1,1,1\n").encode(encoding))


def test_text_that_is_no_table() -> None:
    assert_refuses(
        "Dear all,\n", error=UnknownFormatError, line=1, says=("'Dear all,'", "--format")
    )


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("Frame,X (nm),Y (nm)", "--format delimited"),
        ("xnano,frame", "--columns x=NAME"),
        ("x,y,z", "no column is called frame"),
    ],
)
def test_tables_of_other_programs_are_answered_with_how_to_read_them(
    header: str, says: str
) -> None:
    assert_refuses(header + "\n1\n", error=UnknownFormatError, line=1, says=(says,))


def test_a_file_that_two_formats_claim_is_a_question() -> None:
    both = "frame,x [nm],y [nm],First Frame,Position X [nm],Position Y [nm]\n1,1,2,5,30,40\n"
    assert_refuses(both, error=SeveralFormatsError, says=("thunderstorm or elyra", "--format"))
    assert table(both, format="thunderstorm").localizations.x_nm.tolist() == [1.0]
    assert table(both, format="elyra").localizations.x_nm.tolist() == [30.0]


def test_a_message_holds_nothing_that_a_terminal_obeys() -> None:
    message = assert_refuses(HEADER + "1,\x1b[2J\u202e,1\n")
    assert message.isprintable()


def test_a_message_stays_short() -> None:
    text = ",".join(["x [nm]"] + ["a" * 300] * 200) + ",chi2\n1,1,1\n"
    assert len(assert_refuses(text)) < 2500
    assert len(assert_refuses(HEADER + "1," + "9" * 5000 + "x,1\n")) < 300


def test_many_cells_in_one_line_are_counted_not_read() -> None:
    assert_refuses(HEADER + "1," * 30_000 + "\n", line=2, says=("30001 cells",))


def test_quotes_that_do_not_pair_are_named() -> None:
    assert_refuses(HEADER + '1,1,1\n2,"1,1\n3,1,1"\n', line=3, says=("quotes",))


def test_a_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone.csv", tmp_path / "gone" / "x.csv"):
        with pytest.raises(UnreadableFileError) as caught:
            read_table(path)
        assert str(path) in str(caught.value)


def test_a_broken_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEADER)
    monkeypatch.setattr(Source, "_read", _fails_with(OSError(5, "Input/output error")))
    with pytest.raises(UnreadableFileError, match="Input/output error"):
        read_table(path)
    monkeypatch.setattr(Source, "_read", _fails_with(MemoryError()))
    with pytest.raises(TableTooLargeError, match=r"a\.csv"):
        read_table(path)


def _fails_with(error: BaseException) -> object:
    def fail(*_: object) -> bytes:
        raise error

    return fail


if sys.platform != "win32":  # named pipes are of Unix

    def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        data = (HEADER + "".join(f"{i},1.5,2.5\n" for i in range(1, 30_000))).encode()
        writer = threading.Thread(target=pipe.write_bytes, args=(data,))
        writer.start()
        found = read_table(pipe)
        writer.join()
        assert found.rows == 29_999
        assert found.sha256 == hashlib.sha256(data).hexdigest()


def test_a_sparse_file_of_two_gigabytes_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    with path.open("wb") as stream:
        stream.write(b"1" * (HEAD_BYTES + 10))
        stream.truncate(2 * 2**30)
    with pytest.raises(ReadError, match=r"huge\.csv, line 1"):
        read_table(path)


_PIECES = st.sampled_from(
    (
        *("frame", "x [nm]", "y [nm]", "x", "y", "a", "b", "c", "#", "%", '"', "'", ",", ";", "\t"),
        *(" ", "\n", "\r", "\r\n", "1", "-1", "2.5", "NaN", "inf", "", "oops", "µ", "\ufeff", "\0"),
        *("\x1b", "1,2,3\n", "1 2 3\n", "[", "]", "(nm)", "=", "1e400", "9" * 20),
    )
)


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.lists(_PIECES, max_size=40)), st.sampled_from(CHOICES))
@example(b"#", {"columns": ("x", "y", "frame"), "unit": "nm"})
@example(b'""\n""', {"format": "delimited", "unit": "nm"})
@example(b",\n,", {"format": "thunderstorm"})
@example(b'"', {"format": "thunderstorm"})
@example(b'" "\n" "', {"format": "elyra"})
@example(b"\xef\xbb\xbf", {})
def test_whatever_is_read_either_gives_a_table_or_says_why_not(
    data: bytes | list[str], options: dict[str, Any]
) -> None:
    content = data if isinstance(data, bytes) else "".join(data).encode()
    try:
        found = read_source(source(content), TableOptions(**options))
    except AnnaPalmError as error:
        assert "field.csv" in str(error)  # noqa: PT017 - the outcome is either of two
    else:
        assert found.rows == len(found.localizations) == len(found.line_of)
