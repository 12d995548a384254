"""Actin: what is drawn has the geometry it is said to have, and its amount is what was drawn."""

from __future__ import annotations

import numpy as np
import pytest

from annapalm.errors import InvalidValueError
from annapalm.grid import Grid
from annapalm_export.simulate.structures.actin import ACTIN, Actin, draw_plan
from annapalm_export.simulate.structures.actin_bundles import STEP_NM as BUNDLE_STEP_NM
from annapalm_export.simulate.structures.actin_bundles import (
    STRESS_FIBRE,
    Thickness,
    bundle_part,
    grow_arcs,
    grow_fibres,
    grow_spikes,
)
from annapalm_export.simulate.structures.actin_mesh import grow_leading_edge, length_of_mesh
from annapalm_export.simulate.structures.cell_edge import CellEdge, draw_edge
from annapalm_export.simulate.structures.geometry import StructureOptions
from annapalm_export.simulate.structures.lines import Lines, connected, fill, points_along
from annapalm_export.simulate.structures.patches import draw_patches

FIELD = 6000.0
STRAIGHT = CellEdge(np.full(2, FIELD / 2), 0.0, 2000.0, 0.0, np.array([[0.0, 5000.0, 0.0]]))
"""Everything left of x = 5 µm is inside the cell; its normal points along x."""


