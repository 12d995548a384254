"""From a camera image to the network's input: shift, scale, and what is said about both."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from widefield_scene import PIXEL_NM, PSF_NM, Field, filaments

from annapalm.errors import InvalidValueError
from annapalm.grid import Grid
from annapalm.widefield import PreparedWidefield, WidefieldImage, prepare_widefield
from annapalm.widefield.errors import WidefieldMisalignedError, WidefieldSizeError

FIELD = filaments(seed=0)


def prepared(
    field: Field, localizations: int, shift_nm: tuple[float, float] = (0.0, 0.0)
) -> PreparedWidefield:
    """Prepare the image of a camera that stood off by `shift_nm`."""
    return prepare_widefield(
        field.widefield(shift_nm), field.grid, field.counts(localizations), PSF_NM
    )


# Registration


@pytest.mark.parametrize("shift_nm", [(0.0, 0.0), (230.0, -140.0), (-370.0, 85.0), (-33.0, 12.0)])
@pytest.mark.parametrize("seed", [0, 5])
def test_the_shift_is_found_in_x_and_y(shift_nm: tuple[float, float], seed: int) -> None:
    ready = prepared(filaments(seed), 3000, shift_nm)
    assert ready.registered
    assert ready.shift_nm == pytest.approx(shift_nm, abs=20)
    assert ready.warnings == () or "does not show" in ready.warnings[0]


@pytest.mark.parametrize("localizations", [200, 600])
def test_a_few_hundred_localizations_suffice(localizations: int) -> None:
    ready = prepared(FIELD, localizations, (150.0, -90.0))
    assert ready.registered
    assert ready.shift_nm == pytest.approx((150, -90), abs=40)


def test_moving_brings_the_light_back_to_the_localizations() -> None:
    home, away = prepared(FIELD, 3000), prepared(FIELD, 3000, (300.0, 200.0))
    inner = (slice(8, -8), slice(8, -8))
    np.testing.assert_allclose(away.quarter[inner], home.quarter[inner], atol=120)
    assert away.correlation is not None
    assert away.correlation > 0.85


@pytest.mark.parametrize("localizations", [3, 10])
def test_too_few_localizations_move_nothing_and_say_so(localizations: int) -> None:
    ready = prepared(FIELD, localizations, (200.0, 0.0))
    assert (ready.shift_nm, ready.registered) == ((0.0, 0.0), False)
    (said,) = ready.warnings
    assert said == (
        "The widefield image could not be registered to the localizations (they are too few, or it "
        "shows another field); it was used where it lies, and may be off by some 100 nm."
    )


@pytest.mark.parametrize("other", [1, 2, 3])
def test_the_image_of_another_field_is_not_believed(other: int) -> None:
    image = filaments(seed=other).widefield()
    ready = prepare_widefield(image, FIELD.grid, FIELD.counts(2000), PSF_NM)
    assert (ready.shift_nm, ready.registered) == ((0.0, 0.0), False)
    assert "could not be registered" in ready.warnings[0]


def test_one_bead_does_not_outvote_the_field() -> None:
    counts = FIELD.counts(3000)
    counts[100, 250] += 20_000
    ready = prepare_widefield(FIELD.widefield((150.0, -90.0)), FIELD.grid, counts, PSF_NM)
    assert ready.shift_nm == pytest.approx((150, -90), abs=30)


def test_an_implausible_shift_is_refused_with_its_size() -> None:
    with pytest.raises(WidefieldMisalignedError) as caught:
        prepared(FIELD, 3000, (900.0, -650.0))
    said = str(caught.value)
    assert said.startswith("The widefield image fits the localizations only when moved by ")
    numbers = [float(n) for n in re.findall(r"(-?\d+) nm", said)]
    assert numbers == pytest.approx([900, -650, 500], abs=30)


def test_a_larger_shift_may_be_allowed() -> None:
    image, counts = FIELD.widefield((900.0, -650.0)), FIELD.counts(3000)
    ready = prepare_widefield(image, FIELD.grid, counts, PSF_NM, max_shift_nm=1500)
    assert ready.shift_nm == pytest.approx((900, -650), abs=20)
    (said,) = ready.warnings
    assert said == (
        "The widefield image, moved onto the localizations, does not show up to "
        f"{max(ready.shift_nm[0], -ready.shift_nm[1]):.0f} nm at the edge of the field; its "
        "outermost pixels were continued there."
    )


def test_a_registered_image_is_not_moved() -> None:
    image, counts = FIELD.widefield((200.0, 0.0)), FIELD.counts(3000)
    ready = prepare_widefield(image, FIELD.grid, counts, PSF_NM, registered=True)
    assert (ready.shift_nm, ready.registered, ready.warnings) == ((0.0, 0.0), False, ())


# What the network gets


def test_scale_is_the_light_of_one_localization() -> None:
    counts = FIELD.counts(3000)
    ready = prepare_widefield(FIELD.widefield(), FIELD.grid, counts, PSF_NM)
    assert ready.scale == pytest.approx(ready.quarter.sum() / counts.sum(), rel=1e-5)
    assert ready.quarter.dtype == np.float32
    assert ready.quarter.min() >= 0


def test_the_cameras_gain_goes_into_the_scale_alone() -> None:
    image, counts = FIELD.widefield(), FIELD.counts(3000)
    twice = WidefieldImage(2 * image.pixels, image.pixel_nm)
    one, two = (prepare_widefield(i, FIELD.grid, counts, PSF_NM) for i in (image, twice))
    assert two.shift_nm == pytest.approx(one.shift_nm, abs=0.1)
    assert two.scale == pytest.approx(2 * one.scale, rel=1e-4)
    np.testing.assert_allclose(two.quarter, 2 * one.quarter, atol=0.1)


def test_the_light_is_where_the_filaments_are() -> None:
    ready = prepared(FIELD, 3000)
    truth = FIELD.light() * 500  # 100 nm pixels against 80 nm ones: compare over 400 nm
    coarse = ready.quarter.reshape(20, 5, 20, 5).mean((1, 3))
    wanted = truth.reshape(20, 4, 20, 4).mean((1, 3))
    assert np.corrcoef(coarse.ravel(), wanted.ravel())[0, 1] > 0.98
    assert coarse.mean() == pytest.approx(wanted.mean(), rel=0.15)


def test_a_part_of_the_field_gets_the_same_light_as_the_whole() -> None:
    image, whole = FIELD.widefield(), FIELD.grid
    part = Grid(PIXEL_NM, (1600.0, 2400.0), (120, 200))
    counts = np.ones(whole.shape, np.float32)
    full = prepare_widefield(image, whole, counts, PSF_NM, registered=True)
    cut = prepare_widefield(image, part, counts[:120, :200], PSF_NM, registered=True)
    np.testing.assert_allclose(cut.quarter, full.quarter[30:60, 20:70], atol=1e-3)


def test_it_is_deterministic() -> None:
    one, two = prepared(FIELD, 1000), prepared(FIELD, 1000)
    assert one.quarter.tobytes() == two.quarter.tobytes()
    assert (one.shift_nm, one.scale) == (two.shift_nm, two.scale)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 70),
    columns=st.integers(1, 70),
    pixel_nm=st.floats(50, 400),
    localizations=st.integers(0, 40),
    seed=st.integers(0, 99),
)
def test_any_size_from_one_pixel_up_is_prepared(
    rows: int, columns: int, pixel_nm: float, localizations: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    grid = Grid(PIXEL_NM, (0.0, 0.0), (rows, columns))
    counts = np.zeros(grid.shape, np.float32)
    for _ in range(localizations):
        counts[random.integers(rows), random.integers(columns)] += 1
    camera = tuple(int(np.ceil(n * PIXEL_NM / pixel_nm)) for n in grid.shape)
    image = WidefieldImage(random.poisson(50, camera).astype(np.float32), pixel_nm)
    ready = prepare_widefield(image, grid, counts, PSF_NM)
    assert ready.quarter.shape == (-(-rows // 4), -(-columns // 4))
    assert np.isfinite(ready.quarter).all()
    assert ready.quarter.min() >= 0
    assert ready.scale >= 0
    assert np.hypot(*ready.shift_nm) < 600


# What there is nothing to do with


def test_no_localizations_give_no_scale_and_no_complaint() -> None:
    counts = np.zeros(FIELD.grid.shape, np.float32)
    ready = prepare_widefield(FIELD.widefield(), FIELD.grid, counts, PSF_NM)
    assert (ready.scale, ready.shift_nm, ready.correlation) == (0.0, (0.0, 0.0), 0.0)
    assert ready.warnings == ()


@pytest.mark.parametrize("level", [0.0, 100.0, 41234.567])
def test_an_image_without_light_is_ignored_aloud(level: float) -> None:
    flat = WidefieldImage(np.full((80, 80), level, np.float32), 100.0)
    ready = prepare_widefield(flat, FIELD.grid, FIELD.counts(500), PSF_NM)
    assert (ready.scale, ready.quarter.any()) == (0.0, np.False_)
    assert ready.warnings == (
        "The widefield image shows nothing above its background and was ignored.",
    )


def test_a_saturated_image_is_named() -> None:
    image = FIELD.widefield(photons=6000)
    cut = WidefieldImage(np.minimum(image.pixels, 4095), 100.0)
    ready = prepare_widefield(cut, FIELD.grid, FIELD.counts(2000), PSF_NM)
    assert any("is saturated (" in w and "are at 4095)" in w for w in ready.warnings)


def test_an_image_that_does_not_cover_the_field_is_refused() -> None:
    image = WidefieldImage(np.ones((80, 60), np.float32), 100.0)
    with pytest.raises(WidefieldSizeError, match=r"6\.00 x 8\.00 µm"):
        prepare_widefield(image, FIELD.grid, FIELD.counts(10), PSF_NM)


def test_counts_of_another_grid_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="of the grid's shape"):
        prepare_widefield(FIELD.widefield(), FIELD.grid, np.ones((4, 4), np.float32), PSF_NM)
