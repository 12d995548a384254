"""Areas drawn, missed and invented: mitochondria and whatever else covers pixels.

Every image is treated alike: a light blur, a threshold between its own background and its own
typical intensity. Scales, offsets and empty areas change nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import binary_erosion, distance_transform_edt, gaussian_filter

from annapalm.errors import InvalidValueError
from annapalm.measure.sampling import checked
from annapalm_export.evaluate.filaments import SMOOTHING_NM, TOLERANCE_NM
from annapalm_export.evaluate.intensity import typical_intensity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annapalm.grid import Grid

    Mask = NDArray[np.bool_]

LEVELS = (0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.55, 0.75)
"""Thresholds tried on the validation fields, in units of the image's typical intensity."""

DEFAULT_LEVEL = 0.15
"""Threshold where none was chosen on validation fields."""

_DARK_SHARE = 0.05
"""The darkest share of the pixels tells the background; more of any field is empty."""


@dataclass(frozen=True, slots=True)
class AreaScore:
    """How a drawn area covers the true one, at a tolerance."""

    precision: float
    """Share of the drawn area within the tolerance of the true one; 0 where nothing is drawn."""
    recall: float
    """Share of the true area within the tolerance of the drawn one; 0 where there is none."""
    false_um2_per_um2: float
    """Area drawn further than the tolerance from the true one, per area of the field."""
    missed_um2_per_um2: float
    """True area further than the tolerance from the drawn one, per area of the field."""
    boundary_f1: float
    """Harmonic mean of the shares of the drawn boundary that lie within `TOLERANCE_NM` of the true
    one, and the other way round; 0 where either area has no boundary."""

    @property
    def dice(self) -> float:
        """Harmonic mean of precision and recall: Dice's coefficient at a tolerance of 0."""
        return _harmonic(self.precision, self.recall)

    @property
    def iou(self) -> float:
        """Intersection over union that belongs to `dice`: dice / (2 - dice)."""
        return self.dice / (2 - self.dice)


@dataclass(frozen=True, slots=True)
class Contrast:
    """Black and white point of a viewer who looks at one image."""

    background: float
    """Brightness of its dark pixels."""
    typical: float
    """Typical intensity above that."""

    def threshold(self, level: float) -> float:
        """Brightness above which a pixel belongs to the structure."""
        return self.background + level * self.typical


def image_contrast(image: NDArray[np.floating], grid: Grid) -> Contrast:
    """Measure an image [Y, X], any scale and offset, after the light blur.

    The background is the 5th percentile, the typical intensity that of `filaments` above it.
    """
    return _contrast(_smooth(image, grid))


def drawn_area(
    image: NDArray[np.floating],
    grid: Grid,
    level: float = DEFAULT_LEVEL,
    contrast: Contrast | None = None,
) -> Mask:
    """Mark the structure in an image [Y, X], any scale and offset: bool [Y, X].

    A pixel belongs to it where the image, blurred by `filaments.SMOOTHING_NM`, is above its
    background by more than level * its typical intensity. `contrast` replaces both: to ask
    whether an image without structure reaches what real ones of another image have.
    """
    if not level > 0:
        raise InvalidValueError("level", level, "above 0")
    smooth = _smooth(image, grid)
    return _above(smooth, _contrast(smooth) if contrast is None else contrast, level)


def score_area(
    drawn: Mask, true: Mask, grid: Grid, tolerance_nm: float = TOLERANCE_NM
) -> AreaScore:
    """Compare a drawn with a true area, both bool [Y, X] on `grid`.

    The tolerance forgives a boundary in the wrong place; 0 forgives nothing. For structures
    thinner than it, such as filaments, an area is the wrong score: see `filaments`.
    """
    for name, mask in (("drawn", drawn), ("true", true)):
        if mask.shape != grid.shape or mask.dtype != np.bool_:
            kind = f"{mask.dtype} {list(mask.shape)}"
            raise InvalidValueError(f"the {name} mask", kind, f"bool {list(grid.shape)}")
    if not 0 <= tolerance_nm < np.inf:
        raise InvalidValueError("tolerance_nm", tolerance_nm, "finite and at least 0")
    false = int((drawn & ~_within(true, tolerance_nm, grid)).sum())
    missed = int((true & ~_within(drawn, tolerance_nm, grid)).sum())
    return AreaScore(
        precision=1 - false / int(drawn.sum()) if drawn.any() else 0.0,
        recall=1 - missed / int(true.sum()) if true.any() else 0.0,
        false_um2_per_um2=false / drawn.size,
        missed_um2_per_um2=missed / drawn.size,
        boundary_f1=_boundary_f1(drawn, true, grid),
    )


def dice_by_level(
    image: NDArray[np.floating],
    grid: Grid,
    true: Mask,
    levels: Sequence[float] = LEVELS,
    tolerance_nm: float = TOLERANCE_NM,
) -> NDArray[np.float64]:
    """Dice of `image` at each of the thresholds: float64 [len(levels)].

    For choosing a threshold: on validation fields, never on test fields, the same way for
    every method.
    """
    smooth = _smooth(image, grid)
    contrast = _contrast(smooth)
    drawn = [_above(smooth, contrast, level) for level in levels]
    return np.array([score_area(mask, true, grid, tolerance_nm).dice for mask in drawn])


def _smooth(image: NDArray[np.floating], grid: Grid) -> NDArray[np.float64]:
    wide = checked(image, grid)
    smooth: NDArray[np.float64] = gaussian_filter(
        wide, SMOOTHING_NM / grid.pixel_nm, mode="reflect"
    )
    return smooth


def _contrast(smooth: NDArray[np.float64]) -> Contrast:
    background = float(np.quantile(smooth, _DARK_SHARE))
    return Contrast(background, typical_intensity(np.maximum(smooth - background, 0)))


def _above(smooth: NDArray[np.float64], contrast: Contrast, level: float) -> Mask:
    # What the blur rounds in an even image is no structure.
    rounding = 1e-9 * float(np.abs(smooth).max())
    mask: Mask = smooth > contrast.threshold(level) + rounding
    return mask


def _within(mask: Mask, distance_nm: float, grid: Grid) -> Mask:
    """Pixels whose centre is at most so far from that of one of the mask's: bool [Y, X]."""
    if not mask.any() or distance_nm == 0:
        return mask
    near: Mask = distance_transform_edt(~mask, sampling=grid.pixel_nm) <= distance_nm * (1 + 1e-9)
    return near


def _boundary(mask: Mask) -> Mask:
    """Pixels of the mask with a side on one outside it; the image's border is no boundary."""
    inner: Mask = binary_erosion(mask, border_value=1)
    return mask & ~inner


def _boundary_f1(drawn: Mask, true: Mask, grid: Grid) -> float:
    ours, theirs = _boundary(drawn), _boundary(true)
    if not ours.any() or not theirs.any():
        return 0.0
    precision = float(_within(theirs, TOLERANCE_NM, grid)[ours].mean())
    recall = float(_within(ours, TOLERANCE_NM, grid)[theirs].mean())
    return _harmonic(precision, recall)


def _harmonic(a: float, b: float) -> float:
    return 2 * a * b / (a + b) if a + b > 0 else 0.0
