"""Where a field of view is cut into tiles: pure geometry, no pixel is touched here.

A tile gives the very pixels of the whole field because its origin lies on the network's stride and
every kept pixel is at least the halo away from every cut (RUNTIME_NOTES, section 7):

```
  field, padded once to the stride
  +------------------------------+    core: the pixels this tile is kept for; the cores
  |     read                     |          cover the field once, without overlap
  |  +-------------+             |    halo: what the network sees beside the core
  |  | halo +----+ |             |    read: core + halo, always inside the field, all of one
  |  |      |core| |             |          size (the last shifted inward), never mirrored;
  |  |      +----+ |             |          its origin is a multiple of the stride
  |  +-------------+             |
  +------------------------------+
```
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from annapalm.errors import InvalidValueError


@dataclass(frozen=True, slots=True)
class Span:
    """What one tile reads and keeps along one axis, in pixels of the padded field."""

    start: int
    """First pixel read; a multiple of the stride."""
    stop: int
    """One past the last pixel read."""
    keep_start: int
    """First pixel kept; start <= keep_start."""
    keep_stop: int
    """One past the last pixel kept; keep_start < keep_stop <= stop."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One piece of a field: what is read, and the core of it that is kept."""

    y: Span
    x: Span

    @property
    def shape(self) -> tuple[int, int]:
        """(Y, X) of what is read, px."""
        return self.y.stop - self.y.start, self.x.stop - self.x.start

    def read(self, scale: int = 1) -> tuple[slice, slice]:
        """Index of what is read in the padded field, on a grid `scale` times coarser."""
        return _slice(self.y.start, self.y.stop, scale), _slice(self.x.start, self.x.stop, scale)

    def core(self, scale: int = 1) -> tuple[slice, slice]:
        """Index of the core in the padded field, on a grid `scale` times coarser."""
        return (
            _slice(self.y.keep_start, self.y.keep_stop, scale),
            _slice(self.x.keep_start, self.x.keep_stop, scale),
        )

    def core_in_read(self, scale: int = 1) -> tuple[slice, slice]:
        """Index of the core in the tile's own result, on a grid `scale` times coarser."""
        y, x = self.y, self.x
        return (
            _slice(y.keep_start - y.start, y.keep_stop - y.start, scale),
            _slice(x.keep_start - x.start, x.keep_stop - x.start, scale),
        )


def padded_shape(shape: tuple[int, int], stride: int) -> tuple[int, int]:
    """Round (Y, X) up to multiples of the stride: what the field is padded to, right and bottom."""
    if min(shape) < 1:
        raise InvalidValueError("shape", shape, "at least 1 x 1 pixels")
    _check_stride(stride)
    return _up(shape[0], stride), _up(shape[1], stride)


def smallest_tile(halo_px: int, stride: int) -> int:
    """Edge of the smallest tile that keeps anything: two halos and one stride, px."""
    return 2 * halo_px + stride


def check_tile(tile_px: int, halo_px: int, stride: int) -> None:
    """Raise `InvalidValueError`, naming edges that would do, unless tiles of this edge can be."""
    if isinstance(tile_px, bool) or not hasattr(tile_px, "__index__"):
        raise InvalidValueError("tile_px", tile_px, "a whole number of pixels")
    least = smallest_tile(halo_px, stride)
    if tile_px < least:
        must = f"at least {least} px: two halos of {halo_px} px and one stride of {stride} px"
        raise InvalidValueError("tile_px", tile_px, must)
    if tile_px % stride:
        below = tile_px - tile_px % stride
        must = f"a multiple of the stride, {stride} px: {below} or {below + stride}"
        raise InvalidValueError("tile_px", tile_px, must)


