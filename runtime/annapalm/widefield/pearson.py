"""Pearson's correlation of two images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def pearson(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Correlate two images of one shape: -1 to 1, and 0 where one of them is flat."""
    a = first.astype(np.float64) - first.mean(dtype=np.float64)
    b = second.astype(np.float64) - second.mean(dtype=np.float64)
    power = float((a * a).sum()) * float((b * b).sum())
    return float(np.clip((a * b).sum() / np.sqrt(power), -1, 1)) if power > 0 else 0.0
