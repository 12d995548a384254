"""Structure drawn where there is none: in an empty field, or one of localizations at random.

A threshold relative to such an image itself would always find something. So the question is what
it shows at the contrast that suits the same method's image of a real field: what a viewer sees who
sets the contrast there. One function per kind of structure, all called alike: with the image that
should show nothing, the image `like` which the contrast is set, the grid of both, and the method's
own level. Where `like` itself shows nothing, all that the image shows is false.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scipy.ndimage import gaussian_filter

from annapalm.measure import pores
from annapalm_export.evaluate import area, filaments
from annapalm_export.evaluate.intensity import typical_intensity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from annapalm.grid import Grid
    from annapalm.render import RateImage


def false_filaments(
    image: RateImage, like: RateImage, grid: Grid, level: float = filaments.DEFAULT_LEVEL
) -> float:
    """Length of filament drawn, in µm per µm²; both images [Y, X] >= 0 on `grid`."""
    sigma = filaments.SMOOTHING_NM / grid.pixel_nm
    typical = typical_intensity(gaussian_filter(like, sigma, mode="reflect"))
    drawn = filaments.skeleton(image, grid, level, intensity=typical)
    return drawn.length_um / grid.area_um2


def false_pores(
    image: NDArray[np.floating],
    like: NDArray[np.floating],
    grid: Grid,
    level: float = pores.DEFAULT_LEVEL,
    *,
    radius_nm: float = pores.RADIUS_NM,
) -> float:
    """Pores drawn per µm²; both images [Y, X] on `grid`. `radius_nm` is that of the real ones."""
    strength = pores.typical_strength(like, grid, radius_nm)
    drawn = pores.detect_pores(image, grid, radius_nm, level, strength)
    return len(drawn.xy_nm) / grid.area_um2


def false_area(
    image: NDArray[np.floating],
    like: NDArray[np.floating],
    grid: Grid,
    level: float = area.DEFAULT_LEVEL,
) -> float:
    """Share of the field that is drawn, 0 to 1; both images [Y, X] on `grid`."""
    contrast = area.image_contrast(like, grid)
    return float(area.drawn_area(image, grid, level, contrast).mean())
