"""Filaments drawn, missed and invented: skeletons scored against known centre lines.

Every image is treated alike: a light blur, a threshold relative to the image itself, a skeleton, no
pieces too short to be a filament. Scales, offsets and empty areas change nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter, label
from scipy.spatial import cKDTree
from skimage.morphology import skeletonize

from annapalm.errors import InvalidValueError
from annapalm_export.evaluate.intensity import typical_intensity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annapalm.grid import Grid
    from annapalm.render import RateImage
    from annapalm_export.evaluate.field import EvalField, LinePoints

TOLERANCE_NM = 40.0
"""A drawn and a true filament at most this far apart are the same: 2 px of 20 nm. Distances are
to points 10 nm (truth) or a pixel (skeleton) apart, so that they come out up to 3 nm longer."""

SMOOTHING_NM = 20.0
"""Blur before the threshold, for every method: below the width of a filament, it only keeps the
skeleton from following the noise of single pixels."""

SHORTEST_NM = 200.0
"""Shorter pieces of skeleton are blobs, not filaments, and are not counted as drawn."""

LEVELS = (0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.55, 0.75)
"""Thresholds tried on the validation fields, in units of `typical_intensity`."""

DEFAULT_LEVEL = 0.1
"""Threshold where none was chosen on validation fields: near the best for blurred images and for
the truth itself."""

_BORDER_PX = 32
"""More than half the width of any filament that a threshold leaves."""

_EIGHT = np.ones((3, 3), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class FilamentScore:
    """Lengths of one field, and what follows from them."""

    drawn_um: float
    """Length of the skeleton."""
    false_um: float
    """Of that, further than `TOLERANCE_NM` from any centre line: invented."""
    wanted_um: float
    """Length of labelled centre lines within the field."""
    missed_um: float
    """Of that, further than `TOLERANCE_NM` from the skeleton."""
    area_um2: float
    """Area of the field."""

    @property
    def precision(self) -> float:
        """Share of the drawn length that is true; 0 where nothing is drawn."""
        return 1 - self.false_um / self.drawn_um if self.drawn_um > 0 else 0.0

    @property
    def recall(self) -> float:
        """Share of the true length that is drawn; 0 where there is none."""
        return 1 - self.missed_um / self.wanted_um if self.wanted_um > 0 else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 where both are."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both > 0 else 0.0

    @property
    def false_um_per_um2(self) -> float:
        """Invented length per area of the field: what matters most."""
        return self.false_um / self.area_um2

    @property
    def missed_um_per_um2(self) -> float:
        """Missed length per area of the field."""
        return self.missed_um / self.area_um2


@dataclass(frozen=True, slots=True, eq=False)
class Skeleton:
    """The centre lines of an image."""

    pixels: NDArray[np.bool_]
    """bool [Y, X]."""
    xy_nm: NDArray[np.float64]
    """float64 [K, 2]: centres of its pixels, (x, y) in nm."""
    length_nm: NDArray[np.float64]
    """float64 [K]: the length that each pixel stands for."""

    @property
    def length_um(self) -> float:
        """Total length in µm."""
        return float(self.length_nm.sum()) / 1000


def skeleton(
    image: RateImage,
    grid: Grid,
    level: float = DEFAULT_LEVEL,
    intensity: float | None = None,
) -> Skeleton:
    """Draw the filaments of an image [Y, X] >= 0, any positive scale.

    A pixel belongs to a filament where the image, blurred by `SMOOTHING_NM`, is above
    level * `typical_intensity` of the blurred image. `intensity` replaces that typical intensity:
    to ask whether an image without filaments reaches what real ones of another image have.
    """
    if not level > 0:
        raise InvalidValueError("level", level, "above 0")
    return _draw(*_prepare(image, grid), grid, level, intensity)


def _prepare(image: RateImage, grid: Grid) -> tuple[RateImage, float]:
    """Blur an image for the threshold, and find its typical intensity."""
    if image.shape != grid.shape:
        raise InvalidValueError("image's shape", image.shape, f"the grid's, {grid.shape}")
    if not np.isfinite(image).all() or image.min() < 0:
        raise InvalidValueError("image", "negative or not finite", "finite and at least 0")
    smooth: RateImage = gaussian_filter(image, SMOOTHING_NM / grid.pixel_nm, mode="reflect")
    return smooth, typical_intensity(smooth)


def _draw(
    smooth: RateImage, typical: float, grid: Grid, level: float, intensity: float | None = None
) -> Skeleton:
    threshold = level * (typical if intensity is None else intensity)
    # Continued beyond the border, so that a skeleton reaches it instead of forking before it.
    mask = np.pad(smooth > threshold, _BORDER_PX, mode="edge")
    thin: NDArray[np.bool_] = skeletonize(mask)[_BORDER_PX:-_BORDER_PX, _BORDER_PX:-_BORDER_PX]
    length = _pixel_lengths(thin) * grid.pixel_nm
    thin, length = _without_short(thin, length)
    row, column = np.nonzero(thin)
    xy = (np.stack([column, row], axis=1) + 0.5) * grid.pixel_nm + np.asarray(grid.origin_nm)
    return Skeleton(thin, xy, length[thin])


def _pixel_lengths(thin: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Length (px) that each skeleton pixel stands for: half of each link to a neighbour.

    Links count 0.948 (straight) and 1.340 (diagonal), which makes the mean error of a line's
    length zero over all directions (Kulpa 1977, doi:10.1016/S0146-664X(77)80021-X). A diagonal
    link is left out where two straight ones lead to the same pixel.
    """
    one = thin.astype(np.float64)
    total = np.zeros(thin.shape)
    padded = np.pad(one, 1)

    def at(dy: int, dx: int) -> NDArray[np.float64]:
        return padded[1 + dy : 1 + dy + thin.shape[0], 1 + dx : 1 + dx + thin.shape[1]]

    for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        total += 0.948 / 2 * at(dy, dx)
    for dy, dx in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        total += 1.340 / 2 * at(dy, dx) * (1 - np.maximum(at(dy, 0), at(0, dx)))
    total[thin & (total == 0)] = 1.0  # a pixel on its own
    return total * one


