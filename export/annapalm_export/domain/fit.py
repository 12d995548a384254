"""From fingerprints of simulated fields to the reference that the runtime reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from annapalm.domain import Reference
from annapalm.grid import DEFAULT_PIXEL_NM
from annapalm_export.domain.sample import CLASSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annapalm_export.domain.sample import Sample

DISTANCE_SHARE = 0.99
"""Share of a structure's own fields within its distance limit."""
PAIR_SHARE = 0.997
"""Share of them that are not mistaken for one certain other."""
_LEAST_EVIDENCE = 4.0
"""A field is never called another's on less: odds of 7, as -2 log likelihood."""
_SHRINK = 0.03
"""Share of the covariance that is replaced by its diagonal, against chance correlations."""
_FOLDS = 5


class _Moments(NamedTuple):
    mean: NDArray[np.float64]
    precision: NDArray[np.float64]
    log_determinant: NDArray[np.float64]
    density: NDArray[np.float64]


def fit(samples: Sequence[Sample]) -> Reference:
    """Fit one distribution per class, and choose limits on fields that were left out of the fit.

    The limits come from five folds by scene: each field is judged by a fit without its scene.
    """
    fold = np.array([sample.seed % _FOLDS for sample in samples])
    distances = np.empty((len(samples), len(CLASSES)))
    unlikely = np.empty_like(distances)
    for number in range(_FOLDS):
        found = _all_moments([s for s, f in zip(samples, fold, strict=True) if f != number])
        judge = _reference(found, np.zeros(len(CLASSES)), np.zeros((len(CLASSES),) * 2))
        for at, sample in enumerate(samples):
            if fold[at] != number:
                continue
            distances[at] = judge.distances(sample.values, sample.density_per_um2)
            unlikely[at] = judge.unlikeliness(distances[at])
    own = np.array([CLASSES.index(sample.structure) for sample in samples])
    limit = np.array(
        [np.quantile(distances[own == k, k], DISTANCE_SHARE) for k in range(len(CLASSES))]
    )
    # Fields beyond their distance limit are warned of in any case: they set no other limit.
    pair = np.array(
        [
            np.quantile(unlikely[usual, k][:, None] - unlikely[usual], PAIR_SHARE, axis=0)
            for k in range(len(CLASSES))
            for usual in [(own == k) & (distances[:, k] <= limit[k])]
        ]
    )
    return _reference(_all_moments(samples), limit, np.maximum(pair, _LEAST_EVIDENCE))


def _reference(found: _Moments, limit: NDArray[np.float64], pair: NDArray[np.float64]) -> Reference:
    return Reference(
        structures=CLASSES,
        pixel_nm=DEFAULT_PIXEL_NM,
        mean=found.mean,
        precision=found.precision,
        log_determinant=found.log_determinant,
        density_per_um2=found.density,
        distance_limit=limit,
        likelihood_limit=pair,
    )


def _all_moments(samples: Sequence[Sample]) -> _Moments:
    each = [_moments([s for s in samples if s.structure == name]) for name in CLASSES]
    return _Moments(*(np.stack(parts) for parts in zip(*each, strict=True)))


def _moments(
    samples: Sequence[Sample],
) -> tuple[NDArray[np.float64], NDArray[np.float64], float, NDArray[np.float64]]:
    density = np.array([sample.density_per_um2 for sample in samples])
    values = np.stack([sample.values for sample in samples])
    design = np.vander(np.log(density), 3, increasing=True)
    mean = np.asarray(np.linalg.lstsq(design, values, rcond=None)[0], np.float64)
    covariance: NDArray[np.float64] = np.cov((values - design @ mean).T)
    diagonal = np.diag(np.diag(covariance))
    covariance = (1 - _SHRINK) * covariance + _SHRINK * diagonal + 1e-6 * np.eye(len(covariance))
    return (
        mean,
        np.asarray(np.linalg.inv(covariance), np.float64),
        float(np.linalg.slogdet(covariance)[1]),
        np.array([density.min(), density.max()]),
    )
