"""Means, paired differences, Markdown and JSON."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from annapalm.errors import InvalidValueError
from annapalm_export.evaluate.table import (
    gains,
    real_table,
    simulated_tables,
    stress_table,
    summarise,
    to_json,
    to_markdown,
)


def row(method: str, field: str, ms_ssim: float | None, density: float = 20.0) -> dict[str, object]:
    """Make one row as the suite returns it."""
    return {"method": method, "field": field, "density": density, "ms_ssim": ms_ssim}


ROWS = [
    row("model", "a", 0.8),
    row("best blur", "a", 0.5),
    row("model", "b", 0.9),
    row("best blur", "b", 0.7),
    row("model", "a", None, 5.0),
]


def test_means_and_standard_errors_per_method_and_density() -> None:
    summary = summarise(ROWS)
    assert [(s["method"], s["density"], s["fields"]) for s in summary] == [
        ("model", 20.0, 2),
        ("best blur", 20.0, 2),
        ("model", 5.0, 1),
    ]
    assert summary[0]["ms_ssim"] == {
        "mean": pytest.approx(0.85),
        "sem": pytest.approx(np.std([0.8, 0.9], ddof=1) / math.sqrt(2)),
        "n": 2,
    }
    assert "field" not in summary[0]
    assert summary[2]["ms_ssim"] is None


def test_scores_that_some_fields_lack_are_averaged_over_the_others() -> None:
    summary = summarise([row("model", "a", 0.8), row("model", "b", None)])
    assert summary[0]["fields"] == 2
    assert summary[0]["ms_ssim"] == {"mean": 0.8, "sem": None, "n": 1}


def test_gains_are_paired_by_field() -> None:
    same = ("field", "density")
    paired = gains(ROWS[:4], "model", "best blur", ["ms_ssim"], same)
    assert [(p["field"], p["ms_ssim"]) for p in paired] == [
        ("a", pytest.approx(0.3)),
        ("b", pytest.approx(0.2)),
    ]
    assert summarise(paired)[0]["method"] == "model - best blur"
    with pytest.raises(InvalidValueError, match="best blur"):
        gains(ROWS, "model", "best blur", ["ms_ssim"], same)


def test_markdown_of_a_summary() -> None:
    text = to_markdown(
        summarise(ROWS),
        {"ms_ssim": "MS-SSIM", "f1": "F1"},
        {"method": "method", "density": "per µm"},
    )
    assert text == (
        "| method | per µm | fields | MS-SSIM |\n"
        "| --- | --- | --: | --: |\n"
        "| model | 20 | 2 | 0.850 |\n"
        "| best blur | 20 | 2 | 0.600 |\n"
        "| model | 5 | 1 | - |\n"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.12345, "0.123"), (0.0012345, "0.00123"), (0, "0"), (12.345, "12.3"), (9.8765, "9.877")],
)
def test_cells_have_three_digits_that_mean_something(value: float, text: str) -> None:
    rendered = to_markdown(summarise([row("model", "a", value)]), {"ms_ssim": "x"}, {})
    assert rendered.splitlines()[-1] == f"| 1 | {text} |"


def test_the_ready_made_tables_have_their_sections() -> None:
    text = simulated_tables([r | {"f1": 0.5, "spearman_judged": 0.6} for r in ROWS])
    assert [s for s in text.splitlines() if s.startswith("#")] == [
        "### Pictures",
        "### Filaments",
        "### Error map",
    ]
    real = real_table([{"field": "cos7", "share": 0.05, "method": "model", "bits": 1.4}])
    assert "| cos7 | 0.05 | model | 1 | 1.400 |" in real
    stress = stress_table([{"input": "empty", "method": "model", "dense_sum": 0.0}])
    assert "| empty | model |  | 1 | 0 |" in stress


def test_several_structures_have_a_part_each() -> None:
    two = [r | {"structure": "microtubules", "unit": "µm of filament"} for r in ROWS[:2]]
    two += [r | {"structure": "nuclear pores", "unit": "pore"} for r in ROWS[:2]]
    lines = simulated_tables(two).splitlines()
    assert [s for s in lines if s.startswith("#")] == [
        "### Microtubules",
        "#### Pictures",
        "### Nuclear pores",
        "#### Pictures",
    ]
    assert "| method | localizations/µm | fields | MS-SSIM |" in lines
    assert "| method | localizations/pore | fields | MS-SSIM |" in lines


def test_json_is_read_back_and_holds_no_nan() -> None:
    assert json.loads(to_json(summarise(ROWS))) == summarise(ROWS)
    with pytest.raises(ValueError, match="JSON compliant"):
        to_json({"score": float("nan")})
