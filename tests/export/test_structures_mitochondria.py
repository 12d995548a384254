"""Mitochondria: areas and projections of known shapes, and what a field of them holds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from annapalm.errors import InvalidValueError
from annapalm.grid import Grid
from annapalm_export.simulate.structures.chondriome import (
    Chondriome,
    Room,
    draw_habit,
    draw_room,
    populate,
)
from annapalm_export.simulate.structures.geometry import Points, StructureOptions, Truth
from annapalm_export.simulate.structures.membrane import Tube, make_tube
from annapalm_export.simulate.structures.mitochondria import MITOCHONDRIA, UNIT_NM2, label_membranes

FIELD = 6000.0
STEP = 16.0


def _straight(length: float, radius: float, *, ellipsoid: bool = False, y: float = 1000.0) -> Tube:
    """Make a tube along x from x = 500 nm."""
    number = int(length / STEP)
    axis = np.column_stack([500 + (np.arange(number) + 0.5) * STEP, np.full(number, y)])
    body = np.full(2 * number + 1, radius)
    cap = length if ellipsoid else None
    return make_tube(axis, np.zeros(number), STEP, body, cap_nm=cap)


def _bow(turn_radius: float, radius: float) -> Tube:
    """Make a quarter of a circle, bent to the left."""
    number = int(turn_radius * np.pi / 2 / STEP)
    angle = (np.arange(number, dtype=np.float64) + 0.5) * STEP / turn_radius
    axis = np.column_stack([np.sin(angle), 1 - np.cos(angle)]) * turn_radius + 1000
    return make_tube(axis, angle, STEP, np.full(2 * number + 1, radius))


def test_a_tubule_has_the_area_of_a_cylinder_with_round_ends() -> None:
    tube = _straight(3200.0, 200.0)
    # 2 pi r (L - 2 r) + 4 pi r² = 2 pi r L.
    assert tube.surface(20.0).area_nm2.sum() == pytest.approx(2 * np.pi * 200 * 3200, rel=1e-3)


def test_a_fragment_has_the_area_of_a_sphere() -> None:
    tube = _straight(800.0, 400.0)
    assert tube.ring_area_nm2().sum() == pytest.approx(4 * np.pi * 400**2, rel=1e-3)


def test_a_longer_fragment_has_the_area_of_a_spheroid() -> None:
    a, b = 800.0, 400.0
    tube = _straight(2 * a, b, ellipsoid=True)
    e = np.sqrt(1 - (b / a) ** 2)
    expected = 2 * np.pi * b**2 * (1 + a / (b * e) * np.arcsin(e))
    assert tube.surface(20.0).area_nm2.sum() == pytest.approx(expected, rel=5e-3)


def test_bending_moves_membrane_to_the_outer_side_and_adds_none() -> None:
    tube = _bow(1500.0, 250.0)
    surface = tube.surface(16.0)
    assert surface.area_nm2.sum() == pytest.approx(2 * np.pi * 250 * tube.length_nm, rel=0.01)
    from_centre = np.linalg.norm(surface.xyz_nm[..., :2] - [1000, 2500], axis=-1)
    body = slice(40, -40)
    outer = surface.area_nm2[body][from_centre[body] > 1500].sum()
    # Pappus: the outer half lies 2 r / pi further out, on average.
    expected = 0.5 * (1 + 2 * 250 / np.pi / 1500)
    assert outer / surface.area_nm2[body].sum() == pytest.approx(expected, abs=0.01)


def test_the_points_lie_on_the_membrane() -> None:
    surface = _straight(3200.0, 200.0).surface(20.0)
    x, y, z = np.moveaxis(surface.xyz_nm, -1, 0)
    body = (x > 750) & (x < 3400)
    np.testing.assert_allclose(np.hypot(y - 1000, z)[body], 200.0)
    end = x < 680
    np.testing.assert_allclose(
        np.sqrt((x - 700) ** 2 + (y - 1000) ** 2 + z**2)[end], 200.0, rtol=1e-6
    )


def test_the_projection_of_a_tubule_has_bright_rims() -> None:
    surface = _straight(4000.0, 200.0).surface(5.0)
    xyz, area = surface.xyz_nm.reshape(-1, 3), surface.area_nm2.ravel()
    body = (xyz[:, 0] > 1000) & (xyz[:, 0] < 4000)
    points = Points(xyz[body, :2], np.zeros(body.sum()), area[body], 8.0, 1.0, Truth())
    rate = points.rate(Grid.over((0, 0, 5000, 2000), 10.0), 12.0, None)
    profile = rate[:, 150:350].mean(axis=1)
    # A cylinder seen from the side: 1 / (pi sqrt(r² - y²)) in bins of 1 nm, blurred, and shared
    # among neighbouring pixels of 10 nm.
    edges = np.clip((np.arange(2001) - 1000.0) / 200, -1, 1)
    fine = gaussian_filter1d(np.diff(np.arcsin(edges) / np.pi), np.hypot(8, 12))
    share = 1 - np.abs(np.arange(-9, 10)) / 10
    expected = np.convolve(fine, share, mode="same").reshape(200, 10)[:, 4:6].mean(axis=1)
    np.testing.assert_allclose(
        profile / profile.sum(), expected / expected.sum(), atol=0.03 * expected.max()
    )
    assert profile.max() > 1.6 * profile[100]


def test_a_tube_holds_what_lies_within_its_radius_and_its_ends() -> None:
    tube = _straight(3200.0, 200.0)
    points = np.array(
        [
            [2000, 1000, 0],
            [2000, 1150, 120],
            [2000, 1150, 140],
            [480, 1000, 0],
            [540, 1000, 0],
            [2000, 5000, 0],
        ],
        dtype=float,
    )
    np.testing.assert_array_equal(tube.holds(points), [True, True, False, False, True, False])


def test_the_part_of_a_tube_within_a_square_keeps_its_rings() -> None:
    tube = _straight(3200.0, 200.0)
    part = tube.part_within(0.0, 2000.0)
    assert part is not None
    np.testing.assert_array_equal(part.axis_nm, tube.axis_nm[tube.axis_nm[:, 0] < 2000])
    assert part.ring_area_nm2().sum() == pytest.approx(tube.area_within(0.0, 2000.0))
    assert tube.part_within(8000.0, 9000.0) is None


def test_there_is_no_membrane_inside_a_joint() -> None:
    trunk = _straight(3200.0, 250.0, y=2000.0)
    number = 100
    axis = np.column_stack([np.full(number, 2000.0), 2000 + (np.arange(number) + 0.5) * STEP])
    branch = make_tube(axis, np.full(number, np.pi / 2), STEP, np.full(2 * number + 1, 150.0))
    joined = Chondriome([trunk, branch], [0, 1], [(0, 1)])
    labelled = label_membranes(np.random.default_rng(0), joined, FIELD)
    assert not trunk.holds(labelled.xyz_nm[labelled.owner == 1]).any()
    assert not branch.holds(labelled.xyz_nm[labelled.owner == 0]).any()
    apart = Chondriome([trunk, branch], [0, 1], [])
    whole = label_membranes(np.random.default_rng(0), apart, FIELD)
    # About the branch's first 250 nm, and the hole of radius 150 nm that it leaves in the trunk.
    lost = whole.area_nm2.sum() - labelled.area_nm2.sum()
    assert lost == pytest.approx(2 * np.pi * 150 * 250 + np.pi * 150**2, rel=0.15)


def test_mitochondria_keep_out_of_closed_areas_and_of_each_other() -> None:
    rng = np.random.default_rng(3)
    room = Room(FIELD)
    room.closed |= room.centres()[..., 0] > 4000
    habit = draw_habit(np.random.default_rng(12))
    assert habit.crossing == 0
    cell = populate(rng, room, habit, 10e6, STEP)
    axes = np.concatenate([tube.axis_nm for tube in cell.tubes])
    assert axes[:, 0].max() < 4000
    strangers = [
        tube.holds(np.pad(other.axis_nm, ((0, 0), (0, 1)))).any()
        for tube, mine in zip(cell.tubes, cell.owner, strict=True)
        for other, its in zip(cell.tubes, cell.owner, strict=True)
        if mine != its
    ]
    assert len(strangers) > 10
    assert np.mean(strangers) < 0.01


def test_the_sizes_are_those_documented() -> None:
    length, diameter = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        cell = populate(rng, draw_room(rng, FIELD), draw_habit(rng), 15e6, STEP)
        length += [tube.length_nm for tube in cell.tubes]
        diameter += [2 * np.median(tube.radius_nm) for tube in cell.tubes]
    assert min(length) > 350
    assert max(length) <= 10_000
    assert np.quantile(diameter, 0.05) > 200
    assert np.quantile(diameter, 0.95) < 1200
    assert 250 < np.median(diameter) < 600


def _inside(xy: np.ndarray) -> np.ndarray:
    return np.asarray(((xy >= 0) & (xy < FIELD)).all(axis=1))


@pytest.mark.parametrize("wanted", [1.0, 4.0, 8.0])
def test_the_amount_asked_for_is_drawn(wanted: float) -> None:
    drawn = []
    for seed in range(6):
        options = StructureOptions(amount_per_um2=wanted)
        geometry = MITOCHONDRIA.draw(np.random.default_rng(seed), FIELD, options)
        drawn.append(geometry.amount / (FIELD / 1000) ** 2)
    # The last mitochondrion placed may be a large one.
    assert np.median(drawn) == pytest.approx(wanted, rel=0.35, abs=0.8)


def test_the_amount_is_the_area_of_the_membrane_in_the_field() -> None:
    cell = Chondriome([_straight(3200.0, 200.0), _bow(1500.0, 250.0)], [0, 1], [])
    labelled = label_membranes(np.random.default_rng(1), cell, FIELD)
    expected = 2 * np.pi * (200 * 3200 + 250 * cell.tubes[1].length_nm)
    assert labelled.area_nm2.sum() == pytest.approx(expected, rel=0.01)
    assert labelled.area_nm2.sum() / UNIT_NM2 == pytest.approx(expected / 1e5, rel=0.01)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_rate_and_labels_hold_as_much_as_the_amount_says(seed: int) -> None:
    geometry = MITOCHONDRIA.draw(np.random.default_rng(seed), FIELD, StructureOptions())
    grid = Grid.over((0, 0, FIELD, FIELD), 20.0)
    rate = geometry.rate(grid, 10.0, None)
    assert rate.dtype == np.float32
    assert rate.sum() == pytest.approx(geometry.amount, rel=0.02)
    labels = geometry.label(np.random.default_rng(0), 60.0)
    number = _inside(labels[:, :2]).sum()
    assert number == pytest.approx(60 * geometry.amount, abs=5 * np.sqrt(60 * geometry.amount))


def test_the_label_is_patchy() -> None:
    cell = Chondriome([_straight(3200.0, 200.0)], [0], [])
    patchiness = [
        np.std(np.log(label_membranes(np.random.default_rng(seed), cell, FIELD).density))
        for seed in range(20)
    ]
    assert min(patchiness) > 0.1
    assert max(patchiness) < 1.5
    assert max(patchiness) > 2 * min(patchiness)


def test_a_field_without_mitochondria_is_empty() -> None:
    geometry = MITOCHONDRIA.draw(np.random.default_rng(0), FIELD, StructureOptions(empty_share=1.0))
    assert geometry.amount == 0
    assert geometry.label(np.random.default_rng(0), 50.0).shape == (0, 3)
    assert not geometry.rate(Grid.over((0, 0, FIELD, FIELD), 20.0), 10.0, None).any()


def test_an_area_has_neither_centre_lines_nor_rings() -> None:
    truth = MITOCHONDRIA.draw(np.random.default_rng(1), FIELD, StructureOptions()).truth
    assert truth.centre_lines == []
    assert truth.rings.shape == (0, 3)
    assert truth.period_nm is None


def test_the_same_seed_gives_the_same_mitochondria() -> None:
    one, again, other = (
        MITOCHONDRIA.draw(np.random.default_rng(seed), FIELD, StructureOptions())
        for seed in (7, 7, 8)
    )
    np.testing.assert_array_equal(one.xy_nm, again.xy_nm)
    np.testing.assert_array_equal(one.mass, again.mass)
    assert one.amount == again.amount
    assert other.amount != one.amount


def test_depth_gives_the_membrane_its_height() -> None:
    flat = MITOCHONDRIA.draw(np.random.default_rng(3), FIELD, StructureOptions())
    deep = MITOCHONDRIA.draw(np.random.default_rng(3), FIELD, StructureOptions(depth=True))
    assert not flat.z_nm.any()
    np.testing.assert_array_equal(flat.xy_nm, deep.xy_nm)
    assert 200 < np.ptp(deep.z_nm) < 3000


@pytest.mark.parametrize("seed", [1, 6])
def test_a_field_needs_no_more_points_than_can_be_drawn_fast(seed: int) -> None:
    geometry = MITOCHONDRIA.draw(np.random.default_rng(seed), 12_800.0, StructureOptions())
    assert 10_000 < len(geometry.xy_nm) < 300_000


def test_options_that_cannot_be_are_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"empty_share is -0\.1, .* from 0 to 1"):
        MITOCHONDRIA.draw(np.random.default_rng(0), FIELD, StructureOptions(empty_share=-0.1))


@pytest.mark.parametrize("radius", [0.0, -3.0, np.nan])
def test_a_tube_without_width_is_refused(radius: float) -> None:
    axis = np.column_stack([np.arange(5) * STEP, np.zeros(5)])
    with pytest.raises(InvalidValueError, match=r"body_radius_nm is .* above 0"):
        make_tube(axis, np.zeros(5), STEP, np.full(11, radius))


def test_a_tube_whose_radii_do_not_fit_its_axis_is_refused() -> None:
    axis = np.column_stack([np.arange(5) * STEP, np.zeros(5)])
    with pytest.raises(InvalidValueError, match=r"len\(body_radius_nm\) is 7, but it must be 11"):
        make_tube(axis, np.zeros(5), STEP, np.full(7, 200.0))
