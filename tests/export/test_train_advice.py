"""Advice: what is measured, and that too little is refused with what to do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from lines import lines_table

from annapalm.grid import Grid
from annapalm.localizations import Localizations
from annapalm_export.train.advice import Advice, TooLittleDataError, advise, measure
from annapalm_export.train.division import Division, Region
from annapalm_export.train.tables import Acquisition

CROP = 64


def _region(locs: Localizations, stem: str = "cell") -> Region:
    from pathlib import Path

    ordered = locs.select(np.argsort(locs.frame, kind="stable"))
    source = Acquisition(stem, Path(stem), stem, ordered, Grid.around(ordered), None)
    return Region(source, source.grid, ordered)


def _advise(learned: Localizations, held_out: Localizations | None = None) -> Advice:
    regions = (_region(lines_table(number=20_000) if held_out is None else held_out),)
    return advise(Division((_region(learned),), regions), CROP)


def _reasons(learned: Localizations, held_out: Localizations | None = None) -> str:
    with pytest.raises(TooLittleDataError) as caught:
        _advise(learned, held_out).check()
    assert "use a released model as it is" in str(caught.value)
    return str(caught.value)


def test_a_table_is_measured() -> None:
    found = measure(_region(lines_table(number=36_000, frames=4000)), CROP)
    assert found.localizations == 36_000
    assert found.frames == 4000
    assert found.area_um2 == pytest.approx(36.0)
    assert found.per_um2 == pytest.approx(1000.0)
    assert found.places == 7 * 3
    # Each of ten lines, ten sigma apart, fills squares of 100 nm: 40 localizations in 1 or 2 rows.
    assert 10 < found.per_cell * 25 < 45
    assert found.sampled_nm == pytest.approx(40 / np.sqrt(found.per_cell))
    assert 2 <= found.blocks <= 100
    assert found.samples == found.places * found.blocks


def test_blocks_are_disjoint_inputs_with_gaps() -> None:
    x = np.full(1000, 10.0)
    x[0] = 999.0
    y = np.full(1000, 10.0)
    y[0] = 999.0
    spread = Localizations(x, y, np.arange(1000) * 100)  # a square µm, hardly a gap's worth apart
    most = 0.4 * 1000
    typical = int((1.0 * 100) ** 0.5)
    assert most > 100
    assert measure(_region(spread), 16).blocks == 1000 // typical
    dense = replace(spread, frame=np.arange(1000))
    assert measure(_region(dense), 16).blocks == pytest.approx(1000 / (typical + 50), abs=1)


def test_enough_is_accepted_and_shown_as_a_table() -> None:
    advice = _advise(lines_table(number=20_000))
    advice.check()
    assert "| cell | 20,000 | 4,000 | 36.0 | 555.6 |" in advice.table()
    assert any("20,000 localizations to learn from; 100,000" in w for w in advice.warnings)
    assert any("the same cell on the same day" in w for w in advice.warnings)


def test_plenty_has_few_warnings() -> None:
    many = lines_table(number=400_000, frames=20_000, size_um=(20.0, 20.0))
    advice = advise(Division((_region(many, "a"), _region(many, "b")), (_region(many),)), CROP)
    assert advice.reasons == advice.warnings == ()


def test_too_few_localizations_are_refused_with_the_frames_to_add() -> None:
    text = _reasons(lines_table(number=5_000, frames=2_000))
    assert "5,000 localizations to learn from; at least 10,000" in text
    assert "Acquire about 2,000 more frames at the present rate (2.50 per frame)" in text


def test_too_few_frames_are_refused() -> None:
    assert "cell: 400 frames; at least 500. Acquire about 100 more" in _reasons(
        lines_table(frames=400)
    )


def test_too_few_localizations_held_out_are_refused() -> None:
    text = _reasons(lines_table(), lines_table(number=900))
    assert "900 localizations held out; at least 1,000" in text


def test_a_field_of_one_crop_is_refused() -> None:
    assert "Crops fit into 1 place" in _reasons(lines_table(size_um=(1.4, 1.4)))


def test_a_frame_that_holds_everything_is_refused() -> None:
    locs = lines_table()
    frame = np.where(np.arange(len(locs)) < 15_000, 17, locs.frame)
    assert "75% of the localizations are in one frame" in _reasons(
        replace(locs, frame=frame)
    ).replace("76%", "75%")


def test_a_sparse_field_is_refused_with_the_frames_to_add() -> None:
    text = _reasons(lines_table(number=12_000, frames=10_000, size_um=(60.0, 60.0)))
    assert "3.33 localizations per µm²; at least 5" in text
    assert "Acquire about 5,000 more frames" in text


def test_few_inputs_in_time_are_refused() -> None:
    # 6 per µm²: an input of the typical density holds a fifth of the table.
    rng = np.random.default_rng(0)
    locs = lines_table(number=12_000, frames=600, size_um=(45.0, 45.0))
    late = replace(locs, frame=np.where(rng.random(len(locs)) < 0.97, locs.frame // 6, locs.frame))
    text = _reasons(late)
    assert "its frames make" in text
    assert "disjoint inputs; at least 4" in text


def test_warnings_say_what_is_missing() -> None:
    advice = _advise(lines_table(number=20_000, frames=1_000), lines_table(number=2_000))
    said = " ".join(advice.warnings)
    for words in ("1,000 frames; 3,000", "disjoint inputs; 20", "2,000 localizations held out"):
        assert words in said


def test_a_table_without_localizations_in_the_learned_part_is_measured() -> None:
    region = _region(lines_table())
    empty = replace(region, locs=region.locs.select(np.zeros(len(region.locs), dtype=bool)))
    found = measure(empty, CROP)
    assert (found.localizations, found.blocks, found.per_cell) == (0, 0, 0.0)
    advice = advise(Division((empty,), (region,)), CROP)
    assert any("0 localizations to learn from" in reason for reason in advice.reasons)
    assert "| - |" in advice.table()
