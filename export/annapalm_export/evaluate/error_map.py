"""Is the error map right? Its calibration, its ranking, and whether it marks invented structure.

The error of a pixel is |dense - truth|, in localizations per pixel and without matching
intensities: both images carry a unit. `error` says how large it is expected to be on average.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

from annapalm.errors import InvalidValueError
from annapalm_export.evaluate.baseline import blur
from annapalm_export.evaluate.filaments import SMOOTHING_NM
from annapalm_export.evaluate.metrics import pearson

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from annapalm.reconstruction import Reconstruction
    from annapalm.render import CountImage, RateImage
    from annapalm_export.evaluate.filaments import Skeleton

    Values = NDArray[np.float64]

LOCAL_NM = 100.0
"""Standard deviation of the Gaussian under which the local density is counted."""

BINS = 20
"""Bins of equal numbers of pixels for ENCE."""

FEWEST_FALSE = 20
"""With fewer pixels, false or true (0.4 µm of skeleton at 20 nm), an AUROC is chance: None."""

_STEPS = 100


@dataclass(frozen=True, slots=True)
class ErrorMapScore:
    """Scores of an error map over one set of pixels (the field, or the foreground)."""

    coverage: dict[str, float]
    """Nominal coverage ("0.9") to the share of pixels with |dense - truth| <= k * error."""
    ause: float
    """Area between two sparsification curves, over the mean error: mean true error that is left
    when 0, 1, .. 99 % of the pixels are removed, those said to be worst first, minus the same for
    those that are worst (Ilg et al. 2018, arXiv:1802.07095). Of pixels said to be equal none goes
    before the others. 0 is perfect; a constant map shows what no information gives."""
    spearman: float
    """Rank correlation with the true error, -1 to 1; 0 for a constant map."""
    ence: float
    """Expected normalised calibration error: mean over bins of equal numbers of pixels, in the
    order of `error`, of |mean error - mean |dense - truth|| / mean error; 0 is calibrated."""
    mean_error: float
    """Mean of `error`."""
    mean_true: float
    """Mean of |dense - truth|."""


class ErrorMapScorer:
    """Scores error maps against one |dense - truth|, inside a mask where one is given."""

    def __init__(self, true_error: RateImage, mask: NDArray[np.bool_] | None = None) -> None:
        """Take |dense - truth| [Y, X], >= 0, and the pixels to look at, bool [Y, X].

        Raises `InvalidValueError` for negative or non-finite values, or no pixel.
        """
        self._shape, self._mask = true_error.shape, mask
        self._true = self._values("true_error", true_error)
        if not len(self._true):
            raise InvalidValueError("mask", "empty", "true somewhere")
        self._mean = float(self._true.mean(dtype=np.float64))
        ranking = Ranking(self._true)
        self._ranks = ranking.ranks()
        self._least = _remaining(ranking.in_order(self._true))

    def score(self, error: RateImage, intervals: Mapping[str, float]) -> ErrorMapScore:
        """Score an error map [Y, X], >= 0; `intervals` map nominal coverage to factor k.

        Raises `InvalidValueError` for another shape, negative or non-finite values.
        """
        said = self._values("error", error)
        ranking = Ranking(said)
        in_order = ranking.in_order(self._true)
        return ErrorMapScore(
            coverage={n: float(np.mean(self._true <= k * said)) for n, k in intervals.items()},
            ause=self._ause(in_order),
            spearman=pearson(ranking.ranks(), self._ranks),
            ence=_ence(ranking.in_order(said), in_order),
            mean_error=float(said.mean(dtype=np.float64)),
            mean_true=self._mean,
        )

    def _values(self, name: str, image: RateImage) -> RateImage:
        if image.shape != self._shape:
            raise InvalidValueError(f"{name}'s shape", image.shape, f"{self._shape}")
        values = image.ravel() if self._mask is None else image[self._mask]
        if len(values) and (not np.isfinite(values).all() or values.min() < 0):
            raise InvalidValueError(name, "negative or not finite", "finite and at least 0")
        return values

    def _ause(self, in_order: Values) -> float:
        """Mean of the gap to the best possible order; 0 where there is no error at all."""
        return float((_remaining(in_order) - self._least).mean()) / self._mean if self._mean else 0


def score_error_map(
    error: RateImage,
    true_error: RateImage,
    intervals: Mapping[str, float],
    mask: NDArray[np.bool_] | None = None,
) -> ErrorMapScore:
    """Score one error map; see `ErrorMapScorer`."""
    return ErrorMapScorer(true_error, mask).score(error, intervals)


class Ranking:
    """The order of values [K], lowest first, in which equal values stay together."""

    def __init__(self, values: NDArray[np.floating]) -> None:
        self._order = np.argsort(values)
        ordered = values[self._order]
        new = np.concatenate([[True], ordered[1:] != ordered[:-1]])
        self._starts = np.flatnonzero(new)
        self._numbers = np.diff(np.append(self._starts, len(values)))

    def ranks(self) -> Values:
        """Rank of each value from 1, equal values sharing the mean of theirs: float64 [K]."""
        ranks = np.empty(len(self._order))
        mean = self._starts + (self._numbers + 1) / 2
        ranks[self._order] = np.repeat(mean, self._numbers)
        return ranks

    def in_order(self, others: NDArray[np.floating]) -> Values:
        """Put `others` [K] into this order, averaged where the ranked values are equal."""
        ordered = others[self._order].astype(np.float64)
        mean = np.add.reduceat(ordered, self._starts) / self._numbers
        return np.repeat(mean, self._numbers)


def _remaining(in_order: Values) -> Values:
    """Mean error that is left after removing 0, 1, .. 99 % of the pixels from the end."""
    total = np.concatenate([[0.0], np.cumsum(in_order)])
    kept = np.maximum(len(in_order) - np.arange(_STEPS) * len(in_order) // _STEPS, 1)
    remaining: Values = total[kept] / kept
    return remaining


def _ence(said: Values, true: Values) -> float:
    """Mean over `BINS` bins of the relative error of `said`, both in the order of `said`.

    Levi et al. (arXiv:1905.11659) compare root mean squares; an expected absolute error is
    compared with the mean. Bins hold equal numbers of pixels; no bin's mean is taken as less than
    1 % of the whole's, below which a relative error means nothing. A map of zeros gives 0
    where it is right and 1 where it is not.
    """
    overall = float(said.mean())
    if overall == 0:
        return float(bool(true.any()))
    edges = np.unique(np.linspace(0, len(said), BINS + 1).astype(np.int64))
    said_mean, true_mean = (np.add.reduceat(v, edges[:-1]) / np.diff(edges) for v in (said, true))
    return float(np.mean(np.abs(said_mean - true_mean) / np.maximum(said_mean, 0.01 * overall)))


def baseline_maps(
    result: Reconstruction,
    true_error: RateImage,
    pixel_nm: float,
    turned: RateImage | None = None,
) -> dict[str, RateImage]:
    """Error maps to be beaten; float32 [Y, X], scaled to the true mean.

    - constant: the same everywhere.
    - inverse_density: the fewer localizations nearby, the larger.
    - sqrt_dense: as if each pixel were a Poisson count; an absolute error is largest where the
      image is bright, so this is the one that is hard to beat.
    - turned: how much the picture changes when the field is turned (`turned_spread`).
    - squirrel: where the picture, blurred by the microscope, disagrees with the widefield image
      (Culley et al. 2018, doi:10.1038/nmeth.4605), where there is one.
    """
    maps = {
        "constant": np.ones_like(result.dense),
        "inverse_density": inverse_density(result.counts, pixel_nm),
        "sqrt_dense": np.sqrt(result.dense),
    }
    if turned is not None:
        maps["turned"] = turned
    if result.widefield is not None:
        maps["squirrel"] = result.widefield.error
    wanted = float(true_error.mean())
    return {
        name: (image * (wanted / max(float(image.mean()), 1e-30))).astype(np.float32)
        for name, image in maps.items()
    }


def inverse_density(counts: CountImage, pixel_nm: float) -> RateImage:
    """1 / (1 + localizations under a Gaussian of `LOCAL_NM`), float32 [Y, X], 0 to 1."""
    under = 2 * np.pi * (LOCAL_NM / pixel_nm) ** 2 * blur(counts, LOCAL_NM, pixel_nm)
    share: RateImage = (1 / (1 + np.maximum(under, 0))).astype(np.float32)
    return share


def disbelief(
    dense: RateImage, error: RateImage, counts: CountImage, pixel_nm: float
) -> dict[str, RateImage]:
    """How little to believe what is drawn, by the error map and by its baselines; [Y, X].

    - model: error / dense, both blurred as for the skeleton.
    - inverse_density: few localizations nearby.
    - inverse_dense: faint in the image itself.
    """
    sigma = SMOOTHING_NM / pixel_nm
    said, drawn = (gaussian_filter(v, sigma, mode="reflect") for v in (error, dense))
    floor = np.maximum(drawn, np.float32(1e-12))
    return {
        "model": said / floor,
        "inverse_density": inverse_density(counts, pixel_nm),
        "inverse_dense": 1 / floor,
    }


def auroc_false(drawn: Skeleton, false: NDArray[np.bool_], unbelieved: RateImage) -> float | None:
    """Chance that a false pixel of the skeleton is believed less than a true one.

    `false` bool [K] as from `filaments.is_false`, `unbelieved` an image of `disbelief`. 0.5 is no
    information, 1 perfect; None with fewer than `FEWEST_FALSE` pixels of either kind.
    """
    return auroc_of_enough(unbelieved[drawn.pixels], false)


def auroc_of_enough(score: NDArray[np.floating], positive: NDArray[np.bool_]) -> float | None:
    """`auroc` of values [K]; None with fewer than `FEWEST_FALSE` that are positive or are not."""
    if min(int(positive.sum()), int((~positive).sum())) < FEWEST_FALSE:
        return None
    return auroc(score.astype(np.float64), positive)


def auroc(score: Values, positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: P(score of a positive > of a negative), ties counting half.

    Raises `InvalidValueError` where all are positive or none is.
    """
    wanted = int(positive.sum())
    others = len(positive) - wanted
    if not wanted or not others:
        raise InvalidValueError("positive", "all equal", "true for some and false for others")
    above = float(Ranking(score).ranks()[positive].sum()) - wanted * (wanted + 1) / 2
    return above / (wanted * others)
