"""What can be wrong with a TIFF file, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annapalm.errors import AnnaPalmError

if TYPE_CHECKING:
    from pathlib import Path


class TiffError(AnnaPalmError, ValueError):
    """A TIFF file does not hold one plane of measured values."""


class TiffOpenError(AnnaPalmError, OSError):
    """A TIFF file cannot be opened or read from its disk."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} cannot be read: {reason}. Check that the file exists and that you may read it."
        )


class NotATiffError(TiffError):
    """A file is no TIFF file."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} is not a TIFF file: {reason}. Give an intact .tif, for example saved with "
            "ImageJ's 'Save As > Tiff'."
        )


class DamagedTiffError(TiffError):
    """A TIFF file is truncated or contradicts itself."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(
            f"{path} is damaged: {what}. Copy or export the image again; nothing was read from it."
        )


class TiffCodecError(TiffError):
    """A TIFF file is compressed in a way that cannot be decoded here."""

    def __init__(self, path: Path, codec: str, *, installable: bool) -> None:
        install = ", or run: pip install imagecodecs" if installable else ""
        super().__init__(
            f"{path} is compressed with {codec}, which this installation cannot decode. Save the "
            f"image without compression{install}."
        )


class TiffTooLargeError(TiffError):
    """A TIFF file declares, or unpacks to, more than any camera image."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(
            f"{path} was refused before it was decoded: {what}. Cut out and save the part that "
            "shows the field of the localizations."
        )


class TiffPlanesError(TiffError):
    """A TIFF file holds several planes, and which one is meant is the user's choice."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(
            f"{path} holds {what}, but one plane is needed. Save the plane that is meant (or the "
            "mean of the frames) as a TIFF of its own."
        )


class TiffPixelsError(TiffError):
    """The pixels of a TIFF file are colours or codes, not measured values."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(
            f"{path} {what}, but measured values are needed. Save the original camera image as a "
            "greyscale TIFF of 8, 16 or 32 bits with one channel."
        )


class PixelNotSquareError(TiffError):
    """A TIFF file states different pixel sizes in x and y."""

    def __init__(self, path: Path, x_nm: float, y_nm: float) -> None:
        super().__init__(
            f"{path} states pixels of {x_nm:g} nm in x and {y_nm:g} nm in y; only square pixels "
            "can be used. If the file is wrong, state the true size with --widefield-pixel NM "
            "(widefield image) or --pixel-size NM (image of counts)."
        )
