"""What a model reaches, counted in cases, with what it misses by name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from annapalm_export.evaluate.reached import reached
from annapalm_export.evaluate.simulated import BLUR, MODEL, WITH_WIDEFIELD

if TYPE_CHECKING:
    from pathlib import Path


def means(**scores: float | None) -> dict[str, Any]:
    return {
        name: None if value is None else {"mean": value, "sem": None, "n": 1}
        for name, value in scores.items()
    }


def row(method: str, density: float = 5.0, **scores: float | None) -> Any:
    return {"structure": "actin", "method": method, "density": density, **means(**scores)}


def test_cases_are_counted_and_what_is_missed_is_named() -> None:
    rows = [
        row(MODEL, ms_ssim=0.6, f1_skeleton=0.4),
        row(WITH_WIDEFIELD, ms_ssim=0.7, f1_skeleton=0.6),
        row(BLUR, ms_ssim=0.5, f1_skeleton=0.5),
        row(MODEL, density=50.0, ms_ssim=0.8, f1_skeleton=0.9),
        row(WITH_WIDEFIELD, density=50.0, ms_ssim=0.7, f1_skeleton=0.9),
        row(BLUR, density=50.0, ms_ssim=0.7, f1_skeleton=0.5),
    ]
    assert reached(rows, []).splitlines() == [
        "- MS-SSIM above that of the best blur: **3 of 4**; not: actin at 50 with widefield image",
        (
            "- filament F1 (both skeletonised) above that of the best blur: **3 of 4**; "
            "not: actin at 5"
        ),
        (
            "- MS-SSIM with widefield image above that without: **1 of 2**; "
            "not: actin at 50 with widefield image"
        ),
    ]


@pytest.mark.parametrize("against", ["", "_skeleton"])
def test_false_and_missed_length_are_counted_together(against: str) -> None:
    names = [f"{wrong}_um_per_um2{against}" for wrong in ("false", "missed")]

    def lengths(false: float, missed: float) -> dict[str, Any]:
        return means(**dict(zip(names, (false, missed), strict=True)))

    rows = [
        row(MODEL) | lengths(0.3, 1.0),
        row(WITH_WIDEFIELD) | lengths(0.7, 0.9),
        row(BLUR) | lengths(0.8, 0.6),
        row(MODEL, density=50.0) | lengths(0.1, 0.2),
        row(BLUR, density=50.0) | means(**{names[0]: 0.3}),
    ]
    assert reached(rows, []) == (
        "- false + missed filament length below that of the best blur: **1 of 2**; not: "
        "actin at 5 with widefield image\n"
    )


def test_coverage_has_its_range() -> None:
    rows = [
        row(MODEL) | means(**{"coverage_0.9_judged": 0.9}),
        row(WITH_WIDEFIELD) | means(**{"coverage_0.9_judged": 0.9212}),
    ]
    assert reached(rows, []) == (
        "- 90 % interval covers 88% to 92% (90.0% to 92.1%): **1 of 2**; not: actin at 5 with "
        "widefield image\n"
    )


def test_an_error_map_is_compared_with_each_other_one_that_there_is() -> None:
    names = ("ause_judged", "ause_judged.constant", "ause_judged.turned", "ause_judged.squirrel")
    scores = means(**dict(zip(names, (0.2, 0.7, 0.1, None), strict=True)), auroc_doubt_field=0.951)
    rows = [row(MODEL) | scores]
    assert reached(rows, []).splitlines() == [
        "- `error` ranks errors better than a constant (AUSE): **1 of 1**",
        (
            "- `error` ranks errors better than how much the picture changes when the field is "
            "turned (AUSE): **0 of 1**; not: actin at 5"
        ),
        "- AUROC of what the report marks, false structure, whole field: 0.95 to 0.95",
    ]


def test_many_misses_are_counted_alone() -> None:
    rows = [row(MODEL, density=float(n), ms_ssim=0.1) for n in range(9)]
    rows += [row(BLUR, density=float(n), ms_ssim=0.2) for n in range(9)]
    assert reached(rows, []) == "- MS-SSIM above that of the best blur: **0 of 9**\n"


def test_noise_is_told_of_the_network_and_of_the_run() -> None:
    about = {"input": "uniform", "structure": "spectrin"}
    stress = [
        {**about, "method": MODEL, **means(drawn_um_per_um2=0.483, shown_um_per_um2=0.0)},
        {**about, "method": BLUR, **means(drawn_um_per_um2=0.9, shown_um_per_um2=None)},
        {**about, "method": MODEL, "input": "erased", **means(drawn_um_per_um2=None)},
    ]
    assert reached([], stress).splitlines() == [
        "- the network draws in localizations at random, µm/µm²: 0.483 spectrin",
        "- of that a run shows, µm/µm²: 0.000 spectrin",
    ]


@pytest.mark.parametrize("model", ["structures/1.1.2", "quality/1.0.0", "microtubule/1.1.0"])
def test_figures_of_released_models_are_read(model: str, repository: Path) -> None:
    path = repository / "models" / model / "numbers.json"
    figures = json.loads(path.read_text(encoding="utf-8"))
    said = reached(figures["simulated"], figures["stress"])
    assert "MS-SSIM above that of the best blur: **" in said
    assert "the network draws in localizations at random" in said
