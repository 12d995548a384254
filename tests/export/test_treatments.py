"""Drugs in simulation: what they change, and that a control is what it always was."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annapalm.errors import InvalidValueError
from annapalm_export.simulate import SceneOptions, simulate_scene
from annapalm_export.simulate.filaments import Filaments, grow
from annapalm_export.simulate.structures import structure_named
from annapalm_export.simulate.structures.geometry import StructureOptions
from annapalm_export.simulate.treatments import SPARSE_MESH, TREATMENTS, Treatment

if TYPE_CHECKING:
    from numpy.typing import NDArray

BEFORE = {
    "microtubules": "f4e8ba16b5702a70",
    "nuclear pores": "121de7e982564a43",
    "actin": "05276ae99c869b44",
    "mitochondria": "d5d0fcc23865aa81",
    "spectrin": "b0eb55989b2b7dc1",
}
"""Of seed 7, made before there were treatments: released suites depend on what a seed gives."""


@pytest.mark.parametrize("structure", BEFORE)
def test_a_control_is_the_scene_that_its_seed_always_gave(structure: str) -> None:
    options = SceneOptions(4.0, 2000, 0.0, with_widefield=False, structure=structure)
    scene = simulate_scene(7, replace(options, imperfect=True))
    locs = scene.localizations
    # To a thousandth of a nm: the last bits of sin and exp differ between computers.
    parts = (locs.frame, np.round(locs.x_nm, 3), np.round(locs.y_nm, 3), scene.from_structure)
    digest = hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()
    assert digest[:16] == BEFORE[structure]


def _turns(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    moves = np.diff(xy, axis=1)
    angle = np.unwrap(np.arctan2(moves[..., 1], moves[..., 0]), axis=1)
    return np.abs(np.diff(angle, axis=1))


def _grown(seed: int, per_um: float = 2.0, **factors: float) -> Filaments:
    return grow(np.random.default_rng(seed), 10_000.0, per_um, **factors)


def test_a_factor_on_the_amount_makes_microtubules_fewer() -> None:
    full, half = (
        np.mean([_grown(seed, n).length_um(10_000.0) for seed in range(60)]) for n in (2.0, 1.0)
    )
    assert 0.35 < half / full < 0.65


def test_a_factor_on_the_length_makes_them_shorter() -> None:
    usual, short = (
        np.mean([_grown(seed, length=f).inside.sum(axis=1).mean() for seed in range(20)])
        for f in (1.0, 0.5)
    )
    assert 0.3 < short / usual < 0.8


def test_a_factor_on_the_bend_makes_them_more_curved() -> None:
    usual, bent = (
        np.mean([np.median(_turns(_grown(seed, bend=f).xy_nm)) for seed in range(20)])
        for f in (1.0, 2.0)
    )
    assert 1.6 < bent / usual <= 2.0 + 1e-6


def test_all_fields_are_curved_alike_where_a_curvature_is_asked_for() -> None:
    def typical(curvature: float | None) -> list[float]:
        grown = [
            grow(np.random.default_rng(seed), 10_000.0, 2.0, curvature_per_um=curvature)
            for seed in range(12)
        ]
        # The straighter filaments: the others may be companions, which wander beside a filament.
        turns = [np.median(_turns(one.xy_nm), axis=1) for one in grown]
        return [float(np.quantile(one, 0.25)) for one in turns]

    drawn, alike, twice = typical(None), typical(0.15), typical(0.3)
    assert max(drawn) > 5 * min(drawn)
    assert max(alike) < 1.7 * min(alike)
    assert np.allclose(np.divide(twice, alike), 2.0, rtol=0.05)


def test_a_curvature_is_of_microtubules_and_not_sharper_than_is_simulated() -> None:
    with pytest.raises(InvalidValueError, match="of microtubules alone"):
        SceneOptions(structure="actin", curvature_per_um=0.1)
    for value in (0.0, -0.1, 2.1, np.nan):
        with pytest.raises(InvalidValueError, match="above 0 and at most 2"):
            StructureOptions(curvature_per_um=value)


def test_a_sparse_mesh_leaves_less_line() -> None:
    structure = structure_named("actin")
    amounts = [
        sum(
            structure.draw(np.random.default_rng(seed), 6000.0, options).amount for seed in range(6)
        )
        for options in (StructureOptions(), StructureOptions(treatment=SPARSE_MESH))
    ]
    assert amounts[1] < 0.75 * amounts[0]


def test_a_treatment_is_for_its_structure() -> None:
    assert SceneOptions(treatment="depolymerized").treatment == "depolymerized"
    wrong = {"actin": "depolymerized", "microtubules": "lamin", "spectrin": ""}
    for structure, name in wrong.items():
        with pytest.raises(InvalidValueError, match=r"treatment is .* one of control"):
            SceneOptions(structure=structure, treatment=name)


def test_factors_are_above_0() -> None:
    for value in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(InvalidValueError, match="bend is"):
            Treatment("none", bend=value)
    assert set(TREATMENTS) == {"control", "bent", "depolymerized", "sparse mesh"}
