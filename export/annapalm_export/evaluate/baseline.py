"""What a reconstruction must beat: the sparse image, and the best Gaussian blur of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annapalm.quality.blur import Blur, blur, oracle_kde

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annapalm.render import CountImage, RateImage

__all__ = ["BANDWIDTHS_NM", "Blur", "blur", "blurs", "oracle_kde"]

BANDWIDTHS_NM = (10.0, 15.0, 22.0, 33.0, 48.0, 70.0, 105.0, 155.0)
"""Standard deviations tried: from a fraction of the localization precision to where filaments of
the sparsest fields have merged; a factor of about 1.5 apart, finer than the score can tell."""


def blurs(
    counts: CountImage, pixel_nm: float, bandwidths_nm: Sequence[float] = BANDWIDTHS_NM
) -> dict[float, RateImage]:
    """Blur counts [Y, X] with each bandwidth, for several searches: bandwidth (nm) to image."""
    return {nm: blur(counts, nm, pixel_nm) for nm in bandwidths_nm}
