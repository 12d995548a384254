"""How wide the microscope's PSF is: the blur that makes a reconstruction most like its widefield.

SQUIRREL (Culley et al. 2018, doi:10.1038/nmeth.4605) fits it together with scale and offset. For a
Gaussian PSF all widths can be tried at once: the correlation of two images, one of them blurred, is
a sum over spatial frequencies, in which the width is only a weight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDTHS = (0.6, 2.2)
"""Widths that are tried, as multiples of the usual one (125 nm in the released models): from a
1.49 NA objective in the blue, sigma 75 nm, to an image out of focus. The one public pair of
widefield and super-resolution images fits best at 200 to 250 nm (docs/error-map.md)."""
_STEPS = 161
_BINS = 1024
_TAPER_PX = 8
"""Width of the border that fades to the mean: a Fourier transform joins opposite borders."""


def fit_psf_sigma(
    structure: NDArray[np.float32], measured: NDArray[np.float32], usual_px: float
) -> float | None:
    """Find the Gaussian by which `structure` must be blurred to be most like `measured`.

    Both float32 [Y, X] on the same pixels; `usual_px` is the expected standard deviation in pixels.
    Returns the one with the highest Pearson correlation, between `WIDTHS` times `usual_px`; None
    where no width makes them alike (one of them is flat, or they run against each other), and for
    images with less than 16 pixels on a side.
    """
    if min(structure.shape) < 2 * _TAPER_PX:
        return None
    own, common, frequency2 = _spectra(structure, measured)
    sigmas = usual_px * np.linspace(*WIDTHS, _STEPS)
    weight = np.exp(-2 * np.pi**2 * sigmas[:, None] ** 2 * frequency2)
    power = weight**2 @ own
    with np.errstate(divide="ignore", invalid="ignore"):
        # The power of `measured` is the same for all.
        alike = np.where(power > 0, weight @ common / np.sqrt(power), 0.0)
    best = int(np.argmax(alike))
    if not alike[best] > 0:
        return None
    return float(_summit(sigmas, alike, best))


def _spectra(
    structure: NDArray[np.float32], measured: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Power of `structure`, its real cross power with `measured`, and mean frequency², by ring."""
    window = _taper(structure.shape)
    first, second = (
        np.fft.rfft2(window * (image - image.mean(dtype=np.float64)))
        for image in (structure, measured)
    )
    rows, columns = structure.shape
    frequency2 = np.fft.fftfreq(rows)[:, None] ** 2 + np.fft.rfftfreq(columns) ** 2
    twice = np.full(frequency2.shape[1], 2.0)  # a real image's spectrum holds each column twice ...
    twice[0] = 1.0  # ... but the first and, of an even number, the last
    if columns % 2 == 0:
        twice[-1] = 1.0
    ring = (np.sqrt(2 * frequency2) * (_BINS - 1)).astype(np.int64).ravel()

    def by_ring(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(ring, (values * twice).ravel(), _BINS).astype(np.float64)

    number = np.maximum(by_ring(np.ones_like(frequency2)), 1.0)
    own = by_ring(np.abs(first) ** 2)
    common = by_ring(np.real(np.conj(first) * second))
    return own, common, by_ring(frequency2) / number


def _taper(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Window [Y, X] of 1 that falls to 0 over the outermost pixels."""
    sides = []
    for size in shape:
        from_edge = np.minimum(np.arange(size), np.arange(size)[::-1]) + 0.5
        sides.append(np.sin(np.minimum(from_edge / _TAPER_PX, 1.0) * np.pi / 2) ** 2)
    window: NDArray[np.float64] = sides[0][:, None] * sides[1]
    return window


def _summit(x: NDArray[np.float64], y: NDArray[np.float64], best: int) -> float:
    """Summit of the parabola through the highest point and its neighbours."""
    if best in (0, len(x) - 1):
        return float(x[best])
    left, middle, right = y[best - 1 : best + 2]
    bend = left - 2 * middle + right
    shift = 0.5 * (left - right) / bend if bend < 0 else 0.0
    return float(x[best] + shift * (x[1] - x[0]))
