"""Picture metrics against known cases, scikit-image, and a reference in torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from skimage.metrics import normalized_root_mse, structural_similarity

from annapalm.errors import InvalidValueError
from annapalm_export.evaluate import metrics
from annapalm_export.evaluate.metrics import (
    SMALLEST_SIDE,
    WANG_WEIGHTS,
    MsSsim,
    match_intensity,
    ms_ssim,
    nrmse,
    pearson,
    score_picture,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray


def picture(seed: int, shape: tuple[int, int] = (190, 201)) -> NDArray[np.float64]:
    """Make a smooth random picture >= 0."""
    noise = np.random.default_rng(seed).random(shape)
    smooth: NDArray[np.float64] = gaussian_filter(noise, 2)
    return np.clip(smooth - 0.45, 0, None) * 10


def reference_ms_ssim(x: NDArray[np.float64], y: NDArray[np.float64], data_range: float) -> float:
    """MS-SSIM as Wang's paper reads, with torch's convolution and pooling."""
    a, b = (torch.from_numpy(v)[None, None] for v in (x, y))
    taps = torch.exp(-0.5 * (torch.arange(-5, 6, dtype=torch.float64) / 1.5) ** 2)
    kernel = (taps[:, None] * taps / taps.sum() ** 2)[None, None]
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    result = 1.0
    for level, weight in enumerate(WANG_WEIGHTS):
        if level:
            a, b = (torch.nn.functional.avg_pool2d(v, 2) for v in (a, b))
        ma, mb, aa, bb, ab = (
            torch.nn.functional.conv2d(v, kernel) for v in (a, b, a * a, b * b, a * b)
        )
        similar = (2 * (ab - ma * mb) + c2) / (aa - ma**2 + bb - mb**2 + c2)
        if level == len(WANG_WEIGHTS) - 1:
            similar = similar * (2 * ma * mb + c1) / (ma**2 + mb**2 + c1)
        result *= max(float(similar.mean()), 0.0) ** weight
    return result


@pytest.mark.parametrize("shape", [(176, 176), (190, 201), (240, 193)])
def test_ms_ssim_equals_the_reference_in_torch(shape: tuple[int, int]) -> None:
    truth = picture(1, shape)
    image = truth + 0.2 * picture(2, shape)
    expected = reference_ms_ssim(image, truth, 3.0)
    assert 0.3 < expected < 0.99
    assert ms_ssim(image, truth, data_range=3.0) == pytest.approx(expected, rel=1e-9)


def test_each_window_is_that_of_scikit_image() -> None:
    x, y = picture(1), picture(1) + 0.3 * picture(2)
    _, expected = structural_similarity(
        x,
        y,
        data_range=2.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    a, b = metrics._Moments.of(x), metrics._Moments.of(y)
    c1, c2 = (0.01 * 2.0) ** 2, (0.03 * 2.0) ** 2
    structure = (2 * a.covariance(b) + c2) / (a.variance + b.variance + c2)
    luminance = (2 * a.mean * b.mean + c1) / (a.mean**2 + b.mean**2 + c1)
    np.testing.assert_allclose(structure * luminance, expected[5:-5, 5:-5], atol=1e-9)


def test_identical_pictures_score_1_everywhere() -> None:
    truth = picture(3)
    scorer = MsSsim(truth, truth > 0.5)
    assert scorer.score(truth) == pytest.approx((1, 1, 1))
    score = score_picture(truth, truth, scorer)
    assert (score.ms_ssim, score.ms_ssim_foreground, score.ms_ssim_full_range) == pytest.approx(
        (1, 1, 1)
    )
    assert score.pearson == pytest.approx(1)
    assert score.nrmse == pytest.approx(0, abs=1e-12)


def test_scores_do_not_depend_on_scale_and_offset_of_the_picture() -> None:
    truth = picture(3)
    image = truth + 0.5 * picture(4)
    scorer = MsSsim(truth, truth > 0.5)
    plain, scaled = (score_picture(v, truth, scorer) for v in (image, 250 * image + 17))
    assert scaled.ms_ssim == pytest.approx(plain.ms_ssim)
    assert scaled.ms_ssim_foreground == pytest.approx(plain.ms_ssim_foreground)
    assert scaled.pearson == pytest.approx(plain.pearson)
    assert scaled.nrmse == pytest.approx(plain.nrmse)


def test_scores_do_not_depend_on_the_unit_of_both() -> None:
    truth = picture(3)
    image = truth + 0.5 * picture(4)
    assert ms_ssim(1e-3 * image, 1e-3 * truth) == pytest.approx(ms_ssim(image, truth))


def test_the_default_range_is_the_standard_deviation_of_the_truth() -> None:
    truth = picture(3)
    assert MsSsim(truth).data_range == pytest.approx(truth.std())
    image = truth + 0.5 * picture(4)
    by_hand = ms_ssim(image, truth, data_range=float(np.ptp(truth)))
    assert MsSsim(truth).score(image)[2] == pytest.approx(by_hand)
    assert ms_ssim(image, truth) < by_hand


def test_more_noise_scores_less() -> None:
    truth = picture(5)
    scores = [ms_ssim(truth + share * picture(6), truth) for share in (0.1, 0.3, 1.0, 3.0)]
    assert scores == sorted(scores, reverse=True)


def test_an_unrelated_or_inverted_picture_scores_near_0() -> None:
    truth = picture(7)
    assert ms_ssim(-truth, truth) == 0
    inverted = score_picture(-truth, truth, MsSsim(truth))
    assert inverted.ms_ssim < 0.3
    assert inverted.pearson == pytest.approx(-1)


def test_only_what_the_mask_holds_is_compared() -> None:
    truth = picture(8, (256, 512))
    image = truth.copy()
    image[:, 256:] = picture(9, (256, 256))
    left, right = np.zeros((2, *truth.shape), dtype=bool)
    left[:, :100] = right[:, 412:] = True
    assert ms_ssim(image, truth, left) == pytest.approx(1)
    assert ms_ssim(image, truth, right) < 0.5
    everything = np.ones_like(left)
    assert ms_ssim(image, truth, everything) == pytest.approx(ms_ssim(image, truth))


def test_a_mask_without_window_centres_gives_no_score() -> None:
    truth = picture(10)
    corner = np.zeros(truth.shape, dtype=bool)
    corner[:3, :3] = True
    assert MsSsim(truth, corner).score(truth)[1] is None
    with pytest.raises(InvalidValueError, match="mask"):
        ms_ssim(truth, truth, corner)


def test_small_constant_and_unlike_pictures_are_refused() -> None:
    small = picture(1, (SMALLEST_SIDE - 1, 300))
    with pytest.raises(InvalidValueError, match="176"):
        ms_ssim(small, small)
    with pytest.raises(InvalidValueError, match="not constant"):
        MsSsim(np.ones((200, 200)))
    with pytest.raises(InvalidValueError, match="shape"):
        MsSsim(picture(1)).score(picture(1).T)
    for metric in (pearson, nrmse, match_intensity):
        with pytest.raises(InvalidValueError, match="shape"):
            metric(picture(1), picture(1).T)


def test_the_smallest_side_is_enough() -> None:
    smallest = picture(1, (SMALLEST_SIDE, SMALLEST_SIDE))
    assert ms_ssim(smallest, smallest) == pytest.approx(1)


@settings(max_examples=50, deadline=None)
@given(st.floats(0.01, 100), st.floats(-10, 10), st.integers(0, 1000))
def test_matching_finds_scale_and_offset(scale: float, offset: float, seed: int) -> None:
    image = np.random.default_rng(seed).random((20, 30))
    matched, a, b = match_intensity(image, scale * image + offset)
    assert a == pytest.approx(scale)
    assert b == pytest.approx(offset, abs=1e-9 * (scale + 1))
    np.testing.assert_allclose(matched, scale * image + offset)


def test_matching_is_that_of_least_squares() -> None:
    x, y = (np.random.default_rng(s).random((40, 30)) for s in (1, 2))
    y += x
    expected = np.polyfit(x.ravel(), y.ravel(), 1)
    assert match_intensity(x, y)[1:] == pytest.approx(tuple(expected))


def test_a_picture_that_would_be_inverted_is_matched_by_a_constant() -> None:
    truth = picture(1)
    matched, a, b = match_intensity(-truth, truth)
    assert a == 0
    assert b == pytest.approx(truth.mean())
    assert np.ptp(matched) == 0
    assert match_intensity(np.ones_like(truth), truth)[1] == 0


def test_pearson_and_nrmse_equal_numpy_and_scikit_image() -> None:
    x, y = picture(1), picture(1) + picture(2)
    assert pearson(x, y) == pytest.approx(np.corrcoef(x.ravel(), y.ravel())[0, 1])
    assert nrmse(x, y) == pytest.approx(normalized_root_mse(y, x, normalization="euclidean"))


def test_pearson_of_a_constant_is_0_and_nrmse_of_no_truth_refused() -> None:
    assert pearson(np.ones((5, 5)), picture(1, (5, 5))) == 0
    with pytest.raises(InvalidValueError, match="truth"):
        nrmse(np.ones((5, 5)), np.zeros((5, 5)))


def test_float32_pictures_of_tiny_rates_keep_their_precision() -> None:
    truth = (picture(1) * 1e-6).astype(np.float32)
    assert ms_ssim(truth, truth) == pytest.approx(1)
    assert pearson(truth, truth) == pytest.approx(1)
