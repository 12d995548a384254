"""What a real acquisition adds: focus, light, drift and neighbours, and the truth with them."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from annapalm.grid import Grid
from annapalm.render import render
from annapalm_export.simulate import SceneOptions, simulate_scene
from annapalm_export.simulate.acquisition import (
    Imperfections,
    acquire,
    missed_neighbours,
    remaining_share,
)
from annapalm_export.simulate.draw import draw_rate
from annapalm_export.simulate.focus import Focus
from annapalm_export.simulate.photophysics import Events

FIELD_NM = 4000.0
FRAMES = 1000
NONE = Imperfections(
    drift_nm=0.0,
    dim=1.0,
    centre=(0.5, 0.5),
    focus=Focus(400.0),
    neighbour_nm=0.0,
    missed=0.0,
)


def events_at(emitters_nm: np.ndarray, each: int, precision_nm: float = 10.0) -> Events:
    """Localize every emitter [E, 3] in `each` frames, all over the acquisition."""
    rng = np.random.default_rng(0)
    emitter = np.repeat(np.arange(len(emitters_nm)), each)
    home = emitters_nm[emitter, :2]
    return Events(
        xy_nm=home + rng.normal(0, precision_nm, home.shape),
        frame=rng.integers(0, FRAMES, len(emitter)),
        precision_nm=np.full(len(emitter), precision_nm),
        photons=np.full(len(emitter), 1000.0),
        emitter=emitter,
    )


def run(emitters_nm: np.ndarray, events: Events, imperfections: Imperfections) -> Events:
    rng = np.random.default_rng(1)
    return acquire(rng, events, emitters_nm, imperfections, FIELD_NM, FRAMES)


def test_in_focus_and_evenly_lit_nothing_changes() -> None:
    emitters = np.array([[1000.0, 2000.0, 0.0], [3000.0, 500.0, 0.0]])
    events = events_at(emitters, 50)
    same = run(emitters, events, NONE)
    for field in dataclasses.fields(Events):
        assert np.allclose(getattr(same, field.name), getattr(events, field.name))


def test_out_of_focus_events_are_fewer_and_wider() -> None:
    focus = NONE.focus
    depth = 300.0
    emitters = np.array([[1000.0, 2000.0, depth]])
    seen = run(emitters, events_at(emitters, 20_000), NONE)
    wide = 1 + (depth / 400.0) ** 2
    assert focus.widening(np.array([depth])) == pytest.approx(wide)
    assert focus.detected(np.array([0.0, 600.0])) == pytest.approx([1.0, np.exp(-1)])
    assert len(seen.frame) / 20_000 == pytest.approx(np.exp(-0.25), abs=0.01)
    assert seen.precision_nm == pytest.approx(10.0 * wide)
    assert np.std(seen.xy_nm - emitters[0, :2], axis=0) == pytest.approx([10 * wide] * 2, rel=0.03)


def test_the_dark_corner_is_localized_less_often() -> None:
    lit = dataclasses.replace(NONE, dim=0.4)
    emitters = np.array([[2000.0, 2000.0, 0.0], [0.0, 0.0, 0.0]])
    seen = run(emitters, events_at(emitters, 20_000), lit)
    share = np.bincount(seen.emitter) / 20_000
    assert share == pytest.approx([1.0, 0.4], abs=0.015)


def test_drift_moves_all_events_of_a_frame_alike_and_by_as_much_as_said() -> None:
    emitters = np.array([[1000.0, 2000.0, 0.0], [3000.0, 500.0, 0.0]])
    events = events_at(emitters, 20_000)
    moved = run(emitters, events, dataclasses.replace(NONE, drift_nm=12.0))
    drift = moved.xy_nm - events.xy_nm
    for frame in (3, 500, 998):
        here = drift[events.frame == frame]
        assert np.ptp(here, axis=0) == pytest.approx([0.0, 0.0], abs=1e-9)
    assert np.sqrt(np.mean(drift**2)) == pytest.approx(12.0, rel=0.1)
    assert np.abs(drift.mean(axis=0)).max() < 3.0


def test_neighbours_of_one_frame_are_both_missed_and_those_of_others_not() -> None:
    near = dataclasses.replace(NONE, neighbour_nm=300.0, missed=1.0)
    xy = np.array([[0.0, 0.0], [200.0, 0.0], [0.0, 250.0], [900.0, 0.0]])
    frame = np.array([5, 5, 6, 5])
    lost = missed_neighbours(np.random.default_rng(0), xy, frame, near)
    assert lost.tolist() == [True, True, False, False]
    assert not missed_neighbours(np.random.default_rng(0), xy, frame, NONE).any()
    half = dataclasses.replace(near, missed=0.5)
    many = np.zeros((10_000, 2))
    lost = missed_neighbours(np.random.default_rng(0), many, np.arange(10_000) // 2, half)
    assert lost.mean() == pytest.approx(0.5, abs=0.02)


def test_a_crowded_first_frame_is_searched_where_denormals_are_taken_as_0() -> None:
    # In a process of its own: the tree of neighbours died there of a segmentation fault.
    lines = """
