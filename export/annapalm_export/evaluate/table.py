"""Results as means over fields, as Markdown for people and JSON for machines."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from annapalm.errors import InvalidValueError
from annapalm_export.markdown import table_lines

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from annapalm_export.evaluate.simulated import Row

SIMULATED_GROUPS = {
    "structure": "structure",
    "unit": "unit",
    "method": "method",
    "density": "localizations/unit",
}
REAL_GROUPS = {"field": "table", "share": "share seen", "method": "method"}
STRESS_GROUPS = {
    "structure": "structure",
    "input": "input",
    "method": "method",
    "erased_nm": "erased, nm",
}
"""Keys that say what a row is about, and their headings; rows that agree in all are averaged."""

PICTURE_COLUMNS = {
    "ms_ssim": "MS-SSIM",
    "ms_ssim_foreground": "MS-SSIM, foreground",
    "pearson": "Pearson r",
    "nrmse": "NRMSE",
    "total_ratio": "total / truth",
}
FILAMENT_COLUMNS = {
    "f1": "F1 at 40 nm",
    "precision": "precision",
    "recall": "recall",
    "false_um_per_um2": "false, µm/µm²",
    "missed_um_per_um2": "missed, µm/µm²",
    "f1_skeleton": "F1, truth's own skeleton",
    "precision_skeleton": "precision",
    "recall_skeleton": "recall",
    "false_um_per_um2_skeleton": "false, µm/µm²",
    "missed_um_per_um2_skeleton": "missed, µm/µm²",
}
PORE_COLUMNS = {
    "pore_f1": "F1 at 50 nm",
    "pore_precision": "precision",
    "pore_recall": "recall",
    "false_pores_per_um2": "false, per µm²",
    "missed_pores_per_um2": "missed, per µm²",
    "radius_bias_nm": "radius - true, nm",
    "radius_spread_nm": "its spread, nm",
    "ring_contrast": "ring contrast",
}
AREA_COLUMNS = {
    "dice": "Dice",
    "iou": "IoU",
    "area_precision": "precision at 40 nm",
    "area_recall": "recall",
    "false_um2_per_um2": "false, µm²/µm²",
    "missed_um2_per_um2": "missed, µm²/µm²",
    "boundary_f1": "boundary F1 at 40 nm",
}
PERIOD_COLUMNS = {
    "period_found": "found to 10 nm",
    "period_nm": "period, nm",
    "period_bias_nm": "period - true, nm",
    "period_contrast": "contrast",
    "period_modulation": "modulation",
}
ERROR_COLUMNS = {
    "coverage_0.5_judged": "50 % covers",
    "coverage_0.8_judged": "80 %",
    "coverage_0.9_judged": "90 %",
    "coverage_0.95_judged": "95 %",
    "coverage_0.9_foreground": "90 %, true filaments alone",
    "spearman_judged": "Spearman",
    "spearman_judged.inverse_density": "(1/density)",
    "spearman_judged.sqrt_dense": "(√dense)",
    "spearman_foreground": "Spearman, true filaments alone",
    "ause_judged": "AUSE",
    "ause_judged.constant": "(constant)",
    "ause_judged.inverse_density": "(1/density)",
    "ause_judged.sqrt_dense": "(√dense)",
    "ause_judged.turned": "(turned)",
    "ause_judged.squirrel": "(widefield error)",
    "ence_judged": "ENCE",
    "doubted": "doubted",
    "false_where_believed": "false where believed",
    "false_where_doubted": "false where doubted",
    "auroc_false": "AUROC false",
    "auroc_false.inverse_density": "(1/density)",
    "auroc_false.inverse_dense": "(1/dense)",
    "auroc_doubt_field": "AUROC of error / dense of what is drawn, false structure, whole field",
    "auroc_doubt_drawn": "among what is drawn",
    "auroc_false_judged": "AUROC of error, false structure",
    "auroc_missed_judged": "missed structure",
    "auroc_false_field": "false, whole field",
    "auroc_missed_field": "missed, whole field",
    "warned": "warned",
    "off_unwarned": "90 % covers not 80 to 97 %, not warned",
}
REAL_COLUMNS = {
    "density_per_um2": "localizations/µm²",
    "bits": "bits/localization",
    "uniform_share": "uniform share",
    "pearson_later": "Pearson r, later frames",
    "bandwidth_nm": "bandwidth, nm",
}
STRESS_COLUMNS = {
    "dense_sum": "sum of dense",
    "warnings": "warnings",
    "drawn_um_per_um2": "drawn, µm/µm²",
    "drawn_um_per_um2_reference": "(on filaments)",
    "drawn_pores_per_um2": "pores, per µm²",
    "drawn_pores_per_um2_reference": "(on pores)",
    "drawn_share": "area share",
    "drawn_share_reference": "(on the structure)",
    "withheld": "withheld",
    "shown_um_per_um2": "left, µm/µm²",
    "structure_share": "share called structure",
    "background_share": "share called diffuse",
    "bridged": "bridged",
    "bridged_intact": "(not erased)",
    "doubt_ratio": "error/dense, over not erased",
    "coverage_0.9": "90 % covers",
    "false_share": "false share",
    "relative_error": "error/dense",
    "refused": "refused",
    "ms_ssim_gain": "MS-SSIM gained",
    "rsp": "RSP",
}


def summarise(rows: Sequence[Row], groups: Collection[str] = tuple(SIMULATED_GROUPS)) -> list[Row]:
    """Average rows that agree in all of `groups`, in the order of their first appearance.

    Each result has the groups' keys, `fields` (rows averaged), and per score a dict of `mean`,
    `sem` (standard error of the mean over fields, None for one) and `n` (rows that have it).
    Text that is no group is left out; a score that no row has is None.
    """
    grouped: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        grouped.setdefault(tuple(row.get(g) for g in groups), []).append(row)
    return [
        {g: v for g, v in zip(groups, key, strict=True) if v is not None}
        | {"fields": len(members)}
        | {name: _mean(members, name) for name in _score_names(members, groups)}
        for key, members in grouped.items()
    ]


def _score_names(rows: Sequence[Row], groups: Collection[str]) -> list[str]:
    names = dict.fromkeys(name for row in rows for name in row)
    return [
        name
        for name in names
        if name not in groups and not any(isinstance(row.get(name), str) for row in rows)
    ]


def _mean(rows: Sequence[Row], name: str) -> dict[str, float | int | None] | None:
    values = [float(row[name]) for row in rows if row.get(name) is not None]
    if not values:
        return None
    spread = float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "sem": spread, "n": len(values)}


def gains(
    rows: Sequence[Row], method: str, over: str, scores: Sequence[str], same: Sequence[str]
) -> list[Row]:
    """Differences `method` - `over` between rows that agree in all keys of `same`.

    For `summarise`: the standard error of a paired difference is much below that of two means.
    Raises `InvalidValueError` where a row of `method` has no partner.
    """
    partners = {tuple(r.get(s) for s in same): r for r in rows if r["method"] == over}
    paired: list[Row] = []
    for row in (r for r in rows if r["method"] == method):
        key = tuple(row.get(s) for s in same)
        if key not in partners:
            raise InvalidValueError("rows", f"without '{over}' for {key}", "complete")
        both: dict[str, tuple[Any, Any]] = {n: (row.get(n), partners[key].get(n)) for n in scores}
        paired.append(
            {k: v for k, v in row.items() if k in same}
            | {"method": f"{method} - {over}"}
            | {n: None if None in ours else ours[0] - ours[1] for n, ours in both.items()}
        )
    return paired


def simulated_tables(rows: Sequence[Row]) -> str:
    """Render rows of `evaluate_simulated` as Markdown tables under their headings.

    Rows of several structures give a part for each.
    """
    summary = summarise(rows)
    names = list(dict.fromkeys(row.get("structure") for row in summary))
    if len(names) == 1:
        return structure_tables(summary, "###")
    return "\n".join(
        f"### {str(name).capitalize()}\n\n"
        + structure_tables([row for row in summary if row.get("structure") == name], "####")
        for name in names
    )


SECTIONS = {
    "Pictures": PICTURE_COLUMNS,
    "Filaments": FILAMENT_COLUMNS,
    "Pores": PORE_COLUMNS,
    "Area": AREA_COLUMNS,
    "Period": PERIOD_COLUMNS,
    "Error map": ERROR_COLUMNS,
}
"""Heading of a table to its columns."""


def structure_tables(
    summary: Sequence[Row], heading: str, groups: Mapping[str, str] | None = None
) -> str:
    """Render means of one structure, one table for each of `SECTIONS` that has any score."""
    per = density_heading(summary[0].get("unit")) if summary else ""
    groups = groups or {"method": "method", "density": per}
    parts = []
    for title, columns in SECTIONS.items():
        scored = [row for row in summary if any(row.get(c) is not None for c in columns)]
        if scored:
            parts.append(f"{heading} {title}\n\n{to_markdown(scored, columns, groups)}")
    return "\n".join(parts)


def density_heading(unit: str | None) -> str:
    """Say what a density counts: localizations per unit of structure."""
    return "localizations/µm" if unit in (None, "µm of filament") else f"localizations/{unit}"


def real_table(rows: Sequence[Row]) -> str:
    """Render rows of `evaluate_real` as one Markdown table."""
    return to_markdown(summarise(rows, REAL_GROUPS), REAL_COLUMNS, REAL_GROUPS)


def stress_table(rows: Sequence[Row]) -> str:
    """Render rows of `stress.py` as one Markdown table."""
    summary = summarise(rows, STRESS_GROUPS)
    groups = dict(STRESS_GROUPS)
    if len({row.get("structure") for row in summary}) == 1:
        del groups["structure"]
    return to_markdown(summary, STRESS_COLUMNS, groups)


def to_json(results: object) -> str:
    """Render as JSON text; refuses NaN and infinity, which JSON does not have (ValueError)."""
    return json.dumps(results, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def to_markdown(
    summary: Sequence[Row], columns: Mapping[str, str], groups: Mapping[str, str]
) -> str:
    """Render summaries as one Markdown table: columns of `groups`, then the means of `columns`.

    Both map keys to headings. A score that does not apply is a dash; columns without any score
    are left out.
    """
    used = {k: h for k, h in columns.items() if any(row.get(k) is not None for row in summary)}
    head = [*groups.values(), "fields", *used.values()]
    rows = [
        [
            *(_group(row.get(g)) for g in groups),
            str(row["fields"]),
            *(_cell(row.get(k)) for k in used),
        ]
        for row in summary
    ]
    return "\n".join(table_lines(head, rows, left=len(groups))) + "\n"


def _group(value: object) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _cell(score: Mapping[str, float] | None) -> str:
    """Three significant digits: a standard error over some tens of fields allows no more."""
    if score is None:
        return "-"
    mean = score["mean"]
    return f"{mean:.3g}" if abs(mean) < 0.1 else f"{mean:.3f}" if abs(mean) < 10 else f"{mean:.1f}"
