"""Rendered sparse images: a TIFF whose pixels are numbers of localizations."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from annapalm.errors import InvalidValueError
from annapalm.read.errors import (
    NotCountsError,
    PixelSizeContradictsError,
    PixelSizeUnknownError,
    UnreadableFileError,
)
from annapalm.read.foreign import TIFF_MAGIC

if TYPE_CHECKING:
    import os
    from typing import Any

    from numpy.typing import NDArray

    from annapalm.render import CountImage

MAX_COUNT = 2**24
"""Counts above this are not whole numbers in float32 any more; no pixel of 20 nm holds so many."""

_SCALED_FROM = 16
"""So many pixels that share a divisor are a scaled picture; a few may do so by chance."""


@dataclass(frozen=True, slots=True, eq=False)
class CountsImage:
    """A rendered sparse image; its top-left corner is that of the field."""

    counts: CountImage
    """float32 [Y, X], whole numbers >= 0: localizations per pixel."""
    pixel_nm: float
    """Edge of a pixel, in nm; above 0."""
    sha256: str
    """Of the file, hexadecimal."""
    path: Path
    """The file, as it was named."""


def is_counts_image(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as a TIFF does; raises `UnreadableFileError`."""
    file = Path(path)
    try:
        with file.open("rb") as stream:
            return stream.read(4) in TIFF_MAGIC
    except OSError as error:
        raise UnreadableFileError(file, error.strerror or str(error)) from error


def read_counts_image(path: str | os.PathLike[str], pixel_nm: float | None = None) -> CountsImage:
    """Read one plane of counts, with the size of its pixels from OME, ImageJ or resolution tags.

    `pixel_nm` says the size where the file does not; it must not contradict the file. Raises
    `NotCountsError` for values that are no counts, `PixelSizeUnknownError`,
    `PixelSizeContradictsError`, and what `annapalm.tiff.open_plane` raises for what is no
    single plane of a sound TIFF.
    """
    if pixel_nm is not None and not (math.isfinite(pixel_nm) and pixel_nm > 0):
        raise InvalidValueError("pixel_nm", pixel_nm, "finite and above 0, in nm")
    file = Path(path)
    plane, found_nm = _open(file, pixel_nm)
    counts = _as_counts(plane, file)
    if found_nm is None and pixel_nm is None:
        raise PixelSizeUnknownError(file)
    if found_nm is not None and pixel_nm is not None:
        # The resolution is often stored as a ratio of small numbers.
        if not math.isclose(found_nm, pixel_nm, rel_tol=1e-3):
            raise PixelSizeContradictsError(file, found_nm, pixel_nm)
        found_nm = pixel_nm
    return CountsImage(counts, found_nm or pixel_nm or 0.0, _sha256(file), file)


def _open(file: Path, pixel_nm: float | None) -> tuple[NDArray[Any], float | None]:
    from annapalm.tiff import PixelNotSquareError, open_plane

    try:
        return open_plane(file)
    except PixelNotSquareError:
        if pixel_nm is None:
            raise
        return open_plane(file, pixel_nm)  # the user's word settles what the file cannot say


def _as_counts(plane: NDArray[Any], file: Path) -> CountImage:
    """Narrow to float32, after making sure that every value is a count."""
    import numpy as np

    if plane.dtype.kind == "f" and not np.isfinite(plane).all():
        raise NotCountsError(file, f"pixel {_where(~np.isfinite(plane))} is not a finite number")
    if plane.dtype.kind in "if" and (plane < 0).any():
        raise NotCountsError(file, f"pixel {_where(plane < 0)} is negative")
    if plane.dtype.kind == "f" and (np.floor(plane) != plane).any():
        odd = np.floor(plane) != plane
        raise NotCountsError(file, f"pixel {_where(odd)} is not a whole number")
    if (plane > MAX_COUNT).any():
        raise NotCountsError(file, f"pixel {_where(plane > MAX_COUNT)} is above {MAX_COUNT:,}")
    if plane.dtype.kind in "iu":
        _refuse_scaled(plane, file)
    return plane.astype(np.float32)


def _refuse_scaled(plane: NDArray[Any], file: Path) -> None:
    """Refuse integers that fill their range or skip values, as pictures for display do."""
    import numpy as np

    full = int(np.iinfo(plane.dtype).max)
    if plane.dtype.itemsize <= 2 and (plane == full).any():
        where = _where(plane == full)
        raise NotCountsError(
            file, f"pixel {where} has the highest value of {plane.dtype} ({full}), as after scaling"
        )
    filled = plane[plane != 0]
    step = int(np.gcd.reduce(filled)) if filled.size >= _SCALED_FROM else 1
    if step > 1:
        raise NotCountsError(file, f"all pixels are multiples of {step}, as after scaling")


def _where(bad: NDArray[Any]) -> str:
    """Name the first bad pixel and how many there are."""
    import numpy as np

    row, column = np.unravel_index(int(bad.argmax()), bad.shape)
    others = int(np.count_nonzero(bad)) - 1
    more = f" (and {others:,} more)" if others else ""
    return f"row {row}, column {column}{more}"


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UnreadableFileError(file, error.strerror or str(error)) from error
