"""Each gate of a release refuses what it is there to refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from annapalm_export.evaluate.simulated import BLUR, MODEL
from annapalm_export.evaluate.table import summarise
from annapalm_export.release import gates
from annapalm_export.to_onnx.parity import Parity

if TYPE_CHECKING:
    from pathlib import Path

GOOD: dict[str, Any] = {
    "ms_ssim": 0.9,
    "pearson": 0.9,
    "f1": 0.9,
    "coverage_0.9_judged": 0.9,
    "spearman_judged": 0.7,
}
BLURRED = {"ms_ssim": 0.5, "pearson": 0.6, "f1": 0.4}


def _summary(**changed: float) -> list[dict[str, Any]]:
    rows = [
        {"method": MODEL, "density": 20.0, **GOOD, **changed},
        {"method": BLUR, "density": 20.0, **BLURRED},
    ]
    return summarise(rows)


def test_a_good_model_passes() -> None:
    assert gates.quality_gate(_summary()) == []


@pytest.mark.parametrize(
    ("score", "value", "reason"),
    [
        ("ms_ssim", 0.49, "ms_ssim 0.490 is not above the best blur's 0.500"),
        ("pearson", 0.6, "pearson 0.600 is not above the best blur's 0.600"),
        ("f1", 0.1, "f1 0.100 is not above the best blur's 0.400"),
        ("coverage_0.9_judged", 0.84, "the nominal 90 % interval covers 84.0%"),
        ("coverage_0.9_judged", 0.96, "the nominal 90 % interval covers 96.0%"),
        ("spearman_judged", 0.49, "rank correlation of error map and error 0.49"),
    ],
)
def test_a_model_that_falls_short_is_told_where(score: str, value: float, reason: str) -> None:
    assert gates.quality_gate(_summary(**{score: value})) == [
        f"model at 20 localizations per µm: {reason}"
    ]


def test_each_structure_is_held_to_the_scores_that_it_has() -> None:
    pores = {name: value for name, value in GOOD.items() if name not in ("f1", "pearson")} | {
        "pearson": 0.1
    }
    blurred = {"ms_ssim": 0.5, "pearson": 0.6}
    about = {"structure": "nuclear pores", "unit": "pore", "density": 5.0}
    lines = {"structure": "microtubules", "unit": "µm of filament", "density": 5.0}
    rows: list[dict[str, Any]] = [
        {"method": MODEL, **lines, **GOOD},
        {"method": BLUR, **lines, **BLURRED},
        {"method": MODEL, **about, **pores},
        {"method": BLUR, **about, **blurred},
    ]
    assert gates.quality_gate(summarise(rows)) == []
    rows[2]["ms_ssim"] = 0.4
    (failure,) = gates.quality_gate(summarise(rows))
    assert failure.startswith("nuclear pores: model at 5 localizations per pore: ms_ssim 0.400 is")
    rows[2] |= {"ms_ssim": 0.9, "pore_f1": 0.5}
    rows[3]["pore_f1"] = 0.6
    (failure,) = gates.quality_gate(summarise(rows))
    assert failure.endswith("pore_f1 0.500 is not above the best blur's 0.600")


def test_scores_that_a_blur_may_win_refuse_nothing() -> None:
    better = {"f1_skeleton": 0.9, "dice": 0.9, "period_contrast": 0.9, "pearson": 0.95}
    for structure in ("actin", "mitochondria", "spectrin"):
        about = {"structure": structure, "unit": "unit", "density": 5.0}
        model = {name: value for name, value in GOOD.items() if name != "f1"}
        rows: list[dict[str, Any]] = [
            {"method": MODEL, **about, **model, **dict.fromkeys(better, 0.1)},
            {"method": BLUR, **about, "ms_ssim": 0.5, **better},
        ]
        assert gates.quality_gate(summarise(rows)) == []


def test_a_model_that_draws_structure_in_noise_is_refused() -> None:
    about = {"structure": "microtubules", "input": "uniform"}
    rows: list[dict[str, Any]] = [
        {**about, "method": MODEL, "drawn_um_per_um2": 0.019, "shown_um_per_um2": 0.0},
        {**about, "method": BLUR, "drawn_um_per_um2": 2.0, "shown_um_per_um2": None},
        {**about, "method": MODEL, "input": "erased", "drawn_um_per_um2": 2.0},
    ]
    groups = ("structure", "input", "method")
    assert gates.noise_gate(summarise(rows, groups)) == []
    rows[0]["drawn_um_per_um2"] = 0.02
    (failure,) = gates.noise_gate(summarise(rows, groups))
    assert failure.startswith("microtubules: 0.020 µm of filament per µm² are drawn")
    rows[0] |= {"structure": "spectrin", "drawn_um_per_um2": 0.49}
    assert gates.noise_gate(summarise(rows, groups)) == []
    rows[0]["drawn_um_per_um2"] = 1.1
    assert gates.noise_gate(summarise(rows, groups)) != []
    rows[0] |= {"drawn_um_per_um2": 0.49, "shown_um_per_um2": 0.02}
    (failure,) = gates.noise_gate(summarise(rows, groups))
    assert failure.startswith("spectrin: 0.020 µm of filament per µm² are shown")


def test_figures_from_before_there_were_structures_are_read() -> None:
    rows = [
        {"method": MODEL, "density_per_um": 20.0, **GOOD},
        {"method": BLUR, "density_per_um": 20.0, **BLURRED},
    ]
    assert gates.quality_gate(summarise(rows, ("method", "density_per_um"))) == []


def test_a_file_too_large_for_the_wheel_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"\0" * gates.MAX_BYTES)
    assert gates.size_gate(path, "microtubule") == []
    path.write_bytes(b"\0" * (gates.MAX_BYTES + 1))
    refused = ["the file has 8,000,001 bytes, more than 8,000,000"]
    assert gates.size_gate(path, "microtubule") == refused
    assert gates.size_gate(path, "microtubule-quality") == []
    path.write_bytes(b"\0" * (gates.MAX_QUALITY_BYTES + 1))
    assert gates.size_gate(path, "microtubule-quality") != []


def test_a_file_that_computes_something_else_is_refused() -> None:
    assert gates.parity_gate(Parity({"dense": 9e-6, "error": 0.0})) == []
    assert "differ by" in gates.parity_gate(Parity({"dense": 2e-5, "error": 0.0}))[0]
