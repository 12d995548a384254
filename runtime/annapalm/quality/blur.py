"""What a reconstruction must beat: the best Gaussian blur of the sparse image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm.errors import InvalidValueError
from annapalm.widefield.filter import gaussian_blur

if TYPE_CHECKING:
    from collections.abc import Callable

    from annapalm.render import CountImage, RateImage


@dataclass(frozen=True, slots=True, eq=False)
class Blur:
    """A blurred sparse image and the bandwidth that made it."""

    image: RateImage
    """float32 [Y, X], localizations per pixel; the sum of the sparse image is kept."""
    bandwidth_nm: float
    """Standard deviation of the Gaussian, nm."""
    score: float
    """The score for which this bandwidth was the best."""


def blur(counts: CountImage, bandwidth_nm: float, pixel_nm: float) -> RateImage:
    """Blur counts [Y, X] with a Gaussian of `bandwidth_nm` (standard deviation).

    The image is mirrored at its border, so that no localization is lost: the usual correction
    of a kernel density estimate there, and the one that scores best. float32 [Y, X].
    """
    if not bandwidth_nm > 0:
        raise InvalidValueError("bandwidth_nm", bandwidth_nm, "above 0")
    wide = np.asarray(counts, dtype=np.float32)
    return gaussian_blur(wide, bandwidth_nm / pixel_nm, "symmetric")


def oracle_kde(blurred: dict[float, RateImage], score: Callable[[RateImage], float]) -> Blur:
    """Take, of the images of `blurs`, the one with the highest `score`: the oracle KDE.

    The score may look at the truth; no user could choose as well, so the baseline is the
    strongest of its kind. Of equals, the narrowest. Raises `InvalidValueError` without images.
    """
    if not blurred:
        raise InvalidValueError("blurred", blurred, "at least one blurred image")
    scored = [(score(image), nm) for nm, image in sorted(blurred.items())]
    best, nm = max(scored, key=lambda pair: pair[0])
    return Blur(blurred[nm], nm, best)
