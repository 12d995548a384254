"""Make totals and the error map mean what they say, on held-out simulated fields.

The noise of totals keeps a short training from learning them exactly, so one factor per structure
brings the mean ratio of dense to true totals to 1. The error head learns the expected absolute
error; one factor brings its mean to the truth, and the quantiles of |dense - truth| / error become
the factors of the intervals (split-conformal calibration: Angelopoulos et al., arXiv 2202.05265,
with the error map as the heuristic width). The means are those of whole fields; the quantiles are
those near structure, drawn or true: black background would make any map look calibrated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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

    dense: tuple[float, ...]
    """By which `dense` is multiplied inside the graph, for each structure."""
    error: tuple[float, ...]
    """By which the error head's output is multiplied, likewise."""
    intervals: dict[str, float]
    """Nominal coverage to factor k of dense +/- k * error, over all structures."""
    own: tuple[dict[str, float], ...]
    """The same for each structure by itself."""
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
    """Set the `calibration` of `model`, an inference copy, and return what was measured.

    `structures` are the names for the model's structure input, in order; `fields` are made for
    each of them, on the scenes of `release_suites`. Every structure and density has the same
    weight. Raises `InvalidValueError` for another number of structures than the model has.
    """
    if len(structures) != model.config.structures:
        raise InvalidValueError(
            "structures", tuple(structures), f"{model.config.structures} names, as the network has"
        )
    model.calibration.fill_(1.0)
    plain, widefield = (
        _factors(predicted)
        for predicted in _predictions(model, psf_sigma_nm, fields // 8, tuple(structures))
    )
    for number, factors in enumerate((plain, widefield)):
        model.calibration[number] = torch.tensor([factors.dense, factors.error]).T
    return Calibration(plain, widefield)


def _fields(structures: tuple[str, ...], number: int) -> Iterator[tuple[int, EvalField]]:
    """Yield fields with the index of their structure: `number` for each structure and density."""
    for index, suite in enumerate(release_suites(structures)):
        for condition in suite.conditions:
            for density in condition.densities:
                for field in simulated_fields(
                    density,
                    CALIBRATION_SEEDS,
                    number,
                    with_widefield=True,
                    options=condition.scene,
                ):
                    yield index, field


def _predictions(
    model: Student, psf_sigma_nm: float, number: int, structures: tuple[str, ...]
) -> tuple[list[list[_Predicted]], list[list[_Predicted]]]:
    """Fields by structure as the model sees them without and with their widefield image."""
    plain: list[list[_Predicted]] = [[] for _ in structures]
    lit: list[list[_Predicted]] = [[] for _ in structures]
    for index, field in _fields(structures, number):
        for predicted, seen in ((plain, replace(field, widefield=None)), (lit, field)):
            predicted[index].append(_Predicted(seen, *_predict(model, seen, psf_sigma_nm, index)))
    return plain, lit


def _factors(predicted: list[list[_Predicted]]) -> Factors:
    """Factors from the fields of each structure."""
    # Means of ratios per field: fields with many localizations must not drown the others.
    dense = tuple(1 / float(np.mean([p.total_ratio() for p in some])) for some in predicted)
    error = tuple(
        float(np.mean([p.error_ratio(factor) for p in some]))
        for some, factor in zip(predicted, dense, strict=True)
    )
    ratios = [
        [p.judged_ratios(*factors) for p in some]
        for some, *factors in zip(predicted, dense, error, strict=True)
    ]
    every = [each for some in ratios for each in some]
    return Factors(dense, error, _quantiles(every), tuple(map(_quantiles, ratios)), len(every))


@dataclass(frozen=True, slots=True, eq=False)
class _Predicted:
    """One field as the uncalibrated network sees it."""

    field: EvalField
    dense: NDArray[np.float32]
    error: NDArray[np.float32]

    def total_ratio(self) -> float:
        return float(self.dense.sum() / self.field.truth.sum())

    def error_ratio(self, of_dense: float) -> float:
        """Divide the true mean error of the whole field by the predicted one."""
        return float(np.abs(of_dense * self.dense - self.field.truth).sum() / self.error.sum())

    def judged_ratios(self, of_dense: float, of_error: float) -> NDArray[np.float64]:
        """|dense - truth| / error in each pixel near structure, drawn or true: float64 [K]."""
        near = self.field.judged(self.dense)
        misfit = np.abs(of_dense * self.dense[near] - self.field.truth[near])
        ratios: NDArray[np.float64] = misfit / np.maximum(of_error * self.error[near], 1e-12)
        return ratios


def _quantiles(ratios: list[NDArray[np.float64]]) -> dict[str, float]:
    """Nominal coverage to quantile; every field has the same weight."""
    every = np.concatenate(ratios)
    weight = np.concatenate([np.full(len(r), 1.0 / max(len(r), 1)) for r in ratios])
    order = np.argsort(every)
    share = np.cumsum(weight[order]) / weight.sum()
    place = np.minimum(np.searchsorted(share, NOMINAL), len(order) - 1)
    factors = every[order][place]
    return {f"{p:g}": float(k) for p, k in zip(NOMINAL, factors, strict=True)}


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
