"""Reading a widefield image, and whether it shows the field."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from annapalm.errors import AnnaPalmError, InvalidValueError
from annapalm.grid import Grid
from annapalm.tiff import TiffPixelsError, TiffPlanesError
from annapalm.widefield import WidefieldImage, check_covers, errors, read_widefield
from annapalm.widefield.errors import (
    WidefieldMisalignedError,
    WidefieldPixelsError,
    WidefieldPixelSizeError,
    WidefieldSizeError,
)

if TYPE_CHECKING:
    from pathlib import Path

PLANE = np.arange(1, 61, dtype=np.uint16).reshape(6, 10)


def saved(folder: Path, image: Any = PLANE, **options: Any) -> Path:
    path = folder / "cell_widefield.tif"
    tifffile.imwrite(path, image, **{"photometric": "minisblack", **options})
    return path


def image_of(rows: int, columns: int, pixel_nm: float = 100.0) -> WidefieldImage:
    return WidefieldImage(np.ones((rows, columns), np.float32), pixel_nm)


def test_an_imagej_image_comes_with_its_pixel_size(tmp_path: Path) -> None:
    path = saved(tmp_path, imagej=True, resolution=(10, 10), metadata={"unit": "um"})
    image = read_widefield(path)
    assert image.pixel_nm == pytest.approx(100)
    assert image.path == path
    assert image.pixels.dtype == np.float32
    np.testing.assert_array_equal(image.pixels, PLANE)
    assert image.size_nm == pytest.approx((1000, 600))


def test_the_pixel_size_that_the_user_states_is_taken(tmp_path: Path) -> None:
    path = saved(tmp_path, resolution=(1e5, 1e5), resolutionunit="CENTIMETER")
    assert read_widefield(str(path), pixel_nm=160.0).pixel_nm == 160.0


def test_without_a_pixel_size_the_user_is_asked(tmp_path: Path) -> None:
    path = saved(tmp_path, resolution=(72, 72), resolutionunit="INCH")
    with pytest.raises(WidefieldPixelSizeError, match=r"--widefield-pixel NM") as caught:
        read_widefield(path)
    assert str(caught.value).startswith(f"{path} states no pixel size")


@pytest.mark.parametrize("pixel_nm", [0.0, -100.0, float("nan"), float("inf")])
def test_a_pixel_size_that_is_none_is_refused(tmp_path: Path, pixel_nm: float) -> None:
    with pytest.raises(InvalidValueError, match="pixel_nm"):
        read_widefield(saved(tmp_path), pixel_nm)


def test_values_that_no_camera_measures_are_refused(tmp_path: Path) -> None:
    image = PLANE.astype(np.float32)
    image[2, 7] = np.nan
    with pytest.raises(WidefieldPixelsError, match=r"holds nan at row 2, column 7 \(both from 0\)"):
        read_widefield(saved(tmp_path, image), 100)
    with pytest.raises(WidefieldPixelsError, match="holds no value above 0"):
        read_widefield(saved(tmp_path, -PLANE.astype(np.float32)), 100)
    with pytest.raises(WidefieldPixelsError, match=r"values up to 6e\+301"):
        read_widefield(saved(tmp_path, PLANE * 1e300), 100)


def test_negative_values_beside_others_are_a_subtracted_background(tmp_path: Path) -> None:
    image = PLANE.astype(np.float32) - 5
    np.testing.assert_array_equal(read_widefield(saved(tmp_path, image), 100).pixels, image)


def test_colours_and_stacks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TiffPixelsError, match="3 channels"):
        read_widefield(saved(tmp_path, np.ones((6, 10, 3), "u1"), photometric="rgb"), 100)
    with pytest.raises(TiffPlanesError, match="2 images"):
        read_widefield(saved(tmp_path, np.ones((2, 6, 10), "u2")), 100)


@pytest.mark.parametrize(
    "pixels",
    [
        [[1.0]],
        np.ones((2, 2)),
        np.ones(4, np.float32),
        np.ones((0, 2), np.float32),
        np.full((2, 2), np.inf, np.float32),
    ],
)
def test_an_image_that_cannot_be_is_refused(pixels: Any) -> None:
    with pytest.raises(InvalidValueError, match="pixels"):
        WidefieldImage(pixels, 100.0)


def test_a_pixel_that_cannot_be_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="pixel_nm"):
        WidefieldImage(np.ones((2, 2), np.float32), 0.0)


def test_the_field_may_differ_by_one_camera_pixel() -> None:
    grid = Grid.over((0, 0, 6000, 4000), 20)
    check_covers(image_of(40, 60), grid, (6000, 4000))
    check_covers(image_of(40, 60), grid, (6100, 3900))
    check_covers(image_of(39, 59), grid)
    check_covers(image_of(80, 90), grid)  # a larger camera field, a part of it reconstructed


def test_another_field_is_refused_with_both_sizes() -> None:
    grid = Grid.over((0, 0, 6000, 4000), 20)
    with pytest.raises(WidefieldSizeError) as caught:
        check_covers(image_of(40, 51), grid)
    assert str(caught.value) == (
        "The widefield image shows 51 x 40 pixels of 100 nm = 5.10 x 4.00 µm from the camera's "
        "corner, but the field to reconstruct reaches from (0.00, 0.00) to (6.00, 4.00) µm. Give "
        "the image of the same field, correct the pixel size with --widefield-pixel NM, or leave "
        "the image out with --no-widefield."
    )


@pytest.mark.parametrize("field_nm", [(5800.0, 4000.0), (6000.0, 4200.0), (12000.0, 8000.0)])
def test_where_the_field_is_known_the_image_must_have_its_size(
    field_nm: tuple[float, float],
) -> None:
    grid = Grid.over((0, 0, 2000, 2000), 20)
    with pytest.raises(WidefieldSizeError, match="the field of the localizations"):
        check_covers(image_of(40, 60), grid, field_nm)


def test_a_field_left_of_the_camera_is_not_shown() -> None:
    with pytest.raises(WidefieldSizeError, match=r"\(-0\.20, 0\.00\)"):
        check_covers(image_of(40, 60), Grid(20, (-200, 0), (20, 20)))


@pytest.mark.parametrize(
    "error",
    [
        WidefieldPixelSizeError,
        WidefieldPixelsError,
        WidefieldSizeError,
        WidefieldMisalignedError,
    ],
)
def test_errors_are_ours_and_a_value_error_and_survive_pickling(
    error: type[AnnaPalmError], tmp_path: Path
) -> None:
    arguments: dict[type[AnnaPalmError], tuple[Any, ...]] = {
        WidefieldPixelSizeError: (tmp_path,),
        WidefieldPixelsError: ("here", "is not"),
        WidefieldSizeError: ("It", (3, 4), 100.0, "the field", (0.0, 0.0, 1.0, 2.0)),
        WidefieldMisalignedError: ("It", (900.0, -3.0), 500.0),
    }
    made = error(*arguments[error])
    again = pickle.loads(pickle.dumps(made))  # noqa: S301 - our own bytes
    assert isinstance(again, AnnaPalmError)
    assert isinstance(again, ValueError)
    assert str(again) == str(made)
    assert "--" in str(made)  # each says what to do
    assert set(arguments) | {errors.WidefieldError} == {
        e for e in vars(errors).values() if isinstance(e, type) and e is not AnnaPalmError
    }
