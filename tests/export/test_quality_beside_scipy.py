"""What the runtime does in numpy alone, beside scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.signal.windows import tukey as scipy_tukey

from annapalm.quality.blur import blur
from annapalm.quality.frc import TAPER, tukey


@pytest.mark.parametrize("bandwidth_nm", [8.0, 48.0, 400.0])
@pytest.mark.parametrize("shape", [(150, 70), (33, 129)])
def test_the_blur_is_that_of_scipy_with_mirrored_borders(
    bandwidth_nm: float, shape: tuple[int, int]
) -> None:
    counts = np.random.default_rng(0).poisson(0.2, shape).astype(np.float32)
    known = gaussian_filter(counts, bandwidth_nm / 20, mode="reflect", truncate=4.2)
    found = blur(counts, bandwidth_nm, 20.0)
    np.testing.assert_allclose(found, known, atol=2e-4 * float(known.max()))


@pytest.mark.parametrize("length", [2, 32, 101, 1600])
def test_the_window_is_that_of_scipy(length: int) -> None:
    np.testing.assert_allclose(tukey(length), scipy_tukey(length, TAPER), atol=1e-12)