def plan_tiles(
    shape: tuple[int, int], tile_px: int | None, halo_px: int, stride: int
) -> tuple[Tile, ...]:
    """Cut a padded field (Y, X) into tiles that read `tile_px` x `tile_px`, row by row.

    `shape` is a multiple of the stride in both axes (see `padded_shape`), `halo_px` too. None
    gives the whole field as one tile, and so does, along its axis, a field no longer than the tile.
    The cores cover the field once; all tiles read the same shape.
    Raises `InvalidValueError` where sizes do not fit the stride or the tile leaves no core.
    """
    _check_stride(stride)
    if min(shape) < 1 or shape[0] % stride or shape[1] % stride:
        raise InvalidValueError("shape", shape, f"a multiple of the stride, {stride} px")
    if halo_px < 0 or halo_px % stride:
        raise InvalidValueError("halo_px", halo_px, f"a multiple of the stride, {stride} px")
    if tile_px is not None:
        check_tile(tile_px, halo_px, stride)
    rows, columns = (_spans(length, tile_px, halo_px) for length in shape)
    return tuple(Tile(y, x) for y in rows for x in columns)


def choose_tile(
    shape: tuple[int, int], halo_px: int, stride: int, memory_bytes: int, bytes_per_px: int
) -> int | None:
    """Largest tile whose network run fits `memory_bytes`; None: the whole padded field fits.

    Pure: who measures the memory is `annapalm.memory`. Never below the smallest tile that keeps
    anything, and of the tiles that need the same number of pieces the smallest (less overlap
    between the last two, less memory).
    """
    pixels = max(memory_bytes, 0) // bytes_per_px
    height, width = padded_shape(shape, stride)
    if height * width <= pixels:
        return None
    least = smallest_tile(halo_px, stride)
    largest = _edge(pixels, min(height, width)) // stride * stride
    if largest <= least:
        return least if least < max(height, width) else None
    pieces = max(_pieces(length, largest, halo_px) for length in (height, width))
    even = 2 * halo_px + _up(math.ceil((max(height, width) - 2 * halo_px) / pieces), stride)
    return max(least, min(largest, even))


def halved_tile(
    shape: tuple[int, int], tile_px: int | None, halo_px: int, stride: int
) -> int | None:
    """Give the next smaller tile to try when memory ran out; None where there is none."""
    edge = max(padded_shape(shape, stride)) if tile_px is None else tile_px
    least = smallest_tile(halo_px, stride)
    smaller = max(_up(edge // 2, stride), least)
    return smaller if smaller < edge else None


def _spans(length: int, tile_px: int | None, halo: int) -> tuple[Span, ...]:
    """Cut one axis: origins a step apart, the last shifted inward to end with the field."""
    if tile_px is None or tile_px >= length:
        return (Span(0, length, 0, length),)
    step = tile_px - 2 * halo
    starts = [min(i * step, length - tile_px) for i in range(_pieces(length, tile_px, halo))]
    # A core ends one halo before its tile does, and the next core begins there; a shifted tile
    # merely sees more than a halo on its near side.
    cuts = [0, *(start + tile_px - halo for start in starts[:-1]), length]
    return tuple(
        Span(start, start + tile_px, *cut)
        for start, cut in zip(starts, pairwise(cuts), strict=True)
    )


def _pieces(length: int, tile_px: int, halo: int) -> int:
    """Count the tiles along one axis."""
    if tile_px >= length:
        return 1
    return math.ceil((length - 2 * halo) / (tile_px - 2 * halo))


def _edge(pixels: int, shorter: int) -> int:
    """Edge of the largest tile of that many pixels in a field whose shorter side is `shorter`."""
    edge = math.isqrt(pixels)
    return edge if edge <= shorter else pixels // shorter


def _up(length: int, stride: int) -> int:
    return -(-length // stride) * stride


def _slice(start: int, stop: int, scale: int) -> slice:
    return slice(start // scale, -(-stop // scale))


def _check_stride(stride: int) -> None:
    if stride < 1:
        raise InvalidValueError("stride", stride, "at least 1 px")
