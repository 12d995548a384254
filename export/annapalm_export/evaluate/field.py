"""A simulated field of view with known truth, as the evaluation needs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import distance_transform_edt

from annapalm.errors import InvalidValueError
from annapalm.quality.structure import structure_mask
from annapalm_export.evaluate.intensity import typical_intensity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.grid import Grid
    from annapalm.localizations import Localizations
    from annapalm.render import CountImage, RateImage
    from annapalm.widefield import WidefieldImage

FOREGROUND_NM = 100.0
"""Pixels up to this far from a labelled filament are foreground: a filament is some 30 nm wide, and
a blur that suits sparse data some 100 nm, so that a misplaced filament still lies inside."""

LABELLED_SHARE = 0.05
"""A piece of a centre line with less than this share of the median rate on all centre lines is not
labelled: nothing could show it, so it is neither missed nor, where it is drawn, false."""

STRUCTURE_SHARE = 0.1
"""Where a structure has no centre lines (pores, membranes), it is where the truth is above this
share of its `typical_intensity`: the flank of a Gaussian at 2.1 standard deviations."""

_SPACING_NM = 10.0
"""Distance of the points that stand for a centre line: a quarter of the 40 nm it is scored at."""


@dataclass(frozen=True, slots=True, eq=False)
class LinePoints:
    """Centre lines as points of equal length, about 10 nm apart."""

    xy_nm: NDArray[np.float64]
    """float64 [K, 2], (x, y) in nm; also beyond the border of the field."""
    length_nm: NDArray[np.float64]
    """float64 [K]: the length that each point stands for."""
    wanted: NDArray[np.bool_]
    """bool [K]: inside the field and labelled, so that it should be drawn."""

    @property
    def wanted_um(self) -> float:
        """Length that should be drawn, in µm."""
        return float(self.length_nm[self.wanted].sum()) / 1000


@dataclass(frozen=True, slots=True, eq=False)
class EvalField:
    """One held-out field: what a method is given, and what it should have found.

    Images are [Y, X] on `grid`. Raises `InvalidValueError` where they do not fit together.
    """

    name: str
    counts: CountImage
    """float32 [Y, X], whole numbers >= 0: the sparse image, of consecutive frames."""
    widefield: WidefieldImage | None
    """Widefield image of the same field; None without one."""
    truth: RateImage
    """float32 [Y, X], >= 0: noise-free rate of the structure in localizations per pixel over the
    exposure of `counts`; diffuse background is not part of it."""
    centre_lines: list[NDArray[np.float64]]
    """Arrays float64 [K, 2] of (x, y) in nm, K >= 2; they may run out of the field."""
    density: float
    """Localizations of the structure per `unit` in `counts`, as asked of the simulator."""
    grid: Grid
    structure: str = "microtubules"
    unit: str = "µm of filament"
    """What `density` is counted by."""
    rings: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 3)))
    """float64 [R, 3]: x, y and radius (nm) of each labelled nuclear pore."""
    localizations: Localizations | None = None
    """The table that `counts` was rendered from, frames and all; None where there is none."""
    period_nm: float | None = None
    """Period along the centre lines, which then are axes and not filaments; None without one."""

    def __post_init__(self) -> None:
        """Check once that the images belong to the grid and mean what they must."""
        for name in ("counts", "truth"):
            image = getattr(self, name)
            if image.shape != self.grid.shape or image.dtype != np.float32:
                kind = f"{image.dtype} {list(image.shape)}"
                raise InvalidValueError(name, kind, f"float32 {list(self.grid.shape)}")
            if not np.isfinite(image).all() or image.min() < 0:
                raise InvalidValueError(name, "negative or not finite", "finite and at least 0")
        if any(line.ndim != 2 or line.shape[1] != 2 or len(line) < 2 for line in self.centre_lines):
            shapes = [list(line.shape) for line in self.centre_lines]
            raise InvalidValueError("centre_lines", shapes, "arrays [K, 2] with K at least 2")
        if self.rings.ndim != 2 or self.rings.shape[1] != 3:
            raise InvalidValueError("rings", list(self.rings.shape), "an array [R, 3]")

    @property
    def has_filaments(self) -> bool:
        """Whether the centre lines are what should be drawn, so that a skeleton can be scored."""
        return bool(self.centre_lines) and self.period_nm is None

    @property
    def density_per_um2(self) -> float:
        """All localizations of `counts` per µm² of the field."""
        return float(self.counts.sum()) / self.grid.area_um2

    def line_points(self) -> LinePoints:
        """Resample the centre lines and say which part of them should be drawn."""
        pieces = [resample(line) for line in self.centre_lines]
        xy = np.concatenate([p for p, _ in pieces]) if pieces else np.empty((0, 2))
        length = np.concatenate([np.full(len(p), step) for p, step in pieces] or [np.empty(0)])
        return LinePoints(xy, length, self._labelled(xy, LABELLED_SHARE * self._level(xy)))

    def labelled(self, xy: NDArray[np.float64], share: float = LABELLED_SHARE) -> NDArray[np.bool_]:
        """Which points (x, y) [K, 2] lie inside the field and are labelled: bool [K].

        Labelled is where the truth is at least `share` of its median on the centre lines.
        """
        return self._labelled(xy, share * self._level(self.line_points().xy_nm))

    def _labelled(self, xy: NDArray[np.float64], least: float) -> NDArray[np.bool_]:
        inside, rate = self._rate_at(xy)
        return inside & (rate > 0) & (rate >= least)

    def _level(self, xy: NDArray[np.float64]) -> float:
        """Median rate on the centre lines, given as points, within the field."""
        inside, rate = self._rate_at(xy)
        return float(np.median(rate[inside])) if inside.any() else 0.0

    def _rate_at(self, xy: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Which points lie in the field, and the truth in their pixels (0 outside)."""
        place = np.floor((xy - np.asarray(self.grid.origin_nm)) / self.grid.pixel_nm)
        rows, columns = self.grid.shape
        inside = ((place >= 0) & (place < (columns, rows))).all(axis=1)
        rate = np.zeros(len(xy))
        column, row = place[inside].astype(np.int64).T
        rate[inside] = self.truth[row, column]
        return inside, rate

    def there(self) -> NDArray[np.bool_]:
        """Pixels of the structure itself: bool [Y, X]; none where there is no structure.

        Those on labelled filament, or with a truth above `STRUCTURE_SHARE` for a structure that
        is not made of filaments.
        """
        if self.has_filaments:
            points = self.line_points()
            return self._pixels(points.xy_nm[points.wanted])
        pixels: NDArray[np.bool_] = self.truth > STRUCTURE_SHARE * typical_intensity(self.truth)
        return pixels

    def near_structure(self, distance_nm: float) -> NDArray[np.bool_]:
        """Pixels within `distance_nm` of the structure: bool [Y, X]."""
        return self._within(self.there(), distance_nm)

    def foreground(self) -> NDArray[np.bool_]:
        """Pixels within `FOREGROUND_NM` of the structure: bool [Y, X]; none without any."""
        return self.near_structure(FOREGROUND_NM)

    def judged(self, dense: RateImage) -> NDArray[np.bool_]:
        """Pixels on which an error map is judged: near what `dense` draws, or what is there.

        Bool [Y, X], within `FOREGROUND_NM` of drawn structure (as the runtime's report marks it)
        or of the structure: false structure and missed structure both count.
        """
        return self._within(structure_mask(dense) | self.there(), FOREGROUND_NM)

    def false_and_missed(
        self, dense: RateImage, distance_nm: float
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Pixels drawn further than `distance_nm` from the structure, and of it as far from them.

        Drawn is what the runtime's report marks as structure. Both bool [Y, X].
        """
        drawn, there = structure_mask(dense), self.there()
        return drawn & ~self._within(there, distance_nm), there & ~self._within(drawn, distance_nm)

    def near(self, xy: NDArray[np.float64], distance_nm: float) -> NDArray[np.bool_]:
        """Pixels whose centre lies within `distance_nm` of one of the points' pixels."""
        return self._within(self._pixels(xy), distance_nm)

    def _pixels(self, xy: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Pixels that hold one of the points: bool [Y, X]."""
        pixels = np.zeros(self.grid.shape, dtype=bool)
        place = np.floor((xy - np.asarray(self.grid.origin_nm)) / self.grid.pixel_nm)
        rows, columns = self.grid.shape
        place = place[((place >= 0) & (place < (columns, rows))).all(axis=1)].astype(np.int64)
        pixels[place[:, 1], place[:, 0]] = True
        return pixels

    def _within(self, pixels: NDArray[np.bool_], distance_nm: float) -> NDArray[np.bool_]:
        """Pixels at most so far from one of `pixels`: bool [Y, X]; none where there are none."""
        if not pixels.any():
            return pixels
        distance = distance_transform_edt(~pixels, sampling=self.grid.pixel_nm)
        within: NDArray[np.bool_] = distance <= distance_nm
        return within


def resample(line: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Put points at equal distances of at most 10 nm along a polyline [K, 2] (nm).

    Returns the points, each in the middle of the length that it stands for, and that length
    in nm; points x length is the length of the line.
    """
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    count = max(int(np.ceil(along[-1] / _SPACING_NM)), 1)
    middle = (np.arange(count) + 0.5) * along[-1] / count
    xy = np.stack([np.interp(middle, along, line[:, axis]) for axis in (0, 1)], axis=1)
    return xy, float(along[-1] / count)
