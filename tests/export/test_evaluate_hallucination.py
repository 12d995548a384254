"""False structure where there is none: nothing, noise, and the contrast of a real field."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from test_evaluate_area import picture, some_mask
from test_evaluate_field import draw as draw_lines
from test_evaluate_field import line
from test_evaluate_rings import draw, some_rings

from annapalm import Grid
from annapalm.errors import InvalidValueError
from annapalm.measure.pores import typical_strength
from annapalm_export.evaluate import area, filaments
from annapalm_export.evaluate.hallucination import false_area, false_filaments, false_pores

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SHAPE = (200, 200)
GRID = Grid(20.0, (0.0, 0.0), SHAPE)
LINE = line((-200, 2010), (4200, 2010))


def real(kind: str) -> NDArray[np.float32]:
    """Draw a real field of the kind."""
    if kind == "filaments":
        return draw_lines([LINE])
    if kind == "pores":
        return draw(some_rings(), grid=GRID)
    return np.pad(picture(some_mask()), ((0, 50), (0, 40))).astype(np.float32)


KINDS: list[tuple[str, Callable[..., float]]] = [
    ("filaments", false_filaments),
    ("pores", false_pores),
    ("area", false_area),
]


@pytest.mark.parametrize(("kind", "false"), KINDS)
def test_nothing_is_false_in_an_empty_image(kind: str, false: Callable[..., float]) -> None:
    assert false(np.zeros(SHAPE, np.float32), real(kind), GRID) == 0
    assert false(np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32), GRID) == 0


@pytest.mark.parametrize(("kind", "false"), KINDS)
def test_the_field_itself_shows_what_it_holds(kind: str, false: Callable[..., float]) -> None:
    image = real(kind)
    known = {
        "filaments": filaments.skeleton(image, GRID).length_um / 16,
        "pores": len(some_rings()) / 16,
        "area": area.drawn_area(image, GRID).mean(),
    }
    assert false(image, image, GRID) == pytest.approx(known[kind])
    assert known[kind] > 0.05


@pytest.mark.parametrize(("kind", "false"), KINDS)
def test_what_is_faint_beside_the_field_is_not_seen(kind: str, false: Callable[..., float]) -> None:
    image = real(kind)
    assert false(np.float32(0.01) * image, image, GRID) == 0
    assert false(np.float32(0.01) * image, np.float32(0.01) * image, GRID) > 0


@pytest.mark.parametrize(("kind", "false"), KINDS)
def test_a_level_that_is_higher_shows_less(kind: str, false: Callable[..., float]) -> None:
    rng = np.random.default_rng(0)
    like = rng.poisson(real(kind) * 30 / real(kind).max()).astype(np.float32)
    noise: NDArray[np.float32] = gaussian_filter(
        rng.poisson(like.mean(), SHAPE).astype(np.float32), 1.5
    )
    shown = [false(noise, like, GRID, level) for level in (0.02, 0.2, 1.0)]
    assert shown == sorted(shown, reverse=True)
    assert shown[0] > 0
    assert shown[-1] == 0


@pytest.mark.parametrize(("kind", "false"), KINDS)
def test_beside_a_field_that_shows_nothing_all_is_false(
    kind: str, false: Callable[..., float]
) -> None:
    image = real(kind)
    alone = false(image, np.zeros(SHAPE, np.float32), GRID)
    assert alone >= false(image, image, GRID) > 0


def test_pores_are_looked_for_at_the_size_that_real_ones_have() -> None:
    like = draw(some_rings(30.0), grid=GRID)
    assert false_pores(like, like, GRID, radius_nm=30.0) == pytest.approx(len(some_rings()) / 16)
    strength = typical_strength(like, GRID, 30.0)
    assert strength > typical_strength(like, GRID, 80.0)


def test_pores_and_area_do_not_depend_on_scale_or_offset() -> None:
    rng = np.random.default_rng(1)
    noise = rng.poisson(0.2, SHAPE).astype(np.float64)
    for kind, false in KINDS[1:]:
        like = real(kind).astype(np.float64) / real(kind).max()
        before = false(noise, like, GRID, 0.1)
        assert before > 0
        assert false(3 * noise + 2, 3 * like + 2, GRID, 0.1) == before


@pytest.mark.parametrize(("kind", "false"), KINDS)
def test_bad_inputs_are_refused(kind: str, false: Callable[..., float]) -> None:
    image = real(kind)
    with pytest.raises(InvalidValueError, match="shape"):
        false(image[:9], image, GRID)
    with pytest.raises(InvalidValueError, match="level"):
        false(image, image, GRID, 0.0)
