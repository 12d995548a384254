"""Tiles: the geometry alone, on arrays of numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annapalm.errors import InvalidValueError
from annapalm.tile import (
    Tile,
    choose_tile,
    halved_tile,
    padded_shape,
    plan_tiles,
    smallest_tile,
)


@st.composite
def plans(draw: st.DrawFn) -> tuple[tuple[int, int], int | None, int, int]:
    """Draw padded shape, tile, halo and stride that fit together."""
    stride = draw(st.sampled_from([1, 2, 4, 8, 16]))
    halo = stride * draw(st.integers(0, 4))
    tile = draw(st.none() | st.integers(0, 6).map(lambda n: 2 * halo + stride * (n + 1)))
    sides = st.integers(1, 30).map(lambda n: n * stride)
    return (draw(sides), draw(sides)), tile, halo, stride


@given(plans())
@settings(max_examples=200, deadline=None)
def test_the_cores_cover_the_field_once(
    plan: tuple[tuple[int, int], int | None, int, int],
) -> None:
    shape, tile_px, halo, stride = plan
    covered = np.zeros(shape, int)
    for tile in plan_tiles(shape, tile_px, halo, stride):
        covered[tile.core()] += 1
    assert (covered == 1).all()


@given(plans())
@settings(max_examples=200, deadline=None)
def test_a_tile_lies_inside_on_the_stride_and_sees_the_halo(
    plan: tuple[tuple[int, int], int | None, int, int],
) -> None:
    shape, tile_px, halo, stride = plan
    tiles = plan_tiles(shape, tile_px, halo, stride)
    assert len({tile.shape for tile in tiles}) == 1
    for tile in tiles:
        for span, length in zip((tile.y, tile.x), shape, strict=True):
            assert 0 <= span.start < span.stop <= length
            assert span.start % stride == span.stop % stride == 0
            assert span.keep_start % stride == span.keep_stop % stride == 0
            assert span.start == 0 or span.keep_start - span.start >= halo
            assert span.stop == length or span.stop - span.keep_stop >= halo


@given(plans(), st.integers(0, 2**32 - 1))
@settings(max_examples=200, deadline=None)
def test_an_operation_that_reaches_no_further_than_the_halo_gives_the_same_image(
    plan: tuple[tuple[int, int], int | None, int, int], seed: int
) -> None:
    shape, tile_px, halo, stride = plan
    image = np.random.default_rng(seed).integers(0, 100, shape)
    stitched = np.full(shape, -1)
    for tile in plan_tiles(shape, tile_px, halo, stride):
        stitched[tile.core()] = _spread(image[tile.read()], halo, stride)[tile.core_in_read()]
    np.testing.assert_array_equal(stitched, _spread(image, halo, stride))


@given(plans())
@settings(max_examples=100, deadline=None)
def test_the_quarter_grid_is_cut_at_the_same_places(
    plan: tuple[tuple[int, int], int | None, int, int],
) -> None:
    shape, tile_px, halo, stride = plan
    if stride % 4:
        return
    covered = np.zeros((shape[0] // 4, shape[1] // 4), int)
    for tile in plan_tiles(shape, tile_px, halo, stride):
        covered[tile.core(4)] += 1
        rows, columns = tile.read(4)
        assert (rows.stop - rows.start, columns.stop - columns.start) == (
            tile.shape[0] // 4,
            tile.shape[1] // 4,
        )
        assert covered[tile.read(4)][tile.core_in_read(4)].shape == covered[tile.core(4)].shape
    assert (covered == 1).all()


def _spread(image: np.ndarray, halo: int, stride: int) -> np.ndarray:
    """Mix what lies up to `halo` away, differently in every phase of the stride, as a net does."""
    padded = np.pad(image, halo)
    height, width = image.shape
    weights = {0: 1, halo // 2: 3, halo: 5}
    mixed = sum(
        weight * padded[halo + dy : halo + dy + height, halo + dx : halo + dx + width]
        for offset, weight in weights.items()
        for dy, dx in ((offset, 0), (-offset, 0), (0, offset), (0, -offset), (offset, -offset))
    )
    phase = np.add.outer(np.arange(height) % stride, 7 * (np.arange(width) % stride))
    return np.asarray(mixed * (1 + phase))


def test_the_last_tile_is_shifted_inward() -> None:
    tiles = plan_tiles((16, 80), 48, 8, 8)
    assert [(tile.x.start, tile.x.stop) for tile in tiles] == [(0, 48), (32, 80)]
    assert [(tile.x.keep_start, tile.x.keep_stop) for tile in tiles] == [(0, 40), (40, 80)]


def test_no_tile_size_means_the_whole_field() -> None:
    (tile,) = plan_tiles((64, 32), None, 16, 16)
    assert tile.shape == (64, 32)
    assert tile.read() == tile.core() == (slice(0, 64), slice(0, 32))


def test_a_field_shorter_than_the_tile_is_one_piece_along_that_axis() -> None:
    tiles = plan_tiles((32, 160), 64, 16, 16)
    assert {tile.shape for tile in tiles} == {(32, 64)}
    assert len(tiles) == 4


@pytest.mark.parametrize(
    ("shape", "padded"), [((1, 1), (16, 16)), ((16, 17), (16, 32)), ((2560, 2559), (2560, 2560))]
)
def test_padding_goes_up_to_the_stride(shape: tuple[int, int], padded: tuple[int, int]) -> None:
    assert padded_shape(shape, 16) == padded


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((0, 16), None, 16, 16), "shape is (0, 16), but it must be a multiple of the stride"),
        (((16, 24), None, 16, 16), "shape is (16, 24), but it must be a multiple of the stride"),
        (((16, 16), None, 8, 16), "halo_px is 8, but it must be a multiple of the stride, 16 px"),
        (((16, 16), None, -16, 16), "halo_px is -16"),
        (((16, 16), 32, 16, 16), "tile_px is 32, but it must be at least 48 px: two halos of 16"),
        (((16, 16), 50, 16, 16), "tile_px is 50, but it must be a multiple of the stride, 16 px: 48 or 64"),  # noqa: E501
        (((16, 16), None, 0, 0), "stride is 0, but it must be at least 1 px"),
    ],
)  # fmt: skip
def test_a_plan_that_cannot_be_is_refused(
    arguments: tuple[tuple[int, int], int | None, int, int], message: str
) -> None:
    with pytest.raises(InvalidValueError) as caught:
        plan_tiles(*arguments)
    assert message in str(caught.value)


def test_a_field_of_view_is_one_piece_where_memory_allows() -> None:
    assert choose_tile((2560, 2560), 112, 16, 2 * 2**30, 256) is None


@given(
    shape=st.tuples(st.integers(1, 9000), st.integers(1, 9000)),
    halo=st.integers(0, 10).map(lambda n: 16 * n),
    memory=st.integers(0, 2**34),
)
@settings(max_examples=200, deadline=None)
def test_a_chosen_tile_fits_memory_and_field(
    shape: tuple[int, int], halo: int, memory: int
) -> None:
    tile = choose_tile(shape, halo, 16, memory, 256)
    padded = padded_shape(shape, 16)
    pieces = plan_tiles(padded, tile, halo, 16)
    pixels = pieces[0].shape[0] * pieces[0].shape[1]
    if tile is None:
        assert len(pieces) == 1
        assert pixels * 256 <= memory or max(padded) <= smallest_tile(halo, 16)
    else:
        assert tile < max(padded)
        assert pixels * 256 <= memory or tile == smallest_tile(halo, 16)


@pytest.mark.parametrize("tile", [None, 640, 1280])
def test_halving_ends_at_the_smallest_tile(tile: int | None) -> None:
    tried = []
    while (tile := halved_tile((2560, 2000), tile, 112, 16)) is not None:
        tried.append(tile)
    assert tried == sorted(tried, reverse=True)
    assert tried[-1] == smallest_tile(112, 16)


def test_a_field_of_one_stride_cannot_be_halved() -> None:
    assert halved_tile((10, 16), None, 16, 16) is None


def test_tiles_are_values() -> None:
    first, second = (plan_tiles((64, 64), 48, 16, 16) for _ in range(2))
    assert first == second
    assert isinstance(hash(first), int)
    assert isinstance(first[0], Tile)
