"""Files appear complete or not at all, alone and as a set."""

from __future__ import annotations

import errno
import os
import pickle
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from write_words import names_in

from annapalm.write.atomic import OutputSet, check_free, write_whole
from annapalm.write.errors import (
    DiskFullError,
    OutputExistsError,
    OutputFolderError,
    OutputPermissionError,
    WriteFailedError,
    as_write_error,
)

if TYPE_CHECKING:
    from annapalm.errors import AnnaPalmError

POSIX = os.name == "posix"


def test_a_file_appears_with_its_content_and_nothing_beside_it(tmp_path: Path) -> None:
    write_whole(tmp_path / "new" / "a.txt", b"whole", overwrite=False)
    assert (tmp_path / "new" / "a.txt").read_bytes() == b"whole"
    assert names_in(tmp_path / "new") == {"a.txt"}


def test_a_file_gets_the_rights_that_any_new_file_gets(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    write_whole(tmp_path / "ours", b"", overwrite=False)
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("cause", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_interrupted_set_leaves_nothing(tmp_path: Path, cause: type[BaseException]) -> None:
    with pytest.raises(cause), OutputSet(overwrite=False) as outputs:  # noqa: PT012 - in two steps
        with outputs.stage(tmp_path / "a") as stream:
            stream.write(b"complete")
        with outputs.stage(tmp_path / "b") as stream:
            stream.write(b"half of")
            raise cause
    assert names_in(tmp_path) == set()


def test_nothing_is_overwritten_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    with pytest.raises(OutputExistsError) as caught:
        write_whole(path, b"new", overwrite=False)
    assert str(caught.value) == (
        f"{path} exists already and was left as it is. Choose another output folder, or add "
        "--overwrite (overwrite=True in Python) to replace it; nothing was written."
    )
    assert path.read_bytes() == b"old"
    write_whole(path, b"new", overwrite=True)
    assert path.read_bytes() == b"new"
    assert names_in(tmp_path) == {"a.json"}


def test_a_set_is_published_whole_or_not_at_all(tmp_path: Path) -> None:
    """Another process takes the second name between the check and the end."""
    first, second = tmp_path / "a", tmp_path / "b"
    with pytest.raises(OutputExistsError), OutputSet(overwrite=False) as outputs:  # noqa: PT012
        for path in (first, second):
            with outputs.stage(path) as stream:
                stream.write(b"ours")
        second.write_bytes(b"theirs")
    assert names_in(tmp_path) == {"b"}
    assert second.read_bytes() == b"theirs"


@pytest.mark.parametrize("links", [True, False])
def test_what_was_replaced_comes_back_when_the_set_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    if not links:
        _no_hard_links(monkeypatch)
    first, second, third = (tmp_path / name for name in "abc")
    first.write_bytes(b"old")
    third.write_bytes(b"superseded")
    with pytest.raises(OutputFolderError), OutputSet(overwrite=True) as outputs:  # noqa: PT012
        outputs.supersede(third)
        for path in (first, second):
            with outputs.stage(path) as stream:
                stream.write(b"new")
        second.mkdir()
        (second / "keep").write_bytes(b"")
    assert first.read_bytes() == b"old"
    assert third.read_bytes() == b"superseded"
    assert names_in(tmp_path) == {"a", "b", "c"}


def test_without_hard_links_files_appear_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _no_hard_links(monkeypatch)
    path = tmp_path / "a"
    write_whole(path, b"one", overwrite=False)
    with pytest.raises(OutputExistsError):
        write_whole(path, b"two", overwrite=False)
    write_whole(path, b"three", overwrite=True)
    assert path.read_bytes() == b"three"
    assert names_in(tmp_path) == {"a"}


def test_a_superseded_file_goes_when_the_set_appears(tmp_path: Path) -> None:
    old = tmp_path / "old.png"
    old.write_bytes(b"")
    with OutputSet(overwrite=True) as outputs:
        outputs.supersede(old)
        with outputs.stage(tmp_path / "new.json") as stream:
            stream.write(b"{}")
        assert old.exists()
    assert names_in(tmp_path) == {"new.json"}


def test_a_link_is_replaced_and_not_what_it_points_to(tmp_path: Path) -> None:
    target, link = tmp_path / "input.csv", tmp_path / "out.json"
    target.write_bytes(b"input")
    link.symlink_to(target)
    with pytest.raises(OutputExistsError):
        write_whole(link, b"new", overwrite=False)
    write_whole(link, b"new", overwrite=True)
    assert target.read_bytes() == b"input"
    assert link.read_bytes() == b"new"


def test_the_longest_name_a_folder_takes_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 251 + ".txt")
    write_whole(path, b"x", overwrite=False)
    assert names_in(tmp_path) == {path.name}


def test_a_file_where_a_folder_is_needed_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(OutputFolderError, match="a file stands where the folder should be"):
        write_whole(tmp_path / "out" / "a", b"", overwrite=False)


def test_a_folder_where_a_file_is_needed_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputFolderError, match="it is a folder"):
        check_free(tmp_path, overwrite=True)


