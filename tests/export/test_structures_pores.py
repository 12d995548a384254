"""Simulated nuclear pores: their geometry is known, their labels are counted, the truth agrees."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from annapalm.errors import InvalidValueError
from annapalm.grid import Grid
from annapalm_export.simulate.focus import Focus
from annapalm_export.simulate.structures.envelope import STEEPEST, Envelope, draw_envelope
from annapalm_export.simulate.structures.geometry import StructureOptions
from annapalm_export.simulate.structures.nuclear_pores import (
    CORNERS,
    MARGIN_NM,
    NUCLEAR_PORES,
    NUPS,
    Nup,
    _axes,
    _copies,
    _Label,
    _place,
    apart,
)

FIELD_NM = 5000.0
FLAT = Envelope(
    centre_nm=np.zeros(2),
    radius_nm=np.inf,
    rim_nm=1000.0,
    outline=np.zeros((2, 2)),
    waves=np.empty((0, 4)),
    focus_nm=0.0,
    islands=np.empty((0, 3)),
)
ROUND = Envelope(
    centre_nm=np.full(2, 2500.0),
    radius_nm=2200.0,
    rim_nm=1500.0,
    outline=np.zeros((2, 2)),
    waves=np.empty((0, 4)),
    focus_nm=100.0,
    islands=np.array([[2500.0, 2500.0, 400.0]]),
)


def _upright(number: int) -> np.ndarray:
    """Axes of pores that look straight up."""
    return np.broadcast_to(np.eye(3), (number, 3, 3))


@pytest.mark.parametrize("nup", NUPS, ids=lambda nup: nup.name)
def test_rings_have_the_diameter_of_their_nucleoporin(nup: Nup) -> None:
    diameters = []
    for seed in range(20):
        copies = _copies(np.random.default_rng(seed), nup, _upright(200))
        assert copies.shape == (200, CORNERS * nup.rings * nup.per_corner, 3)
        diameters.append(2 * np.linalg.norm(copies[..., :2], axis=2).mean())
    # Pairs beside a corner lie up to 1 nm further out than the corner; jitter adds a little.
    assert nup.diameter_nm[0] - 1 < min(diameters)
    assert max(diameters) < nup.diameter_nm[1] + 3


def test_pores_of_one_field_differ_by_a_few_nm() -> None:
    copies = _copies(np.random.default_rng(3), NUPS[0], _upright(500))
    spread = np.linalg.norm(copies[..., :2], axis=2).mean(axis=1).std()
    assert 0.8 < spread < 5


def test_nup96_has_32_copies_in_two_rings_50_nm_apart() -> None:
    copies = _copies(np.random.default_rng(1), NUPS[0], _upright(50))
    upper, lower = copies[..., 2] > 0, copies[..., 2] < 0
    np.testing.assert_array_equal(upper.sum(axis=1), 16)
    distance = copies[upper][:, 2].mean() - copies[lower][:, 2].mean()
    assert distance == pytest.approx(49.5, abs=3)


def test_a_ring_has_eightfold_symmetry_and_no_other() -> None:
    for seed in range(5):
        copies = _copies(np.random.default_rng(seed), NUPS[0], _upright(100))
        ring = copies[:, :16]
        angle = np.arctan2(ring[..., 1], ring[..., 0])
        order = [np.abs(np.exp(1j * n * angle).mean(axis=1)).mean() for n in range(1, 9)]
        # Two copies of a corner, up to 14 nm apart, lower it from 1 to cos(8 * 7 / 53.5) = 0.50,
        # and corners displaced by up to 2.5 nm to 0.47.
        assert order[7] > 0.4
        assert max(order[:7]) < 0.15


def test_pores_are_turned_at_random_within_the_membrane() -> None:
    copies = _copies(np.random.default_rng(2), NUPS[4], _upright(400))
    phase = np.exp(8j * np.arctan2(copies[..., 1], copies[..., 0])).mean(axis=1)
    assert np.abs(phase.mean()) < 0.15


def test_a_tilted_pore_is_seen_foreshortened() -> None:
    slopes = np.tile([np.tan(np.deg2rad(60)), 0.0], (300, 1))
    axes = _axes(np.random.default_rng(0), slopes)
    np.testing.assert_allclose(axes @ axes.transpose(0, 2, 1), _upright(300), atol=1e-12)
    nup = Nup("flat", 1.0, (100.0, 100.0), 1, 1, (0.0, 0.0))
    copies = _copies(np.random.default_rng(0), nup, axes)
    # For a ring of radius r: root mean square 35 nm along y, half of that along x.
    assert copies[..., 1].std() == pytest.approx(50 / np.sqrt(2), rel=0.05)
    assert copies[..., 0].std() == pytest.approx(25 / np.sqrt(2), rel=0.15)


def test_of_places_too_near_to_each_other_the_first_is_kept() -> None:
    places = np.array([[0.0, 0.0], [9.0, 0.0], [18.0, 0.0], [18.5, 0.0], [40.0, 0.0]])
    np.testing.assert_array_equal(apart(places, 10.0), [0, 2, 4])


@pytest.mark.parametrize("per_um2", [2.0, 6.0, 12.0, 20.0])
def test_so_many_pores_as_asked_for_and_none_too_near(per_um2: float) -> None:
    area = ((FIELD_NM + 2 * MARGIN_NM) / 1000) ** 2
    for seed in range(4):
        centres, slopes = _place(np.random.default_rng(seed), FLAT, FIELD_NM, per_um2, 100.0)
        expected = per_um2 * area
        assert len(centres) == pytest.approx(expected, abs=4 * np.sqrt(expected) + 0.01 * expected)
        assert len(cKDTree(centres).query_pairs(129.0)) == 0
        assert not slopes.any()


def test_the_envelope_bends_upwards_at_the_outline_and_ends_there() -> None:
    line = np.column_stack([np.linspace(2500, 4900, 200), np.full(200, 2500.0)])
    height, stretch = ROUND.height(line), ROUND.stretch(line)
    assert height[0] == pytest.approx(-100)
    there = stretch > 0
    assert (np.diff(height[there]) >= 0).all()
    assert line[there][-1, 0] < 2500 + ROUND.radius_nm
    steepest = np.linalg.norm(ROUND.slope(line[there]), axis=1).max()
    assert 0.7 * STEEPEST < steepest < 1.1 * STEEPEST
    assert (line[there][:, 0] > 2900).all()  # no pores on the island


def test_pores_are_as_dense_on_the_steep_rim_as_on_the_flat() -> None:
    xy, area = ROUND.scatter(np.random.default_rng(5), 0.0, FIELD_NM, 400.0)
    assert len(xy) == pytest.approx(400 * area, rel=0.05)
    steep = np.linalg.norm(ROUND.slope(xy), axis=1) > 1
    # The slope is 1 at 45 degrees: from there to 76 degrees on a quarter circle turned about
    # the nucleus' axis (Pappus: arc times the way of its centroid).
    from_angle, to_angle = np.pi / 4, np.arctan(STEEPEST)
    arc = 1.5 * (to_angle - from_angle)
    centroid = 0.7 + 1.5 * (np.cos(from_angle) - np.cos(to_angle)) / (to_angle - from_angle)
    assert steep.sum() == pytest.approx(400 * 2 * np.pi * centroid * arc, rel=0.06)


def test_every_drawn_envelope_lies_within_reach_of_the_field() -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        envelope = draw_envelope(rng, FIELD_NM)
        _, area = envelope.scatter(rng, 0.0, FIELD_NM, 40.0)
        assert area > 0.2


def test_labels_are_bound_to_single_copies() -> None:
    tag = _Label(efficiency=0.4, uneven=0.0, more=0.0, spread_nm=2.0)
    labels = tag.count(np.random.default_rng(0), (2000, 32))
    assert set(np.unique(labels)) == {0, 1}
    assert labels.mean() == pytest.approx(0.4, abs=0.01)
    corners = labels.reshape(2000, 8, 4).any(axis=2)
    assert 1 - corners.mean() == pytest.approx(0.6**4, abs=0.015)  # dark corners


def test_antibodies_carry_several_dyes_and_pores_differ() -> None:
    label = _Label(efficiency=0.5, uneven=0.4, more=1.0, spread_nm=7.0)
    labels = label.count(np.random.default_rng(0), (3000, 32))
    assert labels[labels > 0].mean() == pytest.approx(2.0, abs=0.05)
    bound = (labels > 0).mean(axis=1)
    assert bound.std() > 1.5 * np.sqrt(0.5 * 0.5 / 32)


@pytest.mark.parametrize("seed", range(6))
def test_truth_holds_the_labelled_pores_and_no_others(seed: int) -> None:
    pores = NUCLEAR_PORES.draw(
        np.random.default_rng(seed), FIELD_NM, StructureOptions(amount_per_um2=3.0)
    )
    rings = pores.truth.rings
    tree = cKDTree(pores.xy_nm)
    reach = rings[:, 2] * 1.6 + 10
    labelled = tree.query_ball_point(rings[:, :2], reach, return_length=True)
    assert (labelled > 0).all()
    distance, _ = cKDTree(rings[:, :2]).query(pores.xy_nm)
    assert (distance < reach.max()).all()
    inside = ((rings[:, :2] >= 0) & (rings[:, :2] < FIELD_NM)).all(axis=1)
    assert pores.amount == inside.sum() > 0
    assert not pores.truth.centre_lines
    assert pores.truth.period_nm is None


def test_sparse_label_leaves_pores_dark() -> None:
    counts = []
    for seed in range(40):
        pores = NUCLEAR_PORES.draw(np.random.default_rng(seed), FIELD_NM, StructureOptions())
        tree = cKDTree(pores.xy_nm)
        near = tree.query_ball_point(pores.truth.rings[:, :2], 100.0, return_length=True)
        counts += [int(near.min())] if len(near) else []
    assert min(counts) <= 2  # and yet none is 0: those are not in the truth
    assert min(counts) >= 1


def test_the_true_radius_is_that_of_the_labels_seen() -> None:
    differences = []
    for seed in range(8):
        pores = NUCLEAR_PORES.draw(
            np.random.default_rng(seed), FIELD_NM, StructureOptions(amount_per_um2=2.0)
        )
        tree = cKDTree(pores.truth.rings[:, :2])
        distance, ring = tree.query(pores.xy_nm)
        lone = np.linalg.norm(tree.query(tree.data, k=2)[0], axis=1) > 260
        seen = lone[ring]
        differences.append((distance - pores.truth.rings[ring, 2])[seen].mean())
    assert np.abs(differences).max() < 3.0


def test_a_field_without_structure_is_empty() -> None:
    pores = NUCLEAR_PORES.draw(
        np.random.default_rng(0), FIELD_NM, StructureOptions(empty_share=1.0, depth=True)
    )
    assert pores.amount == 0
    assert pores.truth.rings.shape == (0, 3)
    assert pores.label(np.random.default_rng(1), 50.0).shape == (0, 3)
    assert pores.labels_per_unit is None
    grid = Grid.over((0, 0, 500, 500), 20.0)
    assert not pores.rate(grid, 10.0, Focus(400.0)).any()


def test_the_same_seed_gives_the_same_pores() -> None:
    first, second = (
        NUCLEAR_PORES.draw(np.random.default_rng(7), FIELD_NM, StructureOptions(depth=True))
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.xy_nm, second.xy_nm)
    np.testing.assert_array_equal(first.z_nm, second.z_nm)
    np.testing.assert_array_equal(first.truth.rings, second.truth.rings)
    assert first.amount == second.amount
    other = NUCLEAR_PORES.draw(np.random.default_rng(8), FIELD_NM, StructureOptions(depth=True))
    assert len(other.mass) != len(first.mass)


def test_labels_are_as_many_as_bound_and_the_rate_has_their_mass() -> None:
    pores = NUCLEAR_PORES.draw(
        np.random.default_rng(4), FIELD_NM, StructureOptions(amount_per_um2=4.0)
    )
    labels = pores.label(np.random.default_rng(0), 3.0)
    assert len(labels) == pores.mass.sum()
    assert pores.labels_per_unit == pytest.approx(len(labels) / pores.amount)
    inside = ((labels[:, :2] >= 0) & (labels[:, :2] < FIELD_NM)).all(axis=1).sum()
    rate = pores.rate(Grid.over((0, 0, FIELD_NM, FIELD_NM), 20.0), 10.0, None)
    assert rate.dtype == np.float32
    assert rate.sum() == pytest.approx(inside, rel=0.02)


def test_only_with_depth_pores_leave_the_focal_plane() -> None:
    for seed in range(5):
        flat, deep = (
            NUCLEAR_PORES.draw(np.random.default_rng(seed), FIELD_NM, StructureOptions(depth=depth))
            for depth in (False, True)
        )
        assert not flat.z_nm.any()
        assert deep.z_nm.std() > 5
        np.testing.assert_array_equal(flat.xy_nm, deep.xy_nm)


def test_the_smallest_field_works() -> None:
    pores = NUCLEAR_PORES.draw(
        np.random.default_rng(1), 300.0, StructureOptions(amount_per_um2=10.0)
    )
    assert np.isfinite(pores.xy_nm).all()


def test_a_field_may_hold_no_pore_by_chance() -> None:
    options = StructureOptions(amount_per_um2=0.02, depth=True)
    fields = [NUCLEAR_PORES.draw(np.random.default_rng(s), 1000.0, options) for s in range(20)]
    without = [field for field in fields if not len(field.truth.rings)]
    assert len(without) > 10
    assert all(field.amount == 0 and not len(field.xy_nm) for field in without)


def test_more_pores_than_an_envelope_holds_are_refused() -> None:
    options = StructureOptions(amount_per_um2=20.1)
    with pytest.raises(InvalidValueError, match=r"amount_per_um2 is 20.1, .* at most 20 for nuc"):
        NUCLEAR_PORES.draw(np.random.default_rng(0), FIELD_NM, options)


def test_every_scene_has_one_nucleoporin() -> None:
    assert sum(nup.share for nup in NUPS) == pytest.approx(1.0)
