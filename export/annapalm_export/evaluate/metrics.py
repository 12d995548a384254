"""How alike two pictures are: MS-SSIM, Pearson r, NRMSE, after matching intensities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Image = NDArray[np.floating]

WANG_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales, finest first (Wang, Simoncelli, Bovik 2003,
doi:10.1109/ACSSC.2003.1292216)."""

_RADIUS = 5
_SIGMA = 1.5
_K1, _K2 = 0.01, 0.03

SMALLEST_SIDE = (2 * _RADIUS + 1) * 2 ** (len(WANG_WEIGHTS) - 1)
"""Sides below 176 px leave no whole window at the fifth scale (odd sizes round down)."""


@dataclass(frozen=True, slots=True)
class PictureScore:
    """Scores of a picture whose intensities were matched to the truth over the whole field."""

    ms_ssim: float
    """Over the whole field; L is the standard deviation of the truth (see `MsSsim`)."""
    ms_ssim_foreground: float | None
    """Over windows weighted by the foreground mask; None where the mask holds no window centre."""
    ms_ssim_full_range: float
    """Over the whole field with the textbook's L, the maximum minus the minimum of the truth."""
    pearson: float
    nrmse: float


def match_intensity(image: Image, truth: Image) -> tuple[NDArray[np.float64], float, float]:
    """Find a, b that minimise the sum of (a * image + b - truth)² over all pixels, a >= 0.

    Returns a * image + b as float64 [Y, X], a, and b. Where the best a would be negative, or the
    image is constant, a is 0: a picture that must be inverted does not resemble the truth.
    """
    x, y = (np.asarray(v, dtype=np.float64) for v in (image, truth))
    _same_shape(x, y)
    centred = x - x.mean()
    variance = float(np.vdot(centred, centred))
    slope = float(np.vdot(centred, y - y.mean())) / variance if variance > 0 else 0.0
    slope = max(slope, 0.0)
    offset = float(y.mean() - slope * x.mean())
    return slope * x + offset, slope, offset


def pearson(image: Image, truth: Image) -> float:
    """Pearson correlation of all pixels, -1 to 1; 0 where either is constant."""
    x, y = (np.asarray(v, dtype=np.float64) for v in (image, truth))
    _same_shape(x, y)
    x, y = x - x.mean(), y - y.mean()
    norm = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(np.clip(np.vdot(x, y) / norm, -1.0, 1.0)) if norm > 0 else 0.0


def nrmse(image: Image, truth: Image) -> float:
    """Root mean square of image - truth over the root mean square of truth; 0 is perfect.

    Raises `InvalidValueError` where the truth is zero everywhere.
    """
    x, y = (np.asarray(v, dtype=np.float64) for v in (image, truth))
    _same_shape(x, y)
    norm = float(np.linalg.norm(y))
    if norm == 0:
        raise InvalidValueError("truth", "zero everywhere", "above 0 somewhere")
    return float(np.linalg.norm(x - y)) / norm


class MsSsim:
    """Multi-scale structural similarity to one truth, whose share of the work is done once.

    Wang's weights; 11 x 11 Gaussian windows of sigma 1.5 px, whole windows only; K1 = 0.01 and
    K2 = 0.03; 2 x 2 means between the scales (odd sizes round down); luminance at the last
    scale only; a negative mean at any scale gives 0.

    The L of the constants (K L)² is the standard deviation of the truth unless given: a rate has no
    brightest value as an 8-bit picture has, and its maximum, one crossing of filaments, makes
    the constants so large that the sparse image itself scores 0.8 to 0.99.
    """

    def __init__(
        self,
        truth: Image,
        mask: NDArray[np.bool_] | None = None,
        data_range: float | None = None,
    ) -> None:
        """Prepare the truth [Y, X], sides at least `SMALLEST_SIDE` px, and the mask bool [Y, X].

        Raises `InvalidValueError` where size, mask or range do not serve (a constant truth).
        """
        y = np.asarray(truth, dtype=np.float64)
        if y.ndim != 2 or min(y.shape) < SMALLEST_SIDE:
            wanted = f"2D, with sides of at least {SMALLEST_SIDE} px"
            raise InvalidValueError("truth's shape", y.shape, wanted)
        self.data_range = float(y.std()) if data_range is None else data_range
        self.full_range = float(np.ptp(y))
        if not min(self.data_range, self.full_range) > 0:
            raise InvalidValueError("data_range", self.data_range, "above 0; a truth, not constant")
        self._shape = y.shape
        self._truth = [_Moments.of(level) for level in _pyramid(y)]
        self._weights: list[NDArray[np.float64]] | None = None
        if mask is not None:
            _same_shape(mask, y)
            centres = [_inner(level) for level in _pyramid(mask.astype(np.float64))]
            if all(w.any() for w in centres):
                self._weights = centres

    def score(self, image: Image) -> tuple[float, float | None, float]:
        """Compare `image` [Y, X]: field, inside the mask (None where empty), field with full L."""
        x = np.asarray(image, dtype=np.float64)
        if x.shape != self._shape:
            raise InvalidValueError("image's shape", x.shape, f"the truth's, {self._shape}")
        levels = [_Moments.of(level) for level in _pyramid(x)]
        covariances = [t.covariance(m) for t, m in zip(self._truth, levels, strict=True)]
        field, inside = self._scales(levels, covariances, self.data_range, self._weights)
        full, _ = self._scales(levels, covariances, self.full_range, None)
        return _combine(field), _combine(inside) if inside else None, _combine(full)

    def _scales(
        self,
        levels: list[_Moments],
        covariances: list[NDArray[np.float64]],
        data_range: float,
        weights: list[NDArray[np.float64]] | None,
    ) -> tuple[list[float], list[float]]:
        """Mean similarity at each scale, plain and weighted (empty without weights)."""
        c1, c2 = (_K1 * data_range) ** 2, (_K2 * data_range) ** 2
        plain: list[float] = []
        weighted: list[float] = []
        for at, (x, y, covariance) in enumerate(zip(levels, self._truth, covariances, strict=True)):
            similar = (2 * covariance + c2) / (x.variance + y.variance + c2)
            if at == len(WANG_WEIGHTS) - 1:
                similar *= (2 * x.mean * y.mean + c1) / (x.mean**2 + y.mean**2 + c1)
            plain.append(float(similar.mean()))
            if weights is not None:
                weighted.append(float(np.average(similar, weights=weights[at])))
        return plain, weighted