@pytest.mark.parametrize(
    ("code", "kind", "builtin"),
    [
        (errno.ENOSPC, DiskFullError, OSError),
        (errno.EFBIG, DiskFullError, OSError),
        (errno.EACCES, OutputPermissionError, PermissionError),
        (errno.EROFS, OutputPermissionError, PermissionError),
        (errno.ENOTDIR, OutputFolderError, NotADirectoryError),
        (errno.EEXIST, OutputExistsError, FileExistsError),
        (errno.EIO, WriteFailedError, OSError),
    ],
)
def test_every_error_names_file_and_remedy_and_survives_pickling(
    code: int, kind: type[AnnaPalmError], builtin: type[OSError]
) -> None:
    error = as_write_error(OSError(code, os.strerror(code)), Path("out") / "cell.ome.tif")
    assert type(error) is kind
    assert isinstance(error, builtin)
    assert str(Path("out") / "cell.ome.tif") in str(error)
    assert "{" not in str(error)
    assert any(word in str(error) for word in ("Choose", "Make room", "Check"))
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - made one line above
    assert (type(again), str(again)) == (kind, str(error))


if POSIX:

    def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
        """A limit on the size of files stands for the disk: the system call fails alike."""
        done = _in_a_process(
            """
            import resource
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
            try:
                with OutputSet(overwrite=False) as outputs:
                    with outputs.stage(folder / "small") as stream:
                        stream.write(b"fits")
                    with outputs.stage(folder / "large") as stream:
                        stream.write(bytes(10**6))
            except DiskFullError as error:
                print(error)
            """,
            tmp_path,
        )
        assert "large could not be written to its end: File too large. Make room" in done
        assert names_in(tmp_path) == set()

    def test_a_folder_that_may_not_be_written_is_an_error() -> None:
        """Run as a user without rights, where the tests run as one with all of them."""
        program = """
            if os.geteuid() == 0:
                os.seteuid(65534)
            try:
                write_whole(folder / "a", b"", overwrite=False)
            except OutputPermissionError as error:
                print(error)
            """
        # Not `tmp_path`: another user may not look into it.
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            folder.chmod(0o555)
            done = _in_a_process(program, folder)
            assert names_in(folder) == set()
        assert "a cannot be written: Permission denied. Choose a folder that you may" in done


def _in_a_process(program: str, folder: Path) -> str:
    head = (
        "import os, sys\nfrom pathlib import Path\n"
        "from annapalm.write.atomic import OutputSet, write_whole\n"
        "from annapalm.write.errors import DiskFullError, OutputPermissionError\n"
        "folder = Path(sys.argv[1])\n"
    )
    code = head + textwrap.dedent(program)
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
    )
    return done.stdout


def _no_hard_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the folder behave like one of a FAT stick or some network shares."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
