"""The statistics of two groups, on numbers whose answer is known."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from annapalm.errors import InvalidValueError
from annapalm.measure.compare import (
    Comparison,
    Group,
    bootstrap_change,
    compare,
    hedges_g,
    holm,
    permutation_test,
    smallest_p,
)


def exactly(values: list[float], noise: float = 0.0) -> Group:
    array = np.array(values)
    return Group(array, array - noise, array + noise)


def only(groups: tuple[Group, Group], **options: bool) -> Comparison:
    (one,) = compare({"length": groups}, **options)
    return one


def test_the_permutation_test_goes_through_all_divisions() -> None:
    a, b = np.array([1.0, 2.0, 3.5]), np.array([4.0, 5.0, 7.0])
    values = np.concatenate([a, b])

    def t(chosen: tuple[int, ...]) -> float:
        inside = np.isin(np.arange(6), chosen)
        x, y = values[inside], values[~inside]
        return float(abs(x.mean() - y.mean()) / np.sqrt(x.var(ddof=1) / 3 + y.var(ddof=1) / 3))

    every = [t(chosen) for chosen in combinations(range(6), 3)]
    expected = np.mean([one >= t((0, 1, 2)) - 1e-12 for one in every])
    assert permutation_test(a, b) == pytest.approx(expected)
    assert permutation_test(a, b) == smallest_p(3, 3) == 0.1


def test_random_divisions_agree_with_all_of_them_and_never_give_0() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(0, 1, 7), rng.normal(1.2, 1, 7)
    assert permutation_test(a, b, most=3000) == pytest.approx(permutation_test(a, b), abs=0.015)
    assert permutation_test(a, b + 100, most=1000) == pytest.approx(1 / 1000, abs=2.1e-3)
    assert permutation_test(a, b + 100, most=1000) > 0


def test_alike_groups_differ_as_rarely_as_stated() -> None:
    rng = np.random.default_rng(2)
    p = [permutation_test(*np.exp(rng.normal(0, 0.5, (2, 6)))) for _ in range(400)]
    assert np.mean(np.array(p) <= 0.05) <= 0.08


def test_groups_without_spread() -> None:
    assert permutation_test(np.ones(4), np.ones(4)) == 1.0
    assert permutation_test(np.ones(4), np.full(4, 2.0)) == smallest_p(4, 4)
    assert hedges_g(np.ones(4), np.ones(4)) is None


def test_holm_corrects_for_several_measures() -> None:
    corrected = holm({"a": 0.01, "b": 0.04, "c": 0.03})
    assert corrected == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})
    assert holm({"a": 0.9, "b": 0.8})["a"] == 1.0


def test_hedges_g_is_that_of_the_books() -> None:
    a, b = np.array([1.0, 2.0, 3.0, 4.0]), np.array([3.0, 4.0, 5.0, 6.0])
    assert hedges_g(a, b) == pytest.approx(2 / np.std(a, ddof=1) * (1 - 3 / 23))


def test_a_difference_is_found_with_its_size() -> None:
    rng = np.random.default_rng(3)
    found = only((exactly(list(rng.normal(2, 0.1, 8))), exactly(list(rng.normal(1, 0.1, 8)))))
    assert found.verdict == "difference"
    assert found.change == pytest.approx(-0.5, abs=0.05)
    assert found.change_low is not None
    assert found.change_high is not None
    assert found.change_low < -0.5 < found.change_high
    assert found.fields == (8, 8)


def test_what_the_error_map_does_not_know_widens_the_interval() -> None:
    values = ([2.0, 2.1, 1.9, 2.2], [1.0, 1.1, 0.9, 1.2])
    widths = []
    for noise in (0.0, 0.8):
        low, high = bootstrap_change(exactly(values[0], noise), exactly(values[1], noise))
        widths.append(high - low)
    assert widths[1] > 2 * widths[0]


def test_a_difference_of_groups_that_were_sampled_unlike_is_not_just_one() -> None:
    groups = (exactly([2.0, 2.1, 1.9, 2.2]), exactly([1.0, 1.1, 0.9, 1.2]))
    assert only(groups, unlike=True).verdict == "difference, perhaps of sampling"
    assert only(groups, unlike=True, doubtful=True).verdict == "too doubtful to conclude"
    assert only((groups[0], groups[0]), unlike=True).verdict == "no difference shown"


def test_too_doubtful_goes_before_a_difference() -> None:
    groups = (exactly([2.0, 2.1, 1.9, 2.2]), exactly([1.0, 1.1, 0.9, 1.2]))
    assert only(groups).verdict == "difference"
    found = only(groups, doubtful=True)
    assert found.verdict == "too doubtful to conclude"
    assert found.change is not None


def test_two_fields_give_no_test() -> None:
    found = only((exactly([1.0, 2.0]), exactly([3.0, 4.0, 5.0])))
    assert found.verdict == "too few fields"
    assert found.p is None
    assert found.change is None
    assert only((exactly([]), exactly([3.0, 4.0, 5.0]))).verdict == "too few fields"


def test_a_control_of_zeros_has_no_change() -> None:
    found = only((exactly([0.0, 0.0, 0.0]), exactly([1.0, 2.0, 3.0])))
    assert found.change is None


@pytest.mark.parametrize(
    ("values", "low", "words"),
    [([1.0, np.nan], [1.0, 1.0], "finite values"), ([1.0], [1.0, 2.0], "three arrays")],
)
def test_what_is_no_group_is_refused(values: list[float], low: list[float], words: str) -> None:
    with pytest.raises(InvalidValueError, match=words):
        Group(np.array(values), np.array(low), np.array(values))
