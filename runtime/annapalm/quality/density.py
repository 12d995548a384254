"""What sampling allows: the Nyquist criterion for localizations, as Shroff et al. stated it.

The interval between neighbouring localized molecules must be at most half of the resolution, in
each dimension (Shroff et al. 2008, doi:10.1038/nmeth.1202). In two dimensions `density` molecules
per area lie density^(-1/2) apart, so that the resolution is at best 2 * density^(-1/2).

It is a bound, and an optimistic one. It counts molecules, and a table counts localizations: a
molecule that blinks five times is five localizations and samples one place. It takes the molecules
as evenly spaced, and they fall at random: Legant et al. 2016 (doi:10.1038/nmeth.3797) found it far
too lenient and ask for about five times finer sampling. And it knows nothing of what is
sampled: a network that knows filaments needs fewer points than a picture of points.
"""

from __future__ import annotations

import math

from annapalm.errors import InvalidValueError


def nyquist_nm(density_per_um2: float) -> float | None:
    """Finest resolution (nm) that a density (localizations per µm²) lets sampling reach.

    2 * density^(-1/2), twice the mean interval between localizations (Shroff et al. 2008,
    doi:10.1038/nmeth.1202); None for a density of 0. Raises `InvalidValueError` for a
    density that is negative or not finite.
    """
    if not (math.isfinite(density_per_um2) and density_per_um2 >= 0):
        raise InvalidValueError("density_per_um2", density_per_um2, "finite and at least 0")
    return 2000 / math.sqrt(density_per_um2) if density_per_um2 > 0 else None


def nyquist_density_per_um2(resolution_nm: float) -> float:
    """Density (localizations per µm²) that sampling at `resolution_nm` takes: two per dimension.

    The inverse of `nyquist_nm`. Raises `InvalidValueError` unless finite and above 0.
    """
    if not (math.isfinite(resolution_nm) and resolution_nm > 0):
        raise InvalidValueError("resolution_nm", resolution_nm, "finite and above 0")
    return (2000 / resolution_nm) ** 2
