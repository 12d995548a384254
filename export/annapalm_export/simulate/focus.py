"""What lies out of focus: localized less often, and less precisely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Focus:
    """A 2D microscope's depth of field."""

    depth_nm: float
    """Rayleigh-like range of the PSF's width: sigma(z) = sigma_0 sqrt(1 + (z / depth)²). About
    300 to 500 nm for objectives of NA 1.4 to 1.49 (the form of Huang et al. 2008,
    doi:10.1126/science.1153529, without its higher terms)."""

    def widening(self, z_nm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Factor on the localization precision at depth z [E] (relative to the focal plane).

        The precision of a background-limited localization grows as the PSF's area (Mortensen et
        al. 2010, doi:10.1038/nmeth.1447): as the square of its width.
        """
        wide: NDArray[np.float64] = 1 + (z_nm / self.depth_nm) ** 2
        return wide

    def detected(self, z_nm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Chance that an event at depth z [E] is localized at all: 1 in focus, 1/e at 1.5 depths.

        The peak of a PSF falls with its area, and fitters refuse what is faint or wide; a
        smooth edge, for want of a common threshold.
        """
        seen: NDArray[np.float64] = np.exp(-((z_nm / (1.5 * self.depth_nm)) ** 2))
        return seen
