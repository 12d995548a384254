"""Small pictures of one field for the report of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm.blocks import block_mean, block_sum
from annapalm.write.colour import BELIEVED, DOUBTED, ColourName, colour_table, to_index
from annapalm.write.png import encode_png
from annapalm.write.preview import MOST_Z, STRUCTURE_PERCENTILE
from annapalm.write.reduce import block_factor, enlarge, occupied_high, structure_high
from annapalm.write.trust import DOUBT, doubtful_mask

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.reconstruction import Reconstruction
    from annapalm.render import RateImage

THUMBNAIL_PX = 288
"""Longer side; drawn a little smaller, so that it is sharp on a fine screen too."""
OCCUPIED_PERCENTILE = 97.0
_LEVELS = 40
"""Steps of brightness: as many as the eye tells apart in a small picture; a third of the bytes."""
_DOUBT_LEVELS = 6

TILE_PX, TILE_BYTES = 120, 8192
"""Longer side of a tile of the mosaic, and its size at most: a thousand of them are one page."""
_TILE_LEVELS, _TILE_DOUBT_LEVELS = 16, 4


@dataclass(frozen=True, slots=True)
class Thumbnails:
    """PNG files of one field, all of one size but the tile."""

    sparse: bytes
    dense: bytes
    error: bytes
    """On the scale of `dense`."""
    doubt: bytes
    """`dense` in grey; red where it is not to be believed."""
    tile: bytes
    """`doubt` once more, at most `TILE_BYTES`: the field among a thousand others."""
    cross_check: bytes | None = None
    """The signed z; None where there is none."""

    @property
    def size_bytes(self) -> int:
        """Bytes of all of them but the tile."""
        pictures = (self.sparse, self.dense, self.error, self.doubt, self.cross_check or b"")
        return sum(map(len, pictures))


def make_thumbnails(result: Reconstruction, doubt: float = DOUBT) -> Thumbnails:
    """Draw the small pictures of `result`; `doubt` is that of `doubtful_mask`."""
    shape = result.grid.shape
    down, up = block_factor(shape, THUMBNAIL_PX), max(1, THUMBNAIL_PX // 2 // max(shape))
    sparse, dense, error = (
        enlarge(image, up)
        for image in (
            block_sum(result.counts, down),
            block_mean(result.dense, down),
            block_mean(result.error, down),
        )
    )
    high = structure_high(dense, result.grid, result.exposure, STRUCTURE_PERCENTILE)
    doubted = np.where(
        doubtful_mask(result.dense, result.error, doubt), result.dense, np.float32(0)
    )
    found = None
    if result.cross_check is not None:
        found = enlarge(block_mean(result.cross_check.z, down), up)
    return Thumbnails(
        sparse=_draw(sparse, occupied_high(sparse, OCCUPIED_PERCENTILE), "grey"),
        dense=_draw(dense, high, "ember"),
        error=_draw(error, high, "tide"),
        doubt=_draw_doubt(dense, enlarge(block_mean(doubted, down), up), high),
        tile=_draw_tile(result, doubted),
        cross_check=None if found is None else _draw(found, MOST_Z, "accord", -MOST_Z),
    )


def _draw(image: RateImage, high: float, colours: ColourName, low: float = 0.0) -> bytes:
    palette = colour_table(colours)[np.linspace(0, 255, _LEVELS).astype(int)]
    return encode_png(to_index(image, high, _LEVELS, low), palette, level=9)


def _draw_tile(result: Reconstruction, doubted: RateImage) -> bytes:
    """Draw where not to believe it as large as the bytes allow."""
    shape = result.grid.shape
    up = max(1, TILE_PX // 2 // max(shape))
    for side in (TILE_PX, 96, 72, 48, 32):  # the last fits even where nothing can be compressed
        down = block_factor(shape, side)
        dense, red = (block_mean(image, down) for image in (result.dense, doubted))
        high = structure_high(dense, result.grid, result.exposure, STRUCTURE_PERCENTILE)
        png = _draw_doubt(
            enlarge(dense, up), enlarge(red, up), high, _TILE_LEVELS, _TILE_DOUBT_LEVELS
        )
        if len(png) <= TILE_BYTES:
            break
    return png


def _draw_doubt(
    dense: RateImage,
    doubted: RateImage,
    high: float,
    levels: int = _LEVELS,
    doubt_levels: int = _DOUBT_LEVELS,
) -> bytes:
    """Brightness says how much structure, colour which share of it is doubtful."""
    share = np.divide(doubted, dense, out=np.zeros_like(dense), where=dense > 0)
    index = to_index(share, 1.0, doubt_levels) * np.uint8(levels) + to_index(dense, high, levels)
    return encode_png(index, _doubt_palette(levels, doubt_levels), level=9)


def _doubt_palette(levels: int, doubt_levels: int) -> NDArray[np.uint8]:
    share = np.linspace(0, 1, doubt_levels)[:, None, None]
    # Steeper than linear at the dark end: faint structure is where doubt matters.
    bright = (np.linspace(0, 1, levels) ** 0.75)[None, :, None]
    ends = np.array([BELIEVED, DOUBTED], np.float64)
    colours = ((1 - share) * ends[0] + share * ends[1]) * bright
    palette: NDArray[np.uint8] = np.round(colours.reshape(-1, 3)).astype(np.uint8)
    return palette
