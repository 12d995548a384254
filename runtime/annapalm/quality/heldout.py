"""Bits per held-out localization: the score of a reconstruction where no truth is known.

A reconstruction of the first frames is read as a density, and asked how probable it makes the
localizations of the later frames, against a uniform field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm.errors import InvalidValueError
from annapalm.quality import GAP_FRAMES
from annapalm.quality.blur import Blur, blur, oracle_kde
from annapalm.widefield.pearson import pearson

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.localizations import Localizations
    from annapalm.render import CountImage, RateImage

SHARES = (0.05, 0.10, 0.20)
"""Shares of all localizations that the input's frames hold."""

SEEN_BLUR_NM = 40.0
"""Blur of both images for Pearson r: the distance at which filaments are scored."""

BANDWIDTHS_NM = tuple(float(nm) for nm in np.round(np.geomspace(8, 400, 20), 1))
"""Bandwidths tried for the best Gaussian blur, a factor of 1.23 apart."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """A table cut in time."""

    seen: Localizations
    """The localizations of the first frames, all consecutive."""
    held_out: Localizations
    """The localizations of the frames after the gap."""
    share: float
    """Share of the table's localizations that are `seen`; at least the share asked for."""
    stop: int
    """First frame that is not input."""
    resume: int
    """First frame that is held out."""


def split_frames(locs: Localizations, share: float, gap_frames: int = GAP_FRAMES) -> Split:
    """Take the fewest first frames that hold `share` of the localizations; hold out the later ones.

    Raises `InvalidValueError` for a share outside 0 to 1, a negative gap, or where no
    localization is left to hold out.
    """
    if not 0 < share < 1:
        raise InvalidValueError("share", share, "above 0 and below 1")
    if gap_frames < 0:
        raise InvalidValueError("gap_frames", gap_frames, "at least 0")
    if not len(locs):
        raise InvalidValueError("locs", "without localizations", "a table to be cut in time")
    ordered = np.sort(locs.frame)
    last = int(ordered[max(int(np.ceil(share * len(ordered))), 1) - 1])
    stop, resume = last + 1, last + 1 + gap_frames
    seen, held_out = locs.select(locs.frame < stop), locs.select(locs.frame >= resume)
    if not len(held_out):
        raise InvalidValueError("locs", f"without frames from {resume} on", "long enough to cut")
    return Split(seen, held_out, len(seen) / len(locs), stop, resume)


@dataclass(frozen=True, slots=True)
class HeldOutScore:
    """How well a density explains localizations that it was not made from."""

    bits: float
    """Mean log2 of the density at a held-out localization over the uniform density; 0 for a
    uniform field, and never less, because the uniform share is fitted."""
    uniform_share: float
    """The share of uniform background, 0 to 1, that suits the density best."""


def bits_per_localization(density: RateImage, held_out: CountImage) -> HeldOutScore:
    """Score a density [Y, X] (any positive scale) by the held-out counts [Y, X].

    The density is normalised to sum 1 over the field and mixed with a uniform one; the share of
    the uniform one is that of the highest likelihood. A density that is zero everywhere
    scores 0 bits with a uniform share of 1. Raises `InvalidValueError` for negative or
    non-finite densities, different shapes, or no held-out localization.
    """
    if density.shape != held_out.shape:
        raise InvalidValueError("density's shape", density.shape, f"{held_out.shape}")
    if not np.isfinite(density).all() or density.min() < 0:
        raise InvalidValueError("density", "negative or not finite", "finite and at least 0")
    hit = held_out > 0
    if not hit.any():
        raise InvalidValueError("held_out", "without localizations", "at least one inside")
    total = float(density.sum(dtype=np.float64))
    if total == 0:
        return HeldOutScore(0.0, 1.0)
    relative = density[hit].astype(np.float64) * (density.size / total)
    weight = held_out[hit].astype(np.float64)
    weight /= weight.sum()
    share = _best_share(relative, weight)
    return HeldOutScore(float(weight @ np.log2((1 - share) * relative + share)), share)


def _best_share(relative: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """Maximise sum of weight * log((1 - u) * relative + u) over 0 <= u <= 1.

    Concave in u, so the root of its derivative is found by bisection, to 2^-50.
    """
    excess = 1 - relative

    def slope(share: float) -> float:
        with np.errstate(divide="ignore"):  # a pixel of density 0 at share 0: slope +inf
            return float(weight @ (excess / (relative + share * excess)))

    if slope(0.0) <= 0:
        return 0.0
    if slope(1.0) >= 0:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return (low + high) / 2


def best_blur(seen: CountImage, held_out: CountImage, pixel_nm: float) -> tuple[Blur, HeldOutScore]:
    """Find the Gaussian blur of `seen` with the most bits: the baseline, given every advantage.

    The bandwidth, like the uniform share, is chosen by the held-out localizations themselves.
    """
    blurred = {nm: blur(seen, nm, pixel_nm) for nm in BANDWIDTHS_NM}
    best = oracle_kde(blurred, lambda image: bits_per_localization(image, held_out).bits)
    return best, bits_per_localization(best.image, held_out)


def later_pearson(density: RateImage, held_out: CountImage, pixel_nm: float) -> float:
    """Pearson r of a density [Y, X] with the held-out counts, both blurred by `SEEN_BLUR_NM`.

    Both, because a density sharper than the blurred counts would else lose to a blur.
    """
    return pearson(*(blur(image, SEEN_BLUR_NM, pixel_nm) for image in (density, held_out)))


def best_blur_pearson(seen: CountImage, held_out: CountImage, pixel_nm: float) -> float:
    """Return the highest `later_pearson` of any Gaussian blur of `seen`.

    The bandwidth is not that of `best_blur`: every score has the baseline that suits it best.
    """
    later = blur(held_out, SEEN_BLUR_NM, pixel_nm)
    twice = (float(np.hypot(nm, SEEN_BLUR_NM)) for nm in BANDWIDTHS_NM)
    return max(pearson(blur(seen, nm, pixel_nm), later) for nm in twice)
