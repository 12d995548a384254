"""A widefield image as the network takes it: ground removed, registered, on the quarter grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm.contract import QUARTER
from annapalm.errors import InvalidValueError
from annapalm.widefield.background import smooth_background
from annapalm.widefield.errors import WidefieldMisalignedError
from annapalm.widefield.filter import gaussian_blur
from annapalm.widefield.image import WidefieldImage, check_covers
from annapalm.widefield.pearson import pearson
from annapalm.widefield.register import Registration, register
from annapalm.widefield.resample import quarter_sum, resample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.grid import Grid
    from annapalm.render import CountImage

MAX_SHIFT_NM = 500.0
"""Largest plausible shift between widefield image and localizations: drift between the two
exposures, another filter, half a camera pixel of another program's origin."""
SATURATED_SHARE = 1e-4
"""Share of pixels at a camera's full scale from which its brightest structures are cut off."""
FLAT = 1e-6
"""Share of the largest value below which light is rounding of float32; a camera's single count is
more than ten times that."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedWidefield:
    """The widefield image on the contract's quarter grid, and how it came there."""

    quarter: NDArray[np.float32]
    """float32 [ceil(Y/4), ceil(X/4)], >= 0, in the camera's unit, background removed."""
    scale: float
    """sum(quarter) / sum(counts): the graph's `widefield_scale`. 0 where either sum is 0, which
    tells the graph that there is no widefield image."""
    shift_nm: tuple[float, float]
    """(x, y) by which the image was moved onto the localizations, nm."""
    background: float
    """Median of the background that was taken away, in the camera's unit."""
    correlation: float | None
    """Pearson r of `quarter` and the localizations blurred by the PSF, 0 where one is flat; None
    where it was not looked at (an image that came on the quarter grid)."""
    warnings: tuple[str, ...] = ()
    """What the user should know before believing this image."""
    registered: bool = False
    """Whether the shift was measured; False where it was not asked for, or could not be."""


def prepare_widefield(
    image: WidefieldImage,
    grid: Grid,
    counts: CountImage,
    psf_sigma_nm: float,
    max_shift_nm: float = MAX_SHIFT_NM,
    *,
    registered: bool = False,
) -> PreparedWidefield:
    """Bring `image` to the quarter of `grid`: pixels of 4 * grid.pixel_nm, same origin.

    `counts` float32 [Y, X] on `grid` are the localizations to register to; with `registered` the
    image is taken to lie right already. A shift that cannot be measured is 0 and gives a warning;
    `WidefieldMisalignedError` where the image clearly belongs further away than `max_shift_nm`,
    `WidefieldSizeError` where it does not cover the grid. Deterministic; nothing depends on tiles.
    """
    if counts.shape != grid.shape:
        raise InvalidValueError("counts", list(counts.shape), f"of the grid's shape {grid.shape}")
    check_covers(image, grid)
    ground = smooth_background(image.pixels, image.pixel_nm, psf_sigma_nm)
    light = image.pixels - ground
    unmoved = _on_quarter(light, image.pixel_nm, grid, (0.0, 0.0))
    found = Registration()
    coarse, quarter_nm = quarter_sum(counts), QUARTER * grid.pixel_nm
    if not registered:
        found = register(coarse, unmoved, quarter_nm, psf_sigma_nm, max_shift_nm)
    if found.implausible_nm is not None:
        raise WidefieldMisalignedError(image.name, found.implausible_nm, max_shift_nm)
    moved = unmoved
    if found.shift_nm != (0.0, 0.0):
        moved = _on_quarter(light, image.pixel_nm, grid, found.shift_nm)
    quarter = np.maximum(moved, np.float32(0))
    if quarter.max() <= FLAT * np.abs(image.pixels).max():
        quarter[:] = 0  # rounding, not light: the network would amplify it to an image
    spots = gaussian_blur(coarse, psf_sigma_nm / quarter_nm)
    unsure = bool(spots.any()) and not registered and not found.significant
    warnings = _warnings(image, grid, quarter, found.shift_nm, unsure=unsure)
    return PreparedWidefield(
        quarter,
        _scale(quarter, counts),
        found.shift_nm,
        float(np.median(ground)),
        pearson(quarter, spots),
        warnings,
        found.significant,
    )


def _on_quarter(
    light: NDArray[np.float32], pixel_nm: float, grid: Grid, shift_nm: tuple[float, float]
) -> NDArray[np.float32]:
    """Resample the image, moved by `shift_nm` (x, y), onto the quarter grid."""
    x0, y0 = grid.origin_nm
    quarter_nm = QUARTER * grid.pixel_nm
    rows, columns = (-(-n // QUARTER) for n in grid.shape)
    y = np.arange(rows + 1, dtype=np.float64) * quarter_nm + (y0 - shift_nm[1])
    x = np.arange(columns + 1, dtype=np.float64) * quarter_nm + (x0 - shift_nm[0])
    return resample(light, pixel_nm, (y, x))


def _scale(quarter: NDArray[np.float32], counts: CountImage) -> float:
    localizations = float(counts.sum(dtype=np.float64))
    return float(quarter.sum(dtype=np.float64)) / localizations if localizations > 0 else 0.0


def _warnings(
    image: WidefieldImage,
    grid: Grid,
    quarter: NDArray[np.float32],
    shift_nm: tuple[float, float],
    *,
    unsure: bool,
) -> tuple[str, ...]:
    """Say what about the image keeps it from being believed."""
    said = []
    if not quarter.any():
        said.append(f"{image.name} shows nothing above its background and was ignored.")
    elif unsure:
        said.append(
            f"{image.name} could not be registered to the localizations (they are too few, or it "
            "shows another field); it was used where it lies, and may be off by some 100 nm."
        )
    unseen_nm = _unseen_nm(image, grid, shift_nm)
    if unseen_nm > image.pixel_nm:
        said.append(
            f"{image.name}, moved onto the localizations, does not show up to {unseen_nm:.0f} nm "
            "at the edge of the field; its outermost pixels were continued there."
        )
    top = image.pixels.max()
    share = float((image.pixels == top).mean())
    if top in (255, 1023, 4095, 16383, 65535) and share > SATURATED_SHARE:
        said.append(
            f"{image.name} is saturated ({share:.2%} of its pixels are at {top:.0f}); its "
            "brightest structures are cut off."
        )
    return tuple(said)


def _unseen_nm(image: WidefieldImage, grid: Grid, shift_nm: tuple[float, float]) -> float:
    """How wide a margin of the field the moved image leaves out, nm; 0 or less for none."""
    (width, height), (x0, y0, x1, y1) = image.size_nm, grid.extent_nm
    x, y = shift_nm
    return max(x - x0, y - y0, x1 - width - x, y1 - height - y)
