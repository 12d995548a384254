"""Statistics of tables whose statistics are known: evenly spread, planted bursts, lines."""

from __future__ import annotations

import time

import numpy as np
import pytest

from annapalm import Localizations
from annapalm.errors import InvalidValueError
from annapalm_export.evaluate.bursts import (
    bursts_per_place,
    link_bursts,
    precision_from_bursts,
)
from annapalm_export.evaluate.pairs import (
    crowding,
    field_of,
    nearest_apart_nm,
    nearest_nm,
    pair_correlation,
)
from annapalm_export.evaluate.spectrum import count_autocorrelation, spectrum
from annapalm_export.evaluate.statistics import (
    SUMMARY,
    StatisticsOptions,
    pixel_counts,
    table_statistics,
)

FIELD_NM = 10_240.0


def table(rows: list[tuple[float, float, int]]) -> Localizations:
    """Make a table of (x, y, frame)."""
    x, y, frame = zip(*rows, strict=True) if rows else ((), (), ())
    return Localizations(np.array(x, float), np.array(y, float), np.array(frame, np.int64))


def even(
    number: int, frames: int = 1000, seed: int = 0, side_nm: float = FIELD_NM
) -> Localizations:
    """Spread localizations evenly and independently over a square field and over the frames."""
    rng = np.random.default_rng(seed)
    x, y = rng.random((2, number)) * side_nm
    frame = rng.integers(0, frames, number)
    return Localizations(x, y, frame, field_nm=(side_nm, side_nm))


