"""Simulated spectrin: rings at one period around axons, seen in projection, the truth agrees."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from annapalm.errors import InvalidValueError
from annapalm.grid import Grid
from annapalm_export.simulate.filaments import STEP_NM, Filaments
from annapalm_export.simulate.focus import Focus
from annapalm_export.simulate.structures.geometry import StructureOptions
from annapalm_export.simulate.structures.spectrin import (
    RADIUS_NM,
    SPECTRIN,
    _lay,
    _Neurites,
    _ring_labels,
)

FIELD_NM = 5000.0


def _straight(radius_nm: float, *, axons: int = 1, dendrites: int = 0) -> _Neurites:
    """Neurites of 12 µm along x, 3 µm apart, axons first."""
    count, steps = axons + dendrites, 301
    x = np.broadcast_to(np.arange(steps) * STEP_NM, (count, steps))
    y = np.broadcast_to(3000.0 * np.arange(count)[:, None], (count, steps))
    axes = Filaments(
        np.stack([x, y], axis=-1),
        np.ones((count, steps), dtype=bool),
        np.full((count, steps), 50.0),
    )
    return _Neurites(axes, np.full((count, steps), radius_nm), np.arange(count) < axons)


def _autocorrelation(along: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Autocorrelation of the label along the axis in steps of 5 nm, 1 at 0."""
    profile, _ = np.histogram(along, np.arange(500, 11_500, 5.0), weights=mass)
    profile = profile - profile.mean()
    full = np.correlate(profile, profile, "full")[len(profile) - 1 :]
    correlated: np.ndarray = full / full[0]
    return correlated


def _peak_nm(along: np.ndarray, mass: np.ndarray) -> float:
    """First maximum of the smoothed autocorrelation, from 130 to 270 nm."""
    smooth = np.convolve(_autocorrelation(along, mass), np.ones(7) / 7, "same")
    return float(np.argmax(smooth[26:55]) + 26) * 5


@pytest.mark.parametrize("period", [180.0, 190.0, 200.0])
def test_label_repeats_along_the_axis_at_the_period(period: float) -> None:
    peaks = []
    for seed in range(9):
        points, mass = _ring_labels(np.random.default_rng(seed), _straight(300.0), period)
        peaks.append(_peak_nm(points[:, 0], mass))
    assert np.median(peaks) == pytest.approx(period, abs=6)


def test_the_period_is_in_the_truth_of_whole_fields() -> None:
    found = []
    for seed in range(12):
        spectrin = SPECTRIN.draw(
            np.random.default_rng(seed), 12_000.0, StructureOptions(amount_per_um2=0.1)
        )
        line = max(spectrin.truth.centre_lines, key=len)
        distance, step = cKDTree(line).query(spectrin.xy_nm)
        near = (distance < 1000) & (step > 0) & (step < len(line) - 1)
        at = step[near]
        tangent = (line[at + 1] - line[at - 1]) / (2 * STEP_NM)
        along = at * STEP_NM + ((spectrin.xy_nm[near] - line[at]) * tangent).sum(axis=1)
        found.append(_peak_nm(along, spectrin.mass[near]) - (spectrin.truth.period_nm or 0))
    assert abs(np.median(found)) < 8


def test_dendrites_have_no_period_and_are_dimmer() -> None:
    dimmer, periodic = [], []
    for seed in range(12):
        neurites = _straight(300.0, axons=1, dendrites=1)
        points, mass = _ring_labels(np.random.default_rng(seed), neurites, 190.0)
        dendrite = points[:, 1] > 1500
        dimmer.append(mass[dendrite].sum() / mass[~dendrite].sum())
        order = _autocorrelation(points[dendrite, 0], mass[dendrite])
        periodic.append(order[36:41].mean())
    assert np.median(dimmer) < 0.8
    assert abs(np.median(periodic)) < 0.05


def test_rings_lie_on_the_tube_and_are_bright_at_its_edges_in_projection() -> None:
    for seed in range(4):
        points, mass = _ring_labels(np.random.default_rng(seed), _straight(400.0), 190.0)
        y, z = points[:, 1], points[:, 2] - 50
        np.testing.assert_allclose(np.hypot(y, z), 400.0, atol=1e-6)
        # A projected ring has the density 1 / sqrt(1 - (y / r)²): two thirds beyond half.
        outer = mass[np.abs(y) > 200].sum() / mass.sum()
        assert outer == pytest.approx(2 / 3, abs=0.03)


def test_the_mean_mass_of_axons_is_their_length() -> None:
    for seed in range(4):
        neurites = _straight(200.0, axons=3)
        _, mass = _ring_labels(np.random.default_rng(seed), neurites, 190.0)
        assert mass.sum() == pytest.approx(3 * 301 * STEP_NM / 1000)


def test_a_thicker_axon_carries_more_label() -> None:
    ratio = []
    for seed in range(30):
        neurites = _straight(200.0, axons=2)
        neurites.radius_nm[1] = 800.0
        points, mass = _ring_labels(np.random.default_rng(seed), neurites, 190.0)
        ratio.append(mass[points[:, 1] > 1500].sum() / mass[points[:, 1] < 1500].sum())
    assert np.median(ratio) == pytest.approx(4.0, rel=0.4)