import numpy as np, torch
from annapalm_export.simulate.acquisition import Imperfections, missed_neighbours
from annapalm_export.simulate.focus import Focus
torch.set_flush_denormal(True)
rng = np.random.default_rng(0)
near = Imperfections(0.0, 1.0, (0.5, 0.5), Focus(400.0), neighbour_nm=500.0, missed=1.0)
frame = np.repeat([0, 1], [300, 100])
print(missed_neighbours(rng, rng.uniform(0, 3e3, (400, 2)), frame, near).sum())
"""
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 300


def test_the_share_that_remains_is_measured_where_events_are_lost() -> None:
    grid = Grid.over((0, 0, FIELD_NM, FIELD_NM), 20.0)
    left = np.column_stack([np.full(400, 500.0), np.linspace(0, FIELD_NM, 400)])
    right = left + np.array([3000.0, 0.0])
    lost = np.arange(800) < 200
    lost[100:200] = False  # half of the left line is lost in its first quarter
    share = remaining_share(np.concatenate([left, right]), lost, grid)
    assert share[10, 25] == pytest.approx(0.0, abs=0.02)
    assert share[180, 25] == pytest.approx(1.0, abs=0.02)
    assert share[10, 175] == pytest.approx(1.0, abs=1e-3)


def test_a_deep_structure_is_drawn_as_it_is_localized() -> None:
    grid = Grid.over((0, 0, 2000, 2000), 20.0)
    points = np.array([[1000.0, 1000.0]])
    focus = Focus(400.0)
    flat = draw_rate(points, np.ones(1), grid, 20.0, 10.0)
    assert flat.sum() == pytest.approx(1.0, rel=1e-4)
    z = np.array([400.0])
    deep = draw_rate(points, np.ones(1), grid, 20.0, 10.0, (z, focus))
    assert deep.sum() == pytest.approx(float(focus.detected(z)[0]), rel=1e-4)
    column = np.arange(100) * 20.0 + 10.0
    profile = deep.sum(axis=0) / deep.sum()
    width = np.sqrt(np.sum(profile * (column - 1000.0) ** 2))
    # labels 20 nm, precision 10 x 2 nm, and the pixel's own spread
    assert width == pytest.approx(np.hypot(20, 20), rel=0.1)
    gone = draw_rate(points, np.zeros(1), grid, 20.0, 10.0, (z, focus))
    assert not gone.any()


@pytest.mark.parametrize("kinetics", ["palm", "dstorm", "paint"])
def test_the_truth_of_an_imperfect_scene_is_what_its_localizations_show(kinetics: str) -> None:
    options = SceneOptions(
        field_um=6.0, frames=20_000, empty_share=0.0, kinetics=kinetics, imperfect=True
    )
    scene = simulate_scene(11, dataclasses.replace(options, amount_per_um2=1.0))
    seen, _ = render(scene.localizations.select(scene.from_structure), scene.grid)
    assert scene.rate.sum() == pytest.approx(float(seen.sum()), rel=1e-3)
    one, other = (gaussian_filter(image, 4.0) for image in (seen, scene.rate))
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.9


def test_imperfections_keep_the_structure_of_a_seed() -> None:
    options = SceneOptions(field_um=4.0, frames=2000, empty_share=0.0, amount_per_um2=2.0)
    plain, imperfect = (
        simulate_scene(3, dataclasses.replace(options, imperfect=flaw)) for flaw in (False, True)
    )
    assert plain.amount == imperfect.amount
    for one, other in zip(plain.truth.centre_lines, imperfect.truth.centre_lines, strict=True):
        assert np.array_equal(one, other)
    assert len(imperfect.localizations) < len(plain.localizations)
    assert plain.parameters["drift_nm"] == 0.0
