"""Where the parts of the preview stand on its canvas.

title                    One cell per panel, all of one size. Cells stand side by side, or below
caption                  each other where the field is wide. All lengths follow from the height
+--------------------+   of a capital, and that from the width of a panel, so that a preview
|      picture       |   reads the same whatever the field.
+--------------------+
0 [ramp] high  note      |----| 5 µm (first cell only: all have one scale)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm.write.colour import ColourName, Rgb, colour_table, to_index
from annapalm.write.lettering import draw_text, text_width

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.render import RateImage
    from annapalm.write.schema import PanelRecord

STACK_ASPECT = 1.6
"""Fields wider than this are stacked: three of them side by side would be a ribbon."""

PAPER: Rgb = (20, 22, 27)
INK: Rgb = (240, 242, 245)
QUIET: Rgb = (158, 166, 178)
SMALL = 0.72
"""Height of caption and footer, relative to the title."""
MARGIN = 2.4
"""Of the canvas, in the same measure."""


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One picture of the preview."""

    name: str
    """As the channel of the TIFF is called, or `sparse`."""
    caption: str
    image: RateImage
    """float32 [Y, X], already of the size in which it is drawn."""
    colours: ColourName
    contrast: PanelRecord
    note: str
    """What the numbers beside the colour ramp count."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Lengths in pixels."""

    letter: float
    """Height of a capital of the title."""
    cell: tuple[int, int]
    """(width, height) of a cell."""
    picture: tuple[int, int]
    """(width, height) of a picture, and of the space it gets."""
    margin: int
    stacked: bool

    @property
    def head(self) -> int:
        """From the top of a cell to its picture."""
        return round(self.letter * 3.9)

    @property
    def foot(self) -> int:
        """From the end of the picture to the end of the cell."""
        return round(self.letter * 2.0)

    def canvas(self, count: int) -> tuple[int, int]:
        """(width, height) for `count` panels."""
        width, height = self.cell
        across, down = (1, count) if self.stacked else (count, 1)
        step = self.margin
        return (
            2 * self.margin + across * width + (across - 1) * step,
            2 * self.margin + down * height + (down - 1) * step,
        )

    def corner(self, index: int) -> tuple[int, int]:
        """(x, y) of the cell of panel `index`."""
        width, height = (n + self.margin for n in self.cell)
        across, down = (0, index) if self.stacked else (index, 0)
        return self.margin + across * width, self.margin + down * height


def lay_out(panels: list[Panel], drawn_pixel_um: float) -> NDArray[np.uint8]:
    """Draw the panels (all of one size) on one canvas: uint8 [Y, X, 3].

    `drawn_pixel_um` is the edge of a pixel as drawn, in µm, from which the scale bar follows.
    """
    layout = _plan(panels, drawn_pixel_um)
    width, height = layout.canvas(len(panels))
    canvas = np.empty((height, width, 3), np.uint8)
    canvas[...] = PAPER
    for index, panel in enumerate(panels):
        _draw_panel(canvas, panel, layout, layout.corner(index))
    _draw_scale_bar(canvas, layout, drawn_pixel_um)
    return canvas


def scale_bar_um(field_width_um: float) -> float:
    """Length for a scale bar: the largest 1, 2 or 5 times a power of ten up to a quarter field."""
    limit = field_width_um / 4
    decade = 10.0 ** math.floor(math.log10(limit))
    return next(m * decade for m in (5, 2, 1) if m * decade <= limit * (1 + 1e-9))


def scale_text(length_um: float) -> str:
    """Write a scale bar's length: µm, or nm below 1 µm."""
    return f"{length_um:g} µm" if length_um >= 1 else f"{length_um * 1000:g} nm"


def letter_of(columns: int) -> float:
    """Give the height of a capital of the title, in px, for panels of so many columns."""
    return float(np.clip(columns / 44, 13, 30))


def _plan(panels: list[Panel], drawn_pixel_um: float) -> _Layout:
    rows, columns = panels[0].image.shape
    letter = letter_of(columns)
    footers = [_footer_width(p, letter * SMALL) for p in panels]
    footers[0] += round(letter * 3) + _scale_bar_width(columns, letter * SMALL, drawn_pixel_um)
    texts = [text_width(p.caption, letter * SMALL) for p in panels]
    width = max(columns, *footers, *texts)
    layout = _Layout(
        letter, (width, 0), (columns, rows), round(letter * MARGIN), _is_wide(rows, columns)
    )
    height = layout.head + rows + layout.foot
    return _Layout(letter, (width, height), layout.picture, layout.margin, layout.stacked)


def _is_wide(rows: int, columns: int) -> bool:
    return columns > STACK_ASPECT * rows


def _draw_panel(
    canvas: NDArray[np.uint8], panel: Panel, layout: _Layout, corner: tuple[int, int]
) -> None:
    (x, y), letter = corner, layout.letter
    small = letter * SMALL
    title = panel.name.replace("_", " ")
    draw_text(canvas, title, (x, y + round(letter)), letter, INK, weight=1.45)
    draw_text(canvas, panel.caption, (x, y + round(letter * 2.75)), small, QUIET)
    (width, height), top = layout.picture, y + layout.head
    table = colour_table(panel.colours)
    canvas[top : top + height, x : x + width] = table[
        to_index(panel.image, panel.contrast["high"], low=panel.contrast["low"])
    ]
    line = top + height + layout.foot
    low = f"{panel.contrast['low']:.3g}"
    x = draw_text(canvas, low, (x, line), small, QUIET) + round(small * 0.8)
    ramp = table[np.linspace(0, 255, round(small * 9)).astype(int)]
    canvas[line - round(small) : line, x : x + len(ramp)] = ramp
    high = f"{panel.contrast['high']:.3g}"
    end = draw_text(canvas, high, (x + len(ramp) + round(small * 0.8), line), small, INK)
    draw_text(canvas, panel.note, (end + round(small * 0.9), line), small, QUIET)


def _footer_width(panel: Panel, small: float) -> int:
    words = (f"{panel.contrast['low']:.3g}", f"{panel.contrast['high']:.3g}", panel.note)
    return sum(text_width(w, small) for w in words) + round(small * (9 + 2 * 0.8 + 0.9))


def _scale_bar_width(columns: int, small: float, drawn_pixel_um: float) -> int:
    length = scale_bar_um(columns * drawn_pixel_um)
    return round(length / drawn_pixel_um) + round(small) + text_width(scale_text(length), small)


def _draw_scale_bar(canvas: NDArray[np.uint8], layout: _Layout, drawn_pixel_um: float) -> None:
    """Draw the bar at the right end of the first footer, its label before it."""
    (x, y), small = layout.corner(0), layout.letter * SMALL
    length = scale_bar_um(layout.picture[0] * drawn_pixel_um)
    bar, line = max(1, round(length / drawn_pixel_um)), y + layout.cell[1]
    end = x + max(layout.picture[0], layout.cell[0])
    thick = max(2, round(small / 3.2))
    middle = line - round(small / 2)
    canvas[middle - thick // 2 : middle - thick // 2 + thick, end - bar : end] = INK
    text = scale_text(length)
    start = end - bar - round(small) - text_width(text, small)
    draw_text(canvas, text, (start, line), small, INK)