def _bundle(
    width: float, filaments: float, taper: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Twenty equal bundles of 8 µm: place along, place across, and mass of their points."""
    xy = np.column_stack([np.arange(101) * BUNDLE_STEP_NM, np.full(101, 500.0)])
    lines = Lines(np.repeat(xy[None], 20, axis=0), np.ones((20, 101), bool), BUNDLE_STEP_NM)
    thickness = Thickness((width, width), (filaments, filaments), (taper, taper))
    part = bundle_part(np.random.default_rng(1), lines, thickness, np.zeros(20))
    return part.xy_nm[:, 0], part.xy_nm[:, 1] - 500.0, part.mass


def test_a_bundle_is_as_wide_as_asked() -> None:
    x, across, mass = _bundle(200.0, 12.0, 100.0)
    body = (x > 1500) & (x < 6500)
    # A round cross-section of diameter 200 nm seen from above has a standard deviation of 50 nm.
    assert np.sqrt(np.average(across[body] ** 2, weights=mass[body])) == pytest.approx(50, rel=0.2)
    assert np.abs(across).max() < 100 * np.exp(0.15 * 5)


def test_a_bundle_tapers_towards_its_ends() -> None:
    x, across, mass = _bundle(200.0, 12.0, 2000.0)
    end, body = x < 300, (x > 3500) & (x < 4500)
    assert np.abs(across[end]).mean() < 0.7 * np.abs(across[body]).mean()
    assert mass[end].sum() / 300 < 0.7 * mass[body].sum() / 1000


def test_a_bundle_holds_as_many_filaments_as_asked() -> None:
    x, _, mass = _bundle(200.0, 12.0, 100.0)
    body = (x > 1000) & (x < 7000)
    assert mass[body].sum() / (20 * 6.0) == pytest.approx(12.0, rel=0.1)


def test_stress_fibres_are_near_parallel_and_stay_in_the_cell() -> None:
    edge = draw_edge(np.random.default_rng(2), FIELD)
    lines = grow_fibres(np.random.default_rng(5), 60.0, FIELD, edge).near(FIELD)
    pieces = [line for line in lines.centre_lines() if len(line) > 10]
    along = np.concatenate([np.diff(line, axis=0) for line in pieces])
    angle = np.arctan2(along[:, 1], along[:, 0])
    assert np.abs(np.exp(2j * angle).mean()) > 0.4  # 0 for random directions, 1 for parallel ones
    assert (edge.depth(np.concatenate(pieces)) > -1e-6).all()


def test_arcs_follow_the_edge_behind_it() -> None:
    lines = grow_arcs(np.random.default_rng(3), 20.0, FIELD, STRAIGHT).near(FIELD)
    pieces = lines.centre_lines()
    depth = STRAIGHT.depth(np.concatenate(pieces))
    along = np.abs(np.concatenate([np.diff(line, axis=0) for line in pieces]))
    assert 1000 < np.median(depth) < 8000
    assert np.median(along[:, 1]) > 5 * np.median(along[:, 0])


def test_spikes_reach_out_of_the_cell() -> None:
    lines = grow_spikes(np.random.default_rng(4), 20.0, FIELD, STRAIGHT)
    kept = lines.there.sum(axis=1)
    tips = lines.xy_nm[np.arange(len(kept)), kept - 1]
    assert (STRAIGHT.depth(lines.xy_nm[:, 0]) > 0).all()
    # Strongly tilted short ones end within the cell, as microspikes do.
    assert (STRAIGHT.depth(tips) < 0).mean() > 0.75
    assert np.median(STRAIGHT.depth(tips)) < -300


@pytest.fixture(scope="module")
def mesh() -> Lines:
    wanted = length_of_mesh(60.0) * FIELD / 1000 * 1.5
    return grow_leading_edge(np.random.default_rng(6), wanted, FIELD, STRAIGHT, 1500.0)


def _angles(lines: Lines) -> np.ndarray:
    """Degrees from the edge's normal at which each filament starts."""
    kept = lines.there[:, 1]
    move = lines.xy_nm[kept, 1] - lines.xy_nm[kept, 0]
    angle: np.ndarray = np.degrees(np.arctan2(move[:, 1], move[:, 0]))
    return angle


def test_filaments_of_the_leading_edge_lie_at_35_degrees_to_its_normal(mesh: Lines) -> None:
    angle = _angles(mesh)
    near_35 = np.abs(np.abs(angle) - 35) < 20
    assert near_35.mean() > 0.6
    for side in (-1, 1):
        this = angle[(np.sign(angle) == side) & near_35]
        assert np.abs(this).mean() == pytest.approx(35, abs=5)
        assert len(this) / len(angle) == pytest.approx(near_35.mean() / 2, abs=0.1)
    assert (np.abs(angle) < 8).mean() < 0.15


def test_the_leading_edge_is_a_band_that_ends_at_the_cell_edge(mesh: Lines) -> None:
    places, _, _ = points_along(mesh, 1)
    depth = STRAIGHT.depth(places)
    assert depth.min() > -20.0
    assert np.quantile(depth, 0.95) < 1.5 * 1500
    # As dense at the edge as it gets, thinner towards the rear.
    assert (depth < 500).mean() > 1.5 * ((depth > 1000) & (depth < 1500)).mean()


def test_a_mesh_of_a_given_size_has_the_length_of_a_lattice() -> None:
    # A lattice of 100 nm: ten lines of 1 µm each way in a square of 1 µm.
    assert length_of_mesh(100.0) == pytest.approx(20.0)


@pytest.mark.parametrize("size", [0.0, -5.0, np.nan])
def test_a_mesh_without_size_is_refused(size: float) -> None:
    with pytest.raises(InvalidValueError, match=r"mesh_nm is .* above 0"):
        length_of_mesh(size)


def test_the_depth_behind_a_straight_edge_is_a_distance() -> None:
    places = np.array([[5000.0, 10.0], [4000.0, 3000.0], [5500.0, 100.0]])
    np.testing.assert_allclose(STRAIGHT.depth(places), [0.0, 1000.0, -500.0], atol=1e-6)
    np.testing.assert_allclose(STRAIGHT.normal(places), 0.0)


def test_places_at_a_depth_lie_at_that_depth() -> None:
    edge = draw_edge(np.random.default_rng(8), FIELD)
    v, depth = np.linspace(-2000, 2000, 50), np.full(50, 300.0)
    placed = edge.place(v, depth)
    # Moved inwards along u, not along the normal: the same to first order in the slope.
    np.testing.assert_allclose(edge.depth(placed), depth, rtol=1e-6)


def test_only_the_run_that_holds_the_anchor_is_kept() -> None:
    allowed = np.array([[True, False, True, True, True, False, True], [True] * 3 + [False] * 4])
    expected = np.array([[False, False, True, True, True, False, False], [False] * 7])
    np.testing.assert_array_equal(connected(allowed, 3), expected)


def test_filling_comes_as_close_as_whole_lines_allow() -> None:
    def make(count: int) -> Lines:
        x = np.arange(11) * 100.0 + 500
        path = np.column_stack([x, np.full(11, 500.0)])
        return Lines(np.repeat(path[None], count, 0), np.ones((count, 11), bool), 100.0)

    assert fill(make, 77.3, FIELD).lengths_um(FIELD).sum() == pytest.approx(77.0)
    assert fill(make, 77.7, FIELD).lengths_um(FIELD).sum() == pytest.approx(78.0)
    assert fill(make, 0.1, FIELD).lengths_um(FIELD).sum() == pytest.approx(1.0)


def test_patches_are_uneven_on_their_scale() -> None:
    patches = draw_patches(np.random.default_rng(9), FIELD, 0.5, 800.0)
    places = np.random.default_rng(0).uniform(0, FIELD, (4000, 2))
    level = np.log(patches(places))
    beside = np.log(patches(places + 100.0))
    assert level.std() == pytest.approx(0.5, rel=0.5)
    assert np.corrcoef(level, beside)[0, 1] > 0.9


def test_scenes_range_from_fibres_only_to_mesh_only() -> None:
    rng = np.random.default_rng(10)
    plans = [draw_plan(rng, 12_800.0) for _ in range(60)]
    share = np.array([(p.leading_edge + p.cortex) / p.total for p in plans])
    assert (share == 0).any()
    assert (share > 0.95).any()
    assert ((share > 0.2) & (share < 0.95)).sum() > 10


def _inside(xy: np.ndarray) -> np.ndarray:
    return np.asarray(((xy >= 0) & (xy < FIELD)).all(axis=1))


@pytest.mark.parametrize("seed", range(6))
def test_the_amount_is_the_length_of_the_lines_in_the_field(seed: int) -> None:
    geometry = ACTIN.draw(np.random.default_rng(seed), FIELD, StructureOptions())
    length = 0.0
    for line in geometry.truth.centre_lines:
        assert line.shape[1] == 2
        assert len(line) >= 2
        middle = (line[1:] + line[:-1]) / 2
        length += np.linalg.norm(np.diff(line, axis=0), axis=1)[_inside(middle)].sum()
    assert geometry.amount == pytest.approx(length / 1000, rel=1e-6)
    assert geometry.truth.period_nm is None
    assert len(geometry.truth.rings) == 0


@pytest.mark.parametrize("wanted", [0.3, 2.0, 8.0])
def test_the_amount_asked_for_is_drawn(wanted: float) -> None:
    area = (FIELD / 1000) ** 2
    for seed in range(3):
        options = StructureOptions(amount_per_um2=wanted)
        geometry = ACTIN.draw(np.random.default_rng(seed), FIELD, options)
        assert geometry.amount / area == pytest.approx(wanted, rel=0.35)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_rate_and_labels_hold_as_much_as_the_amount_says(seed: int) -> None:
    geometry = ACTIN.draw(np.random.default_rng(seed), FIELD, StructureOptions())
    grid = Grid.over((0, 0, FIELD, FIELD), 20.0)
    rate = geometry.rate(grid, 10.0, None)
    assert rate.dtype == np.float32
    assert rate.sum() == pytest.approx(geometry.amount, rel=0.02)
    labels = geometry.label(np.random.default_rng(0), 40.0)
    number = _inside(labels[:, :2]).sum()
    assert number == pytest.approx(40 * geometry.amount, abs=5 * np.sqrt(40 * geometry.amount))


def test_bundles_get_more_label_per_length_than_single_filaments() -> None:
    rng = np.random.default_rng(11)
    lines = grow_fibres(rng, 60.0, FIELD, None).near(FIELD)
    part = bundle_part(rng, lines, STRESS_FIBRE, np.zeros(len(lines.there)))
    inside = _inside(part.xy_nm)
    assert part.mass[inside].sum() > 4 * lines.lengths_um(FIELD).sum()


def test_a_field_without_actin_is_empty() -> None:
    geometry = ACTIN.draw(np.random.default_rng(0), FIELD, StructureOptions(empty_share=1.0))
    assert geometry.amount == 0
    assert geometry.label(np.random.default_rng(0), 50.0).shape == (0, 3)
    assert not geometry.rate(Grid.over((0, 0, FIELD, FIELD), 20.0), 10.0, None).any()
    assert geometry.truth.centre_lines == []


def test_the_same_seed_gives_the_same_actin() -> None:
    one, again, other = (
        ACTIN.draw(np.random.default_rng(seed), FIELD, StructureOptions()) for seed in (7, 7, 8)
    )
    np.testing.assert_array_equal(one.xy_nm, again.xy_nm)
    np.testing.assert_array_equal(one.mass, again.mass)
    assert one.amount == again.amount
    assert other.amount != one.amount


def test_depth_lifts_the_filaments_by_up_to_a_few_micrometres() -> None:
    flat = ACTIN.draw(np.random.default_rng(3), FIELD, StructureOptions())
    deep = ACTIN.draw(np.random.default_rng(3), FIELD, StructureOptions(depth=True))
    assert not flat.z_nm.any()
    np.testing.assert_array_equal(flat.xy_nm, deep.xy_nm)
    assert 50 < np.ptp(deep.z_nm) < 3000


@pytest.mark.parametrize("seed", [3, 10, 100])
def test_a_field_needs_no_more_points_than_can_be_drawn_fast(seed: int) -> None:
    geometry = ACTIN.draw(np.random.default_rng(seed), 12_800.0, StructureOptions())
    assert 1000 < len(geometry.xy_nm) < 300_000


def test_options_that_cannot_be_are_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"empty_share is 1\.5, .* from 0 to 1"):
        Actin().draw(np.random.default_rng(0), FIELD, StructureOptions(empty_share=1.5))
    with pytest.raises(InvalidValueError, match=r"amount_per_um2 is -1\.0, .* above 0"):
        Actin().draw(np.random.default_rng(0), FIELD, StructureOptions(amount_per_um2=-1.0))
