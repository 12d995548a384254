"""The cross-check of any picture: what it marks, what it does not, and how often by chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cross_check_words import (
    GRID,
    a_table,
    band,
    halves_of,
    molecules,
    on_lines,
    rate_of_lines,
)

from annapalm import Grid, Localizations
from annapalm.cross_check import (
    CrossCheck,
    NothingDrawnError,
    TooFewLocalizationsError,
    check,
    warn_of,
)
from annapalm.cross_check.statistic import clump_factor, own_clump_factor, signed_z
from annapalm.errors import InvalidValueError

FALSE = band(4000.0, 3000.0, 5000.0)
"""A piece of 2 µm midway between the two filaments."""
TRUE = band(2000.0, 3000.0, 5000.0)


def planted(rate: np.ndarray, like: float = 1.0) -> np.ndarray:
    """Draw a false filament on `FALSE`, as bright as the true ones."""
    more = rate_of_lines((2000.0, 4000.0, 6000.0))
    x = slice(150, 250)
    changed = rate.copy()
    changed[170:230, x] += like * rate[70:130, x]
    assert more[200, 200] > 0
    return changed


def test_no_clumps_where_one_was_expected_is_one_standard_deviation() -> None:
    z = [float(signed_z(np.array(0.0), np.array(n), np.array(n))) for n in (1.0, 2.5)]
    assert z == pytest.approx([-1.0, -1.97], abs=0.03)


@pytest.mark.parametrize("mean", [0.5, 2.0, 8.0, 30.0])
@pytest.mark.parametrize("size", [1.0, 3.0])
def test_clumped_counts_are_marked_as_rarely_as_stated(mean: float, size: float) -> None:
    """Numbers of clumps of geometric size: each side at the nominal 2.5 %, few clumps at less."""
    random = np.random.default_rng(5)
    clumps = random.poisson(mean, 20_000)
    observed = clumps + random.negative_binomial(np.maximum(clumps, 1), 1 / size) * (clumps > 0)
    variance = mean * size * (2 * size - 1)
    wanted = np.full(20_000, mean * size)
    z = signed_z(observed.astype(float), wanted, np.full(20_000, variance))
    assert (z <= -1.96).mean() < 0.03
    assert 0.005 < (z >= 1.96).mean() < 0.045


def test_the_sign_is_that_of_the_difference_and_nothing_expected_is_no_news() -> None:
    z = signed_z(np.array([0.0, 1.0, 4.0, 9.0]), np.array([0.0, 4.0, 4.0, 4.0]), np.full(4, 4.0))
    assert z[0] == 0
    assert z[1] < z[2] == 0 < z[3]


def test_a_single_localization_where_nothing_is_expected_is_as_rare_as_it_is() -> None:
    """Poisson mid-p: 0.01 expected, one seen in 0.5 % of places."""
    z = float(signed_z(np.array(1.0), np.array(0.01), np.array(0.01)))
    assert z == pytest.approx(2.58, abs=0.15)
    tail_of_one = float(signed_z(np.array(0.02), np.array(0.01), np.array(0.01)))
    assert 0 <= tail_of_one < 0.1


def test_the_clump_factor_is_that_of_the_molecules() -> None:
    """Geometric numbers of mean m have E[n²] / E[n] = 2 m - 1."""
    random = np.random.default_rng(2)
    for mean in (1.0, 2.0, 4.0):
        clumps = random.poisson(0.05, (200, 200))
        counts = np.zeros((200, 200))
        for _ in range(int(clumps.max())):
            counts += (clumps > 0) * random.geometric(1 / mean, (200, 200))
            clumps = clumps - 1
        expected = np.full((200, 200), counts.mean())
        other = random.permutation(counts.ravel()).reshape(counts.shape)
        assert clump_factor(counts, expected) == pytest.approx(2 * mean - 1, rel=0.12)
        assert own_clump_factor(counts, other) == pytest.approx(2 * mean - 1, rel=0.12)


def test_a_picture_that_is_right_is_left_alone() -> None:
    seen, held_out = halves_of(on_lines(1600, 1), 3.0, 2)
    found = check(rate_of_lines(), held_out, seen, GRID)
    assert found.unconfirmed_share is not None
    assert found.unconfirmed_share < 0.05
    assert found.missing_share < 0.05
    assert found.misfit == pytest.approx(1.0, abs=0.35)
    assert found.seen + found.held_out == len(seen) + len(held_out)
    assert warn_of(found) == ()
    assert not found.contradicted


def test_a_false_filament_is_not_borne_out() -> None:
    seen, held_out = halves_of(on_lines(1600, 1), 3.0, 2)
    found = check(planted(rate_of_lines()), held_out, seen, GRID)
    assert found.region(FALSE).z < -3
    assert found.region(FALSE).observed == 0
    assert found.z[FALSE].mean() < -2
    assert found.testable[FALSE].mean() > 0.5
    assert abs(found.region(TRUE).z) < 2
    assert found.unconfirmed_share is not None
    assert found.unconfirmed_share > 0.05


def test_a_picture_of_which_much_is_not_borne_out_is_contradicted() -> None:
    seen, held_out = halves_of(on_lines(4000, 1), 3.0, 2)
    found = check(rate_of_lines((2000.0, 4000.0, 6000.0)), held_out, seen, GRID)
    assert found.unconfirmed_share == pytest.approx(1 / 3, abs=0.1)
    assert found.contradicted
    warning = warn_of(found)[-1]
    assert warning.startswith("The held-out frames do not bear out 3")


def test_an_erased_filament_is_missing() -> None:
    seen, held_out = halves_of(on_lines(1600, 1), 3.0, 2)
    rate = rate_of_lines()
    rate[TRUE] = rate.min()
    found = check(rate, held_out, seen, GRID)
    assert found.region(TRUE).z > 4
    assert found.z[TRUE].mean() > 2
    assert found.missing_share > 0.005


def test_molecules_that_come_back_do_not_confirm_a_filament() -> None:
    """Three sticking dyes in both halves: counted as they are, they would account for it."""
    seen, held_out = halves_of(on_lines(1600, 1), 3.0, 2)
    sticking = np.array([[3300.0, 4000.0], [4100.0, 4000.0], [4700.0, 4000.0]])
    x, y = np.repeat(sticking, 75, axis=0).T + np.random.default_rng(3).normal(0, 10, (2, 225))
    back = a_table(x, y, np.zeros(225))
    seen, held_out = (
        Localizations(
            np.concatenate([one.x_nm, back.x_nm]),
            np.concatenate([one.y_nm, back.y_nm]),
            np.concatenate([one.frame, back.frame]),
        )
        for one in (seen, held_out)
    )
    rate = planted(rate_of_lines())
    known = check(rate, held_out, seen, GRID)
    unknown = check(rate, held_out, None, GRID)
    assert known.region(FALSE).z < -1.5
    assert known.region(FALSE).observed == 0
    assert unknown.region(FALSE).z > -1
    assert unknown.misfit is None


def test_a_picture_wrong_throughout_cannot_excuse_itself() -> None:
    seen, held_out = halves_of(on_lines(4000, 1), 3.0, 2)
    wrong = rate_of_lines((1700.0, 5700.0))
    found = check(wrong, held_out, seen, GRID)
    assert found.misfit is not None
    assert found.misfit > 2
    by_picture = check(wrong, held_out, None, GRID).clump_factor
    assert found.clump_factor == pytest.approx(1.7 * by_picture / found.misfit)
    warning, *_ = warn_of(found)
    assert warning.startswith("The held-out frames contradict the picture: ")
    assert found.region(TRUE).z > 3


def test_only_the_shape_of_the_rate_counts() -> None:
    seen, held_out = halves_of(on_lines(1600, 1), 3.0, 2)
    one, ten = (check(rate_of_lines() * np.float32(k), held_out, seen, GRID) for k in (1, 10))
    np.testing.assert_allclose(one.z, ten.z, atol=1e-3)
    assert one.total_ratio == pytest.approx(10 * ten.total_ratio)


def test_where_all_is_occupied_every_localization_counts() -> None:
    """A dense table leaves nothing apart from what was seen; a false filament is found still."""
    seen, held_out = halves_of(on_lines(40_000, 1), 2.0, 2)
    rate = planted(rate_of_lines())
    found = check(rate, held_out, seen, GRID)
    assert found.region(FALSE).z < -3
    assert found.region(TRUE).z > 0
    assert found.testable[TRUE].all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 37), (5, 4), (33, 70)])
@pytest.mark.parametrize("pixel_nm", [20.0, 25.0, 120.0])
def test_fields_of_any_size_give_maps_of_that_size(shape: tuple[int, int], pixel_nm: float) -> None:
    grid = Grid(pixel_nm, (100.0, -40.0), shape)
    table = a_table(np.full(5, 101.0), np.full(5, -39.0), np.arange(5))
    found = check(np.ones(shape, np.float32), table, table, grid)
    assert found.z.shape == shape
    assert found.z.dtype == np.float32
    assert found.testable.shape == shape
    assert np.isfinite(found.z).all()
    assert found.held_out == 5


def test_localizations_outside_the_field_are_not_counted() -> None:
    seen, held_out = halves_of(on_lines(1600, 1), 3.0, 2)
    far = replace(held_out, x_nm=held_out.x_nm + 1e6)
    with pytest.raises(TooFewLocalizationsError, match="holds 0 localizations"):
        check(rate_of_lines(), far, seen, GRID)


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        (np.ones((3, 3), np.float32), "rate's shape is"),
        (np.full((400, 400), -1, np.float32), "rate is 'negative or not finite'"),
        (np.full((400, 400), np.nan, np.float32), "rate is 'negative or not finite'"),
    ],
)
def test_what_is_no_rate_is_refused(rate: np.ndarray, message: str) -> None:
    table = molecules(on_lines(100, 1), 2.0, 1)
    with pytest.raises(InvalidValueError, match=message):
        check(rate, table, None, GRID)


def test_an_empty_picture_structure_of_another_size_and_no_window_are_refused() -> None:
    table = molecules(on_lines(100, 1), 2.0, 1)
    with pytest.raises(NothingDrawnError, match="is empty"):
        check(np.zeros((400, 400), np.float32), table, None, GRID)
    with pytest.raises(InvalidValueError, match="structure's shape is"):
        check(rate_of_lines(), table, None, GRID, structure=np.ones((2, 2), bool))
    with pytest.raises(InvalidValueError, match="window_nm is"):
        check(rate_of_lines(), table, None, GRID, window_nm=0.0)


def test_without_structure_there_are_no_shares_of_it() -> None:
    table = molecules(on_lines(800, 1), 2.0, 1)
    none = np.zeros((400, 400), bool)
    found = check(rate_of_lines(), table, None, GRID, structure=none)
    assert found.unconfirmed_share is None
    assert found.testable_share is None


def test_a_region_must_be_one_of_the_field() -> None:
    table = molecules(on_lines(800, 1), 2.0, 1)
    found = check(rate_of_lines(), table, None, GRID)
    with pytest.raises(InvalidValueError, match="mask's shape is"):
        found.region(np.ones((2, 2), bool))
    by_hand: CrossCheck = replace(found, _all=None)
    with pytest.raises(InvalidValueError, match="made by hand"):
        by_hand.region(FALSE)
    assert found.region(np.zeros((400, 400), bool)).z == 0
