"""The Nyquist criterion: two localizations per resolution unit and dimension."""

from __future__ import annotations

import numpy as np
import pytest

from annapalm.errors import InvalidValueError
from annapalm.quality.density import nyquist_density_per_um2, nyquist_nm


@pytest.mark.parametrize(("nm", "per_um2"), [(20, 10_000), (30, 4_444), (40, 2_500), (50, 1_600)])
def test_a_resolution_takes_two_localizations_per_dimension(nm: float, per_um2: float) -> None:
    assert nyquist_density_per_um2(nm) == pytest.approx(per_um2, abs=0.5)
    assert nyquist_nm(nyquist_density_per_um2(nm)) == pytest.approx(nm)


def test_points_on_a_lattice_resolve_twice_their_spacing() -> None:
    spacing_nm = 25.0
    points = np.arange(0, 10_000, spacing_nm)
    assert nyquist_nm(len(points) ** 2 / 10.0**2) == pytest.approx(2 * spacing_nm)


def test_no_localizations_resolve_nothing() -> None:
    assert nyquist_nm(0) is None


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_densities_and_resolutions_that_cannot_be_are_refused(value: float) -> None:
    with pytest.raises(InvalidValueError, match="density_per_um2"):
        nyquist_nm(value)
    with pytest.raises(InvalidValueError, match="resolution_nm"):
        nyquist_density_per_um2(value)
    with pytest.raises(InvalidValueError, match="resolution_nm"):
        nyquist_density_per_um2(0)
