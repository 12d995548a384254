"""A small picture of localizations in letters: a look tells whether a file is what it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.localizations import Localizations

COLUMNS, MAX_LINES = 64, 32

_SHADES = " .:-=+*#%@"
"""From nothing to the densest hundredth."""

_ASPECT = 2.0
"""How much higher than wide a letter is."""


def picture(locs: Localizations) -> list[str]:
    """Draw how many localizations lie where, x to the right and y down; no lines where none do.

    The frame holds all but the outermost thousandth on each side, so that one far away does not
    shrink the rest to a dot. Shades follow the square root of the count, as its noise does.
    """
    if not len(locs):
        return []
    x0, width = _side(locs.x_nm)
    y0, height = _side(locs.y_nm)
    lines = max(1, min(MAX_LINES, round(COLUMNS * height / width / _ASPECT)))
    columns = max(1, min(COLUMNS, round(lines * _ASPECT * width / height)))
    counts, _, _ = np.histogram2d(
        locs.y_nm, locs.x_nm, (lines, columns), ((y0, y0 + height), (x0, x0 + width))
    )
    dense = max(float(np.quantile(counts, 0.99)), 1.0)
    shades = np.sqrt(np.minimum(counts / dense, 1)) * (len(_SHADES) - 1)
    indices = np.ceil(shades - 1e-9).astype(int)
    return ["".join(_SHADES[i] for i in row).rstrip() for row in indices]


def _side(axis: NDArray[np.float64]) -> tuple[float, float]:
    """Give where the frame begins and how long it is, in nm; a line has a width too."""
    low = float(np.quantile(axis, 0.001, method="lower"))
    high = float(np.quantile(axis, 0.999, method="higher"))
    return low, max(high - low, 1.0)
