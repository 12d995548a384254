"""How precise localizations are: as the table says, or as its bursts show."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from annapalm import load_model
from annapalm.domain import Precision, measure_precision
from annapalm.domain.precision import LEAST_KNOWN, LIMIT_NM
from annapalm.grid import Grid
from annapalm.localizations import Localizations
from annapalm.write.sidecar import picture_record

FRAMES = 4000


def bursts(
    precision_nm: float, *, number: int = 3000, length: int = 3, side_nm: float = 8000.0
) -> Localizations:
    """Molecules anywhere, each seen in so many frames that follow each other."""
    rng = np.random.default_rng(1)
    x, y = np.repeat(rng.uniform(200, side_nm - 200, (2, number)), length, axis=1)
    frame = np.repeat(rng.integers(0, FRAMES - length, number), length)
    frame += np.tile(np.arange(length), number)
    x, y = (v + rng.normal(0, precision_nm, len(v)) for v in (x, y))
    return Localizations(x, y, frame.astype(np.int64))


def stating(locs: Localizations, precision_nm: float, known: float = 1.0) -> Localizations:
    stated = np.full(len(locs), precision_nm)
    stated[int(known * len(locs)) :] = np.nan
    return replace(locs, precision_nm=stated)


@pytest.mark.parametrize("precision_nm", [5.0, 15.0, 30.0, 45.0])
def test_bursts_show_the_precision(precision_nm: float) -> None:
    found = measure_precision(bursts(precision_nm))
    assert found is not None
    assert found.source == "bursts"
    assert found.median_nm == pytest.approx(precision_nm, rel=0.1)


def test_neighbours_by_chance_are_taken_off() -> None:
    # Some 35 localizations in each frame: every one has others within reach in the next.
    crowded = bursts(10.0, number=45_000, side_nm=2500.0)
    found = measure_precision(crowded)
    assert found is not None
    assert found.median_nm == pytest.approx(10, rel=0.1)


def test_what_a_table_states_is_its_median() -> None:
    single = bursts(10.0, length=1)
    assert measure_precision(stating(single, 12.0)) == Precision(12.0, "stated")
    assert measure_precision(stating(single, 12.0, LEAST_KNOWN)) == Precision(12.0, "stated")
    assert measure_precision(stating(single, 12.0, LEAST_KNOWN - 0.01)) is None


def test_the_larger_of_the_two_is_taken() -> None:
    found = measure_precision(stating(bursts(25.0), 8.0))
    assert found is not None
    assert found.source == "bursts"
    assert measure_precision(stating(bursts(10.0), 30.0)) == Precision(30.0, "stated")


def test_merged_bursts_and_short_tables_say_nothing() -> None:
    assert measure_precision(bursts(10.0, length=1)) is None
    whole = bursts(10.0)
    # Left of most bursts is one localization: what is left over are the wide pairs.
    rows = np.arange(len(whole))
    assert measure_precision(whole.select((rows % 3 == 0) | (rows < 300))) is None
    assert measure_precision(whole.select(whole.frame < 150)) is None
    assert measure_precision(whole.select(rows < 40)) is None
    assert measure_precision(whole.select(rows < 0)) is None


def test_a_table_with_thousands_in_one_place_takes_no_memory_and_says_nothing() -> None:
    n = 14_000
    frame = np.append(np.repeat([0, 1], n // 2), 1000)
    x, y = np.random.default_rng(2).normal(500, 5, (2, n + 1))
    tracemalloc.start()
    try:
        assert measure_precision(Localizations(x, y, frame)) is None
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def test_only_a_poor_precision_is_warned_of() -> None:
    assert Precision(LIMIT_NM, "stated").warning is None
    assert Precision(27.3, "stated").warning == (
        "The localizations are precise to 27 nm only (median, as the table states); nine of ten "
        "fields of training have 20 nm or better. Detail is drawn blurred, and the intervals of "
        "the error map may not hold."
    )
    assert "as repeats of a place show" in str(Precision(27.3, "bursts").warning)


def test_a_reconstruction_carries_it_and_warns() -> None:
    model = load_model("microtubule", "cpu")
    grid = Grid.over((0.0, 0.0, 8000.0, 8000.0), 20.0)
    result = model.reconstruct(bursts(30.0), grid=grid)
    assert result.precision is not None
    assert result.precision.warning in result.warnings
    assert picture_record(result)["precision"] == {
        "median_nm": result.precision.median_nm,
        "source": "bursts",
        "limit_nm": LIMIT_NM,
    }
    assert model.reconstruct(np.zeros((64, 64), np.float32)).precision is None
