"""Lettering for the previews: a round single-stroke alphabet, drawn smooth at any size.

The runtime carries no font and no drawing library. Each glyph is its width and its strokes in units
of a tenth of the height of a capital: y = 0 is the top of a capital, 10 the base line, 3 the top of
an x. A stroke is a chain of points `x,y x,y ...`, or an arc of an ellipse `@cx,cy,rx,ry,from,to` in
degrees (0 right, 90 down). A pixel's ink follows from its distance to the nearest stroke.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.write.colour import Rgb

_UNITS = 10.0
"""Units in the height of a capital."""
_GAP = 2.3
"""Units between one glyph and the next."""
_SPACE = 3.4
"""Units of a space, beside the gap before it."""
_ASCENT, _DESCENT = 1.5, 5.0
"""Units of room above the capitals and below the base line."""

_BOWL = "@3,6.5,3,3.5,0,360"
_ARCH = "@2.7,5.7,2.7,2.7,180,360;5.4,5.7 5.4,10"

GLYPHS: dict[str, tuple[float, str]] = {
    "a": (6.0, f"{_BOWL};6,3 6,10"),
    "b": (6.0, f"0,0 0,10;{_BOWL}"),
    "c": (5.4, "@3.1,6.5,3.1,3.5,50,310"),
    "d": (6.0, f"6,0 6,10;{_BOWL}"),
    "e": (6.2, "@3.1,6.5,3.1,3.5,45,360;0,6.5 6.2,6.5"),
    "f": (3.4, "1.4,10 1.4,2.3;@3.6,2.3,2.2,2.3,180,275;0,3.2 3.4,3.2"),
    "g": (6.0, f"{_BOWL};6,3 6,10.3;@3,10.3,3,2.8,0,145"),
    "h": (5.4, f"0,0 0,10;{_ARCH}"),
    "i": (0.0, "0,3 0,10;0,0.4 0,0.4"),
    "j": (2.0, "2,3 2,11.2;@0.2,11.2,1.8,2,0,110;2,0.4 2,0.4"),
    "k": (5.2, "0,0 0,10;4.8,3 0,7.5;1.8,5.9 5.2,10"),
    "l": (0.0, "0,0 0,10"),
    "m": (
        8.8,
        "0,3 0,10;@2.2,5.3,2.2,2.3,180,360;4.4,5.3 4.4,10;@6.6,5.3,2.2,2.3,180,360;8.8,5.3 8.8,10",
    ),
    "n": (5.4, f"0,3 0,10;{_ARCH}"),
    "o": (6.4, "@3.2,6.5,3.2,3.5,0,360"),
    "p": (6.0, f"0,3 0,13.2;{_BOWL}"),
    "q": (6.0, f"6,3 6,13.2;{_BOWL}"),
    "r": (3.3, "0,3 0,10;@2.5,5.6,2.5,2.6,180,290"),
    "s": (4.8, "@2.4,4.7,2.2,1.7,90,325;@2.4,8.2,2.4,1.8,-90,145"),
    "t": (3.7, "1.5,0.8 1.5,7.9;@3.5,7.9,2,2.1,180,85;0,3.2 3.7,3.2"),
    "u": (5.4, "0,3 0,7.3;@2.7,7.3,2.7,2.7,180,0;5.4,3 5.4,10"),
    "v": (5.6, "0,3 2.8,10 5.6,3"),
    "w": (8.4, "0,3 2.1,10 4.2,3.6 6.3,10 8.4,3"),
    "x": (5.2, "0,3 5.2,10;5.2,3 0,10"),
    "y": (5.6, "0,3 2.8,9.9;5.6,3 1.5,13.2"),
    "z": (5.0, "0.1,3 4.9,3 0,10 5,10"),
    "A": (7.2, "0,10 3.6,0 7.2,10;1.3,6.5 5.9,6.5"),
    "B": (
        6.1,
        "3.3,0 0,0 0,10 3.5,10;0,4.8 3.5,4.8;@3.3,2.4,2.4,2.4,-90,90;@3.5,7.4,2.6,2.6,-90,90",
    ),
    "C": (7.2, "@4.2,5,4.2,5,45,315"),
    "D": (6.8, "2.6,0 0,0 0,10 2.6,10;@2.6,5,4.2,5,-90,90"),
    "E": (5.2, "5.2,0 0,0 0,10 5.2,10;0,4.8 4.6,4.8"),
    "F": (5.0, "5,0 0,0 0,10;0,4.9 4.4,4.9"),
    "G": (8.4, "@4.2,5,4.2,5,0,315;8.4,5 4.8,5"),
    "H": (6.2, "0,0 0,10;6.2,0 6.2,10;0,4.9 6.2,4.9"),
    "I": (0.0, "0,0 0,10"),
    "J": (4.9, "4.9,0 4.9,7.4;@2.4,7.4,2.5,2.6,0,150"),
    "K": (6.1, "0,0 0,10;5.8,0 0,6.2;2.2,4.1 6.1,10"),
    "L": (4.8, "0,0 0,10 4.8,10"),
    "M": (8.0, "0,10 0,0 4,7 8,0 8,10"),
    "N": (6.4, "0,10 0,0 6.4,10 6.4,0"),
    "O": (8.6, "@4.3,5,4.3,5,0,360"),
    "P": (6.0, "0,10 0,0 3.2,0;@3.2,2.8,2.8,2.8,-90,90;3.2,5.6 0,5.6"),
    "Q": (8.6, "@4.3,5,4.3,5,0,360;5.4,7.2 8.4,10.4"),
    "R": (6.0, "0,10 0,0 3.2,0;@3.2,2.8,2.8,2.8,-90,90;3.2,5.6 0,5.6;3,5.6 6,10"),
    "S": (6.0, "@3,2.6,2.7,2.6,90,330;@3,7.6,3,2.4,-90,150"),
    "T": (6.6, "0,0 6.6,0;3.3,0 3.3,10"),
    "U": (6.2, "0,0 0,6.8;@3.1,6.8,3.1,3.2,180,0;6.2,6.8 6.2,0"),
    "V": (7.0, "0,0 3.5,10 7,0"),
    "W": (10.0, "0,0 2.4,10 5,0.6 7.6,10 10,0"),
    "X": (6.2, "0,0 6.2,10;6.2,0 0,10"),
    "Y": (6.4, "0,0 3.2,5.2 3.2,10;6.4,0 3.2,5.2"),
    "Z": (6.2, "0.2,0 6,0 0,10 6.2,10"),
    "0": (6.0, "@3,5,3,5,0,360"),
    "1": (3.0, "0,2.2 2.8,0 2.8,10"),
    "2": (5.8, "@2.9,2.9,2.8,2.9,195,395;5.19,4.56 0,10 5.8,10"),
    "3": (5.7, "@2.8,2.5,2.4,2.5,205,450;@2.8,7.45,2.9,2.55,-90,155"),
    "4": (6.2, "4.5,10 4.5,0 0,7.3 6.2,7.3"),
    "5": (5.9, "5.3,0 1,0 0.6,4.7;@2.9,6.75,3,3.25,-140,150"),
    "6": (6.0, "@3,6.9,3,3.1,0,360;4.4,0 0.5,5.2"),
    "7": (5.8, "0,0 5.8,0 2,10"),
    "8": (6.0, "@3,2.45,2.45,2.45,0,360;@3,7.45,3,2.55,0,360"),
    "9": (6.0, "@3,3.1,3,3.1,0,360;5.5,4.8 1.6,10"),
    ".": (0.0, "0,10 0,10"),
    ",": (0.6, "0.6,9.8 0,11.8"),
    ":": (0.0, "0,4.2 0,4.2;0,10 0,10"),
    "-": (3.0, "0,6.4 3,6.4"),
    "\u2013": (5.0, "0,6.4 5,6.4"),
    "+": (5.0, "0,6.4 5,6.4;2.5,3.9 2.5,8.9"),
    "±": (5.0, "0,5 5,5;2.5,2.5 2.5,7.5;0,9.7 5,9.7"),
    "=": (5.0, "0,5.2 5,5.2;0,7.8 5,7.8"),
    "<": (4.6, "4.6,3.8 0,6.5 4.6,9.2"),
    ">": (4.6, "0,3.8 4.6,6.5 0,9.2"),
    "/": (3.6, "3.6,-0.4 0,11"),
    "(": (1.8, "@3.8,5.4,3.8,7.5,125,235"),
    ")": (1.8, "@-2,5.4,3.8,7.5,-55,55"),
    "%": (7.6, "6,0 1.6,10;@1.6,2.2,1.6,2.2,0,360;@6,7.8,1.6,2.2,0,360"),
    "\u00d7": (4.2, "0,4.3 4.2,8.5;4.2,4.3 0,8.5"),
    "·": (0.0, "0,6.4 0,6.4"),
    "µ": (5.4, "0,3 0,13;@2.7,7.3,2.7,2.7,180,0;5.4,3 5.4,10"),
    "²": (3.0, "@1.5,1,1.4,1.2,195,395;2.65,1.7 0,4.2 3,4.2"),
}
_UNKNOWN = (5.0, "0,0 5,0 5,10 0,10 0,0")


def text_width(text: str, height: float) -> int:
    """Width in pixels that `text` takes with capitals of `height` pixels."""
    units = sum(_advance(c) for c in text)
    return max(0, round((units - _GAP) * height / _UNITS))


def draw_text(
    canvas: NDArray[np.uint8],
    text: str,
    at: tuple[int, int],
    height: float,
    colour: Rgb,
    *,
    weight: float = 1.25,
) -> int:
    """Draw one line onto `canvas` (uint8 [Y, X, 3], changed in place); return where it ends, in px.

    `at` is (x, y) of the start of the base line, `height` that of a capital in px, `weight` the
    thickness of a stroke in tenths of it. A character without a glyph is drawn as a box; what lies
    outside the canvas is cut off.
    """
    x, unit = float(at[0]), height / _UNITS
    for character in text:
        if character != " ":
            ink, left, top = _glyph(character, round(height, 2), weight, round(x % 1, 1))
            _blend(canvas, ink, (int(x) + left, at[1] + top), colour)
        x += _advance(character) * unit
    return round(x - _GAP * unit)


def _advance(character: str) -> float:
    width = _SPACE if character == " " else GLYPHS.get(character, _UNKNOWN)[0]
    return width + (_GAP if character != " " else 0.0)


@lru_cache(maxsize=1024)
def _glyph(
    character: str, height: float, weight: float, offset: float
) -> tuple[NDArray[np.float32], int, int]:
    """Ink of one glyph, float32 0..1 [Y, X], and its corner (x, y) seen from its base line."""
    width, strokes = GLYPHS.get(character, _UNKNOWN)
    unit, radius = height / _UNITS, max(0.5, weight * height / _UNITS / 2)
    margin = int(np.ceil(radius)) + 2
    left, top = -margin - round(unit), -int(np.ceil((_UNITS + _ASCENT) * unit)) - 1
    shape = (int(np.ceil(_DESCENT * unit)) - top, int(np.ceil(width * unit)) + 2 * (margin - left))
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    x, y = x + (left - offset + 0.5), y + (top + _UNITS * unit + 0.5)
    nearest = np.full(shape, np.inf, np.float32)
    for chain in map(_points, strokes.split(";")):
        np.minimum(nearest, _distance(x, y, chain * unit), out=nearest)
    return np.clip(radius + 0.5 - nearest, 0, 1).astype(np.float32), left, top


def _points(stroke: str) -> NDArray[np.float64]:
    """Expand one stroke to a chain of points, float64 [K, 2] of (x, y) in units."""
    if not stroke.startswith("@"):
        return np.array([[float(v) for v in point.split(",")] for point in stroke.split()])
    cx, cy, rx, ry, start, stop = (float(v) for v in stroke[1:].split(","))
    angle = np.radians(np.linspace(start, stop, max(3, int(abs(stop - start) / 10) + 1)))
    return np.stack([cx + rx * np.cos(angle), cy + ry * np.sin(angle)], axis=1)


def _distance(
    x: NDArray[np.float32], y: NDArray[np.float32], chain: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Distance of each pixel [Y, X] from the nearest line of a chain of points [K, 2]."""
    steps = np.diff(chain, axis=0).astype(np.float32)[:, :, None, None]
    starts = chain[:-1].astype(np.float32)[:, :, None, None]
    (dx, dy), (px, py) = (steps[:, 0], steps[:, 1]), (x - starts[:, 0], y - starts[:, 1])
    length = np.maximum(dx * dx + dy * dy, np.float32(1e-12))  # a dot is a line of no length
    along = np.clip((px * dx + py * dy) / length, 0, 1)
    nearest: NDArray[np.float32] = np.hypot(px - along * dx, py - along * dy).min(axis=0)
    return nearest


def _blend(
    canvas: NDArray[np.uint8], ink: NDArray[np.float32], corner: tuple[int, int], colour: Rgb
) -> None:
    (x, y), (rows, columns) = corner, ink.shape
    top, left = max(0, -y), max(0, -x)
    bottom, right = min(rows, canvas.shape[0] - y), min(columns, canvas.shape[1] - x)
    if top >= bottom or left >= right:
        return
    under = canvas[y + top : y + bottom, x + left : x + right]
    share = ink[top:bottom, left:right, None]
    under[...] = np.round(under * (1 - share) + np.array(colour, np.float32) * share)
