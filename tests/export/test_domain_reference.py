"""The reference of simulated fields: drawn alike each time, fitted, and checked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from typer.testing import CliRunner

from annapalm.domain.fingerprint import FEATURES
from annapalm.domain.reference import NO_STRUCTURE
from annapalm_export.cli import app
from annapalm_export.domain import Sample, fit, tables
from annapalm_export.domain.check import BACKGROUND, RANDOM, Verdict, _check_background, judge_field
from annapalm_export.domain.sample import CLASSES, load_samples, samples_of, save_samples
from annapalm_export.evaluate.suites.suite import in_distribution
from annapalm_export.seeds import THRESHOLD_SEEDS
from annapalm_export.simulate.structures import STRUCTURES

if TYPE_CHECKING:
    from pathlib import Path


def made_up(number: int, seed: int, apart: float = 8.0) -> list[Sample]:
    """Fingerprints of Gaussians, those of each class `apart` from the next one."""
    rng = np.random.default_rng(seed)
    samples = []
    for k, name in enumerate(CLASSES):
        mean = np.zeros(len(FEATURES))
        mean[k] = apart
        for scene in range(number):
            density = float(np.exp(rng.uniform(0, 5)))
            # The mean wanders with the density, as it does in simulated fields.
            values = mean + 0.3 * np.log(density) + rng.normal(0, 1, len(FEATURES))
            samples.append(Sample(name, scene, 10.0, density, values))
    return samples


def test_the_limits_hold_on_samples_that_were_not_fitted() -> None:
    reference = fit(made_up(400, seed=0))
    fresh = made_up(400, seed=1)
    within = []
    for sample in fresh:
        own = CLASSES.index(sample.structure)
        distances = reference.distances(sample.values, sample.density_per_um2)
        within.append(distances[own] <= reference.distance_limit[own])
        assert int(np.argmin(reference.unlikeliness(distances))) == own
    assert np.mean(within) == pytest.approx(0.99, abs=0.01)
    assert (reference.likelihood_limit >= 4).all()


def test_beyond_the_densities_seen_the_nearest_mean_is_taken() -> None:
    reference = fit(made_up(100, seed=0))
    values = np.zeros(len(FEATURES))
    high = reference.density_per_um2[:, 1].max()
    np.testing.assert_array_equal(
        reference.distances(values, high * 10), reference.distances(values, high * 1000)
    )


@pytest.mark.parametrize("name", ["nuclear pores", NO_STRUCTURE])
def test_a_scene_gives_the_same_fingerprints_each_time(name: str) -> None:
    one, two = (list(samples_of(name, 2_500_005)) for _ in range(2))
    assert one
    assert all(sample.structure == name for sample in one)
    for a, b in zip(one, two, strict=True):
        assert (a.seed, a.density, a.density_per_um2) == (b.seed, b.density, b.density_per_um2)
        np.testing.assert_array_equal(a.values, b.values)


def test_a_usual_field_is_asked_for_in_every_way() -> None:
    suite = in_distribution("nuclear pores")
    condition = suite.conditions[0]
    _, scene = next(condition.fields(20.0, THRESHOLD_SEEDS))
    found = {(v.condition, v.asked): v for v in judge_field(suite.label, condition, scene)}
    assert len(found) == 2 * (len(CLASSES) - 1)
    assert not found["nuclear pores", "nuclear pores"].unlike
    assert found["nuclear pores", "actin"].mistaken_for == "nuclear pores"
    assert found[RANDOM, "nuclear pores"].mistaken_for == NO_STRUCTURE


def test_background_in_bursts_is_noticed_where_it_would_be_drawn() -> None:
    found = _check_background(None, THRESHOLD_SEEDS[0])
    assert {v.condition for v in found} == {BACKGROUND}
    assert {v.density for v in found} == {None}
    full = [v for v in found[-len(STRUCTURES) :] if v.asked in ("actin", "spectrin")]
    assert [v.withheld for v in full] == [True, True]


def test_the_tables_give_shares_of_what_could_be_judged() -> None:
    def said(condition: str, asked: str, *, judged: bool = True, unlike: bool = False) -> Verdict:
        return Verdict("s", condition, condition, asked, 5.0, judged, unlike, None)

    text = tables(
        [
            said("actin", "actin"),
            said("actin", "actin", unlike=True),
            said("actin", "actin", judged=False),
            said("actin, far", "actin", unlike=True),
        ]
    )
    assert "| actin | – | – | 50% of 2 | – | – |" in text  # noqa: RUF001 - a dash
    assert "| s | actin, far | 5 | 100% of 1 |" in text
    assert "nothing is drawn\n\n| shows" in text
    assert "| actin | 0 of 0 | 0 of 0 | 0 of 2 | 0 of 0 | 0 of 0 |" in text
    assert "Of the shifted fields: 0 of 1.\n" in text
    noise = replace(said("actin, far", "actin", unlike=True), withheld=True)
    assert "Of the shifted fields: 1 of 1.\n" in tables([said("actin", "actin"), noise])


def test_too_few_scenes_are_a_usage_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["domain", "fit", "-o", f"{tmp_path}/r.npz", "--scenes", "3"])
    assert result.exit_code == 2
    assert "--scenes" in result.output
    assert not list(tmp_path.iterdir())


def test_samples_survive_their_file(tmp_path: Path) -> None:
    samples = made_up(3, seed=0)
    samples[0] = replace(samples[0], density=None)
    save_samples(samples, tmp_path / "samples.npz")
    for before, after in zip(samples, load_samples(tmp_path / "samples.npz"), strict=True):
        assert (after.structure, after.seed, after.density) == (
            before.structure,
            before.seed,
            before.density,
        )
        np.testing.assert_array_equal(after.values, before.values)
