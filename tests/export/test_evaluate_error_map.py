"""Error maps whose calibration and ranking are known, and brute-force references."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, spearmanr
from test_evaluate_field import PIXEL_NM, draw, line, line_field

from annapalm.errors import InvalidValueError
from annapalm.reconstruction import Reconstruction, WidefieldAgreement
from annapalm_export.evaluate.error_map import (
    FEWEST_FALSE,
    ErrorMapScorer,
    auroc,
    auroc_false,
    baseline_maps,
    disbelief,
    inverse_density,
    score_error_map,
)
from annapalm_export.evaluate.filaments import is_false, skeleton

if TYPE_CHECKING:
    from numpy.typing import NDArray

LAPLACE = {f"{p:g}": float(np.log(1 / (1 - p))) for p in (0.5, 0.8, 0.9, 0.95)}
"""An absolute error of exponential law with mean m is below m * log(1 / (1 - p)) with chance p."""


def laplace(seed: int = 0, side: int = 300) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Make a calibrated error map, and true errors drawn from the Laplace law it describes."""
    rng = np.random.default_rng(seed)
    said = np.exp(rng.normal(0, 1, (side, side)))
    return said.astype(np.float32), rng.exponential(said).astype(np.float32)


def brute_ause(said: NDArray[np.float32], true: NDArray[np.float32]) -> float:
    """Sparsify one share after the other."""

    def curve(by: NDArray[np.float32]) -> list[float]:
        rest = true.astype(float)[np.argsort(-by, kind="stable")]
        return [float(rest[cut * len(rest) // 100 :].mean()) for cut in range(100)]

    gaps = np.subtract(curve(said), curve(true))
    return float(np.mean(gaps) / true.astype(float).mean())


def test_calibrated_laplace_errors_are_covered_as_said() -> None:
    score = score_error_map(*laplace(), LAPLACE)
    for nominal, covered in score.coverage.items():
        assert covered == pytest.approx(float(nominal), abs=0.01)
    assert score.ence < 0.05
    assert score.mean_error == pytest.approx(score.mean_true, rel=0.02)


def test_an_error_map_twice_too_small_covers_less_and_has_ence_1() -> None:
    said, true = laplace()
    score = score_error_map(said / np.float32(2), true, LAPLACE)
    assert score.coverage["0.9"] == pytest.approx(1 - 0.1**0.5, abs=0.01)
    assert score.ence == pytest.approx(1, abs=0.05)


def test_spearman_is_that_of_scipy_ties_included() -> None:
    said, true = laplace()
    for map_ in (said, np.round(said), true):
        expected = spearmanr(map_.ravel(), true.ravel()).statistic
        assert score_error_map(map_, true, {}).spearman == pytest.approx(expected)


def test_ause_is_that_of_removing_pixels_one_share_after_the_other() -> None:
    said, true = laplace(side=71)
    expected = brute_ause(said.ravel(), true.ravel())
    assert 0.05 < expected < 0.5
    assert score_error_map(said, true, {}).ause == pytest.approx(expected, rel=1e-6)


def test_the_true_error_itself_is_the_perfect_map() -> None:
    _, true = laplace()
    score = score_error_map(true, true, {"1": 1.0})
    assert score.ause == pytest.approx(0, abs=1e-9)
    assert score.spearman == pytest.approx(1)
    assert score.ence == pytest.approx(0, abs=1e-9)
    assert score.coverage == {"1": 1.0}


def test_a_constant_map_ranks_like_chance() -> None:
    _, true = laplace(side=100)
    constant = score_error_map(np.ones_like(true), true, {})
    chance = [
        brute_ause(np.random.default_rng(s).permutation(true.ravel()), true.ravel())
        for s in range(20)
    ]
    assert constant.spearman == 0
    assert constant.ause == pytest.approx(np.mean(chance), rel=0.02)


def test_scores_of_ranking_do_not_depend_on_the_order_of_equal_pixels() -> None:
    said, true = (v.ravel() for v in laplace(side=60))
    coarse = np.round(said)
    mixed = np.random.default_rng(3).permutation(len(coarse))
    one = score_error_map(coarse[:, None], true[:, None], {})
    other = score_error_map(coarse[mixed][:, None], true[mixed][:, None], {})
    assert one.ause == pytest.approx(other.ause)
    assert one.ence == pytest.approx(other.ence)
    assert one.spearman == pytest.approx(other.spearman)


def test_only_the_mask_counts() -> None:
    said, true = laplace()
    mask = np.zeros(said.shape, dtype=bool)
    mask[:, :150] = True
    wrong = np.where(mask, said, 1e-3).astype(np.float32)
    assert score_error_map(wrong, true, LAPLACE, mask).coverage["0.9"] == pytest.approx(
        0.9, abs=0.01
    )
    assert score_error_map(wrong, true, LAPLACE).coverage["0.9"] < 0.5


def test_zeros_are_right_where_there_is_no_error_and_wrong_elsewhere() -> None:
    zeros, ones = np.zeros((9, 9), np.float32), np.ones((9, 9), np.float32)
    right, wrong = (score_error_map(zeros, true, {"0.9": 2.0}) for true in (zeros, ones))
    assert (right.coverage["0.9"], right.ence, right.ause, right.spearman) == (1, 0, 0, 0)
    assert (wrong.coverage["0.9"], wrong.ence) == (0, 1)


@pytest.mark.parametrize(
    ("error", "mask", "message"),
    [
        (np.ones((3, 4), np.float32), None, "shape"),
        (-np.ones((4, 4), np.float32), None, "negative"),
        (np.full((4, 4), np.nan, np.float32), None, "not finite"),
        (np.ones((4, 4), np.float32), np.zeros((4, 4), dtype=bool), "mask"),
    ],
)
def test_maps_that_cannot_be_are_refused(
    error: NDArray[np.float32], mask: NDArray[np.bool_] | None, message: str
) -> None:
    with pytest.raises(InvalidValueError, match=message):
        ErrorMapScorer(np.ones((4, 4), np.float32), mask).score(error, {})


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_auroc_is_the_share_of_pairs_in_the_right_order(pairs: list[tuple[int, bool]]) -> None:
    score = np.array([float(s) for s, _ in pairs])
    positive = np.array([p for _, p in pairs])
    if positive.all() or not positive.any():
        with pytest.raises(InvalidValueError, match="positive"):
            auroc(score, positive)
        return
    above = score[positive][:, None] - score[~positive]
    assert auroc(score, positive) == pytest.approx(np.mean((above > 0) + 0.5 * (above == 0)))


def test_auroc_is_that_of_scipy() -> None:
    rng = np.random.default_rng(1)
    positive = rng.random(500) < 0.3
    score = rng.normal(positive * 0.7, 1)
    statistic = mannwhitneyu(score[positive], score[~positive]).statistic
    assert auroc(score, positive) == pytest.approx(statistic / positive.sum() / (~positive).sum())


def test_an_error_map_that_marks_what_is_invented_has_auroc_1() -> None:
    true, invented = line((-200, 1010), (4200, 1010)), line((-200, 3010), (4200, 3010))
    field = line_field([true])
    dense = draw([true, invented])
    drawn = skeleton(dense, field.grid)
    false = is_false(drawn, field.line_points())
    knows = np.where(np.arange(200)[:, None] > 100, 0.9 * dense, 0.1 * dense).astype(np.float32)
    for error, expected in ((knows, 1.0), (dense[::-1] * 0 + 0.5 * dense, 0.5)):
        map_ = disbelief(dense, error, field.counts, PIXEL_NM)["model"]
        assert auroc_false(drawn, false, map_) == pytest.approx(expected, abs=0.02)
    lonely = disbelief(dense, knows, field.counts, PIXEL_NM)["inverse_density"]
    assert auroc_false(drawn, false, lonely) == pytest.approx(1)


def test_auroc_of_too_few_false_pixels_is_not_given() -> None:
    field = line_field([line((-200, 2010), (4200, 2010))])
    drawn = skeleton(field.truth, field.grid)
    false = np.zeros(len(drawn.xy_nm), dtype=bool)
    false[: FEWEST_FALSE - 1] = True
    assert auroc_false(drawn, false, field.truth) is None
    false[:FEWEST_FALSE] = True
    assert auroc_false(drawn, false, field.truth) is not None
    assert auroc_false(drawn, ~np.zeros_like(false), field.truth) is None


def test_baseline_maps_are_scaled_to_the_true_mean_error() -> None:
    field = line_field([line((-200, 2010), (4200, 2010))])
    true_error = np.abs(field.counts - field.truth)
    quarter = np.zeros([n // 4 for n in field.grid.shape], np.float32)
    result = Reconstruction(
        field.truth, field.counts, quarter, field.counts, field.grid, outside=0, exposure=1.0
    )
    assert set(baseline_maps(result, true_error, PIXEL_NM)) == {
        "constant",
        "inverse_density",
        "sqrt_dense",
    }
    seen = replace(result, widefield=WidefieldAgreement(field.counts + 1, 0.5, 1.0, (0.0, 0.0)))
    maps = baseline_maps(seen, true_error, PIXEL_NM, turned=field.truth)
    assert {"turned", "squirrel"} < set(maps)
    for image in maps.values():
        assert image.mean() == pytest.approx(true_error.mean(), rel=1e-4)
        assert image.dtype == np.float32
    assert np.ptp(maps["constant"]) == 0


def test_inverse_density_counts_the_localizations_nearby() -> None:
    counts = np.zeros((101, 101), np.float32)
    counts[50, 50] = 4
    image = inverse_density(counts, PIXEL_NM)
    assert image[50, 50] == pytest.approx(1 / 5, rel=0.02)
    assert image[0, 0] == pytest.approx(1)
