"""Make the error map mean what it says, on held-out simulated fields.

The error head learns the expected absolute error during training; here one factor brings its mean
to the truth, and the quantiles of |dense - truth| / error become the factors of the intervals
(split-conformal calibration: Angelopoulos et al., arXiv 2202.05265, with the error map as the
heuristic width). Only pixels near filaments count: black background would make any map look
calibrated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from annapalm.widefield import prepare_widefield
from annapalm_export.evaluate.fields import simulated_fields
from annapalm_export.seeds import CALIBRATION_SEEDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm_export.evaluate.field import EvalField
    from annapalm_export.train.network import Student

NOMINAL = (0.5, 0.8, 0.9, 0.95)
DENSITIES_PER_UM = (5.0, 10.0, 20.0, 50.0)


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was measured and what follows from it."""

    scale: float
    """By which the error head's output is multiplied, inside the graph."""
    intervals: dict[str, float]
    """Nominal coverage to factor k of dense +/- k * error."""
    fields: int


def calibrate(model: Student, psf_sigma_nm: float, fields: int = 24) -> Calibration:
    """Set `model.error_scale` and return the calibration; `model` is an inference copy.

    Every density with and without widefield image has the same weight.
    """
    model.error_scale.fill_(1.0)
    misfits, errors, weights = [], [], []
    for density in DENSITIES_PER_UM:
        for with_widefield in (False, True):
            for field in simulated_fields(
                density, CALIBRATION_SEEDS, fields // 8, with_widefield=with_widefield
            ):
                dense, error = _predict(model, field, psf_sigma_nm)
                near = field.foreground()
                misfits.append(np.abs(dense - field.truth)[near])
                errors.append(error[near])
                weights.append(np.full(int(near.sum()), 1.0 / max(int(near.sum()), 1)))
    misfit, error, weight = (np.concatenate(v) for v in (misfits, errors, weights))
    # In the mean of ratios per field: fields with many localizations must not drown the others.
    scale = float(np.mean([m.sum() / e.sum() for m, e in zip(misfits, errors, strict=True)]))
    ratio = misfit / np.maximum(error * scale, 1e-12)
    order = np.argsort(ratio)
    share = np.cumsum(weight[order]) / weight.sum()
    intervals = {
        f"{p:g}": float(ratio[order][min(np.searchsorted(share, p), len(order) - 1)])
        for p in NOMINAL
    }
    model.error_scale.fill_(scale)
    return Calibration(scale, intervals, len(misfits))


@torch.no_grad()
def _predict(
    model: Student, field: EvalField, psf_sigma_nm: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Dense image and uncalibrated error map of a field whose sides are multiples of the stride."""
    rows, columns = (n // 4 for n in field.grid.shape)
    light, scale = torch.zeros((1, 1, rows, columns)), 0.0
    if field.widefield is not None:
        ready = prepare_widefield(field.widefield, field.grid, field.counts, psf_sigma_nm)
        light, scale = torch.from_numpy(ready.quarter)[None, None], ready.scale
    one = torch.ones((1, 1))
    structure = torch.ones((1, model.config.structures))
    outputs = model(torch.from_numpy(field.counts)[None, None], light, scale * one, one, structure)
    return outputs[0][0, 0].numpy(), outputs[1][0, 0].numpy()
