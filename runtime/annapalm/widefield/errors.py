"""What can be wrong with a widefield image, beside what is wrong with its file.

What makes a file unreadable as one plane of measured values is in `annapalm.tiff`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from annapalm.errors import AnnaPalmError

if TYPE_CHECKING:
    from pathlib import Path


class WidefieldError(AnnaPalmError, ValueError):
    """A widefield image cannot be used with these localizations."""


class WidefieldPixelSizeError(WidefieldError):
    """A widefield image does not say how large its pixels are."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} states no pixel size (72 dpi and 1/1 are programs' defaults, not "
            "measurements). State the camera pixel in the sample with --widefield-pixel NM, for "
            "example 100."
        )


class WidefieldPixelsError(WidefieldError):
    """A widefield image holds values that no camera measures."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(
            f"{where} {what}, so it is no widefield image as a camera takes it. Give the original "
            "image, or leave it out with --no-widefield."
        )


class WidefieldSizeError(WidefieldError):
    """A widefield image shows another field than the localizations were taken in."""

    def __init__(
        self,
        where: str,
        shape: tuple[int, int],
        pixel_nm: float,
        field: str,
        extent_nm: tuple[float, float, float, float],
    ) -> None:
        x0, y0, x1, y1 = (v / 1000 for v in extent_nm)
        super().__init__(
            f"{where} shows {shape[1]} x {shape[0]} pixels of {pixel_nm:g} nm = "
            f"{shape[1] * pixel_nm / 1000:.2f} x {shape[0] * pixel_nm / 1000:.2f} µm from the "
            f"camera's corner, but {field} reaches from ({x0:.2f}, {y0:.2f}) to "
            f"({x1:.2f}, {y1:.2f}) µm. Give the image of the same field, correct the pixel size "
            "with --widefield-pixel NM, or leave the image out with --no-widefield."
        )


class WidefieldMisalignedError(WidefieldError):
    """A widefield image fits the localizations only after an implausibly large shift."""

    def __init__(self, where: str, shift_nm: tuple[float, float], max_shift_nm: float) -> None:
        super().__init__(
            f"{where} fits the localizations only when moved by {shift_nm[0]:.0f} nm in x and "
            f"{shift_nm[1]:.0f} nm in y, more than the {max_shift_nm:.0f} nm that drift and filter "
            "changes explain. Check that both show the same field from the same camera corner and "
            "that the pixel size is right, or leave the image out with --no-widefield."
        )
