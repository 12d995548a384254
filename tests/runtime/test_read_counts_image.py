"""Rendered sparse images: counts are read, pictures are not."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from read_words import DATA

from annapalm.errors import AnnaPalmError, InvalidValueError
from annapalm.grid import Grid
from annapalm.read import is_counts_image, read_counts_image, read_localizations
from annapalm.read.errors import (
    NotCountsError,
    PixelSizeContradictsError,
    PixelSizeUnknownError,
    UnreadableFileError,
)
from annapalm.render import render

if TYPE_CHECKING:
    from pathlib import Path


def written(folder: Path, values: Any, **how: Any) -> Path:
    """Write values as a TIFF."""
    path = folder / "counts.tif"
    tifffile.imwrite(path, np.asarray(values), **how)
    return path


def some_counts(dtype: type = np.uint16) -> np.ndarray:
    """Draw counts as a sparse acquisition gives them."""
    return np.random.default_rng(3).poisson(0.1, (40, 30)).astype(dtype)


def assert_no_counts(path: Path, *says: str) -> None:
    """Fail to read, with a message that says these words."""
    with pytest.raises(NotCountsError) as caught:
        read_counts_image(path, 20)
    message = str(caught.value)
    assert str(path) in message
    assert "Give the localization table itself" in message
    assert [words for words in says if words not in message] == []


def test_the_shipped_image_is_its_table_rendered() -> None:
    image = read_counts_image(DATA / "counts.tif")
    rows, columns = image.counts.shape
    locs = read_localizations(DATA / "thunderstorm.csv")
    counts, outside = render(locs, Grid(20, (0, 0), (rows, columns)))
    assert image.pixel_nm == pytest.approx(20)
    assert outside == 0
    assert image.counts.dtype == np.float32
    np.testing.assert_array_equal(image.counts, counts)
    assert image.sha256 == hashlib.sha256((DATA / "counts.tif").read_bytes()).hexdigest()
    assert image.path == DATA / "counts.tif"


@pytest.mark.parametrize(
    "dtype", [np.uint8, np.uint16, np.int32, np.uint32, np.float32, np.float64]
)
def test_any_kind_of_number_that_holds_counts(tmp_path: Path, dtype: type) -> None:
    counts = some_counts(dtype)
    image = read_counts_image(written(tmp_path, counts), 20)
    np.testing.assert_array_equal(image.counts, counts)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_both_byte_orders_and_both_kinds_of_tiff(
    tmp_path: Path, byteorder: Any, *, bigtiff: bool
) -> None:
    path = written(tmp_path, some_counts(), byteorder=byteorder, bigtiff=bigtiff)
    assert is_counts_image(path)
    np.testing.assert_array_equal(read_counts_image(path, 20).counts, some_counts())


def test_the_pixel_size_comes_from_ome(tmp_path: Path) -> None:
    metadata = {"PhysicalSizeX": 25, "PhysicalSizeXUnit": "nm"}
    metadata |= {"PhysicalSizeY": 25, "PhysicalSizeYUnit": "nm"}
    path = written(tmp_path, some_counts(), ome=True, metadata=metadata)
    assert read_counts_image(path).pixel_nm == pytest.approx(25)


def test_the_pixel_size_comes_from_resolution_tags(tmp_path: Path) -> None:
    path = written(tmp_path, some_counts(), resolution=(5e5, 5e5), resolutionunit="CENTIMETER")
    assert read_counts_image(path).pixel_nm == pytest.approx(20)


@pytest.mark.parametrize("dots", [1, 72, 96])
def test_what_programs_write_for_printers_is_no_pixel_size(tmp_path: Path, dots: int) -> None:
    path = written(tmp_path, some_counts(), resolution=(dots, dots), resolutionunit="INCH")
    with pytest.raises(PixelSizeUnknownError) as caught:
        read_counts_image(path)
    assert str(caught.value) == (
        f"{path} does not say the size of its pixels. Say it with --pixel-size NM, such as "
        "--pixel-size 20."
    )
    assert read_counts_image(path, 20).pixel_nm == 20


def test_the_user_may_repeat_the_pixel_size_but_not_contradict_it() -> None:
    assert read_counts_image(DATA / "counts.tif", 20).pixel_nm == 20
    with pytest.raises(PixelSizeContradictsError, match=r"are 20 nm, not 10 nm .*--pixel-size"):
        read_counts_image(DATA / "counts.tif", 10)


def test_the_user_settles_what_the_file_says_twice(tmp_path: Path) -> None:
    how = {"resolution": (5e5, 2.5e5), "resolutionunit": "CENTIMETER"}
    path = written(tmp_path, some_counts(), **how)
    with pytest.raises(AnnaPalmError, match="--pixel-size"):
        read_counts_image(path)
    assert read_counts_image(path, 20).pixel_nm == 20


@pytest.mark.parametrize("size", [0.0, -20.0, float("nan"), float("inf")])
def test_a_pixel_size_that_cannot_be(size: float) -> None:
    with pytest.raises(InvalidValueError, match="pixel_nm"):
        read_counts_image(DATA / "counts.tif", size)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (np.nan, "row 2, column 5 is not a finite number"),
        (np.inf, "row 2, column 5 is not a finite number"),
        (-1, "row 2, column 5 is negative"),
        (0.5, "row 2, column 5 is not a whole number"),
        (2.0**24 + 2, "row 2, column 5 is above 16,777,216"),
    ],
)
def test_values_that_are_no_counts(tmp_path: Path, value: float, says: str) -> None:
    counts = some_counts(np.float64)
    counts[2, 5] = value
    assert_no_counts(written(tmp_path, counts), says)


def test_how_many_other_pixels_are_bad(tmp_path: Path) -> None:
    blurred = np.full((4, 4), 0.25)
    assert_no_counts(written(tmp_path, blurred), "row 0, column 0 (and 15 more) is not a whole")


def test_negative_integers(tmp_path: Path) -> None:
    counts = some_counts(np.int16)
    counts[1, 1] = -3
    assert_no_counts(written(tmp_path, counts), "row 1, column 1 is negative")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
def test_an_image_that_fills_its_range_is_scaled(tmp_path: Path, dtype: Any) -> None:
    counts = some_counts(dtype)
    counts[3, 4] = np.iinfo(dtype).max
    assert_no_counts(written(tmp_path, counts), "row 3, column 4", "after scaling")


def test_an_image_that_skips_values_is_scaled(tmp_path: Path) -> None:
    assert_no_counts(written(tmp_path, some_counts() * 51), "multiples of 51", "after scaling")
    few = np.zeros((8, 8), np.uint16)
    few[2, 2:5] = 2
    assert read_counts_image(written(tmp_path, few), 20).counts.sum() == 6


def test_an_image_of_zeros_is_an_empty_acquisition(tmp_path: Path) -> None:
    image = read_counts_image(written(tmp_path, np.zeros((3, 4), np.uint8)), 20)
    assert image.counts.shape == (3, 4)
    assert not image.counts.any()


@pytest.mark.parametrize(
    ("values", "how"),
    [
        (np.zeros((8, 9, 3), np.uint8), {"photometric": "rgb"}),
        (np.zeros((5, 8, 9), np.uint16), {"photometric": "minisblack"}),
        (np.zeros((8, 9), bool), {}),
        (np.zeros((8, 9), np.complex64), {}),
    ],
)
def test_colours_stacks_bits_and_complex_numbers_are_refused(
    tmp_path: Path, values: Any, how: dict[str, Any]
) -> None:
    path = written(tmp_path, values, **how)
    with pytest.raises(AnnaPalmError, match=r"counts\.tif"):
        read_counts_image(path, 20)


def test_a_tiff_is_told_by_its_first_bytes(tmp_path: Path) -> None:
    assert is_counts_image(DATA / "counts.tif")
    assert not is_counts_image(DATA / "thunderstorm.csv")
    assert not is_counts_image(DATA / "thunderstorm.xls")
    (tmp_path / "table.tif").write_text("frame,x [nm],y [nm]\n")
    assert not is_counts_image(tmp_path / "table.tif")
    with pytest.raises(UnreadableFileError, match=r"gone\.tif"):
        is_counts_image(tmp_path / "gone.tif")


def test_a_truncated_tiff_is_refused(tmp_path: Path) -> None:
    data = (DATA / "counts.tif").read_bytes()
    path = tmp_path / "cut.tif"
    for length in (0, 4, 100, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(AnnaPalmError, match=r"cut\.tif"):
            read_counts_image(path, 20)
