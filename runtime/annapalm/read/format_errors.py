"""What can be wrong with the files of particular programs, beside what `read.errors` holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annapalm.read.errors import NOTHING_READ, ReadError, at, listed, shown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from annapalm.read.errors import Place


class ShiftedColumnsError(ReadError, ValueError):
    """Picasso's export for NIS wrote its values in another order than its header says."""

    def __init__(self, path: Path, line: int) -> None:
        super().__init__(
            f"{path}, line {line}: Area (photons) and Frame are 1 in every row. Picasso's export "
            "for NIS writes its values in another order than its header says, and then the frame "
            "stands under Length. Give Picasso's .hdf5 file instead, or say --columns "
            f"x=X,y=Y,frame=Length --unit nm --first-frame 1. {NOTHING_READ}"
        )


class BadHeaderError(ReadError, ValueError):
    """A header that a program writes for machines cannot be understood."""

    def __init__(self, path: Path, place: Place, problem: str) -> None:
        super().__init__(
            f"{at(path, place)}: {problem} Export or copy the table again. {NOTHING_READ}"
        )


class CameraPixelContradictsError(ReadError, ValueError):
    """The file says one camera pixel and the user another."""

    def __init__(self, path: Path, found: str, wanted_nm: float) -> None:
        super().__init__(
            f"{path}: {found}, not {wanted_nm:g} nm as asked for. Leave out --camera-pixel, or "
            "correct the file's metadata."
        )


class UntestedVersionError(ReadError, ValueError):
    """A version of a program whose files annapalm was never tried on."""

    def __init__(self, path: Path, program: str, version: str, known: str, name: str) -> None:
        super().__init__(
            f"{path} was written by {program} {shown(version)}; annapalm knows {known}, and "
            "another version may mean other axes. If you know that it does not, say --format "
            f"{name}."
        )


class SeveralTablesError(ReadError, ValueError):
    """One file with several acquisitions; their sum would be a picture of neither."""

    def __init__(self, path: Path, what: str, names: Sequence[str]) -> None:
        super().__init__(
            f"{path} holds several {what} ({listed(names, 8)}), which are not summed. Export one "
            "file for each."
        )


class ExtraMissingError(ReadError, ImportError):
    """The package that reads files of this kind is not installed."""

    def __init__(self, path: Path, what: str, extra: str) -> None:
        super().__init__(
            f'{path} is {what}. Reading it needs an extra: pip install "annapalm[{extra}]".'
        )


class DamagedFileError(ReadError, ValueError):
    """A binary file that contradicts itself, or ends too early."""

    def __init__(self, path: Path, what: str, reason: str) -> None:
        short = " ".join(reason.split()).rstrip(".")
        super().__init__(
            f"{path} is no readable {what}, is damaged, or was cut off ({shown(short, 200)}). Copy "
            f"or export it again. {NOTHING_READ}"
        )


class UnsafeContentError(ReadError, ValueError):
    """Content that annapalm does not follow or unpack, whoever wrote it."""

    def __init__(self, path: Path, problem: str, remedy: str) -> None:
        super().__init__(f"{path}: {problem}. {remedy} {NOTHING_READ}")


class BadArrayError(ReadError, ValueError):
    """A column of a binary file is no list of numbers as long as the others."""

    def __init__(self, path: Path, column: str, problem: str) -> None:
        super().__init__(
            f"{path}, column {shown(column)}: {problem} Export the table again, or name another "
            f"column. {NOTHING_READ}"
        )


class SidecarError(ReadError, ValueError):
    """The metadata that belong to a table cannot be understood."""

    def __init__(self, path: Path, sidecar: Path, line: int, problem: str) -> None:
        where = str(path) if sidecar == path else f"{path}: its metadata, {at(sidecar, line)}"
        super().__init__(
            f"{where}: {problem}. Correct it, or move it away and say --camera-pixel NM. "
            f"{NOTHING_READ}"
        )


class ColumnsNeededError(ReadError, ValueError):
    """A file of arrays that do not say what they are."""

    def __init__(self, path: Path, what: str, names: Sequence[str]) -> None:
        super().__init__(
            f"{path} is {what}; it holds {listed(names, 12) or 'no numbers'}. Say which are what, "
            "such as --columns x=data.x,y=data.y,frame=data.frame, with x=Data:1 for the first "
            "column of a matrix and time=data.t for times instead of frames, and their unit with "
            "--unit nm, --unit um, or --unit px --camera-pixel NM."
        )
