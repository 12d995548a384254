"""A card says in words what each of its tables measures."""

from __future__ import annotations

from annapalm_export.evaluate.table import SECTIONS, simulated_tables
from annapalm_export.release.card import HOW_TO_READ, how_to_read

ROW = {"method": "model", "density": 20.0, "ms_ssim": 0.8}


def test_every_table_has_its_words() -> None:
    assert list(HOW_TO_READ) == list(SECTIONS)


def test_a_card_explains_the_tables_that_it_has_and_no_others() -> None:
    pores = ROW | {"structure": "nuclear pores", "pore_f1": 0.7, "ring_contrast": 0.1}
    said = how_to_read(simulated_tables([pores]))
    assert [line.split("*")[1] for line in said.splitlines()] == ["Pictures", "Pores"]
    assert "0 is a disc, 1 an empty middle" in said
    both = [pores, ROW | {"structure": "spectrin", "period_contrast": 0.5}]
    assert "within 10 nm of the true one" in how_to_read(simulated_tables(both))
