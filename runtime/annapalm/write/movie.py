"""The pictures for the eye of a stack: a movie of all windows, or all channels below each other.

frames 100 to 499                         window and time, above the panels of each channel; all
2.00 to 10.00 s, window 3 of 9, ...       frames of the movie have one size and one contrast, so
+-----------------+ +-----------------+   that what grows brighter did grow.
|      dense      | |      error      |
+-----------------+ +-----------------+
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import tifffile

from annapalm.blocks import block_mean
from annapalm.write.colour import colour_table
from annapalm.write.layout import INK, MARGIN, PAPER, QUIET, SMALL, Panel, lay_out, letter_of
from annapalm.write.lettering import draw_text
from annapalm.write.png import animate_png, encode_png
from annapalm.write.preview import (
    MAX_PANEL_PX,
    MIN_PANEL_PX,
    STRUCTURE_PERCENTILE,
    make_panels,
)
from annapalm.write.reduce import block_factor, enlarge, structure_high
from annapalm.write.verdict import percent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from annapalm.grid import Grid
    from annapalm.reconstruction import Reconstruction
    from annapalm.render import RateImage
    from annapalm.stack.windows import Window, Windows
    from annapalm.write.schema import PanelRecord

    Canvas = NDArray[np.uint8]

MAX_MOVIE_PX = 660
"""Longer side of a panel of a movie: a field of 51 µm is drawn four times smaller."""
MIN_MOVIE_PX = 320
"""A smaller image is enlarged by a whole factor towards this."""
MAX_FRAMES = 240
"""Pictures in a movie; of a longer series every second, third, ... window is shown."""
FRAME_MS = 200
"""How long each is shown; the movie runs at this pace whatever the frame time."""
_BITS = 6
"""Of each colour, in which the nearest of the palette is looked up."""


def still_panels(result: Reconstruction, name: str) -> list[Panel]:
    """Make the panels of one channel, small as they are drawn."""
    shape = result.grid.shape
    down, up = block_factor(shape, MAX_PANEL_PX), max(1, MIN_PANEL_PX // max(shape))
    return [replace(p, name=f"{name} {p.name}".strip()) for p in make_panels(result, down, up)]


def draw_still(rows: Sequence[list[Panel]], grid: Grid) -> bytes:
    """Draw the panels of all channels, a row for each, as one PNG."""
    down = block_factor(grid.shape, MAX_PANEL_PX)
    up = max(1, MIN_PANEL_PX // max(grid.shape))
    pixel_um = grid.pixel_nm / 1000 * down / up
    return encode_png(_below_each_other([lay_out(row, pixel_um) for row in rows]))


def movie_high(result: Reconstruction) -> float:
    """Say what would be drawn brightest in this picture, had it a contrast of its own."""
    dense = block_mean(result.dense, block_factor(result.grid.shape, MAX_MOVIE_PX))
    return structure_high(dense, result.grid, result.exposure, STRUCTURE_PERCENTILE)


@dataclass(frozen=True, slots=True)
class Movie:
    """A series as animated PNG: what to draw, and how."""

    windows: Windows
    frame_time_ms: float | None
    names: tuple[str, ...]
    """Of the channels; one empty name where there are none."""
    first_planes: tuple[int, ...]
    """Where the planes of each channel begin, `dense` and then `error`; last, how many there are
    of a window."""
    highs: tuple[float, ...]
    """What is drawn brightest of each channel: of all windows, as `movie_high` says of one."""
    doubtful: tuple[float | None, ...] | None
    """Doubtful share of each window; None where there are several of each."""
    grid: Grid

    @property
    def contrast(self) -> dict[str, PanelRecord]:
        """Say how each panel is drawn, the same in all windows."""
        rule = f"percentile {STRUCTURE_PERCENTILE:g} of the structure, the highest of all windows"
        return {
            f"{name} {kind}".strip(): {
                "low": 0.0,
                "high": high,
                "rule": rule if kind == "dense" else "the same as dense",
            }
            for name, high in zip(self.names, self.highs, strict=True)
            for kind in ("dense", "error")
        }

    def chunks(self, image: Path) -> Iterator[bytes]:
        """Draw it from the planes of the OME-TIFF `image`, one window after the other."""
        every = -(-len(self.windows) // MAX_FRAMES)
        shown = range(0, len(self.windows), every)
        with tifffile.TiffFile(image) as tiff:
            drawn = (_indexed(self._draw(tiff, self.windows.window(i))) for i in shown)
            yield from animate_png(drawn, _palette(), len(shown), FRAME_MS)

    def _draw(self, tiff: tifffile.TiffFile, window: Window) -> Canvas:
        shape = self.grid.shape
        down, up = block_factor(shape, MAX_MOVIE_PX), max(1, MIN_MOVIE_PX // max(shape))
        rows = []
        for name, plane in zip(self.names, self.first_planes, strict=False):
            at = window.index * self.first_planes[-1] + plane
            small = [_small(tiff, at + i, down, up) for i in (0, 1)]
            panels = self._panels(name, small)
            rows.append(lay_out(panels, self.grid.pixel_nm / 1000 * down / up))
        canvas = _below_each_other(rows)
        stamp = self._stamp(window, canvas.shape[1], letter_of(small[0].shape[1]))
        return np.concatenate([stamp, canvas])

    def _panels(self, name: str, small: list[RateImage]) -> list[Panel]:
        contrast = self.contrast
        said = (
            ("dense", "expected localizations", "ember", "per pixel"),
            ("error", "expected absolute error of dense", "tide", "per pixel, scale of dense"),
        )
        return [
            Panel(title, caption, image, colours, contrast[title], note)  # type: ignore[arg-type]
            for (kind, caption, colours, note), image in zip(said, small, strict=True)
            for title in (f"{name} {kind}".strip(),)
        ]

    def _stamp(self, window: Window, width: int, letter: float) -> Canvas:
        """Draw which window this is, and when, as wide as the picture below."""
        strip = np.empty((round(letter * 3.8), width, 3), np.uint8)
        strip[...] = PAPER
        left = round(letter * MARGIN)
        draw_text(strip, window.words, (left, round(letter * 2)), letter, INK, weight=1.45)
        small = letter * SMALL
        draw_text(strip, self._facts(window), (left, round(letter * 3.6)), small, QUIET)
        return strip

    def _facts(self, window: Window) -> str:
        words = [f"window {window.index + 1} of {len(self.windows)}"]
        if self.frame_time_ms is not None:
            start, stop = (n * self.frame_time_ms / 1000 for n in (window.start, window.stop))
            words.insert(0, f"{start:.2f} to {stop:.2f} s")
        share = None if self.doubtful is None else self.doubtful[window.index]
        if share is not None:
            words.append(f"doubtful {percent(share)}")
        return ", ".join(words)


def _small(tiff: tifffile.TiffFile, index: int, down: int, up: int) -> RateImage:
    plane: RateImage = tiff.pages[index].asarray()
    return enlarge(block_mean(plane, down), up)


def _below_each_other(rows: Sequence[Canvas]) -> Canvas:
    """Put pictures below each other, narrow ones filled up on the right."""
    width = max(row.shape[1] for row in rows)
    whole = np.empty((sum(len(row) for row in rows), width, 3), np.uint8)
    whole[...] = PAPER
    top = 0
    for row in rows:
        whole[top : top + len(row), : row.shape[1]] = row
        top += len(row)
    return whole


@lru_cache(maxsize=1)
def _palette() -> Canvas:
    """Give all colours of a movie, uint8 [K, 3]: those of the two panels, and of letters."""
    letters = np.linspace(PAPER, INK, 40).round()
    tables = [
        colour_table(name)[np.linspace(0, 255, 106).astype(int)] for name in ("ember", "tide")
    ]
    palette: Canvas = np.concatenate([letters, *tables]).astype(np.uint8)
    return palette


@lru_cache(maxsize=1)
def _nearest() -> NDArray[np.uint8]:
    """Give the index of the nearest colour of the palette, for each colour cut to `_BITS` bits."""
    steps = np.arange(2**_BITS) * (255 / (2**_BITS - 1))
    red, green, blue = np.meshgrid(steps, steps, steps, indexing="ij")
    wanted = np.stack([red, green, blue], axis=-1).reshape(-1, 3).astype(np.float32)
    palette = _palette().astype(np.float32)
    square = (palette**2).sum(axis=1)
    found = [
        (square - 2 * (part @ palette.T)).argmin(axis=1) for part in np.array_split(wanted, 64)
    ]
    nearest: NDArray[np.uint8] = np.concatenate(found).astype(np.uint8)
    return nearest


def _indexed(canvas: Canvas) -> NDArray[np.uint8]:
    """Turn a picture into indices into the palette: a third of the bytes."""
    red, green, blue = (canvas[..., c].astype(np.int32) >> (8 - _BITS) for c in range(3))
    index: NDArray[np.uint8] = _nearest()[(red << (2 * _BITS)) | (green << _BITS) | blue]
    return index
