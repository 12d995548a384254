"""The simulator: known truth, consistent with itself, and blinking as real acquisitions do."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.spatial import cKDTree

from annapalm.grid import Grid
from annapalm.read import read_table
from annapalm.render import render
from annapalm.widefield import read_widefield
from annapalm_export.simulate import Scene, SceneOptions, simulate_scene
from annapalm_export.simulate.filaments import grow
from annapalm_export.simulate.files import ExistingOutputError, block_of_density, write_scene
from annapalm_export.simulate.labelling import noise_free_rate, unevenness
from annapalm_export.simulate.photophysics import Photophysics, blink

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

OPTIONS = SceneOptions(field_um=6.0, frames=5000, empty_share=0.0, amount_per_um2=2.0)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return simulate_scene(7, OPTIONS)


def test_the_same_seed_gives_the_same_scene(scene: Scene) -> None:
    again = simulate_scene(7, OPTIONS)
    np.testing.assert_array_equal(again.localizations.x_nm, scene.localizations.x_nm)
    np.testing.assert_array_equal(again.rate, scene.rate)
    assert again.widefield is not None
    assert scene.widefield is not None
    np.testing.assert_array_equal(again.widefield.pixels, scene.widefield.pixels)


def test_another_seed_gives_another_scene(scene: Scene) -> None:
    assert len(simulate_scene(8, OPTIONS).localizations) != len(scene.localizations)


def test_structural_localizations_lie_on_the_true_filaments(scene: Scene) -> None:
    lines = np.concatenate(scene.truth.centre_lines)
    locs = scene.localizations
    places = np.column_stack([locs.x_nm, locs.y_nm])[scene.from_structure]
    distance, _ = cKDTree(lines).query(places)
    spread = math.hypot(scene.parameters["label_spread_nm"], scene.parameters["precision_nm"])
    assert np.median(distance) < 1.5 * spread


def test_the_noise_free_rate_is_what_the_localizations_are_drawn_from(scene: Scene) -> None:
    structure = scene.localizations.select(scene.from_structure)
    counts, _ = render(structure, scene.grid)
    # Summed over 0.6 µm the noise of single emitters averages out.
    blocks = [image.reshape(10, 30, 10, 30).sum((1, 3)) for image in (counts, scene.rate)]
    assert np.corrcoef(blocks[0].ravel(), blocks[1].ravel())[0, 1] > 0.97
    assert scene.rate.sum() == pytest.approx(counts.sum(), rel=1e-3)


def test_the_rate_of_an_even_label_sums_to_the_length_in_the_field() -> None:
    rng = np.random.default_rng(3)
    filaments = grow(rng, 6000.0, per_um=2.0)
    grid = Grid.over((0, 0, 6000, 6000), 20.0)
    rate = noise_free_rate(filaments, filaments.inside.astype(float), grid, spread_nm=20.0)
    assert rate.sum() == pytest.approx(filaments.length_um(6000.0), rel=0.02)


def test_labelling_is_uneven_but_keeps_its_mean() -> None:
    rng = np.random.default_rng(4)
    filaments = grow(rng, 6000.0, per_um=3.0)
    weight = unevenness(rng, filaments)
    assert weight[filaments.inside].mean() == pytest.approx(1.0)
    assert weight[filaments.inside].std() > 0.05
    assert not weight[~filaments.inside].any()


def _physics(bursts: float, per_burst: float, decay: float = math.inf) -> Photophysics:
    return Photophysics(20_000, bursts, per_burst, 200.0, decay, 1000.0, 10.0)


def test_emitters_blink_in_bursts_clustered_in_time() -> None:
    rng = np.random.default_rng(5)
    events = blink(rng, np.zeros((2000, 2)), _physics(bursts=4.0, per_burst=2.5))
    per_emitter = np.bincount(events.emitter, minlength=2000)
    assert per_emitter.mean() == pytest.approx(10.0, rel=0.1)
    # Geometric numbers of geometric bursts: far more scattered than a random thinning.
    assert per_emitter.var() / per_emitter.mean() > 5
    order = np.lexsort((events.frame, events.emitter))
    same = np.diff(events.emitter[order]) == 0
    gaps = np.diff(events.frame[order])[same]
    assert (gaps == 1).mean() > 0.4
    assert np.median(gaps[gaps > 1]) < 400


def test_single_events_are_not_repeated() -> None:
    events = blink(np.random.default_rng(6), np.zeros((500, 2)), _physics(1.0, 1.0))
    assert len(events.frame) == len(np.unique(events.emitter)) == 500


def test_bleaching_empties_the_later_frames() -> None:
    events = blink(np.random.default_rng(7), np.zeros((5000, 2)), _physics(1.0, 1.0, decay=5000.0))
    early = (events.frame < 5000).mean()
    assert early == pytest.approx((1 - math.exp(-1)) / (1 - math.exp(-4)), abs=0.03)


def test_precision_follows_photons() -> None:
    events = blink(np.random.default_rng(8), np.zeros((5000, 2)), _physics(1.0, 1.0))
    np.testing.assert_allclose(
        events.precision_nm, np.clip(10 * np.sqrt(1000 / events.photons), 2, 40)
    )
    scatter = np.abs(events.xy_nm[:, 0] / events.precision_nm)
    assert np.mean(scatter < 1.96) == pytest.approx(0.95, abs=0.01)


def test_a_share_of_scenes_is_background_alone() -> None:
    options = SceneOptions(field_um=4.0, frames=2000, empty_share=1.0, with_widefield=False)
    scene = simulate_scene(1, options)
    assert not scene.from_structure.any()
    assert not scene.rate.any()
    assert len(scene.localizations) > 100
    assert scene.widefield is None


def test_scenes_without_structure_are_as_crowded_as_the_densest_fields() -> None:
    options = SceneOptions(empty_share=1.0, with_widefield=False, kinetics="merged")
    number = [len(simulate_scene(seed, options).localizations) for seed in range(24)]
    assert min(number) < 40_000
    assert max(number) > 250_000  # in 164 µm²; the most that a crop sees is 40 % of it


@pytest.mark.parametrize("seed", [3, 4])  # single events in one scene, whole emitters in the other
def test_what_goes_astray_lies_beside_the_structure_and_is_background(seed: int) -> None:
    options = SceneOptions(field_um=6.0, frames=4000, empty_share=0.0, with_widefield=False)
    plain, stray = (simulate_scene(seed, replace(options, stray=s)) for s in (False, True))
    assert len(stray.localizations) == pytest.approx(len(plain.localizations), rel=0.02)
    went = plain.from_structure.sum() - stray.from_structure.sum()
    assert went > 0.1 * plain.from_structure.sum()
    ratio = stray.from_structure.sum() / plain.from_structure.sum()
    np.testing.assert_allclose(stray.rate, plain.rate * ratio, rtol=1e-4)
    # They are a halo: around the filaments, but not on them.
    tree = cKDTree(np.concatenate(plain.truth.centre_lines))
    near, on = (
        [int((tree.query(_background(scene))[0] < distance).sum()) for scene in (plain, stray)]
        for distance in (250, 15)
    )
    assert near[1] - near[0] == pytest.approx(went, rel=0.1)
    assert on[1] - on[0] < 0.5 * went


def _background(scene: Scene) -> NDArray[np.float64]:
    locs = scene.localizations.select(~scene.from_structure)
    return np.column_stack([locs.x_nm, locs.y_nm])


def test_a_block_holds_the_density_asked_for_in_consecutive_frames(scene: Scene) -> None:
    start, stop = block_of_density(scene, 10.0, np.random.default_rng(0))
    frame = scene.localizations.frame
    chosen = (frame >= start) & (frame < stop) & scene.from_structure
    assert chosen.sum() / scene.amount == pytest.approx(10.0, rel=0.1)


def test_more_than_was_simulated_is_refused(scene: Scene) -> None:
    with pytest.raises(ValueError, match="localizations per µm of filament asked for, but only"):
        block_of_density(scene, 1e5, np.random.default_rng(0))


def test_the_runtime_reads_back_what_was_written(scene: Scene, tmp_path: Path) -> None:
    paths = write_scene(scene, tmp_path, "cell", frames=(1000, 1500))
    assert [p.name for p in paths] == [
        "cell.csv",
        "cell_widefield.tif",
        "cell_truth.npz",
        "cell_truth.json",
    ]
    table = read_table(paths[0])
    block = scene.localizations.in_frames(1000, 1500)
    assert table.format == "thunderstorm"
    np.testing.assert_array_equal(table.localizations.frame, block.frame)
    np.testing.assert_allclose(table.localizations.x_nm, block.x_nm, atol=0.051)
    np.testing.assert_allclose(table.localizations.y_nm, block.y_nm, atol=0.051)
    assert table.localizations.precision_nm is not None
    image = read_widefield(paths[1])
    assert scene.widefield is not None
    assert image.pixel_nm == pytest.approx(scene.widefield.pixel_nm, rel=1e-4)
    np.testing.assert_allclose(image.pixels, scene.widefield.pixels, atol=0.51)
    with np.load(paths[2], allow_pickle=False) as truth:
        assert truth["rate"].shape == scene.grid.shape
        assert len(truth["from_structure"]) == len(block)
        assert len([k for k in truth if k.startswith("line_")]) == len(scene.truth.centre_lines)


def test_nothing_is_replaced_unless_asked(scene: Scene, tmp_path: Path) -> None:
    write_scene(scene, tmp_path, "cell", frames=(0, 100))
    before = (tmp_path / "cell.csv").read_bytes()
    with pytest.raises(ExistingOutputError, match=r"cell\.csv exists\. .* --overwrite"):
        write_scene(scene, tmp_path, "cell", frames=(0, 200))
    assert (tmp_path / "cell.csv").read_bytes() == before
    write_scene(scene, tmp_path, "cell", frames=(0, 200), overwrite=True)
    assert (tmp_path / "cell.csv").read_bytes() != before