def ms_ssim(
    image: Image,
    truth: Image,
    mask: NDArray[np.bool_] | None = None,
    data_range: float | None = None,
) -> float:
    """Compare two images [Y, X] as they are; inside `mask` where one is given (see `MsSsim`).

    Raises `InvalidValueError` where the mask holds no whole window's centre.
    """
    field, inside, _ = MsSsim(truth, mask, data_range).score(image)
    if mask is None:
        return field
    if inside is None:
        raise InvalidValueError("mask", "empty", "true at a window centre of every scale")
    return inside


def score_picture(image: Image, truth: Image, prepared: MsSsim) -> PictureScore:
    """Match intensities over the field, then score; `prepared` was made from the same truth."""
    matched, _, _ = match_intensity(image, truth)
    field, inside, full = prepared.score(matched)
    return PictureScore(field, inside, full, pearson(image, truth), nrmse(matched, truth))


@dataclass(frozen=True, slots=True, eq=False)
class _Moments:
    """Local means and variances of one scale of an image under the Gaussian window."""

    image: NDArray[np.float64]
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]

    @classmethod
    def of(cls, image: NDArray[np.float64]) -> _Moments:
        mean = _window(image)
        return cls(image, mean, _window(image * image) - mean * mean)

    def covariance(self, other: _Moments) -> NDArray[np.float64]:
        """Local covariance with another image of the same size."""
        return _window(self.image * other.image) - self.mean * other.mean


def _combine(scales: Sequence[float]) -> float:
    return float(np.prod([max(s, 0.0) ** w for s, w in zip(scales, WANG_WEIGHTS, strict=True)]))


def _window(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted mean under the 11 x 11 Gaussian, whole windows only: [Y - 10, X - 10]."""
    taps = np.exp(-0.5 * (np.arange(_RADIUS + 1) / _SIGMA) ** 2)
    taps /= taps[0] + 2 * taps[1:].sum()
    for _ in range(2):  # along Y, transpose, along X, transpose back
        kept = len(image) - 2 * _RADIUS
        total = taps[0] * image[_RADIUS : _RADIUS + kept]
        for shift in range(1, _RADIUS + 1):
            before, after = _RADIUS - shift, _RADIUS + shift
            total += taps[shift] * (image[before : before + kept] + image[after : after + kept])
        image = total.T
    return image


def _pyramid(image: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return the image and its four successive 2 x 2 means; odd last rows or columns go."""
    levels = [image]
    while len(levels) < len(WANG_WEIGHTS):
        rows, columns = (n // 2 * 2 for n in levels[-1].shape)
        even = levels[-1][:rows, :columns]
        levels.append((even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4)
    return levels


def _inner(image: NDArray[np.float64]) -> NDArray[np.float64]:
    return image[_RADIUS:-_RADIUS, _RADIUS:-_RADIUS]


def _same_shape(image: NDArray[np.generic], truth: NDArray[np.generic]) -> None:
    if image.shape != truth.shape:
        raise InvalidValueError("image's shape", image.shape, f"the truth's, {truth.shape}")
