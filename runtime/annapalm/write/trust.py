"""Where a reconstruction is not to be believed, in numbers and as a mask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from annapalm.quality.density import nyquist_nm
from annapalm.quality.structure import sampling_per_um2, structure_threshold

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.reconstruction import Reconstruction
    from annapalm.render import RateImage
    from annapalm.write.schema import TrustRecord

DOUBT = 1.0
"""A structure pixel is doubtful where the model expects to be wrong by more than this part of what
it drew there: such a pixel may well be empty. On held-out simulated fields the share of drawn
structure that is false rises steadily with this ratio (docs/error-map.md)."""


def doubtful_mask(dense: RateImage, error: RateImage, doubt: float = DOUBT) -> NDArray[np.bool_]:
    """Mark where the expected error is more than `doubt` times `dense`: bool [Y, X]."""
    mask: NDArray[np.bool_] = error > np.float32(doubt) * dense
    return mask


def measure_trust(result: Reconstruction, doubt: float = DOUBT) -> TrustRecord:
    """Summarise how far `result` is to be believed; `doubt` is that of `doubtful_mask`."""
    dense, error = result.dense, result.error
    threshold = structure_threshold(dense)
    structure = (dense >= threshold) & (dense > 0)
    drawn = _sum(dense[structure])
    density = sampling_per_um2(result.counts, structure, result.grid) if drawn > 0 else None
    return {
        "expected_localizations": _sum(dense),
        "diffuse_localizations": _sum(result.background_at_full_size()),
        "structure_threshold": threshold,
        "structure_share": float(structure.mean()),
        "structure_density_per_um2": density,
        "structure_nyquist_nm": None if density is None else nyquist_nm(density),
        "relative_error": _sum(error[structure]) / drawn if drawn > 0 else None,
        "doubt": doubt,
        "doubtful_share": (
            float(doubtful_mask(dense[structure], error[structure], doubt).mean())
            if drawn > 0
            else None
        ),
        "intervals": {k: float(v) for k, v in result.intervals.items()},
    }


def _sum(values: NDArray[np.floating[Any]]) -> float:
    return float(values.sum(dtype=np.float64))
