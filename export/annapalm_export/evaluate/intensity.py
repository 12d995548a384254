"""How bright the structure of an image is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from annapalm.render import RateImage


def typical_intensity(image: RateImage) -> float:
    """Mean intensity as the signal sees it: sum of squares over sum; 0 for an empty image.

    Unlike a mean or a percentile over the field it does not depend on how much of it is empty.
    """
    wide = image.astype(np.float64)
    total = float(wide.sum())
    return float((wide * wide).sum()) / total if total > 0 else 0.0
