"""The preview shows what is there, at any size, and does not make structure out of noise."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from write_words import a_result, an_agreement

from annapalm.blocks import block_max, block_mean, block_sum
from annapalm.cross_check import check
from annapalm.errors import InvalidValueError
from annapalm.grid import Grid
from annapalm.localizations import Localizations
from annapalm.write.colour import colour_table, to_index
from annapalm.write.layout import scale_bar_um, scale_text
from annapalm.write.lettering import GLYPHS, draw_text, text_width
from annapalm.write.png import encode_png
from annapalm.write.preview import make_panels, make_preview, short
from annapalm.write.reduce import DARK_PER_UM2, block_factor
from annapalm.write.thumbnails import THUMBNAIL_PX, make_thumbnails

if TYPE_CHECKING:
    from annapalm.cross_check import CrossCheck
    from annapalm.write.colour import ColourName

TABLES: tuple[ColourName, ...] = ("grey", "ember", "tide", "orchid")


def decoded(png: bytes) -> np.ndarray:
    """Read a PNG with another library: uint8 [Y, X, 3]."""
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_a_png_is_read_back_by_another_library(rows: int, columns: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (rows, columns, 3), np.uint8)
    np.testing.assert_array_equal(decoded(encode_png(pixels)), pixels)
    palette = random.integers(0, 256, (17, 3), np.uint8)
    index = random.integers(0, 17, (rows, columns), np.uint8)
    np.testing.assert_array_equal(decoded(encode_png(index, palette)), palette[index])


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
    ],
)
def test_what_is_no_picture_is_refused(pixels: np.ndarray) -> None:
    with pytest.raises(InvalidValueError, match="pixels is"):
        encode_png(pixels)
    with pytest.raises(InvalidValueError, match="an index into the palette"):
        encode_png(np.full((2, 2), 9, np.uint8), np.zeros((3, 3), np.uint8))


@pytest.mark.parametrize(
    "shape", [(1, 1), (5, 1), (1, 4000), (4000, 1), (33, 70), (640, 640), (1281, 900), (300, 1700)]
)
def test_any_field_gives_a_picture_of_sensible_size(shape: tuple[int, int]) -> None:
    result = a_result(shape, widefield=an_agreement(shape))
    picture = decoded(make_preview(result).png)
    assert max(picture.shape) < 4 * 1280 + 1500
    assert min(picture.shape[:2]) > 40
    panels = make_panels(result, block_factor(shape, 1280), 1)
    assert [p.name for p in panels] == ["sparse", "dense", "error", "widefield_error"]
    assert max(panels[0].image.shape) <= 1280


def test_the_contrast_is_written_beside_the_picture() -> None:
    contrast = make_preview(a_result()).contrast
    assert list(contrast) == ["sparse", "dense", "error"]
    assert contrast["dense"]["low"] == 0
    assert contrast["dense"]["high"] == pytest.approx(0.25)
    assert contrast["dense"]["rule"] == "percentile 99 of the structure"
    assert contrast["error"] == {**contrast["dense"], "rule": "the same as dense"}
    assert contrast["sparse"]["high"] == 1


def test_a_single_localization_stays_bright_in_a_large_field() -> None:
    counts = np.zeros((2600, 2600), np.float32)
    counts[1301, 777] = 1
    sparse, *_ = make_panels(a_result((2600, 2600), counts=counts), 3, 1)
    shown = to_index(sparse.image, sparse.contrast["high"])
    assert (shown == 255).sum() == 1


def test_captions_say_what_was_withheld() -> None:
    plain, withheld = (make_panels(a_result(withheld=w), 1, 1) for w in (False, True))
    assert plain[1].caption == "expected localizations"
    assert withheld[1].caption == "nothing drawn: it looks like background"
    assert plain[2].caption == "expected absolute error of dense"
    assert withheld[2].caption == "what would have been drawn"


def test_faint_noise_is_not_stretched_into_structure() -> None:
    noise = np.random.default_rng(1).gamma(2, 2e-4, (200, 200)).astype(np.float32)
    dark = DARK_PER_UM2 * 0.02**2
    panels = make_panels(a_result((200, 200), dense=noise, error=noise), 1, 1)
    assert panels[1].contrast["high"] == pytest.approx(dark)
    assert to_index(panels[1].image, dark).max() < 128


def test_the_floor_of_brightness_follows_pixel_and_exposure() -> None:
    empty = np.zeros((50, 50), np.float32)
    result = a_result(
        (50, 50), dense=empty, error=empty, exposure=4.0, grid=Grid(10.0, (0.0, 0.0), (50, 50))
    )
    assert make_panels(result, 1, 1)[1].contrast["high"] == pytest.approx(25 * 0.01**2 * 4)


def test_a_widefield_image_that_agrees_looks_dark() -> None:
    agreement = an_agreement((320, 320))
    agreement.error[...] = 1e-4
    *_, panel = make_panels(a_result((320, 320), widefield=agreement), 1, 1)
    assert to_index(panel.image, panel.contrast["high"]).max() < 8


def test_a_correlation_of_nothing_is_not_written_as_nan() -> None:
    *_, panel = make_panels(a_result(widefield=an_agreement(rsp=float("nan"))), 1, 1)
    assert panel.caption.endswith("RSP not defined")


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_reducing_keeps_sum_mean_and_maximum_of_blocks(rows: int, columns: int, by: int) -> None:
    random = np.random.default_rng(rows * 31 + columns)
    image = random.integers(0, 9, (rows, columns)).astype(np.float32)
    blocks = [
        [image[i : i + by, j : j + by] for j in range(0, columns, by)] for i in range(0, rows, by)
    ]
    for reduce, expected in ((block_sum, np.sum), (block_mean, np.mean), (block_max, np.max)):
        wanted = np.array([[float(expected(block)) for block in row] for row in blocks])
        np.testing.assert_allclose(reduce(image, by), wanted, rtol=1e-6)
    assert block_sum(image, by).sum() == image.sum()


@pytest.mark.parametrize(
    ("width_um", "length", "text"),
    [(51.2, 10.0, "10 µm"), (20.0, 5.0, "5 µm"), (12.8, 2.0, "2 µm"), (0.8, 0.2, "200 nm")],
)
def test_the_scale_bar_is_a_round_length(width_um: float, length: float, text: str) -> None:
    assert scale_bar_um(width_um) == pytest.approx(length)
    assert scale_text(scale_bar_um(width_um)) == text


def test_the_scale_bar_is_as_long_as_it_says() -> None:
    """A field of 800 px of 20 nm is 16 µm: the bar of 2 µm is 100 px, in the ink of the labels."""
    result = a_result((800, 800))
    picture = decoded(make_preview(result).png)
    ink = (picture == (240, 242, 245)).all(axis=2)
    runs = [_longest_run(row) for row in ink]
    assert scale_bar_um(16.0) == 2.0
    assert max(runs) == 100


def _longest_run(row: np.ndarray) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(int), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))


@pytest.mark.parametrize("name", TABLES)
def test_colours_get_steadily_lighter(name: ColourName) -> None:
    light = colour_table(name).astype(float) @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(light) >= -0.51).all()  # half a step of rounding
    assert light[0] == 0
    assert light[-1] > 225


def test_every_character_of_the_labels_has_a_glyph() -> None:
    panels = make_panels(a_result(widefield=an_agreement()), 2, 1)
    words = [text for p in panels for text in (p.name.replace("_", " "), p.caption, p.note)]
    words += [f"{10.0**e:.3g}" for e in range(-9, 9)] + ["10 µm", "500 nm", "-0.1"]
    assert set("".join(words)) - {" "} <= set(GLYPHS)


@pytest.mark.parametrize("character", sorted(GLYPHS))
def test_every_glyph_is_drawn_inside_its_width(character: str) -> None:
    canvas = np.zeros((80, 100, 3), np.uint8)
    end = draw_text(canvas, character, (20, 50), 30, (255, 255, 255))
    inked = np.flatnonzero(canvas.any(axis=(0, 2)))
    assert len(inked) > 0
    assert inked[0] >= 16
    assert inked[-1] <= max(end, 20) + 4


def test_text_is_as_wide_as_said_and_cut_at_the_edges() -> None:
    canvas = np.zeros((40, 400, 3), np.uint8)
    end = draw_text(canvas, "expected 0.25 µm²", (10, 30), 16, (255, 255, 255))
    assert abs(end - 10 - text_width("expected 0.25 µm²", 16)) <= 1
    for corner in ((-30, 5), (395, 39), (5, -100), (5, 500)):
        draw_text(canvas, "dense", corner, 16, (255, 255, 255))
    assert text_width("", 16) == 0


def test_an_unknown_character_is_a_box_and_no_error() -> None:
    canvas = np.zeros((40, 60, 3), np.uint8)
    draw_text(canvas, "\N{SNOWMAN}", (10, 30), 16, (255, 255, 255))
    assert canvas.any()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (13.52, "13.5"), (0.00341, "0.00341"), (8234.6, "8,235"), (2e-7, "2.0e-07")],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert short(value) == text


@pytest.mark.parametrize("shape", [(1, 1), (40, 60), (1000, 300), (300, 1000)])
def test_thumbnails_are_small_and_all_of_one_size(shape: tuple[int, int]) -> None:
    pictures = make_thumbnails(a_result(shape))
    sizes = {
        decoded(png).shape
        for png in (pictures.sparse, pictures.dense, pictures.error, pictures.doubt)
    }
    assert len(sizes) == 1
    assert max(sizes.pop()) <= THUMBNAIL_PX
    assert sum(map(len, (pictures.sparse, pictures.dense, pictures.error, pictures.doubt))) < 30_000
    assert len(pictures.tile) < 8_000


def test_doubtful_structure_is_red_and_the_rest_is_grey() -> None:
    doubt = decoded(make_thumbnails(a_result()).doubt).astype(int)
    row = doubt[doubt.shape[0] // 2]
    left, right = row[5], row[-5]
    assert abs(left[0] - left[1]) < 12
    assert right[0] > 200
    assert right[1] < 90


def a_cross_check(shape: tuple[int, int] = (40, 60)) -> CrossCheck:
    """Test an even picture by localizations that all lie in its left half."""
    random = np.random.default_rng(3)
    rows, columns = shape
    table = Localizations(
        400 + random.uniform(0, 10 * columns, 500),
        -60 + random.uniform(0, 20 * rows, 500),
        np.arange(500),
    )
    return check(np.ones(shape, np.float32), table, None, Grid(20.0, (400.0, -60.0), shape))


def test_the_cross_check_is_a_panel_of_signed_values() -> None:
    *_, panel = make_panels(a_result(cross_check=a_cross_check()), 1, 1)
    assert panel.name == "cross_check"
    assert (panel.contrast["low"], panel.contrast["high"]) == (-4, 4)
    assert panel.image[20, 10] > 1
    assert panel.image[20, 50] < -1
    assert list(make_preview(a_result(cross_check=a_cross_check())).contrast)[-1] == "cross_check"


def test_chance_is_drawn_dark_and_both_signs_bright_in_colours_of_their_own() -> None:
    table = colour_table("accord").astype(int)
    left, middle, right = (
        table[to_index(np.full((1, 1), z, np.float32), 4.0, low=-4.0)[0, 0]] for z in (-4, 0, 4)
    )
    assert middle.max() < 40
    assert left.min() > 180 < right.min()
    red, blue = (table[round(255 * (z + 4) / 8)] for z in (-3, 3))
    assert red[0] > red[2] + 100
    assert blue[2] > blue[0] + 100


def test_the_cross_check_is_a_thumbnail_only_where_there_is_one() -> None:
    assert make_thumbnails(a_result()).cross_check is None
    with_map = make_thumbnails(a_result(cross_check=a_cross_check()))
    assert with_map.cross_check is not None
    picture = decoded(with_map.cross_check)
    left, right = picture[20, 10], picture[-20, -10]
    assert left[2] > left[0]
    assert right[0] > right[2]
