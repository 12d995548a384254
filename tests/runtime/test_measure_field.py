"""Measures of a field, and what the error map does to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from measure_words import a_circle, a_grid, a_line, parallel_lines

from annapalm.errors import InvalidValueError
from annapalm.measure import intervals
from annapalm.measure.field import UNITS, FieldMeasures, measure_field, persistence_of
from annapalm.model.names import default_model, find_model

LINES = parallel_lines()
ALL_FITS = [item for fits in intervals.FITS.values() for item in fits.items()]


def of(dense: Any, doubt: float = 0.2, structure: str = "microtubules") -> FieldMeasures:
    return measure_field(dense, dense * np.float32(doubt), a_grid(dense.shape), structure)


def test_length_and_order_of_parallel_lines() -> None:
    found = of(LINES)
    assert found.area_um2 == pytest.approx(36)
    assert found.measures["length_um_per_um2"].drawn == pytest.approx(5 * 6 / 36, rel=0.04)
    assert found.measures["order"].drawn == pytest.approx(1, abs=0.01)
    assert found.doubtful_share == 0
    assert found.conclusive
    assert set(found.measures) < set(UNITS)


def test_lines_in_all_directions_have_no_order() -> None:
    crossed = sum(a_line((300, 300), k * np.pi / 4 + 0.1, (150, 150)) for k in range(4))
    assert of(crossed).measures["order"].drawn == pytest.approx(0, abs=0.1)


def test_curvature_and_persistence_of_a_circle() -> None:
    found = of(a_circle((300, 300), 100.0)).measures
    curvature, persistence = found["curvature_per_um"].drawn, found["persistence_um"].drawn
    # All turn alike, and the median stands for a normal distribution's spread.
    assert curvature == pytest.approx(0.5 / 0.6745, rel=0.03)
    assert persistence == persistence_of(curvature)
    assert found["persistence_um"].value == persistence_of(found["curvature_per_um"].value)
    assert persistence == pytest.approx(1 / (1.6 * (0.5 / 0.6745) ** 2), rel=0.06)


def test_what_the_error_map_takes_for_noise_is_not_counted() -> None:
    error = LINES * np.float32(0.2)
    error[150:] = LINES[150:] * np.float32(1.3)
    half = measure_field(LINES, error, a_grid(), "microtubules")
    above = measure_field(LINES[:150], error[:150], a_grid((150, 300)), "microtubules")
    assert half.measures["length_um_per_um2"].drawn == pytest.approx(
        (above.measures["length_um_per_um2"].drawn or 0) / 2, rel=0.02
    )
    assert half.doubtful_share == 0


def test_what_is_doubtful_counts_and_is_said() -> None:
    found = of(LINES, 1.1)
    assert found.measures["length_um_per_um2"].drawn == pytest.approx(5 * 6 / 36, rel=0.04)
    assert found.doubtful_share == 1
    assert not found.conclusive


def test_an_empty_field_has_no_length_and_nothing_else() -> None:
    found = of(np.zeros((300, 300), np.float32))
    assert found.measures["length_um_per_um2"].drawn == 0
    assert found.measures["order"].drawn is None
    assert found.measures["curvature_per_um"].drawn is None
    assert found.doubtful_share is None
    assert found.localizations_per_unit is None


def test_pores_are_counted_and_their_radius_is_that_of_the_rings() -> None:
    dense = np.zeros((300, 300), np.float32)
    y, x = np.indices(dense.shape)
    for row in (60, 150, 240):
        for column in (60, 150, 240):
            across = np.hypot(x - column - 0.3, y - row) - 60 / 20
            dense += np.exp(-(across**2) / 2).astype(np.float32)
    found = of(dense, structure="nuclear pores")
    assert found.measures["pores_per_um2"].drawn == pytest.approx(9 / 36)
    assert found.measures["radius_nm"].drawn == pytest.approx(60, abs=4)
    doubted = of(dense, 1.2, structure="nuclear pores")
    assert doubted.doubtful_share == 1
    assert of(dense, 1.5, structure="nuclear pores").measures["pores_per_um2"].drawn == 0


def test_intervals_of_every_structure_hold_numbers_that_make_sense() -> None:
    assert set(intervals.FITS) == {"microtubules", "actin", "nuclear pores"}
    for model, fit in ALL_FITS:
        for name, classes in fit.distances.items():
            assert len(classes) == len(intervals.DOUBT_CLASSES), (model, name)
            assert all(ends is None or ends[0] < ends[1] for ends in classes), (model, name)


def test_corrections_stay_far_from_where_they_could_not_be_solved() -> None:
    for model, fit in ALL_FITS:
        assert set(fit.corrections) <= set(fit.distances) - intervals.ADDED
        for name, one in fit.corrections.items():
            for doubt in (0.0, intervals.MOST_DOUBT):
                assert 0.3 < one.slope + one.bent * doubt < 1.3, (model, name)
            straight = name not in intervals.BENT
            assert not straight or (one.slope, one.bent) == (1.0, 0.0), (model, name)


@pytest.mark.parametrize("structure", intervals.FITS)
def test_the_first_fit_of_a_structure_is_that_of_the_model_chosen_for_it(structure: str) -> None:
    chosen = default_model(structure)
    name, _, version = next(iter(intervals.FITS[structure])).partition("/")
    assert name == chosen
    assert find_model(name) == find_model(f"{name}/{version}")  # nothing is said of it by default


def test_a_picture_is_corrected_as_its_own_model_draws() -> None:
    old, new = "microtubule/1.1.0", "microtubule/1.3.0"
    fitted = {model: intervals.fitted_model("microtubules", model) for model in (old, new)}
    assert fitted == {old: old, new: new}
    other = {"microtubule/1.2.0": new, "mine/0.1": new, "": new}
    assert {m: intervals.fitted_model("microtubules", m) for m in other} == other
    assert intervals.fitted_model("nuclear pores", "structures/1.1.0") == "structures/1.1.0"
    assert intervals.fitted_model("nuclear pores", "structures/1.1.1") == "structures/1.1.2"
    assert intervals.fitted_model("actin", "structures/1.1.2") == "structures/1.1.0"
    assert intervals.fitted_model("spectrin", "structures/1.1.2") is None
    lengths = [
        intervals.corrected("microtubules", model, "length_um_per_um2", 1.0, 0.3)
        for model in fitted
    ]
    assert lengths == pytest.approx([np.exp(0.112 + 0.189), np.exp(0.137 + 0.4005)])


def test_what_the_corrections_were_fitted_to_is_told() -> None:
    assert of(LINES).fitted_to == "microtubule/1.3.0"
    old = measure_field(LINES, LINES, a_grid(), "microtubules", model="microtubule/1.1.0")
    assert old.fitted_to == "microtubule/1.1.0"


def test_a_value_is_corrected_for_what_its_doubt_says_is_not_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fit = intervals.Fit({"length_um_per_um2": intervals.Correction(-0.1, -1.0)}, {})
    monkeypatch.setattr(intervals, "FITS", {"microtubules": {"a/1": fit}})
    for doubt, factor in ((0.2, np.exp(0.1)), (1.1, np.exp(0.1 + intervals.MOST_DOUBT))):
        length = of(LINES, doubt).measures["length_um_per_um2"]
        assert length.drawn is not None
        assert length.value == pytest.approx(length.drawn * factor)
    order = of(LINES).measures["order"]
    assert order.value == order.drawn
    assert of(LINES * np.float32(0)).measures["length_um_per_um2"].value == 0


def test_a_correction_is_solved_for_the_truth() -> None:
    one = intervals.Correction(-0.4, -0.5, 0.8, -0.6)
    drawn = np.exp(-0.4 - 0.5 * 0.3 + (0.8 - 0.6 * 0.3) * np.log(0.2))
    assert one.truth_of(float(drawn), 0.3) == pytest.approx(0.2)
    assert one.truth_of(0.2, 0.5) == one.truth_of(0.2, 0.9)


def test_an_interval_is_that_of_its_class_of_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    table: dict[str, tuple[intervals.Ends | None, ...]] = {
        "length_um_per_um2": ((-0.1, 0.2), None, (-0.5, 0.5), (0.0, 1.0))
    }
    monkeypatch.setattr(intervals, "FITS", {"actin": {"a/1": intervals.Fit({}, table)}})
    sure = intervals.interval("actin", "a/1", "length_um_per_um2", 2.0, 0.05)
    assert sure == pytest.approx((2 * np.exp(-0.1), 2 * np.exp(0.2)))
    assert intervals.interval("actin", "a/1", "length_um_per_um2", 2.0, 0.2) is None
    assert intervals.interval("actin", "a/1", "length_um_per_um2", 2.0, None) == (2.0, 2 * np.e)
    assert intervals.interval("actin", "a/1", "order", 0.5, 0.0) is None
    assert intervals.interval("microtubules", "a/1", "order", 0.5, 0.0) is None


def test_the_order_stays_between_0_and_1(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = intervals.Fit({}, {"order": ((-0.4, 0.4),) * 4})
    monkeypatch.setattr(intervals, "FITS", {"actin": {"a/1": fit}})
    assert intervals.interval("actin", "a/1", "order", 0.1, 0.0) == (0.0, 0.5)
    assert intervals.interval("actin", "a/1", "order", 0.9, 0.0) == (0.5, 1.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"structure": "mitochondria"}, "one of microtubules, actin, nuclear pores"),
        ({"error": np.zeros((2, 2), np.float32)}, "error's shape"),
        ({"dense": -LINES}, "dense is 'negative or not finite'"),
        ({"error": np.full((300, 300), np.nan, np.float32)}, "error is 'negative or not finite'"),
    ],
)
def test_what_cannot_be_measured_is_refused(change: dict[str, Any], words: str) -> None:
    given: dict[str, Any] = {
        "dense": LINES,
        "error": LINES,
        "grid": a_grid(),
        "structure": "actin",
    } | change
    with pytest.raises(InvalidValueError, match=words):
        measure_field(**({"structure": "actin"} | given | change))
