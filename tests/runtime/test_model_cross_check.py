"""`Model.cross_check`: half of the frames through the network, the other half against it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annapalm import Grid, WidefieldImage
from annapalm.cross_check import TooFewFramesError, TooFewLocalizationsError, check, split_halves
from annapalm.errors import CancelledError, InvalidValueError
from annapalm.model.errors import StructureError

if TYPE_CHECKING:
    from annapalm import Localizations, Model


def test_the_seen_half_draws_and_the_held_out_half_tests(
    tiny_model: Model, some_localizations: Localizations
) -> None:
    found = tiny_model.cross_check(some_localizations)
    halves = split_halves(some_localizations)
    half = tiny_model.reconstruct(
        halves.seen, exposure=len(halves.held_out) / len(halves.seen), grid=found.grid
    )
    rate = half.total_rate()
    np.testing.assert_array_equal(found.z, check(rate, halves.held_out, halves.seen, found.grid).z)
    assert found.cuts == halves.cuts
    assert found.burst_frames == 1
    assert (found.seen, found.held_out) == (len(halves.seen), len(halves.held_out))
    assert found.grid.shape == found.z.shape == (250, 300)
    assert found.seconds > 0


def test_only_localizations_of_the_field_take_part(
    tiny_model: Model, some_localizations: Localizations
) -> None:
    grid = Grid(20.0, (3000.0, 0.0), (250, 150))
    found = tiny_model.cross_check(some_localizations, grid=grid)
    inside = int((some_localizations.x_nm >= 3000).sum())
    assert found.seen + found.held_out == inside
    with pytest.raises(TooFewLocalizationsError):
        tiny_model.cross_check(some_localizations, grid=Grid(20.0, (0.0, 0.0), (10, 10)))


def test_a_widefield_image_takes_part_as_in_the_picture(
    tiny_model: Model, some_localizations: Localizations
) -> None:
    y, x = ((np.arange(n) + 0.5) * 100 for n in (50, 60))
    away = np.hypot(y[:, None] - 2500, x[None, :] - 3000) - 1800
    light = WidefieldImage((100 + 800 * np.exp(-0.5 * (away / 130) ** 2)).astype(np.float32), 100.0)
    with_image = tiny_model.cross_check(some_localizations, light)
    without = tiny_model.cross_check(some_localizations)
    assert with_image.z.shape == without.z.shape
    assert not np.array_equal(with_image.z, without.z)


def test_counts_have_no_frames_to_hold_out(tiny_model: Model) -> None:
    with pytest.raises(InvalidValueError, match="an image of counts has no frames to hold out"):
        tiny_model.cross_check(np.ones((64, 64)))  # type: ignore[arg-type]


def test_frames_that_are_too_few_are_refused(
    tiny_model: Model, some_localizations: Localizations
) -> None:
    few = replace(some_localizations, frame=some_localizations.frame % 8)
    with pytest.raises(TooFewFramesError, match="span 8 frames"):
        tiny_model.cross_check(few)


def test_a_structure_and_a_tile_that_cannot_be_are_refused(
    tiny_model: Model, some_localizations: Localizations
) -> None:
    with pytest.raises(InvalidValueError, match="tile"):
        tiny_model.cross_check(some_localizations, tile_px=16)
    with pytest.raises(StructureError):
        tiny_model.cross_check(some_localizations, structure="hair")


def test_it_can_be_cancelled(tiny_model: Model, some_localizations: Localizations) -> None:
    class Stop:
        def advance(self, done: int, total: int) -> None: ...

        def cancelled(self) -> bool:
            return True

    with pytest.raises(CancelledError):
        tiny_model.cross_check(some_localizations, progress=Stop())