def planted(
    emitters: int, bursts: int, per_burst: int, seed: int = 0, sigma_nm: float = 5.0
) -> Localizations:
    """Emitters on a raster of 500 nm, each with whole bursts 100 frames apart."""
    rng = np.random.default_rng(seed)
    side = int(np.ceil(np.sqrt(emitters)))
    number = np.repeat(np.arange(emitters), bursts * per_burst)
    start = np.repeat(rng.integers(0, 50, emitters), bursts * per_burst)
    within = np.tile(np.arange(bursts * per_burst), emitters)
    frame = start + 100 * (within // per_burst) + within % per_burst
    x, y = (
        500 * (n + 1) + rng.normal(0, sigma_nm, len(n)) for n in (number % side, number // side)
    )
    field = 500.0 * (side + 1)
    return Localizations(x, y, frame.astype(np.int64), field_nm=(field, field))


def test_planted_bursts_are_counted() -> None:
    bursts = link_bursts(planted(emitters=100, bursts=4, per_burst=3))
    assert len(bursts.localizations) == 400
    assert set(bursts.localizations.tolist()) == {3}
    assert set(bursts.frames.tolist()) == {3}


def test_planted_bursts_per_place_are_counted() -> None:
    places = bursts_per_place(link_bursts(planted(emitters=100, bursts=4, per_burst=3)))
    assert places.mean == pytest.approx(4)
    assert places.quantile(0.5) == 4


def test_a_mean_over_places_is_not_one_over_bursts() -> None:
    rows = [(0.0, 0.0, 100 * n) for n in range(9)] + [(5000.0, 0.0, 7)]
    places = bursts_per_place(link_bursts(table(rows)))
    assert places.mean == pytest.approx(5)
    assert places.quantile(0.5) == 1
    assert places.quantile(0.95) == 9


@pytest.mark.parametrize(("gap", "bursts"), [(0, 3), (1, 2), (2, 1)])
def test_a_burst_may_have_gaps_up_to_the_length_allowed(gap: int, bursts: int) -> None:
    rows = [(0.0, 0.0, 0), (1.0, 0.0, 2), (2.0, 0.0, 5)]
    assert len(link_bursts(table(rows), gap_frames=gap).localizations) == bursts


@pytest.mark.parametrize(("distance", "bursts"), [(49.0, 1), (50.0, 1), (51.0, 2)])
def test_a_burst_ends_where_the_next_localization_lies_too_far(
    distance: float, bursts: int
) -> None:
    rows = [(0.0, 0.0, 0), (distance, 0.0, 1)]
    assert len(link_bursts(table(rows), link_nm=50).localizations) == bursts


def test_neighbours_that_are_on_together_stay_two_bursts() -> None:
    rows = [(x, 0.0, frame) for x in (0.0, 30.0) for frame in range(6)]
    bursts = link_bursts(table(rows), link_nm=50)
    assert sorted(bursts.xy_nm[:, 0].tolist()) == [0.0, 30.0]
    assert bursts.of.tolist() == [0] * 6 + [1] * 6


def test_the_nearer_of_two_gets_the_follower() -> None:
    bursts = link_bursts(table([(0.0, 0.0, 0), (20.0, 0.0, 0), (15.0, 0.0, 1)]), link_nm=50)
    assert bursts.of.tolist() == [0, 1, 1]


def test_bursts_do_not_depend_on_the_order_of_rows() -> None:
    ordered = planted(emitters=30, bursts=2, per_burst=3)
    mixed = ordered.select(np.random.default_rng(1).permutation(len(ordered)))
    assert len(link_bursts(mixed).localizations) == len(link_bursts(ordered).localizations) == 60


@pytest.mark.parametrize("sigma", [4.0, 12.0])
def test_the_precision_follows_from_successive_localizations(sigma: float) -> None:
    locs = planted(emitters=400, bursts=3, per_burst=4, sigma_nm=sigma)
    assert precision_from_bursts(locs, link_bursts(locs)) == pytest.approx(sigma, rel=0.05)


def test_the_precision_is_not_known_from_single_localizations() -> None:
    locs = table([(100.0 * n, 0.0, 9 * n) for n in range(50)])
    assert np.isnan(precision_from_bursts(locs, link_bursts(locs)))


def test_no_localizations_have_no_bursts() -> None:
    bursts = link_bursts(table([]))
    assert len(bursts.localizations) == 0
    places = bursts_per_place(bursts)
    assert np.isnan(places.mean)
    assert np.isnan(places.quantile(0.5))


def test_nearest_neighbours_of_even_localizations_are_as_the_formula_says() -> None:
    locs = even(20_000)
    # P(distance > r) = exp(-density pi r²), so the median is sqrt(ln 2 / (pi density)).
    expected = np.sqrt(np.log(2) / (np.pi * len(locs) / FIELD_NM**2))
    assert float(np.median(nearest_nm(locs))) == pytest.approx(expected, rel=0.02)
    assert float(np.median(nearest_apart_nm(locs, 0))) == pytest.approx(expected, rel=0.02)


def test_nearest_neighbours_apart_in_time_look_past_a_long_burst() -> None:
    rows = [(0.0, 0.0, n) for n in range(40)] + [(700.0, 0.0, 500)]
    assert nearest_apart_nm(table(rows), 50).tolist() == [700.0] * 41
    assert nearest_nm(table(rows)).tolist() == [0.0] * 40 + [700.0]


def test_a_neighbour_apart_in_time_that_is_not_there_is_infinitely_far() -> None:
    assert np.isinf(nearest_apart_nm(table([(0.0, 0.0, 1), (9.0, 0.0, 2)]), 50)).all()


def test_even_localizations_have_no_pair_correlation() -> None:
    pairs = pair_correlation(even(8000, frames=200), apart_frames=40)
    for near in (True, False):
        for low, high in ((0, 100), (100, 300), (300, 500)):
            assert pairs.at(low, high, near_in_time=near) == pytest.approx(1, abs=0.06)
    assert pairs.repeats == pytest.approx(0, abs=0.02)


def test_changing_activity_makes_no_pair_correlation() -> None:
    locs = even(8000)
    frame = np.sort((1000 * np.random.default_rng(3).random(len(locs)) ** 3).astype(np.int64))
    fading = Localizations(locs.x_nm, locs.y_nm, frame, field_nm=locs.field_nm)
    pairs = pair_correlation(fading, apart_frames=40)
    assert pairs.at(0, 500, near_in_time=True) == pytest.approx(1, abs=0.06)
    assert pairs.at(0, 500) == pytest.approx(1, abs=0.06)


def test_repeats_are_the_other_localizations_of_a_burst() -> None:
    locs = planted(emitters=400, bursts=3, per_burst=4)
    frame = np.sort(locs.frame)[:: len(locs) // 1000]
    lag = np.abs(frame[:, None] - frame[None, :])
    # Each of 4 meets 3 others of its burst, and far in time the 8 of the other two bursts: as
    # many as these let expect near in time are taken away.
    by_chance = 8 * ((lag >= 1) & (lag <= 50)).sum() / (lag > 50).sum()
    pairs = pair_correlation(locs, apart_frames=50)
    assert pairs.repeats == pytest.approx(3 - by_chance, abs=0.1)
    assert pairs.at(0, 30) > 5


def test_pair_correlation_beyond_half_the_field_is_not_known() -> None:
    pairs = pair_correlation(even(2000, side_nm=700.0), apart_frames=40)
    assert np.isnan(pairs.apart_in_time[pairs.edges_nm[1:] > 350]).all()
    assert pairs.at(0, 300) == pytest.approx(1, abs=0.1)


def test_crowding_is_one_by_chance_and_zero_where_neighbours_are_lost() -> None:
    locs = even(20_000, frames=400)
    assert crowding(locs, 300) == pytest.approx(1, abs=0.1)
    alone = Localizations(locs.x_nm, locs.y_nm, np.arange(len(locs)))
    assert np.isnan(crowding(alone, 300))  # one in each frame: chance gives no neighbours either
    # One localization a frame at each of two places far apart: never a neighbour.
    rows = [(x, 0.0, frame) for x in (0.0, 5000.0) for frame in range(500)]
    assert crowding(table(rows), 300) == 0


def test_even_counts_have_a_flat_spectrum_of_one() -> None:
    power = spectrum(even(40_000))
    for longest, shortest in ((1280, 320), (320, 80), (80, 40)):
        assert power.band(longest, shortest) == pytest.approx(1, abs=0.1)


def test_a_period_shows_at_its_frequency() -> None:
    locs = even(40_000)
    striped = locs.select(np.cos(2 * np.pi * locs.x_nm / 200) > 0)
    power = spectrum(striped)
    assert power.per_um[power.power.argmax()] == pytest.approx(5, abs=0.2)
    assert power.power.max() > 10


def test_a_spectrum_of_the_longest_waves_needs_a_field_that_holds_them() -> None:
    assert np.isnan(spectrum(even(3000, side_nm=700.0)).band(1280, 720))


def test_autocorrelation_of_known_counts() -> None:
    frame = np.repeat(np.arange(0, 400), np.tile([3, 1], 200))
    auto = count_autocorrelation(table([(0.0, 0.0, int(f)) for f in frame]), (1, 2, 399, 400))
    assert auto[:3] == pytest.approx([-1, 1, -1], abs=1e-9)
    assert np.isnan(auto[3])


def test_autocorrelation_counts_frames_without_localizations() -> None:
    frame = [f for f in range(0, 401, 4) for _ in range(2)]
    auto = count_autocorrelation(table([(0.0, 0.0, f) for f in frame]), (2, 4))
    mean, total = len(frame) / 401, 401
    series = np.bincount(frame, minlength=total) - mean
    expected = [(series[:-lag] * series[lag:]).mean() / series.var() for lag in (2, 4)]
    assert auto == pytest.approx(expected)


def test_autocorrelation_of_the_same_number_in_every_frame_is_not_defined() -> None:
    assert np.isnan(count_autocorrelation(table([(0.0, 0.0, f) for f in range(50)]), (1,))).all()


def test_counts_of_occupied_pixels() -> None:
    rows = [(5.0, 5.0, 0), (6.0, 5.0, 1), (65.0, 5.0, 2)]
    assert sorted(pixel_counts(table(rows)).tolist()) == [1, 2]


def test_a_summary_has_every_number_and_a_curve_of_each_kind() -> None:
    found = table_statistics(planted(emitters=200, bursts=4, per_burst=3))
    assert list(found.summary) == list(SUMMARY)
    assert found.summary["burst_mean"] == 3
    assert found.summary["place_mean"] == pytest.approx(4)
    assert found.summary["burst_single"] == 0
    assert found.summary["localizations"] == 2400
    assert np.isnan(found.summary["precision_50_nm"])
    for curve in found.curves.values():
        assert curve.x.shape == curve.y.shape
        assert ";" in curve.meaning


def test_the_median_of_the_stated_precision_leaves_out_what_is_not_known() -> None:
    locs = even(3000)
    precision = np.full(len(locs), np.nan)
    precision[:3] = 5, 7, 9
    known = Localizations(
        locs.x_nm, locs.y_nm, locs.frame, precision_nm=precision, field_nm=locs.field_nm
    )
    assert table_statistics(known).summary["precision_50_nm"] == 7


@pytest.mark.parametrize("spread_nm", [40_000.0, 1500.0])
def test_a_large_table_takes_seconds(spread_nm: float) -> None:
    locs = even(200_000, frames=20_000, side_nm=spread_nm)
    start = time.process_time()
    table_statistics(locs)
    assert time.process_time() - start < 30  # about 2 s; a pairwise loop would take hours


def test_the_field_is_the_extent_where_none_is_known() -> None:
    assert field_of(table([(3.0, 1.0, 0), (10.0, 6.0, 1)])) == (7.0, 5.0)
    with pytest.raises(InvalidValueError, match="span an area"):
        field_of(table([(3.0, 1.0, 0), (3.0, 6.0, 1)]))
    with pytest.raises(InvalidValueError, match="span an area"):
        field_of(table([]))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"link_nm": 0.0}, "link_nm is 0.0"),
        ({"link_nm": float("nan")}, "link_nm is nan"),
        ({"gap_frames": -1}, "gap_frames is -1"),
        ({"apart_frames": -1}, "apart_frames is -1"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, float], problem: str) -> None:
    with pytest.raises(InvalidValueError, match=problem):
        StatisticsOptions(**options)  # type: ignore[arg-type]


