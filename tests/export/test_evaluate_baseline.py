"""The baselines: Gaussian blurs and the oracle that chooses among them."""

from __future__ import annotations

import numpy as np
import pytest

from annapalm.errors import InvalidValueError
from annapalm_export.evaluate.baseline import BANDWIDTHS_NM, blur, blurs, oracle_kde


@pytest.mark.parametrize("bandwidth_nm", [30.0, 48.0, 155.0])
def test_a_point_becomes_a_gaussian_of_that_bandwidth(bandwidth_nm: float) -> None:
    counts = np.zeros((201, 201), np.float32)
    counts[100, 100] = 1
    image = blur(counts, bandwidth_nm, 20.0)
    away = (np.arange(201) - 100) * 20.0
    assert np.sqrt(image.sum(axis=0) @ away**2) == pytest.approx(bandwidth_nm, rel=0.01)
    assert image.dtype == np.float32


@pytest.mark.parametrize("bandwidth_nm", BANDWIDTHS_NM)
def test_no_localization_is_lost_at_the_border(bandwidth_nm: float) -> None:
    counts = np.zeros((60, 50), np.float32)
    counts[0, 0], counts[59, 20] = 3, 5
    assert blur(counts, bandwidth_nm, 20.0).sum() == pytest.approx(8, rel=1e-5)


def test_the_oracle_takes_the_bandwidth_that_made_the_truth() -> None:
    counts = np.random.default_rng(1).poisson(0.05, (100, 100)).astype(np.float32)
    blurred = blurs(counts, 20.0)
    assert tuple(blurred) == BANDWIDTHS_NM
    truth = blurred[48.0]
    best = oracle_kde(blurred, lambda image: -float(np.abs(image - truth).sum()))
    assert (best.bandwidth_nm, best.score) == (48.0, 0.0)
    assert best.image is truth


def test_of_equals_the_narrowest_is_taken() -> None:
    blurred = blurs(np.ones((9, 9), np.float32), 20.0, (70.0, 10.0, 33.0))
    assert oracle_kde(blurred, lambda _: 1.0).bandwidth_nm == 10.0


def test_no_bandwidth_and_no_image_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="bandwidth_nm"):
        blur(np.ones((9, 9), np.float32), 0.0, 20.0)
    with pytest.raises(InvalidValueError, match="blurred"):
        oracle_kde({}, lambda _: 1.0)
