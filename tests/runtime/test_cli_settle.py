"""When a file that is being written is whole."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from annapalm.cli.settle import PATIENCE, Settling, has_end

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, content: bytes, time_ns: int) -> None:
    path.write_bytes(content)
    os.utime(path, ns=(time_ns, time_ns))


def test_a_file_is_taken_once_it_has_not_changed_for_long_enough(tmp_path: Path) -> None:
    path, settling = tmp_path / "a.csv", Settling(10.0)
    write(path, b"1\n", 1)
    assert not settling.is_ready([path], 0)
    assert settling.is_waiting()
    assert not settling.is_ready([path], 9)
    write(path, b"1\n2\n", 1)  # it grows, within the resolution of its time
    assert not settling.is_ready([path], 11)
    write(path, b"1\n3\n", 2)  # it is written over
    assert not settling.is_ready([path], 21)
    assert settling.is_ready([path], 31)
    assert not settling.is_ready([path], 99)
    assert not settling.is_waiting()


def test_what_changes_later_is_taken_again(tmp_path: Path) -> None:
    path, settling = tmp_path / "a.csv", Settling(1.0)
    write(path, b"1\n", 1)
    assert [settling.is_ready([path], now) for now in (0, 1, 2)] == [False, True, False]
    write(path, b"1\n2\n", 2)
    assert [settling.is_ready([path], now) for now in (3, 4, 5)] == [False, True, False]


def test_a_widefield_image_belongs_to_its_table(tmp_path: Path) -> None:
    table, image, settling = tmp_path / "a.csv", tmp_path / "a_widefield.tif", Settling(1.0)
    write(table, b"1\n", 1)
    assert [settling.is_ready([table], now) for now in (0, 1)] == [False, True]
    write(image, b"half", 1)
    assert not settling.is_ready([table, image], 2)
    write(image, b"whole", 1)
    assert [settling.is_ready([table, image], now) for now in (3, 4, 5)] == [False, True, False]


def test_a_text_without_a_last_line_end_is_waited_for_longer(tmp_path: Path) -> None:
    path, settling = tmp_path / "a.CSV", Settling(1.0)
    write(path, b"1,2\n3,", 1)
    assert not settling.is_ready([path], 0)
    assert not settling.is_ready([path], PATIENCE - 0.1)
    assert settling.is_waiting()
    assert settling.is_ready([path], PATIENCE)


def test_empty_and_vanished_files_are_not_waited_for(tmp_path: Path) -> None:
    path, settling = tmp_path / "a.csv", Settling(1.0)
    write(path, b"", 1)
    assert [settling.is_ready([path], now) for now in (0, 1, 99)] == [False] * 3
    assert not settling.is_waiting()
    path.unlink()
    assert not settling.is_ready([path], 100)
    assert not settling.is_waiting()


@pytest.mark.parametrize(
    ("name", "content", "ends"),
    [
        ("a.csv", b"1\n", True),
        ("a.txt", b"1\r", True),
        ("a.xls", "1\n".encode("utf-16-le"), True),
        ("a.csv", b"1", False),
        ("a.csv", b"", False),
        ("a.hdf5", b"1", True),
    ],
)
def test_the_end_of_a_text_is_a_line_end(
    tmp_path: Path,
    name: str,
    content: bytes,
    ends: bool,  # noqa: FBT001
) -> None:
    (tmp_path / name).write_bytes(content)
    assert has_end(tmp_path / name) is ends
    assert has_end(tmp_path / "none.csv") is False