def test_tables_that_have_no_statistics_are_refused() -> None:
    for few in (table([]), table([(0.0, 0.0, 0)])):
        with pytest.raises(InvalidValueError, match="at least two"):
            table_statistics(few)
    with pytest.raises(InvalidValueError, match="at least 32 x 32 pixels"):
        table_statistics(even(100, side_nm=400.0))
    with pytest.raises(InvalidValueError, match="without localizations"):
        count_autocorrelation(table([]))


def test_arguments_that_cannot_be_are_refused() -> None:
    locs = even(50)
    with pytest.raises(InvalidValueError, match="link_nm is -1"):
        link_bursts(locs, -1)
    with pytest.raises(InvalidValueError, match="gap_frames is -1"):
        link_bursts(locs, 50, -1)
    with pytest.raises(InvalidValueError, match="within_nm is 0"):
        bursts_per_place(link_bursts(locs), 0)
    with pytest.raises(InvalidValueError, match="near_nm is inf"):
        crowding(locs, float("inf"))
    with pytest.raises(InvalidValueError, match="apart_frames is -2"):
        nearest_apart_nm(locs, -2)
    with pytest.raises(InvalidValueError, match="rise from 0 on"):
        pair_correlation(locs, edges_nm=(0.0, 20.0, 10.0))
    with pytest.raises(InvalidValueError, match="at least 1 frame each"):
        count_autocorrelation(locs, (0, 1))
