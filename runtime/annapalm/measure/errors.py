"""What can go wrong when results are measured and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annapalm.errors import AnnaPalmError

if TYPE_CHECKING:
    from pathlib import Path


class NoRecordError(AnnaPalmError, FileNotFoundError):
    """An image has no record of annapalm-run beside it."""

    def __init__(self, path: Path, record: str) -> None:
        super().__init__(
            f"{path} has no {record} beside it, which says what its pixels are. Give an output "
            "folder of annapalm-run, or a .ome.tif from there with its .json."
        )


class NotAResultError(AnnaPalmError, ValueError):
    """A file is neither image nor record of annapalm-run, by its name."""

    def __init__(self, path: Path, image: str, record: str) -> None:
        super().__init__(
            f"{path} is neither an image ({image}) nor a record ({record}) of annapalm-run. Give "
            "an output folder of annapalm-run, or an image from there."
        )


class NotARecordError(AnnaPalmError, ValueError):
    """A file is no record that annapalm wrote."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} is no record of annapalm: {reason}. Give what annapalm-run or annapalm "
            "measure wrote, unchanged."
        )


class SeveralPicturesError(AnnaPalmError, ValueError):
    """An image of windows or channels, of which a measure would have to choose one."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} is a time-lapse or holds several channels, and one picture is measured. Run "
            "annapalm-run for the window (--frames) or the channel by itself, and measure that."
        )


class NothingMeasurableError(AnnaPalmError, FileNotFoundError):
    """A folder holds no results."""

    def __init__(self, folder: Path, what: str) -> None:
        super().__init__(
            f"Folder {folder} holds no {what}. Give an output folder of annapalm-run (with its "
            ".ome.tif and .json files)."
        )


class AlteredImageError(AnnaPalmError, ValueError):
    """An image is not the one that its record describes."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} is not the image that its record describes: {reason}. Run annapalm-run again, "
            "or restore the file."
        )


class NoMeasureError(AnnaPalmError, ValueError):
    """There are no measures of a structure."""

    def __init__(self, path: Path, structure: str, known: tuple[str, ...]) -> None:
        super().__init__(
            f"{path} shows {structure}, of which there are no measures. Those there are measure "
            f"{', '.join(known)}: choose one with --structure if it fits what the image shows."
        )


class RegionError(AnnaPalmError, ValueError):
    """A region does not lie in the field."""

    def __init__(self, path: Path, extent_um: tuple[float, float, float, float]) -> None:
        x0, y0, x1, y1 = extent_um
        super().__init__(
            f"{path} covers {x0:g} to {x1:g} µm in x and {y0:g} to {y1:g} µm in y, and --roi does "
            "not lie inside that. Correct --roi; nothing was measured of this field."
        )


class TooFewFieldsError(AnnaPalmError, ValueError):
    """A group holds too few fields to compare."""

    def __init__(self, group: str, fields: int, least: int, unit: str) -> None:
        super().__init__(
            f"{group} holds {fields} {unit}, but at least {least} in each group are needed: "
            "differences within one group are what a difference between two is measured by. "
            "Measure more."
        )


class GroupsDifferError(AnnaPalmError, ValueError):
    """Two groups cannot be compared with each other."""

    def __init__(self, what: str, first: str, second: str) -> None:
        super().__init__(
            f"The fields to compare differ in {what}: {first} and {second}. Compare fields that "
            "were reconstructed and measured alike."
        )


class SameFieldError(AnnaPalmError, ValueError):
    """One field stands in both groups, or twice in one."""

    def __init__(self, field: str) -> None:
        super().__init__(
            f"Field {field} was given more than once. Each field may stand once, in one group: "
            "the same data twice are no replicate."
        )
