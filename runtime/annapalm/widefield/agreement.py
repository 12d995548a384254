"""How well a reconstruction explains the widefield image of the same field.

The idea of SQUIRREL (Culley et al. 2018, doi:10.1038/nmeth.4605): a true reconstruction, blurred by
the microscope's PSF, is the widefield image up to scale and offset. What is left over points at
structure that is missing or invented, as far as diffraction lets it be seen. Scale, offset and the
width of the PSF are fitted, and both are compared on the contract's quarter grid.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from annapalm.blocks import at_full_size
from annapalm.contract import QUARTER
from annapalm.errors import InvalidValueError
from annapalm.reconstruction import WidefieldAgreement
from annapalm.widefield.filter import gaussian_blur
from annapalm.widefield.pearson import pearson
from annapalm.widefield.psf import fit_psf_sigma
from annapalm.widefield.resample import quarter_sum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.grid import Grid
    from annapalm.render import RateImage
    from annapalm.widefield.prepare import PreparedWidefield


def explain(
    dense: RateImage, prepared: PreparedWidefield, grid: Grid, usual_psf_nm: float
) -> WidefieldAgreement:
    """Blur `dense` (float32 [Y, X]) by the PSF that suits, and compare it with the measured image.

    `usual_psf_nm` is the standard deviation of the PSF that the model was made for; it is also
    taken where none suits. Else as `compare`.
    """
    structure, quarter_nm = quarter_sum(dense), QUARTER * grid.pixel_nm
    usual_px = usual_psf_nm / quarter_nm
    fitted_px = fit_psf_sigma(structure, prepared.quarter, usual_px)
    sigma_px = usual_px if fitted_px is None else fitted_px
    agreement = compare(gaussian_blur(structure, sigma_px), prepared, grid)
    return replace(agreement, psf_sigma_nm=None if fitted_px is None else fitted_px * quarter_nm)


def compare(
    estimate: NDArray[np.float32], prepared: PreparedWidefield, grid: Grid
) -> WidefieldAgreement:
    """Compare what widefield image a picture would give with the measured one.

    `estimate` float32 [ceil(Y/4), ceil(X/4)], >= 0, in localizations per quarter pixel. The least
    squares fit widefield = a * estimate + b takes out the camera's unit and what is left of its
    offset; the error map is |residual| / a, on [Y, X] of `grid` by repetition. Where no a > 0 fits
    (the estimate is flat, or runs against the image: rsp <= 0), nothing of the image is explained:
    a is then the ratio of the two sums, b is 0. rsp is 0 where one of the two images is flat.
    """
    if estimate.shape != prepared.quarter.shape:
        wanted = f"of the widefield's shape {list(prepared.quarter.shape)}"
        raise InvalidValueError("estimate", list(estimate.shape), wanted)
    fitted, measured = estimate.astype(np.float64), prepared.quarter.astype(np.float64)
    rsp = pearson(estimate, prepared.quarter)
    gain, offset = _fit(fitted, measured) if rsp > 0 else (_ratio(fitted, measured), 0.0)
    residual = np.abs((measured - offset) / gain - fitted)
    return WidefieldAgreement(
        error=at_full_size(residual.astype(np.float32), QUARTER, grid.shape),
        rsp=rsp,
        rse=float(np.sqrt(np.mean(residual**2))),
        shift_nm=prepared.shift_nm,
        registered=prepared.registered,
    )


def _fit(estimate: NDArray[np.float64], measured: NDArray[np.float64]) -> tuple[float, float]:
    """Fit measured = gain * estimate + offset; `estimate` is not flat."""
    centred = estimate - estimate.mean()
    gain = float((centred * (measured - measured.mean())).sum() / (centred * centred).sum())
    return gain, float(measured.mean() - gain * estimate.mean())


def _ratio(estimate: NDArray[np.float64], measured: NDArray[np.float64]) -> float:
    """Bring the image to the estimate's unit by their sums; 1 where either is all zeros."""
    total, light = float(estimate.sum()), float(measured.sum())
    return light / total if total > 0 and light > 0 else 1.0
