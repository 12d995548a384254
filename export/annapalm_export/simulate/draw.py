"""Weighted points to images: how a noise-free rate is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.grid import Grid
    from annapalm.render import RateImage
    from annapalm_export.simulate.focus import Focus

_LEVELS = 6
"""Depths that are told apart when a defocused structure is drawn: blurs 15 % apart at the most."""


def splat(points: NDArray[np.float64], mass: NDArray[np.float64], grid: Grid) -> RateImage:
    """Share each mass [P] at (x, y) [P, 2] nm among its four nearest pixels: float32 [Y, X]."""
    rows, columns = grid.shape
    place = (points - np.asarray(grid.origin_nm)) / grid.pixel_nm - 0.5
    corner = np.floor(place).astype(np.int64)
    near = ((corner >= -1) & (corner < (columns, rows))).all(axis=1)
    corner, part, mass = corner[near] + 1, (place - corner)[near], mass[near]
    padded = np.zeros((rows + 2) * (columns + 2))
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        share = np.where(dx, part[:, 0], 1 - part[:, 0]) * np.where(dy, part[:, 1], 1 - part[:, 1])
        flat = (corner[:, 1] + dy) * (columns + 2) + corner[:, 0] + dx
        padded += np.bincount(flat, share * mass, minlength=len(padded))
    image = padded.reshape(rows + 2, columns + 2)[1:-1, 1:-1]
    return image.astype(np.float32)


def draw_rate(
    points: NDArray[np.float64],
    mass: NDArray[np.float64],
    grid: Grid,
    spread_nm: float,
    precision_nm: float,
    depth: tuple[NDArray[np.float64], Focus] | None = None,
) -> RateImage:
    """Draw points (x, y) [P, 2] of mass [P] as Gaussians: float32 [Y, X].

    Their standard deviation is that of the labels around a point (`spread_nm`) and of the
    localizations around a label together. `depth` gives z [P] in nm and the focus: what lies
    deeper is localized less often and less precisely.
    """
    from scipy.ndimage import gaussian_filter

    def blurred(
        chosen: NDArray[np.bool_], share: NDArray[np.float64], widening: float
    ) -> RateImage:
        sigma = float(np.hypot(spread_nm, precision_nm * widening)) / grid.pixel_nm
        image: RateImage = gaussian_filter(
            splat(points[chosen], share[chosen], grid), sigma, mode="constant"
        )
        return image

    if depth is None:
        return blurred(mass > 0, mass, 1.0)
    z, focus = depth
    share, widening = mass * focus.detected(z), focus.widening(z)
    if not (share > 0).any():
        return np.zeros(grid.shape, np.float32)
    edges = np.quantile(widening[share > 0], np.linspace(0, 1, _LEVELS + 1))
    level = np.searchsorted(edges[1:-1], widening, side="right")
    total = np.zeros(grid.shape, np.float32)
    for number in range(_LEVELS):
        here = (level == number) & (share > 0)
        if here.any():
            total += blurred(here, share, float(np.sqrt(np.mean(widening[here] ** 2))))
    return total
