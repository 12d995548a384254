"""Quality over localizations per µm², drawn as SVG text: one panel per score, a line per method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annapalm.write.svg import COLOURS, DASHES, GREY, Curve, Panel, draw_panels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annapalm_export.evaluate.simulated import Row

TITLES = {
    "ms_ssim": "MS-SSIM",
    "ms_ssim_foreground": "MS-SSIM, foreground",
    "pearson": "Pearson r",
    "f1": "Filament F1 at 40 nm",
    "f1_skeleton": "F1, truth's own skeleton",
    "pore_f1": "Pore F1 at 50 nm",
    "ring_contrast": "Ring contrast",
    "period_contrast": "Period contrast",
    "iou": "Area, IoU",
}
"""Score to the heading of its panel; others stand under their own name."""


def plot_quality(title: str, summary: Sequence[Row], scores: Sequence[str]) -> str:
    """Draw means of `summary` (with standard errors) as the text of an SVG image.

    Rows name `model` ("" for baselines), `method` and `density`; x is their mean `density_per_um2`.
    One colour per model, one dash per method (a model without widefield image is drawn through).
    Scores that no row has are left out; all are better above and at most 1, and drawn from 0 on.
    """
    drawn = [(s, c) for s in scores if (c := _curves(summary, s))]
    everywhere = [p[0] for _, curves in drawn for c in curves for p in c.points]
    panels = [
        Panel(
            title=TITLES.get(score, score.replace("_", " ")),
            x_title="localizations per µm²",
            curves=curves,
            y_range=(0.0, 1.0),
            x_range=(0.8 * min(everywhere), 1.25 * max(everywhere)),
        )
        for score, curves in drawn
    ]
    return draw_panels(title, panels, _legend_entries(summary))


def _who(row: Row) -> tuple[str, str]:
    return str(row.get("model", "")), str(row["method"])


def _legend_entries(summary: Sequence[Row]) -> list[tuple[str, str, str]]:
    """Label, colour and dash of each model's methods, then of the baselines, in order."""
    pairs = sorted(dict.fromkeys(_who(row) for row in summary), key=lambda pair: not pair[0])
    models = list(dict.fromkeys(model for model, _ in pairs if model))
    entries = []
    for model, method in pairs:
        own = [m for name, m in pairs if name == model]
        colour = COLOURS[models.index(model) % len(COLOURS)] if model else GREY
        label = f"{model}, {method.removeprefix('model').removeprefix('+') or 'localizations'}"
        if method == "model+widefield":
            label = f"{model}, localizations + widefield"
        entries.append((label if model else method, colour, DASHES[own.index(method) % 4]))
    return entries


def _curves(summary: Sequence[Row], score: str) -> list[Curve]:
    pairs = sorted(dict.fromkeys(_who(row) for row in summary), key=lambda pair: not pair[0])
    curves = []
    for pair, (label, colour, dash) in zip(pairs, _legend_entries(summary), strict=True):
        points = [
            (row["density_per_um2"]["mean"], row[score]["mean"], row[score]["sem"] or 0.0)
            for row in summary
            if _who(row) == pair and row.get(score) and row["density_per_um2"]["mean"] > 0
        ]
        if points:
            curves.append(Curve(label, colour, dash, sorted(points)))
    return curves
