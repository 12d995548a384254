"""Make the error map mean what it says, on held-out simulated fields.

The error head learns the expected absolute error during training; here one factor brings its mean
to the truth, and the quantiles of |dense - truth| / error become the factors of the intervals
(split-conformal calibration: Angelopoulos et al., arXiv 2202.05265, with the error map as the
heuristic width). The mean is that of the whole field; the quantiles are those near structure, drawn
or true: black background would make any map look calibrated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from annapalm.contract import QUARTER
from annapalm.errors import InvalidValueError
from annapalm.widefield import prepare_widefield
from annapalm_export.evaluate.fields import simulated_fields
from annapalm_export.evaluate.suites import release_suites
from annapalm_export.seeds import CALIBRATION_SEEDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from annapalm_export.evaluate.field import EvalField
    from annapalm_export.train.network import Student

NOMINAL = (0.5, 0.8, 0.9, 0.95)


@dataclass(frozen=True, slots=True)
class Factors:
    """The calibration with or without widefield image."""

    scale: float
    """By which the error head's output is multiplied, inside the graph."""
    intervals: dict[str, float]
    """Nominal coverage to factor k of dense +/- k * error."""
    fields: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was measured; the two cases differ in how often an error is gross."""

    plain: Factors
    widefield: Factors


def calibrate(
    model: Student,
    psf_sigma_nm: float,
    fields: int = 24,
    structures: Sequence[str] = ("microtubules",),
) -> Calibration:
    """Set the error scales of `model`, an inference copy, and return the calibration.

    `structures` are the names for the model's structure input, in order; `fields` are made for
    each of them, on the scenes of `release_suites`. Every structure and density has the same
    weight. Raises `InvalidValueError` for another number of structures than the model has.
    """
    if len(structures) != model.config.structures:
        raise InvalidValueError(
            "structures", tuple(structures), f"{model.config.structures} names, as the network has"
        )
    model.error_scale.fill_(1.0)
    model.error_scale_widefield.fill_(1.0)
    plain, widefield = (
        _factors(model, psf_sigma_nm, fields // 8, tuple(structures), with_widefield=w)
        for w in (False, True)
    )
    model.error_scale.fill_(plain.scale)
    model.error_scale_widefield.fill_(widefield.scale)
    return Calibration(plain, widefield)


def _fields(
    structures: tuple[str, ...], number: int, *, with_widefield: bool
) -> Iterator[tuple[int, EvalField]]:
    """Yield fields with the index of their structure: `number` for each structure and density."""
    for index, suite in enumerate(release_suites(structures)):
        for condition in suite.conditions:
            for density in condition.densities:
                for field in simulated_fields(
                    density,
                    CALIBRATION_SEEDS,
                    number,
                    with_widefield=with_widefield,
                    options=condition.scene,
                ):
                    yield index, field


def _factors(
    model: Student,
    psf_sigma_nm: float,
    number: int,
    structures: tuple[str, ...],
    *,
    with_widefield: bool,
) -> Factors:
    misfits, errors, weights, scales = [], [], [], []
    for index, field in _fields(structures, number, with_widefield=with_widefield):
        dense, error = _predict(model, field, psf_sigma_nm, index)
        misfit = np.abs(dense - field.truth)
        near = field.judged(dense)
        scales.append(float(misfit.sum() / error.sum()))
        misfits.append(misfit[near])
        errors.append(error[near])
        weights.append(np.full(int(near.sum()), 1.0 / max(int(near.sum()), 1)))
    # The mean of ratios per field: fields with many localizations must not drown the others.
    scale = float(np.mean(scales))
    error = np.concatenate(errors) * scale
    ratio = np.concatenate(misfits) / np.maximum(error, 1e-12)
    weight = np.concatenate(weights)
    order = np.argsort(ratio)
    share = np.cumsum(weight[order]) / weight.sum()
    place = np.minimum(np.searchsorted(share, NOMINAL), len(order) - 1)
    factors = ratio[order][place]
    intervals = {f"{p:g}": float(k) for p, k in zip(NOMINAL, factors, strict=True)}
    return Factors(scale, intervals, len(misfits))


@torch.no_grad()
def _predict(
    model: Student, field: EvalField, psf_sigma_nm: float, structure: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Dense image and uncalibrated error map of a field whose sides are multiples of the stride."""
    rows, columns = (n // QUARTER for n in field.grid.shape)
    light, scale = torch.zeros((1, 1, rows, columns)), 0.0
    if field.widefield is not None:
        ready = prepare_widefield(field.widefield, field.grid, field.counts, psf_sigma_nm)
        light, scale = torch.from_numpy(ready.quarter)[None, None], ready.scale
    one = torch.ones((1, 1))
    weights = torch.zeros((1, model.config.structures))
    weights[0, structure] = 1
    outputs = model(torch.from_numpy(field.counts)[None, None], light, scale * one, one, weights)
    return outputs[0][0, 0].numpy(), outputs[1][0, 0].numpy()
