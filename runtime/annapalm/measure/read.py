"""What annapalm-run wrote, read back: images with their record, and which files of a folder."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annapalm.errors import AnnaPalmError
from annapalm.grid import Grid
from annapalm.measure.errors import (
    AlteredImageError,
    NoRecordError,
    NotARecordError,
    NotAResultError,
    NothingMeasurableError,
    RegionError,
    SeveralPicturesError,
)
from annapalm.tiff import TiffOpenError, open_planes
from annapalm.write.field import IMAGE_SUFFIX, RECORD_SUFFIX
from annapalm.write.schema import FIELD_SCHEMA

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from annapalm.render import RateImage

_LARGEST_RECORD = 64 * 2**20
"""Bytes; a record has some thousand."""


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """One reconstruction, as it lies on the disk."""

    path: Path
    """The image."""
    dense: RateImage
    """float32 [Y, X], >= 0, finite."""
    error: RateImage
    """The same."""
    grid: Grid
    structure: str
    exposure: float
    """Of `dense`, relative to that of the input."""
    model: str
    """Name and version."""
    sha256: str
    """Of the image."""

    def region(self, roi_nm: tuple[float, float, float, float] | None) -> Result:
        """Cut out (x0, y0, x1, y1) in nm, in the frame of the localizations; None: all of it.

        Widened to whole pixels. Raises `RegionError` where it does not lie in the field.
        """
        if roi_nm is None:
            return self
        cut, x0, y0 = Grid.over(roi_nm, self.grid.pixel_nm), *self.grid.origin_nm
        column = round((cut.origin_nm[0] - x0) / self.grid.pixel_nm)
        row = round((cut.origin_nm[1] - y0) / self.grid.pixel_nm)
        rows, columns = cut.shape
        if min(row, column) < 0 or row + rows > self.grid.shape[0]:
            raise RegionError(self.path, _um(self.grid))
        if column + columns > self.grid.shape[1]:
            raise RegionError(self.path, _um(self.grid))
        part = (slice(row, row + rows), slice(column, column + columns))
        return Result(
            self.path,
            self.dense[part],
            self.error[part],
            Grid(
                self.grid.pixel_nm,
                (x0 + column * self.grid.pixel_nm, y0 + row * self.grid.pixel_nm),
                cut.shape,
            ),
            self.structure,
            self.exposure,
            self.model,
            self.sha256,
        )


def _um(grid: Grid) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (edge / 1000 for edge in grid.extent_nm)
    return x0, y0, x1, y1


def find_results(given: Path) -> list[Path]:
    """Find the images that a path names: one image, one record, or all of a folder and below it.

    In the order of their names. Raises `NothingMeasurableError` for a folder without any,
    `NoRecordError` for an image without record or the other way round, `NotAResultError` for a file
    of another name.
    """
    if given.is_dir():
        found = [
            image
            for image in sorted(given.rglob(f"*{IMAGE_SUFFIX}"))
            if not image.name.startswith(".") and _record_of(image).is_file()
        ]
        if not found:
            raise NothingMeasurableError(given, "results of annapalm-run")
        return found
    image = (
        given.with_name(given.stem + IMAGE_SUFFIX)
        if given.suffix.lower() == RECORD_SUFFIX
        else given
    )
    if not image.name.endswith(IMAGE_SUFFIX):
        raise NotAResultError(given, IMAGE_SUFFIX, RECORD_SUFFIX)
    for path in (image, _record_of(image)):
        if not path.is_file():
            raise NoRecordError(given, path.name)
    return [image]


def _record_of(image: Path) -> Path:
    return image.with_name(image.name.removesuffix(IMAGE_SUFFIX) + RECORD_SUFFIX)


def read_json(path: Path) -> dict[str, Any]:
    """Read a file that must hold a JSON object; raises `NotARecordError`."""
    try:
        if path.stat().st_size > _LARGEST_RECORD:
            raise NotARecordError(path, "it is too large")
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
        if isinstance(error, AnnaPalmError):
            raise
        raise NotARecordError(path, f"it cannot be read ({error})") from error
    if not isinstance(content, dict):
        raise NotARecordError(path, "it holds no object")
    return content


def read_result(image: Path) -> Result:
    """Read an image and the record beside it.

    Raises `NotARecordError`, `AlteredImageError` where the image's hash is not the record's, and
    the errors of `annapalm.tiff`.
    """
    record = _record_of(image)
    content = read_json(record)
    if content.get("schema") != FIELD_SCHEMA:
        raise NotARecordError(record, f"its schema is not {FIELD_SCHEMA}")
    if content.get("series") is not None or content.get("channels") is not None:
        raise SeveralPicturesError(image)
    try:
        about, model = content["image"], content["provenance"]["model"]
        channels, shape = list(about["channels"]), tuple(map(int, about["shape"]))
        x_nm, y_nm = map(float, about["origin_nm"])
        grid = Grid(float(about["pixel_nm"]), (x_nm, y_nm), (shape[0], shape[1]))
        stated = {one["name"]: one["sha256"] for one in content["outputs"]}
        structure, exposure = str(model["structure"]), float(about["exposure"])
        name = f"{model['name']}/{model['version']}"
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise NotARecordError(record, f"{type(error).__name__}: {error}") from error
    try:
        with image.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise TiffOpenError(image, error.strerror or str(error)) from error
    if stated.get(image.name) != sha256:
        raise AlteredImageError(image, "its content has changed since")
    dense, expected = _dense_and_error(image, channels, grid)
    return Result(image, dense, expected, grid, structure, exposure, name, sha256)


def _dense_and_error(image: Path, channels: list[str], grid: Grid) -> NDArray[np.float32]:
    """Read the two channels that are measured; those beside them may be signed (cross_check)."""
    planes = open_planes(image, len(channels))
    if planes.shape[1:] != grid.shape or planes.dtype != np.float32:
        raise AlteredImageError(image, f"it holds {planes.dtype} of {planes.shape[1:]} pixels")
    if not {"dense", "error"} <= set(channels):
        raise AlteredImageError(image, "it lacks the channel dense or error")
    measured: NDArray[np.float32] = planes[[channels.index("dense"), channels.index("error")]]
    if not np.isfinite(measured).all() or measured.min() < 0:
        raise AlteredImageError(image, "it holds negative values or such that are not finite")
    return measured
