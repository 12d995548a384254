"""By how much a widefield image must be moved to lie on the localizations.

Both are compared on the quarter grid: the localizations blurred by the PSF, and the image with all
that is much wider than the PSF taken away, so that single structures decide and not the outline of
the cell. The peak of their cross-correlation is taken where it stands out of the correlation at all
other shifts AND its place is certain to a few tens of nm: a few localizations, bursts of one
molecule or the image of another field can give a high peak, but not a well determined one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm.fourier import fast_length
from annapalm.widefield.filter import gaussian_blur

if TYPE_CHECKING:
    from numpy.typing import NDArray

REACH_NM = 3000.0
"""Shifts up to here are looked at, to know how high the correlation rises by chance, and to see
that an image belongs elsewhere."""
COARSE = 4.0
"""Wider than this many PSF sigmas is not structure to register on."""
BLOCK_NM = 800.0
"""Localizations closer than this may be bursts of one emitter or one patch of label; the error of
the shift is estimated from blocks of this size as the independent pieces of evidence."""
SIGNIFICANT = 6.0
"""Robust z-score from which a peak is taken. With `LARGEST_ERROR_NM`, of 27 simulated fields of
12.8 µm 6, 15, 21, 24 and 26 were registered from 30, 100, 300, 1,000 and 10,000 localizations, with
a median error of 37, 41, 16, 9 and 4 nm, at most 87; with the image of another field, 1 of 675."""
LARGEST_ERROR_NM = 60.0
"""Standard error of a shift that is still better than none: below three quarters of a quarter
pixel, and below a camera pixel's half, by which programs differ in their origin."""
MISALIGNED = 10.0
"""Robust z-score of a peak beyond the plausible shift that proves the image misaligned."""


@dataclass(frozen=True, slots=True)
class Registration:
    """The best translation of a widefield image, and how far to trust it."""

    shift_nm: tuple[float, float] = (0.0, 0.0)
    """(x, y) to move the image by, nm; (0, 0) where no peak is significant."""
    significant: bool = False
    """Whether `shift_nm` was measured."""
    score: float = 0.0
    """Robust z-score of the peak among the correlations at other shifts; 0 without any."""
    error_nm: float = math.inf
    """Standard error of the place of the peak, both directions together, nm."""
    implausible_nm: tuple[float, float] | None = None
    """(x, y) of a far better peak beyond the largest plausible shift, else None."""


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """What is registered, on the quarter grid."""

    spots: NDArray[np.float32]
    """The localizations, their bursts damped, blurred by the PSF."""
    fine: NDArray[np.float32]
    """The widefield image without what is wide."""
    pixel_nm: float


