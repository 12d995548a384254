"""Centre lines of filaments in an image, without a skeleton: numpy alone.

Steger's detector of curvilinear structures (1998, doi:10.1109/34.659930): the image is blurred, and
a pixel lies on a line where, across the direction of strongest curvature, the second-order
polynomial through it has its top inside the pixel. Each such pixel knows the place of the line to a
part of a pixel, its direction and its strength; nothing is thinned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm.widefield.filter import gaussian_blur

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.render import RateImage

SCALE_NM = 40.0
"""Blur before the detector (standard deviation) that suits microtubules."""

LEVEL = 0.06
"""A line counts where its strength is above this share of the image's typical strength. Chosen,
with the scale, on simulated threshold fields (docs/measure.md); other structures:
`annapalm.measure.field.DETECTORS`."""

_FAINTEST = 1e-4
"""Share of the strongest line below which nothing is looked at."""

_DRAWN_NM = 30.0
_WIDER = 1.28
"""Width, over that of a line of `_DRAWN_NM` after the blur, at which drawn lines of 20 to 50 nm
(standard deviation) come out at their own length: after a blur of 40 nm within 1 % over all
directions and 5 % in each, of 20 nm within 3 and 11 %."""


@dataclass(frozen=True, slots=True, eq=False)
class LinePixels:
    """Pixels that lie on a line; all arrays [K], K in the order of rows and columns."""

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    x_px: NDArray[np.float32]
    """Place of the line, in pixels from the centre of pixel (0, 0)."""
    y_px: NDArray[np.float32]
    angle: NDArray[np.float32]
    """Direction of the line, radians from the x axis towards y, -pi/2 to pi/2."""
    length_px: NDArray[np.float32]
    """Length of line that the pixel stands for."""
    strength: NDArray[np.float32]
    """Minus the second derivative across the line: unit of the image per px²."""

    def where(self, kept: NDArray[np.bool_]) -> LinePixels:
        """Keep some of the pixels."""
        return LinePixels(*(getattr(self, name)[kept] for name in self.__slots__))


def find_lines(
    image: RateImage, pixel_nm: float, *, scale_nm: float = SCALE_NM, level: float = LEVEL
) -> LinePixels:
    """Find the lines of float32 [Y, X], any positive scale, >= 0.

    A straight line in direction phi has its top in 1 / max(|sin phi|, |cos phi|) pixels per pixel
    of its length, so that each stands for a length of max(|sin phi|, |cos phi|): lengths add up
    without bias in any direction. Lines up to `level` of the typical strength (sum of squares over
    sum) are not told from noise and left out.
    """
    scale_px = scale_nm / pixel_nm
    wide_px = _WIDER * float(np.hypot(scale_nm, _DRAWN_NM)) / pixel_nm
    found = _tops(gaussian_blur(image, scale_px), wide_px)
    total = float(found.strength.sum(dtype=np.float64))
    if not total > 0:
        return found
    typical = float((found.strength.astype(np.float64) ** 2).sum()) / total
    return found.where(found.strength > level * typical)


def _tops(smooth: NDArray[np.float32], wide_px: float) -> LinePixels:
    """All pixels in which a line has its top, but those fainter than rounding."""
    wide = np.pad(smooth, 1, mode="edge")
    here = wide[1:-1, 1:-1]
    left, right, up, down = wide[1:-1, :-2], wide[1:-1, 2:], wide[:-2, 1:-1], wide[2:, 1:-1]
    xx, yy = right + left - 2 * here, down + up - 2 * here
    xy = (wide[2:, 2:] + wide[:-2, :-2] - wide[2:, :-2] - wide[:-2, 2:]) / 4
    bend = (xx + yy) / 2 - np.hypot((xx - yy) / 2, xy)  # across the line: the lower eigenvalue
    row, column = np.nonzero(bend < min(_FAINTEST * float(bend.min()), -1e-30))
    xx, yy, xy = xx[row, column], yy[row, column], xy[row, column]
    bend = bend[row, column]
    gx = (right[row, column] - left[row, column]) / 2
    gy = (down[row, column] - up[row, column]) / 2
    # The line runs along the eigenvector of the upper eigenvalue.
    angle = np.arctan2(xy, (xx - yy) / 2) / 2
    nx, ny = -np.sin(angle), np.cos(angle)
    to_top = -(gx * nx + gy * ny) / bend
    near = np.abs(to_top) < 1
    # A parabola overshoots on the flank of a Gaussian.
    to_top = to_top / (1 + (to_top / wide_px) ** 2)
    share = np.maximum(np.abs(nx), np.abs(ny))
    on = (np.abs(to_top) * share <= 0.5) & near
    row, column, to_top = row[on], column[on], to_top[on]
    return LinePixels(
        row,
        column,
        (column + to_top * nx[on]).astype(np.float32),
        (row + to_top * ny[on]).astype(np.float32),
        angle[on].astype(np.float32),
        share[on].astype(np.float32),
        -bend[on].astype(np.float32),
    )
