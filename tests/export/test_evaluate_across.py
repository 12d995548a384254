"""How far from a filament's axis localizations lie, on filaments whose profile is known."""

from __future__ import annotations

import numpy as np
import pytest

from annapalm import Localizations
from annapalm_export.evaluate.across import beside_axes

BANDS = ((40.0, 60.0), (60.0, 80.0), (100.0, 140.0))
SIDE_NM = 8000.0


def lines(sigma_nm: float, halo: float = 0.0, halo_nm: float = 60.0) -> Localizations:
    """Four level filaments 2 µm apart; a share `halo` of their localizations spreads further."""
    rng = np.random.default_rng(0)
    number = 40_000
    x = rng.random(number) * SIDE_NM
    spread = np.where(rng.random(number) < halo, halo_nm, sigma_nm)
    y = 1010.0 + 2000.0 * rng.integers(0, 4, number) + rng.normal(0, spread)
    return Localizations(x, y, np.arange(number), field_nm=(SIDE_NM, SIDE_NM))


def test_a_narrow_filament_has_nothing_beside_it() -> None:
    near, further, far = beside_axes(lines(15.0), BANDS)
    assert near < 0.03
    assert further < 0.001
    assert far == 0


def test_a_halo_shows_at_its_own_distance() -> None:
    found = beside_axes(lines(15.0, halo=0.5), BANDS)
    profile = [
        np.mean([0.5 * np.exp(-0.5 * (r / s) ** 2) / s for s in (15.0, 60.0)], axis=0)
        for r in (np.arange(0.0, 20), *(np.arange(*band) for band in BANDS))
    ]
    core, *beside = [each.mean() for each in profile]
    # The skeleton wanders by some nm and pixels are 20 nm wide, which takes from the core.
    assert found == pytest.approx([each / core for each in beside], rel=0.3)


def test_without_filaments_nothing_can_be_told() -> None:
    few = Localizations(np.array([10.0, 3000.0]), np.array([10.0, 3000.0]), np.array([0, 1]))
    assert np.isnan(beside_axes(few, BANDS)).all()
