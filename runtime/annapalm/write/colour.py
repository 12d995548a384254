"""Colour tables: how a value between dark and bright is drawn.

Each is given by a few sRGB anchors and straight lines between them; lightness rises steadily, so
that a table still reads in grey; only the one for signed values rises from its middle to both ends.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from annapalm.render import RateImage

ColourName = Literal["grey", "ember", "tide", "orchid", "accord"]
Rgb: TypeAlias = tuple[int, int, int]
ColourTable: TypeAlias = NDArray[np.uint8]
"""uint8 [256, 3], sRGB, from dark to bright."""

_ANCHORS: dict[ColourName, tuple[str, ...]] = {
    # The sparse image: dots, no colour.
    "grey": ("000000", "1b1b1d", "3a3a3d", "5d5d61", "838388", "abacb0", "d4d5d8", "ffffff"),
    # The dense image: black, red, orange, white, as super-resolution images are used to be shown.
    "ember": ("000000", "2c0810", "5f0f17", "98200f", "cc430a", "ee7a12", "fbb545", "fff7d6"),
    # The error map: another hue from end to end, so that it is never taken for an image.
    "tide": ("000000", "06162e", "0a2f55", "0c4f74", "12748a", "2f9c97", "79c5a8", "e3f7de"),
    # The widefield error.
    "orchid": ("000000", "190d2c", "351552", "58207a", "83309a", "b14fae", "d987bd", "fbe6ee"),
    # The cross-check, one colour per unit of z from -4 to 4: what chance gives stays dark; left is
    # not borne out, right is missing.
    "accord": (
        "ffd0dc",
        "ff3d76",
        "9c2850",
        "301c27",
        "16181d",
        "1a2a33",
        "2a7390",
        "3fb6d8",
        "d5f4ff",
    ),
}

BELIEVED: Rgb = (226, 230, 236)
DOUBTED: Rgb = (255, 61, 118)
"""In which structure is drawn that is to be believed, and that is not."""
_DOUBT_STOPS = tuple(f"{r:02x}{g:02x}{b:02x}" for r, g, b in (BELIEVED, DOUBTED))


@lru_cache(maxsize=len(_ANCHORS))
def colour_table(name: ColourName) -> ColourTable:
    """Return the table of that name, uint8 [256, 3]."""
    anchors = np.array([[int(h[i : i + 2], 16) for i in (0, 2, 4)] for h in _ANCHORS[name]]) / 255
    places = np.linspace(0, len(anchors) - 1, 256)
    channels = [np.interp(places, np.arange(len(anchors)), anchors[:, c]) for c in range(3)]
    table: ColourTable = np.round(np.stack(channels, axis=1) * 255).astype(np.uint8)
    table.setflags(write=False)
    return table


def to_index(
    image: RateImage, high: float, levels: int = 256, low: float = 0.0
) -> NDArray[np.uint8]:
    """Map low..high linearly to 0..levels - 1 (uint8 [Y, X]); what lies beyond is drawn as they."""
    scale = (levels - 1) / (high - low) if high > low else 0.0
    index: NDArray[np.uint8] = np.clip(
        (image - np.float32(low)) * np.float32(scale) + np.float32(0.5), 0, levels - 1
    ).astype(np.uint8)
    return index


def css_ramp(name: ColourName | Literal["doubt"]) -> str:
    """Render a table as a CSS gradient; `doubt` runs from what is believed to what is not."""
    stops = _DOUBT_STOPS if name == "doubt" else _ANCHORS[name]
    return f"linear-gradient(90deg,{','.join(f'#{s}' for s in stops)})"
