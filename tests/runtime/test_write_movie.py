"""The movie of a series: another program plays it, and all windows have one contrast."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from write_words import a_result

from annapalm.errors import InvalidValueError
from annapalm.stack.windows import Windows
from annapalm.write.colour import colour_table, to_index
from annapalm.write.movie import MAX_FRAMES, Movie, draw_still, movie_high, still_panels
from annapalm.write.png import animate_png

if TYPE_CHECKING:
    from pathlib import Path

PALETTE = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [9, 8, 7]], np.uint8)


def frames_of(png: bytes) -> list[np.ndarray]:
    """Play an animated PNG with another library: uint8 [Y, X, 3] each."""
    with Image.open(io.BytesIO(png)) as image:
        found = []
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            found.append(np.asarray(image.convert("RGB")))
        return found


def test_an_animation_is_played_by_another_library() -> None:
    random = np.random.default_rng(3)
    pictures = random.integers(0, 4, (5, 13, 17), np.uint8)
    png = b"".join(animate_png(iter(pictures), PALETTE, 5, 120))
    with Image.open(io.BytesIO(png)) as image:
        assert image.info["loop"] == 0
        assert image.info["duration"] == 120
        assert image.is_animated  # type: ignore[attr-defined]
    for got, wanted in zip(frames_of(png), pictures, strict=True):
        np.testing.assert_array_equal(got, PALETTE[wanted])


def test_one_picture_is_an_animation_of_one() -> None:
    picture = np.ones((4, 5), np.uint8)
    (got,) = frames_of(b"".join(animate_png([picture], PALETTE, 1, 100)))
    np.testing.assert_array_equal(got, PALETTE[picture])


@pytest.mark.parametrize(
    ("frames", "count"),
    [
        ([np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8)], 2),
        ([np.zeros((4, 4), np.float32)], 1),
        ([np.zeros((4, 4, 3), np.uint8)], 1),
        ([np.zeros((4, 4), np.uint8)], 2),
        ([], 0),
    ],
)
def test_what_is_no_animation_is_refused(frames: list[np.ndarray], count: int) -> None:
    with pytest.raises(InvalidValueError, match="frames"):
        b"".join(animate_png(frames, PALETTE, count, 100))


def movie(folder: Path, planes: np.ndarray, windows: Windows, **changes: Any) -> list[np.ndarray]:
    """Draw the movie of planes [T * C, Y, X]."""
    path = folder / "image.tif"
    tifffile.imwrite(path, planes, photometric="minisblack")
    values: dict[str, Any] = {
        "windows": windows,
        "frame_time_ms": 20.0,
        "names": ("",),
        "first_planes": (0, 2),
        "highs": (0.25,),
        "doubtful": (0.1,) * len(windows),
        "grid": a_result((40, 60)).grid,
    }
    return frames_of(b"".join(Movie(**(values | changes)).chunks(path)))


def test_what_is_twice_as_bright_is_drawn_so(tmp_path: Path) -> None:
    planes = np.zeros((4, 40, 60), np.float32)
    planes[0, 20], planes[2, 20] = 0.1, 0.2
    first, second = movie(tmp_path, planes, Windows(10, 10, 0, 20))
    assert first.shape == second.shape
    table = colour_table("ember").astype(int)
    for picture, value in ((first, 0.1), (second, 0.2)):
        wanted = table[to_index(np.full((1, 1), value, np.float32), 0.25)[0, 0]]
        distance = np.abs(picture.astype(int) - wanted).max(axis=2)
        assert (distance <= 12).sum() >= 60 * 5, f"a line of {value} is drawn in another colour"


def test_each_picture_tells_its_window(tmp_path: Path) -> None:
    planes = np.zeros((6, 40, 60), np.float32)
    pictures = movie(tmp_path, planes, Windows(10, 5, 0, 20))
    assert len(pictures) == 3
    stamps = [picture[:60] for picture in pictures]
    assert len({stamp.tobytes() for stamp in stamps}) == 3
    rest = {picture[60:].tobytes() for picture in pictures}
    assert len(rest) == 1


def test_a_long_series_is_shown_in_part(tmp_path: Path) -> None:
    windows = Windows(1, 1, 0, MAX_FRAMES + 1)
    planes = np.zeros((2 * len(windows), 4, 4), np.float32)
    grid = a_result((4, 4)).grid
    pictures = movie(tmp_path, planes, windows, grid=grid, doubtful=None, names=("a",))
    assert len(pictures) == MAX_FRAMES // 2 + 1


def test_the_contrast_is_that_of_the_brightest_window() -> None:
    dim, bright = a_result(), a_result(dense=a_result().dense * 2)
    assert movie_high(bright) == pytest.approx(2 * movie_high(dim))


def test_channels_stand_below_each_other() -> None:
    result = a_result((40, 60))
    rows = [still_panels(result, name) for name in ("tubulin", "actin")]
    assert [panel.name for panel in rows[1]] == ["actin sparse", "actin dense", "actin error"]
    one, two = (frames_of(draw_still(part, result.grid))[0] for part in (rows[:1], rows))
    assert two.shape == (2 * one.shape[0], one.shape[1], 3)
    np.testing.assert_array_equal(two[: len(one)], one)
