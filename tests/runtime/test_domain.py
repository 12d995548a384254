"""Whether the input is like what was simulated, told from the localizations alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from annapalm import load_model, read_localizations
from annapalm.domain import Reference, fingerprint, judge, read_reference
from annapalm.domain.fingerprint import FEATURES, LEAST_LOCALIZATIONS
from annapalm.domain.reference import NO_STRUCTURE, load_reference
from annapalm.grid import Grid
from annapalm.render import render

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.csv"))


def at_random(number: int, side_px: int = 640, seed: int = 0) -> np.ndarray:
    """Put so many localizations anywhere into a field: counts [Y, X]."""
    places = np.random.default_rng(seed).integers(0, side_px**2, number)
    return np.bincount(places, minlength=side_px**2).reshape(side_px, side_px).astype(np.float32)


def example(path: Path) -> np.ndarray:
    locs = read_localizations(path)
    assert locs.field_nm is not None or len(locs)
    return render(locs, Grid.around(locs, 20.0))[0]


def by_name(values: np.ndarray) -> dict[str, float]:
    return dict(zip(FEATURES, values, strict=True))


def test_localizations_at_random_have_a_pair_correlation_of_one() -> None:
    found = fingerprint(at_random(20_000), 20.0)
    assert found is not None
    log_g = np.array([v for name, v in by_name(found.values).items() if name.startswith("log g")])
    # + 0.02 is what is added before the logarithm; below 100 nm few pairs are there to be counted.
    np.testing.assert_allclose(np.exp(log_g), 1.02, atol=0.1)
    assert found.localizations == 20_000
    assert found.density_per_um2 == pytest.approx(122.07, abs=0.01)


def test_a_line_is_drawn_out_and_a_disc_is_round() -> None:
    line, disc = np.zeros((2, 400, 400), np.float32)
    line[200] = 1
    y, x = np.mgrid[:400, :400]
    disc[np.hypot(y - 200, x - 200) < 40] = 1
    shapes = []
    for image in (line, disc):
        found = fingerprint(image, 20.0)
        assert found is not None
        shapes.append(by_name(found.values)["elongation, 120 nm"])
    assert shapes[0] == pytest.approx(1, abs=1e-3)
    assert shapes[1] < 0.2


def test_the_fullest_window_is_looked_at_wherever_it_lies() -> None:
    inside = at_random(5_000)
    alone = fingerprint(inside, 20.0)
    for row, column in ((0, 0), (704, 1088), (1280, 1280)):
        field = at_random(2_000, 1920, seed=1) * 0
        field[row : row + 640, column : column + 640] = inside
        found = fingerprint(field, 20.0)
        assert alone is not None
        assert found is not None
        assert found.window_px == (slice(row, row + 640), slice(column, column + 640))
        np.testing.assert_array_equal(found.values, alone.values)


def test_too_few_localizations_or_too_small_a_field_say_nothing() -> None:
    assert fingerprint(at_random(LEAST_LOCALIZATIONS - 1), 20.0) is None
    assert fingerprint(at_random(LEAST_LOCALIZATIONS), 20.0) is not None
    assert fingerprint(at_random(5_000, 199), 20.0) is None
    assert fingerprint(np.zeros((640, 640), np.float32), 20.0) is None


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_of_microtubules_is_taken_for_microtubules(path: Path) -> None:
    found = judge(example(path), 20.0, "microtubules")
    assert found is not None
    assert (found.mistaken_for, found.warning) == (None, None)
    assert found.distance < found.limit


@pytest.mark.parametrize("asked", ["nuclear pores", "spectrin", "mitochondria"])
def test_an_example_asked_for_as_something_else_is_warned_of(asked: str) -> None:
    found = judge(example(EXAMPLES[0]), 20.0, asked)
    assert found is not None
    assert found.is_unlike
    assert found.warning is not None
    assert asked in found.warning


@pytest.mark.parametrize("number", [1_000, 10_000, 100_000])
@pytest.mark.parametrize("asked", ["microtubules", "nuclear pores", "actin"])
def test_localizations_at_random_are_no_structure(number: int, asked: str) -> None:
    found = judge(at_random(number), 20.0, asked)
    assert found is not None
    assert found.mistaken_for == found.likeliest == NO_STRUCTURE
    assert found.warning == (
        f"The localizations look like background without structure, not like {asked}; what is "
        "drawn may be invented."
    )


def test_an_arrangement_like_none_is_named_by_its_distance() -> None:
    lattice = np.zeros((640, 640), np.float32)
    lattice[::7, ::7] = 3
    found = judge(lattice, 20.0, "microtubules")
    assert found is not None
    unlike = replace(found, mistaken_for=None, distance=312.4, limit=45.2)
    assert found.distance > found.limit
    assert unlike.warning == (
        "The localizations are arranged unlike any simulated microtubules (distance 312; 99 of 100 "
        "stay below 45); image and error map may be wrong."
    )
    instead = replace(found, mistaken_for="nuclear pores").warning
    assert instead == (
        "The localizations look like nuclear pores, not like microtubules; image and error map may "
        "be wrong. Ask for the structure that is there."
    )


def test_the_excess_of_pairs_at_random_is_within_its_error() -> None:
    for number, side in ((1_000, 640), (20_000, 640), (3_000, 250)):
        found = [fingerprint(at_random(number, side, seed), 20.0) for seed in range(20)]
        off = np.array([f.excess / f.excess_error for f in found if f is not None])
        assert off.shape == (20, 3)
        assert np.abs(off).max() < 3.5
        assert off[:, 2].std() > 0.4


def test_bursts_at_random_have_no_excess_beyond_their_length() -> None:
    random = np.random.default_rng(3)
    x, y = np.repeat(random.uniform(0, 12_800, (2, 2_000)), 6, axis=1)
    x, y = (v + random.normal(0, 12, len(v)) for v in (x, y))
    counts = np.histogram2d(y, x, bins=640, range=[(0, 12_800)] * 2)[0].astype(np.float32)
    found, single = fingerprint(counts, 20.0), fingerprint(at_random(12_000), 20.0)
    assert found is not None
    assert single is not None
    assert (abs(found.excess) < 3 * found.excess_error).all()
    assert (found.excess_error > 2 * single.excess_error).all()


def test_a_little_structure_in_much_background_is_not_taken_for_none() -> None:
    cell = example(EXAMPLES[0])
    patch = cell[: 6 * 50, : 6 * 50]
    counts = at_random(12 * int(patch.sum()), 640)
    bare = judge(counts, 20.0, "actin")
    assert bare is not None
    assert (bare.is_noise, bare.is_bare) == (True, True)
    counts[100:400, 200:500] += patch
    mixed = judge(counts, 20.0, "actin")
    assert mixed is not None
    assert (mixed.is_noise, mixed.is_bare) == (True, False)


def test_structure_is_looked_for_in_all_of_a_field() -> None:
    counts = at_random(40_000, 1600)
    counts[:640, :640] += at_random(20_000, 640, seed=1)  # the fullest window has none
    counts[1200:1500, 1100:1400] += example(EXAMPLES[0])[:300, :300]
    found = judge(counts, 20.0, "actin")
    assert found is not None
    assert (found.is_noise, found.is_bare) == (True, False)


def test_what_is_not_simulated_is_not_judged() -> None:
    counts = at_random(5_000)
    assert judge(counts, 20.0, "centrioles") is None
    assert judge(counts, 15.0, "microtubules") is None


def test_a_reconstruction_carries_the_judgement_and_warns() -> None:
    result = load_model("microtubule", "cpu").reconstruct(at_random(8_000, 256), withhold=False)
    assert result.familiarity is not None
    assert result.familiarity.structure == "microtubules"
    assert result.familiarity.warning in result.warnings
    assert "judge" in result.timings_s


def test_a_reference_survives_its_file(tmp_path: Path) -> None:
    packaged = read_reference()
    packaged.save(tmp_path / "reference.npz")
    again = load_reference(tmp_path / "reference.npz")
    assert again.structures == packaged.structures
    for name in ("mean", "precision", "likelihood_limit"):
        np.testing.assert_array_equal(getattr(again, name), getattr(packaged, name))


def test_arrays_that_do_not_belong_together_are_refused() -> None:
    packaged = read_reference()
    with pytest.raises(ValueError, match=r"the reference's mean has the shape \(6, 3, 19\)"):
        Reference(
            structures=packaged.structures,
            pixel_nm=20.0,
            mean=packaged.mean[:, :, 1:],
            precision=packaged.precision,
            log_determinant=packaged.log_determinant,
            density_per_um2=packaged.density_per_um2,
            distance_limit=packaged.distance_limit,
            likelihood_limit=packaged.likelihood_limit,
        )
