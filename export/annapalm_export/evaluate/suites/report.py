"""A run's results as JSON, Markdown and plots."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from annapalm_export.evaluate.suites.cross_check import FIELD_COLUMNS, PIECE_COLUMNS
from annapalm_export.evaluate.suites.plot import plot_quality
from annapalm_export.evaluate.table import (
    REAL_COLUMNS,
    STRESS_COLUMNS,
    density_heading,
    structure_tables,
    summarise,
    to_json,
    to_markdown,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from annapalm_export.evaluate.simulated import Row
    from annapalm_export.evaluate.suites.run import Entry
    from annapalm_export.evaluate.suites.suite import Suite

_ABOUT = ("suite", "condition", "structure", "unit")
_GROUPS = {
    "simulated": (*_ABOUT, "model", "method", "density"),
    "trust": (*_ABOUT, "input", "model", "method", "erased_nm"),
    "cross-check": (*_ABOUT, "model", "density"),
    "real": (*_ABOUT, "field", "share", "model", "method"),
}
"""Keys in which rows that are averaged agree, by kind of suite."""

TRUST_COLUMNS = STRESS_COLUMNS | {
    "false_share": "false share",
    "relative_error": "error/dense",
    "refused": "refused",
    "ms_ssim_gain": "MS-SSIM gained",
    "rsp": "RSP",
}


def write_report(
    folder: Path, results: Sequence[tuple[Suite, list[Row]]], entries: Sequence[Entry], fields: int
) -> list[Path]:
    """Write summary.json, tables.md and plots of the rows of each suite; return their paths.

    They are made again from all rows at each run, and replace those of the last one.
    """
    from annapalm import __version__

    summaries = {suite.label: summarise(rows, _GROUPS[suite.kind]) for suite, rows in results}
    summary: dict[str, Any] = {
        "annapalm": __version__,
        "fields": fields,
        "models": [
            {"label": e.label, "sha256": e.sha256, "structures": list(e.model.info.structures)}
            for e in entries
        ],
        "suites": {
            suite.label: {"title": suite.title, "rows": summaries[suite.label]}
            for suite, _ in results
        },
    }
    paths = [_write(folder / "summary.json", to_json(summary))]
    parts = [f"# Evaluation\n\n{_models(entries)}\n{fields} fields per condition and density.\n"]
    for suite, _ in results:
        rows = summaries[suite.label]
        plots = _plots(folder, suite, rows)
        paths += plots
        shown = "".join(f"![{p.stem}]({p.name})\n\n" for p in plots)
        parts.append(f"## {suite.label}\n\n{suite.title}.\n\n{shown}{_tables(suite, rows)}")
    paths.append(_write(folder / "tables.md", "\n".join(parts)))
    return paths


def _models(entries: Sequence[Entry]) -> str:
    lines = [
        f"- {e.label}: sha256 `{e.sha256}`, {', '.join(e.model.info.structures)}\n" for e in entries
    ]
    return "".join(lines)


def _tables(suite: Suite, rows: Sequence[Row]) -> str:
    """Markdown of one suite."""
    if suite.kind == "trust":
        groups = {
            "structure": "structure",
            "input": "input",
            "model": "model",
            "method": "method",
            "erased_nm": "erased, nm",
        }
        return to_markdown(rows, TRUST_COLUMNS, groups)
    if suite.kind == "cross-check":
        groups = {"structure": "structure", "model": "model", "density": "localizations per unit"}
        pieces = [row for row in rows if row.get("auroc_false") is not None]
        parts = [(pieces, PIECE_COLUMNS), (rows, FIELD_COLUMNS)]
        return "\n".join(to_markdown(some, columns, groups) for some, columns in parts if some)
    if suite.kind == "real":
        groups = {"field": "table", "share": "share seen", "model": "model", "method": "method"}
        return to_markdown(rows, REAL_COLUMNS, groups)
    sections = []
    for name, some in _by_condition(rows):
        groups = {"model": "model", "method": "method", "density": density_heading(_unit(some))}
        ordered = sorted(some, key=lambda row: float(row["density"]))  # methods stay in order
        sections.append(f"### {name}\n\n{structure_tables(ordered, '####', groups)}")
    return "\n".join(sections)


def _plots(folder: Path, suite: Suite, rows: Sequence[Row]) -> list[Path]:
    """One SVG for each condition with at least two densities."""
    paths = []
    for name, some in _by_condition(rows):
        if suite.plotted and len({row["density"] for row in some}) > 1:
            title = suite.label if name == some[0]["structure"] else f"{suite.label}: {name}"
            stem = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
            path = folder / f"quality-{stem}.svg"
            paths.append(_write(path, plot_quality(title, some, suite.plotted)))
    return paths


def _by_condition(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    names = dict.fromkeys(row["condition"] for row in rows if "density" in row)
    return [(name, [row for row in rows if row["condition"] == name]) for name in names]


def _unit(rows: Sequence[Row]) -> str | None:
    unit: str | None = rows[0].get("unit")
    return unit


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    return path