def _without_short(
    thin: NDArray[np.bool_], length: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Remove connected pieces shorter than `SHORTEST_NM`."""
    pieces, number = label(thin, structure=_EIGHT)
    if not number:
        return thin, length
    total = np.bincount(pieces.ravel(), length.ravel(), minlength=number + 1)
    kept = total >= SHORTEST_NM
    kept[0] = False
    return kept[pieces], np.where(kept[pieces], length, 0.0)


def score_skeleton(drawn: Skeleton, points: LinePoints, area_um2: float) -> FilamentScore:
    """Compare a skeleton with the centre lines of `EvalField.line_points`.

    Where a filament exists without label, or just outside the field, drawing it is not false and
    leaving it out is not missed.
    """
    wanted = points.xy_nm[points.wanted]
    false = is_false(drawn, points)
    missed = _beyond(wanted, drawn.xy_nm)
    return FilamentScore(
        drawn_um=drawn.length_um,
        false_um=float(drawn.length_nm[false].sum()) / 1000,
        wanted_um=points.wanted_um,
        missed_um=float(points.length_nm[points.wanted][missed].sum()) / 1000,
        area_um2=area_um2,
    )


def is_false(drawn: Skeleton, points: LinePoints) -> NDArray[np.bool_]:
    """Which of the skeleton's pixels are further than `TOLERANCE_NM` from any centre line: [K]."""
    return _beyond(drawn.xy_nm, points.xy_nm)


def _beyond(xy: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of the points [K, 2] have none of `others` within the tolerance: bool [K]."""
    if not len(others) or not len(xy):
        return np.ones(len(xy), dtype=bool)
    distance, _ = cKDTree(others).query(xy, distance_upper_bound=TOLERANCE_NM * (1 + 1e-9))
    beyond: NDArray[np.bool_] = ~np.isfinite(distance)
    return beyond


def score_filaments(
    image: RateImage, field: EvalField, points: LinePoints, level: float = DEFAULT_LEVEL
) -> FilamentScore:
    """Draw the filaments of `image` and score them against those of `field`."""
    return score_skeleton(skeleton(image, field.grid, level), points, field.grid.area_um2)


def f1_by_level(
    image: RateImage, field: EvalField, points: LinePoints, levels: Sequence[float] = LEVELS
) -> NDArray[np.float64]:
    """F1 of `image` at each of the thresholds: float64 [len(levels)].

    For choosing a threshold: on validation fields, never on test fields, the same way for
    every method.
    """
    smooth, typical = _prepare(image, field.grid)
    drawn = [_draw(smooth, typical, field.grid, level) for level in levels]
    return np.array([score_skeleton(d, points, field.grid.area_um2).f1 for d in drawn])
