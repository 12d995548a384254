"""Make totals and the error map mean what they say, on held-out simulated fields.

The noise of totals keeps a short training from learning them exactly, so one factor per structure
brings the median ratio of dense to true totals to 1; the mean would be that of a few fields, of
which twice the truth is drawn, and leave the usual ones a tenth too low. The error head learns the
expected absolute error; one factor brings its mean to the truth, and the quantiles of |dense -
truth| / error become the factors of the intervals (split-conformal calibration: Angelopoulos et
al., arXiv 2202.05265, with the error map as the heuristic width). The means are those of whole
fields; the quantiles are those near structure, drawn or true: black background would make any map
look calibrated. With few localizations errors are more often gross, so that one quantile for all
densities would promise too much where there are few and too little where there are many: each
structure has its quantiles at each density (a group-conditional or Mondrian calibration), told
apart by what a run can measure, the localizations per µm² of the drawn structure.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from annapalm.contract import QUARTER
from annapalm.errors import InvalidValueError
from annapalm.quality.structure import structure_per_um2
from annapalm.widefield import prepare_widefield
from annapalm_export.evaluate.crew import crew
from annapalm_export.evaluate.fields import fields_of_densities
from annapalm_export.evaluate.suites import release_suites
from annapalm_export.seeds import CALIBRATION_SEEDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from annapalm_export.evaluate.field import EvalField
    from annapalm_export.evaluate.suites import Suite
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
    curves: tuple[dict[str, list[float]], ...]
    """The same at each density: curves as in `ModelInfo.density_intervals`."""
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
    processes: int = 1,
) -> Calibration:
    """Set the `calibration` of `model`, an inference copy, and return what was measured.

    `structures` are the names for the model's structure input, in order; `fields` are made for
    each of them, on the scenes of `release_suites`. Every structure and density has the same
    weight. `processes` are as for `crew`; each measures one structure at a time, on one thread:
    sums over several are rounded otherwise, and the figures must not follow the machine. Raises
    `InvalidValueError` for another number of structures than the model has.
    """
    if len(structures) != model.config.structures:
        raise InvalidValueError(
            "structures", tuple(structures), f"{model.config.structures} names, as the network has"
        )
    model.calibration.fill_(1.0)
    tasks = [
        (model, psf_sigma_nm, suite, fields // 8, index)
        for index, suite in enumerate(release_suites(structures))
    ]
    with crew([], processes) as workers:
        measured = list(workers.map(_measure, tasks))
    both = _factors([plain for plain, _ in measured]), _factors([lit for _, lit in measured])
    for number, factors in enumerate(both):
        model.calibration[number] = torch.tensor([factors.dense, factors.error]).T
    return Calibration(*both)


def _measure(
    _models: object,
    model: Student,
    psf_sigma_nm: float,
    suite: Suite,
    number: int,
    index: int,
) -> tuple[_OfStructure, _OfStructure]:
    """Measure one structure without and with widefield image."""
    with _one_thread():
        plain, lit = _predictions(model, psf_sigma_nm, suite, number, index)
    return _of_structure(plain), _of_structure(lit)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch compute on one thread, and afterwards on as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _predictions(
    model: Student, psf_sigma_nm: float, suite: Suite, number: int, index: int
) -> tuple[list[_Predicted], list[_Predicted]]:
    """Fields of one structure as the model sees them without and with their widefield image.

    `number` fields for each density of each condition.
    """
    plain: list[_Predicted] = []
    lit: list[_Predicted] = []
    for condition in suite.conditions:
        for field in fields_of_densities(
            condition.densities, CALIBRATION_SEEDS, number, options=condition.scene
        ):
            for predicted, seen in ((plain, replace(field, widefield=None)), (lit, field)):
                predicted.append(_Predicted(seen, *_predict(model, seen, psf_sigma_nm, index)))
    return plain, lit


@dataclass(frozen=True, slots=True, eq=False)
class _OfStructure:
    """What was measured on the fields of one structure."""

    dense: float
    error: float
    ratios: list[NDArray[np.float32]]
    """`_Predicted.judged_ratios` of each field."""
    density: list[float]
    """Localizations per unit of structure of each field."""
    per_um2: list[float]
    """Localizations per µm² of the drawn structure of each field."""


def _of_structure(predicted: list[_Predicted]) -> _OfStructure:
    # Ratios per field: fields with many localizations must not drown the others.
    dense = 1 / float(np.median([p.total_ratio() for p in predicted]))
    error = float(np.mean([p.error_ratio(dense) for p in predicted]))
    return _OfStructure(
        dense,
        error,
        [p.judged_ratios(dense, error) for p in predicted],
        [p.field.density for p in predicted],
        [structure_per_um2(p.field.counts, p.dense, p.field.grid) for p in predicted],
    )


def _factors(structures: list[_OfStructure]) -> Factors:
    """Put together what was measured on each structure."""
    every = [each for one in structures for each in one.ratios]
    return Factors(
        tuple(one.dense for one in structures),
        tuple(one.error for one in structures),
        _quantiles(every),
        tuple(_quantiles(one.ratios) for one in structures),
        tuple(_curves(one) for one in structures),
        len(every),
    )


def _curves(one: _OfStructure) -> dict[str, list[float]]:
    """Quantiles at each density, at the median of what was measured on its fields.

    Densities that the drawn structure does not tell apart, as with a model that has learned little,
    are taken together.
    """
    groups: list[list[int]] = []
    known: list[float] = []
    for density in sorted(set(one.density)):
        group = [i for i, asked in enumerate(one.density) if asked == density]
        while known and _median(one.per_um2, group) <= known[-1]:
            group = [*groups.pop(), *group]
            known.pop()
        groups.append(group)
        known.append(_median(one.per_um2, group))
    factors = [_quantiles([one.ratios[i] for i in group]) for group in groups]
    return {"per_um2": known} | {p: [at[p] for at in factors] for p in factors[0]}


def _median(values: list[float], group: list[int]) -> float:
    """Median of those values, above 0 in any case: curves run along the logarithm."""
    return max(float(np.median([values[i] for i in group])), 1e-6)


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

    def judged_ratios(self, of_dense: float, of_error: float) -> NDArray[np.float32]:
        """|dense - truth| / error in each pixel near structure, drawn or true: float32 [K]."""
        near = self.field.judged(self.dense)
        misfit = np.abs(of_dense * self.dense[near] - self.field.truth[near])
        ratios: NDArray[np.float32] = misfit / np.maximum(of_error * self.error[near], 1e-12)
        return ratios.astype(np.float32)


def _quantiles(ratios: list[NDArray[np.float32]]) -> dict[str, float]:
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
