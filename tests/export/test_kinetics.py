"""Kinetics and structures: what the presets give, and what a geometry of points means."""

from __future__ import annotations

import numpy as np
import pytest

from annapalm.errors import InvalidValueError
from annapalm.grid import Grid
from annapalm_export.simulate import SceneOptions, simulate_scene
from annapalm_export.simulate.kinetics import KINETICS, kinetics_named
from annapalm_export.simulate.photophysics import blink
from annapalm_export.simulate.structures import STRUCTURES, structure_named
from annapalm_export.simulate.structures.geometry import Points, StructureOptions, Truth

FRAMES = 20_000


@pytest.mark.parametrize("name", list(KINETICS))
def test_a_preset_draws_within_its_ranges(name: str) -> None:
    preset = kinetics_named(name)
    for seed in range(40):
        drawn = preset.draw(np.random.default_rng(seed), FRAMES, 500.0, 25.0)
        assert preset.frames_per_burst[0] <= drawn.frames_per_burst <= preset.frames_per_burst[1]
        assert preset.bursts[0] <= drawn.bursts_per_emitter <= preset.bursts[1]
        assert preset.photons[0] <= drawn.photons <= preset.photons[1]
        assert preset.dark_frames[0] <= drawn.dark_frames <= preset.dark_frames[1]
        assert drawn.stationary is (name == "paint")


def test_labels_are_not_sparser_than_said() -> None:
    """20 localizations per emitter at most where 500 per unit come from at least 25 emitters."""
    for seed in range(40):
        drawn = KINETICS["any"].draw(np.random.default_rng(seed), FRAMES, 500.0, 25.0)
        assert drawn.localizations_per_emitter <= 20.0 + 1e-9


def test_counted_labels_give_the_localizations_that_were_asked_for() -> None:
    for seed in range(20):
        drawn = KINETICS["paint"].draw(np.random.default_rng(seed), FRAMES, 600.0, 10.0, exact=True)
        assert drawn.localizations_per_emitter == pytest.approx(60.0)


def test_paint_never_bleaches_and_dstorm_does() -> None:
    emitters = np.zeros((4000, 2))
    shares = {}
    for name in ("paint", "dstorm"):
        rng = np.random.default_rng(5)
        drawn = KINETICS[name].draw(rng, FRAMES, 500.0, 25.0)
        events = blink(rng, emitters, drawn)
        tenth = np.histogram(events.frame, bins=10, range=(0, FRAMES))[0] / len(events.frame)
        shares[name] = tenth
        assert events.frame.max() < FRAMES
    assert shares["paint"] == pytest.approx([0.1] * 10, abs=0.01)
    assert np.ptp(shares["dstorm"]) > 0.03


@pytest.mark.parametrize(
    ("problem", "options"),
    [
        ("structure is 'cilia', but it must be one of microtubules", {"structure": "cilia"}),
        ("kinetics is 'slow', but it must be one of any, palm", {"kinetics": "slow"}),
    ],
)
def test_names_that_do_not_exist_are_refused_before_anything_is_simulated(
    problem: str, options: dict[str, str]
) -> None:
    with pytest.raises(InvalidValueError, match=problem):
        SceneOptions(**options)  # type: ignore[arg-type] # only names are given


@pytest.mark.parametrize("empty_share", [-0.1, 1.5])
def test_a_share_beyond_one_is_refused(empty_share: float) -> None:
    with pytest.raises(InvalidValueError, match="empty_share"):
        StructureOptions(empty_share=empty_share)


@pytest.mark.parametrize("amount", [0.0, -2.0, float("inf"), float("nan")])
def test_an_amount_that_is_none_is_refused(amount: float) -> None:
    with pytest.raises(InvalidValueError, match="amount_per_um2"):
        StructureOptions(amount_per_um2=amount)


def points(mass: list[float], *, discrete: bool = False, spread_nm: float = 5.0) -> Points:
    xy = np.column_stack([200.0 + 300.0 * np.arange(len(mass)), np.full(len(mass), 500.0)])
    z = np.arange(len(mass), dtype=float)
    return Points(xy, z, np.asarray(mass), spread_nm, sum(mass), Truth(), discrete)


def test_binding_sites_have_as_many_labels_as_they_say() -> None:
    sites = points([2.0, 0.0, 3.0], discrete=True)
    labels = sites.label(np.random.default_rng(0), 1e9)
    assert labels[:, 2].tolist() == [0.0, 0.0, 2.0, 2.0, 2.0]
    assert sites.labels_per_unit == pytest.approx(1.0)


def test_label_is_spread_by_mass_and_around_each_point() -> None:
    even = points([1.0, 3.0], spread_nm=20.0)
    labels = even.label(np.random.default_rng(0), 5000.0)
    number = np.bincount(labels[:, 2].astype(int))
    assert number == pytest.approx([5000, 15_000], rel=0.05)
    around = labels[labels[:, 2] == 1][:, :2] - even.xy_nm[1]
    assert around.std(axis=0) == pytest.approx([20.0, 20.0], rel=0.05)
    assert even.labels_per_unit is None
    rate = even.rate(Grid.over((0, 0, 1000, 1000), 20.0), 10.0, None)
    assert rate.sum() == pytest.approx(4.0, rel=1e-3)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"mass": np.array([1.0])}, "shapes"),
        ({"mass": np.array([1.0, -1.0])}, "mass"),
        ({"mass": np.array([1.0, np.nan])}, "mass"),
        ({"mass": np.array([1.0, 0.5]), "discrete": True}, "whole numbers"),
        ({"z_nm": np.zeros(3)}, "shapes"),
    ],
)
def test_points_that_do_not_belong_together_are_refused(
    change: dict[str, object], problem: str
) -> None:
    fields: dict[str, object] = {
        "xy_nm": np.zeros((2, 2)),
        "z_nm": np.zeros(2),
        "mass": np.ones(2),
        "spread_nm": 5.0,
        "amount": 2.0,
        "truth": Truth(),
    }
    with pytest.raises(InvalidValueError, match=problem):
        Points(**(fields | change))  # type: ignore[arg-type] # some are wrong on purpose


@pytest.mark.parametrize("name", list(STRUCTURES))
def test_every_structure_becomes_a_scene(name: str) -> None:
    structure = structure_named(name)
    options = SceneOptions(field_um=5.0, frames=5000, empty_share=0.0, structure=name)
    scene = simulate_scene(6, options)
    assert scene.structure == name
    assert scene.unit == structure.unit
    assert scene.amount > 0
    assert scene.from_structure.any()
    assert scene.rate.sum() == pytest.approx(float(scene.from_structure.sum()), rel=1e-3)
    assert scene.widefield is not None
    again = simulate_scene(6, options)
    assert np.array_equal(again.localizations.x_nm, scene.localizations.x_nm)
    empty = simulate_scene(
        6, SceneOptions(field_um=5.0, frames=5000, empty_share=1.0, structure=name)
    )
    assert empty.amount == 0
    assert not empty.from_structure.any()
