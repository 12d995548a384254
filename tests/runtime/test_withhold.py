"""Nothing is drawn where the localizations lie as background alone does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from cli_words import assert_complete_or_absent, assert_ends, invoke, read_json, write_table
from test_domain import EXAMPLES, at_random, example

from annapalm import load_model, read_localizations
from annapalm.blocks import at_full_size
from annapalm.model.withhold import withhold
from annapalm.stack import reconstruct_windows

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm import Model

SAYS = (
    "Nothing is drawn: the localizations look like background without structure, not like spectrin."
)
SIDE = 320
"""Pixels: a field of 6.4 x 6.4 µm."""


@pytest.fixture(scope="module")
def structures() -> Model:
    """Load the released model that draws most in noise, asked for spectrin."""
    return load_model("structures", "cpu")


def noise_table(path: Path, number: int = 1500) -> Path:
    """Write a table of localizations at random, over 400 frames."""
    random = np.random.default_rng(5)
    x, y = random.uniform(0, SIDE * 20, (2, number))
    frames = 1 + np.arange(number) * 400 // number
    return write_table(
        path, [f"{f},{a:.3f},{b:.3f},11.5" for f, a, b in zip(frames, x, y, strict=True)]
    )


def test_what_is_withheld_moves_to_background_and_error() -> None:
    random = np.random.default_rng(0)
    images = {
        "dense": random.random((10, 13), np.float32),
        "error": random.random((10, 13), np.float32),
        "background": random.random((3, 4), np.float32),
        "widefield_estimate": random.random((3, 4), np.float32),
    }
    before = {name: image.copy() for name, image in images.items()}
    after = withhold(images)
    assert not after["dense"].any()
    assert not after["widefield_estimate"].any()
    np.testing.assert_array_equal(after["error"], before["dense"])
    moved = (after["background"] - before["background"]) * 16
    assert moved[:2, :3].sum() == pytest.approx(before["dense"][:8, :12].sum(), rel=1e-5)
    assert moved[0, 0] == pytest.approx(before["dense"][:4, :4].sum(), rel=1e-5)
    totals = (
        some["dense"].sum() + at_full_size(some["background"], 4, (10, 13)).sum()
        for some in (before, after)
    )
    assert next(totals) == pytest.approx(next(totals), rel=1e-5)  # blocks cut by the edge, too
    for name, image in before.items():
        np.testing.assert_array_equal(images[name], image)
        assert after[name].dtype == np.float32
        assert after[name].shape == image.shape


def test_of_localizations_at_random_nothing_is_drawn_and_everything_is_said(
    structures: Model,
) -> None:
    counts = at_random(1500, SIDE)
    drawn = structures.reconstruct(counts, structure="spectrin", withhold=False)
    result = structures.reconstruct(counts, structure="spectrin")
    assert drawn.dense.sum() > 1  # there is something to withhold
    assert (drawn.withheld, result.withheld) == (False, True)
    assert not result.dense.any()
    np.testing.assert_array_equal(result.error, drawn.dense)
    totals = (r.background_at_full_size().sum() + r.dense.sum() for r in (result, drawn))
    assert next(totals) == pytest.approx(next(totals), rel=1e-4)
    assert [w for w in result.warnings if w.startswith(SAYS)]
    assert not [w for w in drawn.warnings if w.startswith(SAYS)]
    assert [w for w in drawn.warnings if "what is drawn may be invented" in w]


def test_tiles_withhold_what_the_whole_field_does(structures: Model) -> None:
    counts = at_random(20_000, 1024)
    tile = 2 * structures.info.halo_px + 4 * structures.info.stride
    whole, tiled = (
        structures.reconstruct(counts, structure="actin", tile_px=t) for t in (None, tile)
    )
    assert whole.withheld
    assert tiled.tiles > 1
    np.testing.assert_array_equal(whole.error, tiled.error)
    np.testing.assert_array_equal(whole.background, tiled.background)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_of_a_real_structure_nothing_is_withheld(path: Path) -> None:
    result = load_model("microtubule", "cpu").reconstruct(example(path))
    assert not result.withheld
    assert result.dense.any()


def test_too_few_localizations_are_drawn_as_before(structures: Model) -> None:
    result = structures.reconstruct(at_random(250, SIDE), structure="spectrin")
    assert result.familiarity is None
    assert not result.withheld


def test_what_a_widefield_image_shows_is_drawn(structures: Model) -> None:
    counts = at_random(1500, SIDE)
    light = np.random.default_rng(1).random((SIDE // 4, SIDE // 4), np.float32)
    lit = structures.reconstruct(counts, light, structure="spectrin")
    assert lit.familiarity is not None
    assert lit.familiarity.is_noise
    assert not lit.withheld
    dark = structures.reconstruct(counts, 0 * light, structure="spectrin")
    assert dark.withheld


def test_each_window_of_a_time_lapse_is_judged_by_itself(tmp_path: Path, structures: Model) -> None:
    table = read_localizations(noise_table(tmp_path / "noise.csv", 3000))
    for wanted in (True, False):
        windows = reconstruct_windows(
            structures, table, size=200, structure="spectrin", withhold=wanted
        )
        assert [result.withheld for _, result in windows] == [wanted, wanted]


def test_a_run_writes_an_empty_picture_and_says_so_everywhere(tmp_path: Path) -> None:
    table, out = noise_table(tmp_path / "noise.csv"), tmp_path / "out"
    result = invoke(table, "-o", out, "--structure", "spectrin")
    assert_ends(result, 0)
    assert "Nothing is drawn" in result.stderr
    assert assert_complete_or_absent(out) == {"noise"}
    record = read_json(out / "noise.json")
    dense, error = tifffile.imread(out / "noise.ome.tif")
    assert not dense.any()
    assert error.max() > 0
    assert record["domain"]["withheld"] is True
    assert record["domain"]["mistaken_for"] == "no structure"
    assert record["trust"]["doubtful_share"] is None
    assert [w for w in record["warnings"] if w.startswith(SAYS)]
    assert record["drift"] is None
    assert not [w for w in record["warnings"] if "drift" in w]
    assert "draw-anyway" not in record["provenance"]["options"]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "no structure" in page
    assert "Nothing was drawn: the localizations look like background without structure." in page


def test_a_run_draws_it_when_told_to(tmp_path: Path) -> None:
    table, out = noise_table(tmp_path / "noise.csv"), tmp_path / "out"
    assert_ends(invoke(table, "-o", out, "--structure", "spectrin", "--draw-anyway"), 0)
    record = read_json(out / "noise.json")
    assert tifffile.imread(out / "noise.ome.tif")[0].any()
    assert record["domain"]["withheld"] is False
    assert record["provenance"]["options"]["draw-anyway"] is True
    assert "no structure?" in (out / "report.html").read_text(encoding="utf-8")


def test_frames_are_not_held_against_a_picture_that_was_not_drawn(tmp_path: Path) -> None:
    table, out = noise_table(tmp_path / "noise.csv"), tmp_path / "out"
    assert_ends(invoke(table, "-o", out, "--structure", "spectrin", "--cross-check"), 0)
    found = read_json(out / "noise.json")["cross_check"]
    assert found["done"] is False
    assert found["reason"] == "Nothing was drawn that frames could be held to."
