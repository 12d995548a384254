"""Bits per held-out localization: known densities, cuts in time, and the best blur."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from annapalm import Grid, Localizations
from annapalm.errors import InvalidValueError
from annapalm.quality.heldout import (
    BANDWIDTHS_NM,
    best_blur,
    best_blur_pearson,
    bits_per_localization,
    later_pearson,
    split_frames,
)
from annapalm.render import render


def table(frames: list[int]) -> Localizations:
    """Make a table with localizations in these frames, at places that differ."""
    place = np.arange(len(frames), dtype=np.float64)
    return Localizations(place, place, np.array(frames, dtype=np.int64))


def test_a_uniform_density_has_0_bits() -> None:
    held_out = np.random.default_rng(0).poisson(2, (30, 40)).astype(np.float32)
    assert bits_per_localization(np.full((30, 40), 7, np.float32), held_out).bits == 0


def test_all_in_one_pixel_foretold_is_the_log_of_the_pixels() -> None:
    one = np.zeros((32, 64), np.float32)
    one[3, 5] = 0.25
    score = bits_per_localization(one, 9 * (one > 0).astype(np.float32))
    assert score.bits == pytest.approx(11)
    assert score.uniform_share == 0


def test_a_true_density_scores_its_information() -> None:
    counts = np.random.default_rng(1).poisson(3, (20, 20)).astype(np.float32) + 1
    p = counts.astype(float) / counts.sum()
    score = bits_per_localization(counts, counts)
    assert score.bits == pytest.approx(float((p * np.log2(p * p.size)).sum()))
    assert score.uniform_share == pytest.approx(0, abs=1e-6)


def test_a_uniform_share_that_was_mixed_in_is_found() -> None:
    rng = np.random.default_rng(2)
    density = rng.gamma(0.5, 1, (200, 200))
    mixed = 0.7 * density / density.sum() + 0.3 / density.size
    held_out = rng.multinomial(200_000, mixed.ravel()).reshape(200, 200).astype(np.float32)
    score = bits_per_localization(density.astype(np.float32), held_out)
    assert score.uniform_share == pytest.approx(0.3, abs=0.01)


@settings(max_examples=50, deadline=None)
@given(
    arrays(np.float32, (4, 5), elements=st.sampled_from([0, 1e-20, 0.1, 1, 3, 1000])),
    arrays(np.float32, (4, 5), elements=st.sampled_from([0, 0, 1, 2, 30])),
)
def test_the_uniform_share_is_the_best_and_bits_are_never_below_0(
    density: np.ndarray, held_out: np.ndarray
) -> None:
    if not held_out.any():
        with pytest.raises(InvalidValueError, match="held_out"):
            bits_per_localization(density, held_out)
        return
    score = bits_per_localization(density, held_out)
    assert score.bits >= -1e-12
    if not density.any():
        assert (score.bits, score.uniform_share) == (0, 1)
        return
    q = density.astype(float) / density.sum(dtype=float) * density.size
    p = held_out.astype(float) / held_out.sum()

    def value(share: float) -> float:
        return float((p * np.log2((1 - share) * q + share)).sum())

    low, high = 1e-12, 1.0
    for _ in range(100):  # a concave function: the better of two inner thirds keeps its side
        one, other = low + (high - low) / 3, high - (high - low) / 3
        low, high = (one, high) if value(one) < value(other) else (low, other)
    assert score.bits == pytest.approx(value((low + high) / 2), abs=1e-5)


def test_the_scale_of_a_density_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    density, held_out = rng.random((30, 30)), rng.poisson(1, (30, 30))
    one, other = (
        bits_per_localization((k * density).astype(np.float32), held_out.astype(np.float32))
        for k in (1, 1e-6)
    )
    assert one.bits == pytest.approx(other.bits, rel=1e-4)


@pytest.mark.parametrize(
    ("density", "message"),
    [
        (np.ones((3, 4), np.float32), "shape"),
        (np.full((4, 4), -1, np.float32), "negative"),
        (np.full((4, 4), np.nan, np.float32), "not finite"),
    ],
)
def test_densities_that_cannot_be_are_refused(density: np.ndarray, message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        bits_per_localization(density, np.ones((4, 4), np.float32))


def test_the_cut_takes_whole_frames_and_leaves_a_gap() -> None:
    cut = split_frames(table([3, 3, 4, 5, 5, 5, 7, 8, 9, 9]), 0.35, gap_frames=2)
    assert list(cut.seen.frame) == [3, 3, 4, 5, 5, 5]
    assert (cut.stop, cut.resume, cut.share) == (6, 8, 0.6)
    assert list(cut.held_out.frame) == [8, 9, 9]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 40), min_size=2, max_size=80),
    st.floats(0.01, 0.9),
    st.integers(0, 5),
)
def test_the_fewest_first_frames_that_hold_the_share(
    frames: list[int], share: float, gap: int
) -> None:
    locs = table(frames)
    try:
        cut = split_frames(locs, share, gap)
    except InvalidValueError:
        ordered = sorted(frames)
        last = ordered[int(np.ceil(share * len(frames))) - 1]
        assert last + 1 + gap > max(frames)
        return
    assert cut.share >= share
    assert (locs.frame < cut.stop - 1).mean() < share
    assert cut.seen.frame.max() < cut.stop
    assert cut.held_out.frame.min() >= cut.stop + gap == cut.resume
    between = ((locs.frame >= cut.stop) & (locs.frame < cut.resume)).sum()
    assert len(cut.seen) + between + len(cut.held_out) == len(frames)


@pytest.mark.parametrize(
    ("share", "gap", "name"), [(0, 0, "share"), (1, 0, "share"), (0.5, -1, "gap"), (0.5, 99, "99")]
)
def test_cuts_that_cannot_be_are_refused(share: float, gap: int, name: str) -> None:
    with pytest.raises(InvalidValueError, match="locs" if name == "99" else name):
        split_frames(table([0, 1, 2, 3]), share, gap)


def test_an_empty_table_cannot_be_cut() -> None:
    with pytest.raises(InvalidValueError, match="locs"):
        split_frames(table([]), 0.5)


def test_the_best_blur_is_the_spread_between_seen_and_held_out() -> None:
    rng = np.random.default_rng(4)
    grid = Grid(20.0, (0.0, 0.0), (400, 400))
    place = rng.uniform(1000, 7000, (60, 2))
    later = np.repeat(place, 200, axis=0) + rng.normal(0, 60, (12_000, 2))
    seen, held_out = (
        render(Localizations(p[:, 0].copy(), p[:, 1].copy(), np.zeros(len(p), np.int64)), grid)[0]
        for p in (place, later)
    )
    best, score = best_blur(seen, held_out, 20.0)
    assert BANDWIDTHS_NM[BANDWIDTHS_NM.index(best.bandwidth_nm)] == pytest.approx(60, rel=0.13)
    assert score.bits == best.score > 4
    plain = later_pearson(best.image, held_out, 20.0)
    assert 0.9 < plain <= best_blur_pearson(seen, held_out, 20.0) + 0.005


def test_blinks_that_straddle_the_cut_pay_without_a_gap_only() -> None:
    """Bursts on both sides of the cut make a sparse image look better than it is."""
    rng = np.random.default_rng(5)
    start = rng.integers(0, 990, 3000)
    frame = (start[:, None] + np.arange(10)).ravel()
    xy = np.repeat(rng.uniform(0, 8000, (3000, 2)), 10, axis=0) + rng.normal(0, 8, (30_000, 2))
    keep = frame < 110
    locs = Localizations(xy[keep, 0].copy(), xy[keep, 1].copy(), frame[keep].astype(np.int64))
    grid = Grid(20.0, (0.0, 0.0), (400, 400))
    bits = []
    for gap in (0, 10):
        cut = split_frames(locs, 0.8, gap)
        seen, held_out = (render(part, grid)[0] for part in (cut.seen, cut.held_out))
        bits.append(best_blur(seen, held_out, 20.0)[1].bits)
    assert bits[0] > 0.25
    assert bits[1] < 0.25 * bits[0]  # what is left: the oracle bandwidth of 60 chance places