@pytest.mark.parametrize("seed", range(6))
def test_amount_is_the_length_of_the_true_axes_in_the_field(seed: int) -> None:
    spectrin = SPECTRIN.draw(np.random.default_rng(seed), FIELD_NM, StructureOptions())
    length = 0.0
    for line in spectrin.truth.centre_lines:
        middle = (line[1:] + line[:-1]) / 2
        inside = ((middle >= 0) & (middle < FIELD_NM)).all(axis=1)
        length += np.linalg.norm(np.diff(line, axis=0), axis=1)[inside].sum() / 1000
    assert spectrin.amount > 0
    assert spectrin.amount == pytest.approx(length, abs=0.1 + 0.02 * length)
    assert 180 <= (spectrin.truth.period_nm or 0) <= 200
    assert len(spectrin.truth.rings) == 0


@pytest.mark.parametrize("per_um", [0.3, 1.0, 3.0])
def test_so_much_axon_as_asked_for_on_average(per_um: float) -> None:
    lengths = [
        _lay(np.random.default_rng(seed), FIELD_NM, per_um).axons().length_um(FIELD_NM)
        for seed in range(60)
    ]
    assert np.mean(lengths) / (FIELD_NM / 1000) ** 2 == pytest.approx(per_um, rel=0.2)


def test_axons_keep_to_their_diameters_and_do_not_kink() -> None:
    for seed in range(12):
        neurites = _lay(np.random.default_rng(seed), FIELD_NM, 0.5)
        assert neurites.radius_nm.min() >= RADIUS_NM[0]
        assert neurites.radius_nm.max() <= RADIUS_NM[1]
        step = np.diff(neurites.axes.xy_nm, axis=1)
        np.testing.assert_allclose(np.linalg.norm(step, axis=-1), STEP_NM, rtol=1e-9)
        turn = (step[:, 1:] * step[:, :-1]).sum(axis=-1) / STEP_NM**2
        assert np.arccos(np.clip(turn, -1, 1)).max() <= 0.5 * STEP_NM / 1000 + 1e-6


def test_labels_lie_within_the_axons() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        neurites = _lay(rng, FIELD_NM, 0.3)
        points, _ = _ring_labels(rng, neurites, 190.0)
        line = neurites.axes.xy_nm.reshape(-1, 2)
        distance, _ = cKDTree(line).query(points[:, :2])
        assert distance.max() < neurites.radius_nm.max() + STEP_NM


def test_some_scenes_have_dendrites_and_the_truth_leaves_them_out() -> None:
    scenes = [_lay(np.random.default_rng(seed), FIELD_NM, 0.3) for seed in range(40)]
    with_dendrites = [scene for scene in scenes if not scene.is_axon.all()]
    assert 2 <= len(with_dendrites) <= 20
    for scene in with_dendrites:
        assert len(scene.axons().xy_nm) == scene.is_axon.sum() < len(scene.is_axon)


def test_a_field_without_structure_is_empty() -> None:
    spectrin = SPECTRIN.draw(
        np.random.default_rng(0), FIELD_NM, StructureOptions(empty_share=1.0, depth=True)
    )
    assert spectrin.amount == 0
    assert not spectrin.truth.centre_lines
    assert spectrin.label(np.random.default_rng(1), 50.0).shape == (0, 3)
    assert not spectrin.rate(Grid.over((0, 0, 500, 500), 20.0), 10.0, Focus(400.0)).any()


def test_the_same_seed_gives_the_same_axons() -> None:
    first, second = (
        SPECTRIN.draw(np.random.default_rng(7), FIELD_NM, StructureOptions(depth=True))
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.xy_nm, second.xy_nm)
    np.testing.assert_array_equal(first.z_nm, second.z_nm)
    np.testing.assert_array_equal(first.mass, second.mass)
    assert first.amount == second.amount
    other = SPECTRIN.draw(np.random.default_rng(8), FIELD_NM, StructureOptions(depth=True))
    assert other.amount != first.amount


def test_labels_are_as_many_as_the_mass_says_and_the_rate_has_it() -> None:
    spectrin = SPECTRIN.draw(
        np.random.default_rng(3), FIELD_NM, StructureOptions(amount_per_um2=0.8)
    )
    labels = spectrin.label(np.random.default_rng(0), 300.0)
    expected = 300 * spectrin.mass.sum()
    assert len(labels) == pytest.approx(expected, abs=5 * np.sqrt(expected))
    inside = ((labels[:, :2] >= 0) & (labels[:, :2] < FIELD_NM)).all(axis=1).sum()
    rate = spectrin.rate(Grid.over((0, 0, FIELD_NM, FIELD_NM), 20.0), 10.0, None)
    assert rate.dtype == np.float32
    assert 300 * rate.sum() == pytest.approx(inside, rel=0.05)


def test_only_with_depth_rings_leave_the_focal_plane() -> None:
    for seed in range(5):
        flat, deep = (
            SPECTRIN.draw(np.random.default_rng(seed), FIELD_NM, StructureOptions(depth=depth))
            for depth in (False, True)
        )
        assert not flat.z_nm.any()
        assert np.ptp(deep.z_nm) > 1.5 * RADIUS_NM[0]
        np.testing.assert_array_equal(flat.xy_nm, deep.xy_nm)


def test_the_smallest_field_works() -> None:
    spectrin = SPECTRIN.draw(np.random.default_rng(1), 300.0, StructureOptions())
    assert spectrin.amount > 0
    assert np.isfinite(spectrin.xy_nm).all()


def test_more_axon_than_a_field_holds_is_refused() -> None:
    options = StructureOptions(amount_per_um2=3.1)
    with pytest.raises(InvalidValueError, match=r"amount_per_um2 is 3.1, .* at most 3 for spec"):
        SPECTRIN.draw(np.random.default_rng(0), FIELD_NM, options)
