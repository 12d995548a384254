"""Whether a sample drifted steadily while it was imaged, told from the localizations alone.

Where two localizations lie near each other, whatever structure they are of, the later one lies as
often on one side of the earlier as on the other; unless all that is later is displaced. So the mean
displacement of near pairs is regressed on the time between them. Each localization's pairs count
for as much as any other's, as in the entropy that Cnossen et al. (2021, doi:10.1364/OE.426620)
minimise, so that no bright spot decides; and repeated with the localizations moved back by what was
found, until nothing is left to be moved. Pairs of one burst, at nearly the same time, say nothing
and weigh nothing. The standard error comes from how unlike the patches of the field are: bursts and
uneven structure in a sparse table make it large.

Drift that comes back to where it began has no steady part and is not seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from annapalm.domain.fingerprint import LEAST_LOCALIZATIONS, WINDOW_UM, fullest_window
from annapalm.fourier import fast_length
from annapalm.grid import Grid
from annapalm.render import inside

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.localizations import Localizations
    from annapalm.render import CountImage

LIMIT_NM = 50.0
"""From the first frame to the last. Training shows drift that wanders by up to 15 nm rms; a steady
one of 52 nm has that rms."""
SIGNIFICANT = 4.0
"""Standard errors from which a drift is believed."""
LEAST_PATCHES = 20.0
"""Patches that share the evidence evenly; fewer do not tell how far to trust it."""

_SIGMA_NM = 80.0
"""Standard deviation of the Gaussian under which two localizations are near: wider than a filament
with its precision, narrower than what lies between structures."""
_PIXEL_NM = 50.0
_PATCH_NM = 800.0
"""Edge of a patch, ten times `_SIGMA_NM`: its pairs are hardly those of another."""
_MOST = 50_000
"""Localizations looked at; of more every second, third, ... is."""
_STEPS = 6
_SHRINK = 0.5
"""Share of a drift that the mean displacement under the Gaussian misses, until two steps tell."""
_MOST_SHRINK = 0.8
_CLOSE_NM = 3.0
"""A smaller step is none."""
_CLOSE_SE = 0.5
"""Nor is one of so many standard errors."""


@dataclass(frozen=True, slots=True)
class Drift:
    """A steady drift, from the first frame to the last."""

    total_nm: tuple[float, float]
    """(x, y) by which what is localized last lies from where it would have been localized first."""
    error_nm: float
    """Standard error along it."""

    @property
    def length_nm(self) -> float:
        """How far it goes."""
        return math.hypot(*self.total_nm)

    @property
    def is_large(self) -> bool:
        """Whether it is beyond doubt, and more than training shows."""
        return is_large(self.length_nm, self.error_nm)

    @property
    def warning(self) -> str | None:
        """One line for the user, None where all looks well."""
        if not self.is_large:
            return None
        x, y = self.total_nm
        return (
            f"The localizations drift by {self.length_nm:.0f} nm (± {self.error_nm:.0f}; x "
            f"{x:+.0f}, y {y:+.0f}) from the first frame to the last; the models have learned from "
            f"less than {LIMIT_NM:.0f} nm. Structure is drawn blurred or double: correct the drift "
            "in the table and run again, or use fewer frames (--frames)."
        )


def is_large(length_nm: float, error_nm: float) -> bool:
    """Whether a drift is more than training shows, and beyond doubt."""
    return length_nm > max(LIMIT_NM, SIGNIFICANT * error_nm)


def measure_drift(locs: Localizations, counts: CountImage, grid: Grid) -> Drift | None:
    """Measure the steady drift of localizations that were rendered as `counts` on `grid`.

    The fullest window of the field is looked at. None where nothing can be said: fewer than 300
    localizations in it, one frame only, or evidence from too few places.
    """
    frame = locs.frame
    if not len(locs) or int(np.ptp(frame)) == 0:
        return None
    time = (frame - frame.min()) / np.ptp(frame) - 0.5
    chosen = _in_window(locs, counts, grid)
    if len(chosen) < LEAST_LOCALIZATIONS:
        return None
    chosen = chosen[:: -(-len(chosen) // _MOST)]
    return _fit(locs.x_nm[chosen], locs.y_nm[chosen], time[chosen])


def _in_window(locs: Localizations, counts: CountImage, grid: Grid) -> NDArray[np.int64]:
    """Rows inside the fullest window."""
    rows, columns = fullest_window(counts, round(WINDOW_UM * 1000 / grid.pixel_nm))
    x0, y0 = grid.origin_nm
    corner = (x0 + columns.start * grid.pixel_nm, y0 + rows.start * grid.pixel_nm)
    shape = (rows.stop - rows.start, columns.stop - columns.start)
    return np.flatnonzero(inside(locs, Grid(grid.pixel_nm, corner, shape)))


def _fit(
    x_nm: NDArray[np.float64], y_nm: NDArray[np.float64], time: NDArray[np.float64]
) -> Drift | None:
    """Move back by what is found until nothing is left; time runs from -0.5 to 0.5."""
    total, last, shrink = np.zeros(2), np.zeros(2), _SHRINK
    for _ in range(_STEPS):
        found = _regress(x_nm - total[0] * time, y_nm - total[1] * time, time)
        if found is None:
            return None
        if last.any():  # the share of the last step that was still missing
            missing = 1 - (1 - shrink) * float((last - found.total_nm) @ last / (last @ last))
            shrink = min(max(missing, 0.0), _MOST_SHRINK)
        step = found.total_nm / (1 - shrink)
        errors = found.errors_nm / (1 - shrink)
        total, last = total + step, found.total_nm
        along = total / max(math.hypot(*total), 1e-9)
        error = float(np.linalg.norm(errors @ along))
        if math.hypot(*step) < max(_CLOSE_NM, _CLOSE_SE * error):
            break
    return Drift((float(total[0]), float(total[1])), error)


class _Found(NamedTuple):
    total_nm: NDArray[np.float64]
    """float64 [2]."""
    errors_nm: NDArray[np.float64]
    """float64 [P, 2]: what each patch adds to it beyond its share; their sum of squares is its
    variance."""


def _regress(
    x_nm: NDArray[np.float64], y_nm: NDArray[np.float64], time: NDArray[np.float64]
) -> _Found | None:
    """Regress the displacement of near pairs on the time between them.

    With w_ij a Gaussian of the distance of i and j, d_ij the displacement and t_ij the time between
    them: sum_i (sum_j w t d / sum_j w) over sum_i (sum_j w t^2 / sum_j w).
    """
    near = _Near(x_nm, y_nm)
    one, first, second = (near.transform(weights) for weights in (None, time, time**2))
    pairs, sum_t, sum_t2 = (near.sum(image) for image in (one, first, second))
    moved = [near.displaced(first, axis) - time * near.displaced(one, axis) for axis in (1, 0)]
    squared = sum_t2 - 2 * time * sum_t + time**2 * pairs
    patch = near.patches()
    each = np.maximum(pairs, 1.0)  # itself is one
    weight = np.bincount(patch, squared / each)
    moves = np.stack([np.bincount(patch, m / each) for m in moved], axis=1)
    evidence = float(weight.sum())
    if evidence <= 0 or evidence**2 / float((weight**2).sum()) < LEAST_PATCHES:
        return None
    total = moves.sum(axis=0) / evidence
    return _Found(total, (moves - total * weight[:, None]) / evidence)


class _Near:
    """Sums over what is near each point, by Fourier transforms on pixels of `_PIXEL_NM`."""

    def __init__(self, x_nm: NDArray[np.float64], y_nm: NDArray[np.float64]) -> None:
        self._xy = x_nm - x_nm.min(), y_nm - y_nm.min()
        column, row = ((v / _PIXEL_NM).astype(np.int64) for v in self._xy)
        pad = math.ceil(3 * _SIGMA_NM / _PIXEL_NM)  # the transform has no edges
        self._shape = tuple(fast_length(int(n.max()) + 1 + pad) for n in (row, column))
        self._place = row * self._shape[1] + column
        rows, columns = self._shape
        self._fy = (2 * np.pi / _PIXEL_NM * np.fft.fftfreq(rows)).astype(np.float32)[:, None]
        self._fx = (2 * np.pi / _PIXEL_NM * np.fft.rfftfreq(columns)).astype(np.float32)
        # At its centre the Gaussian is 1: the sum counts neighbours.
        area = np.float32(2 * np.pi * (_SIGMA_NM / _PIXEL_NM) ** 2)
        square = np.float32(-0.5 * _SIGMA_NM**2) * (self._fy**2 + self._fx**2)
        self._gauss = area * np.exp(square)

    def transform(self, weights: NDArray[np.float64] | None) -> NDArray[np.complexfloating]:
        """Transform the points, each with its weight, under the Gaussian."""
        rows, columns = self._shape
        image = np.bincount(self._place, weights, rows * columns).reshape(self._shape)
        spectrum: NDArray[np.complexfloating] = np.fft.rfft2(image.astype(np.float32))
        spectrum *= self._gauss
        return spectrum

    def sum(self, spectrum: NDArray[np.complexfloating]) -> NDArray[np.float64]:
        """Read the image of a transform at each point."""
        image = np.fft.irfft2(spectrum, self._shape)
        read: NDArray[np.float64] = image.ravel()[self._place].astype(np.float64)
        return read

    def displaced(self, spectrum: NDArray[np.complexfloating], axis: int) -> NDArray[np.float64]:
        """Sum how far what is near lies from each point along an axis (0: y, 1: x), in nm."""
        slope = (self._fy, self._fx)[axis]
        return self.sum(spectrum * (np.complex64(1j * _SIGMA_NM**2) * slope))

    def patches(self) -> NDArray[np.int64]:
        """Give each point the number of the patch that it lies in."""
        column, row = ((v / _PATCH_NM).astype(np.int64) for v in self._xy)
        patch: NDArray[np.int64] = row * (int(column.max()) + 1) + column
        return patch
