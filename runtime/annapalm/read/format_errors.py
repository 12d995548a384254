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