def register(
    counts: NDArray[np.float32],
    image: NDArray[np.float32],
    pixel_nm: float,
    psf_sigma_nm: float,
    max_shift_nm: float,
) -> Registration:
    """Find the translation of `image` onto the localizations.

    `counts` are the localizations and `image` the unmoved widefield image on one grid of
    `pixel_nm` (the quarter grid), both float32 [Y, X]. Sub-pixel by a parabola through the peak.
    No error for empty or flat images.
    """
    sigma = psf_sigma_nm / pixel_nm
    # Square roots keep a bead, or an emitter of many bursts, from outvoting the field.
    spots = gaussian_blur(np.sqrt(counts), sigma)
    scene = _Scene(spots, _fine(image, sigma), pixel_nm)
    reach = max(REACH_NM, 2 * max_shift_nm) / pixel_nm
    limits = tuple(min(math.floor(reach), n // 2) for n in spots.shape)
    surface = _correlate(scene.spots, scene.fine, limits)
    surface = surface - np.median(surface)
    spread = 1.4826 * float(np.median(np.abs(surface)))
    if spread <= 0 or min(limits) < 1:
        return Registration()
    scores = surface / spread
    rows, columns = np.ogrid[-limits[0] : limits[0] + 1, -limits[1] : limits[1] + 1]
    peaks = np.where(_is_peak(scores), scores, 0.0)
    near = np.where(np.hypot(rows, columns) * pixel_nm <= max_shift_nm, peaks, 0.0)
    best = _measure(scene, scores, int(near.argmax()))
    if best.significant and best.score >= 0.5 * peaks.max():
        return best
    if peaks.max() >= MISALIGNED:
        elsewhere = _measure(scene, scores, int(peaks.argmax()))
        if elsewhere.significant:
            return Registration(implausible_nm=elsewhere.shift_nm)
    return Registration(score=best.score, error_nm=best.error_nm)


def _measure(scene: _Scene, scores: NDArray[np.float64], flat: int) -> Registration:
    """Refine the peak at a flat index of `scores` and judge it."""
    row, column = divmod(flat, scores.shape[1])
    if not (0 < row < scores.shape[0] - 1 and 0 < column < scores.shape[1] - 1):
        return Registration()
    middle, half = scores[row, column], [length // 2 for length in scores.shape]
    y = row - half[0] + _parabola(scores[row - 1, column], middle, scores[row + 1, column])
    x = column - half[1] + _parabola(scores[row, column - 1], middle, scores[row, column + 1])
    error_nm = _error_px(scene, (row - half[0], column - half[1])) * scene.pixel_nm
    return Registration(
        (x * scene.pixel_nm, y * scene.pixel_nm),
        significant=bool(middle >= SIGNIFICANT) and error_nm <= LARGEST_ERROR_NM,
        score=float(middle),
        error_nm=error_nm,
    )


def _parabola(before: float, middle: float, after: float) -> float:
    bend = 2 * middle - before - after
    return float(0.5 * (after - before) / bend) if bend > 0 else 0.0


def _error_px(scene: _Scene, lag: tuple[int, int]) -> float:
    """Estimate the standard error of a peak's place from how its pieces of evidence differ.

    At the peak the slopes of the correlation add up to 0 over the field; how far each block pulls
    away, over how sharply the peak is bent, is the error (the sandwich estimator: V = H^-1 S H^-1,
    S the sum over blocks of the outer product of their slopes, H the bend).
    """
    fixed, moving = _overlap(scene.spots, scene.fine, lag)
    if min(fixed.shape) < 3:  # no second differences
        return math.inf
    slope_y, slope_x = np.gradient(moving)
    bend_yy, bend_yx = np.gradient(slope_y)
    bend_xx = np.gradient(slope_x, axis=1)
    bends = [float((fixed * b).sum(dtype=np.float64)) for b in (bend_yy, bend_yx, bend_xx)]
    bend = np.array([[bends[0], bends[1]], [bends[1], bends[2]]])
    if np.linalg.eigvalsh(bend).max() >= 0:  # not a summit in every direction
        return math.inf
    block = max(round(BLOCK_NM / scene.pixel_nm), 1)
    pulls = np.stack([_block_sums(fixed * slope, block) for slope in (slope_y, slope_x)])
    inverse = np.linalg.inv(bend)
    return float(np.sqrt(np.trace(inverse @ (pulls @ pulls.T) @ inverse)))


def _overlap(
    fixed: NDArray[np.float32], moving: NDArray[np.float32], lag: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cut out what lies on each other once `moving` is moved by `lag` (rows, columns)."""
    rows, columns = (
        (slice(max(step, 0), length + min(step, 0)), slice(max(-step, 0), length - max(step, 0)))
        for step, length in zip(lag, fixed.shape, strict=True)
    )
    return fixed[rows[0], columns[0]], moving[rows[1], columns[1]]


def _block_sums(image: NDArray[np.float32], block: int) -> NDArray[np.float64]:
    """Sum over squares of `block` pixels, the last ones smaller: float64, flat."""
    for axis, length in enumerate(image.shape):
        image = np.add.reduceat(image, np.arange(0, length, block), axis=axis, dtype=np.float64)
    return image.ravel().astype(np.float64)


def _fine(image: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    """Take away what is wider than structures, and fade out towards the edges."""
    fine = image - gaussian_blur(image, COARSE * sigma_px)
    for axis, length in enumerate(image.shape):
        # The blur knows nothing beyond the edges: its first sigmas are not to be trusted.
        fade = min(COARSE * sigma_px, length / 4)
        inside = np.minimum(np.arange(length) + 0.5, length - 0.5 - np.arange(length)) / fade
        ramp = np.sin(np.pi / 2 * np.minimum(inside, 1)) ** 2
        fine = fine * np.expand_dims(ramp, 1 - axis).astype(np.float32)
    return fine


def _correlate(
    fixed: NDArray[np.float32], moving: NDArray[np.float32], limits: tuple[int, ...]
) -> NDArray[np.float64]:
    """Correlate at shifts of `moving` from -limits to +limits (rows, columns), without wrap."""
    shape = [fast_length(n + limit) for n, limit in zip(fixed.shape, limits, strict=True)]
    centred = fixed - fixed.mean()
    product = np.fft.rfft2(centred, shape) * np.conj(np.fft.rfft2(moving, shape))
    lags = np.fft.irfft2(product, shape)
    rows, columns = (np.arange(-limit, limit + 1) for limit in limits)
    surface: NDArray[np.float64] = lags[np.ix_(rows, columns)]
    return surface


def _is_peak(surface: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark what is higher than its eight neighbours; never on the rim, where half are unknown."""
    peak = np.zeros(surface.shape, bool)
    core = surface[1:-1, 1:-1]
    higher = np.ones(core.shape, bool)
    rows, columns = surface.shape
    for dy in (0, 1, 2):
        for dx in (0, 1, 2):
            if (dy, dx) != (1, 1):
                higher &= core >= surface[dy : rows - 2 + dy, dx : columns - 2 + dx]
    peak[1:-1, 1:-1] = higher
    return peak
