"""Quality over localizations per µm², drawn as SVG text: one panel per score, a line per method."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

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

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
"""One per model (Okabe and Ito's palette, which colour-blind readers tell apart)."""
_GREY = "#6b6b6b"
_DASHES = ("", "7 3", "2 3", "9 3 2 3")
"""One per method: a model without widefield image is drawn through."""

_PANEL_W, _PANEL_H = 300, 230
_LEFT, _TOP, _RIGHT, _BOTTOM = 52, 44, 14, 46
_LINE_H = 18


@dataclass(frozen=True, slots=True)
class _Curve:
    """One method: (localizations per µm², mean, standard error or 0), by density."""

    label: str
    colour: str
    dash: str
    points: list[tuple[float, float, float]]


@dataclass(frozen=True, slots=True)
class _Axes:
    """A panel's place and scales: x logarithmic, y from `low` to `high`."""

    left: float
    top: float
    x_low: float
    x_high: float
    low: float
    high: float

    def x(self, value: float) -> float:
        """Pixel of a density."""
        share = math.log(value / self.x_low) / math.log(self.x_high / self.x_low)
        return self.left + share * _PANEL_W

    def y(self, value: float) -> float:
        """Pixel of a score; what lies outside is drawn on the edge."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.top + (1 - share) * _PANEL_H


def plot_quality(title: str, summary: Sequence[Row], scores: Sequence[str]) -> str:
    """Draw means of `summary` (with standard errors) as the text of an SVG image.

    Rows name `model` ("" for baselines), `method` and `density`; x is their mean `density_per_um2`.
    Scores that no row has are left out; all are better above and at most 1, and drawn from 0 on.
    """
    panels = [(s, c) for s in scores if (c := _curves(summary, s))]
    everywhere = [p[0] for _, curves in panels for c in curves for p in c.points]
    legend = _legend_entries(summary)
    columns = max(min(len(panels), 3), 1)
    rows = max(math.ceil(len(panels) / 3), 1)
    step_x, step_y = _LEFT + _PANEL_W + _RIGHT, _TOP + _PANEL_H + _BOTTOM
    width, height = columns * step_x, 34 + rows * step_y + len(legend) * _LINE_H + 12
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">'
    )
    parts = [
        head,
        f'<rect width="{width}" height="{height}" fill="white"/>',
        _text(_LEFT, 24, title, size=16, weight="bold"),
    ]
    for at, (score, curves) in enumerate(panels):
        left = (at % 3) * step_x + _LEFT
        top = 34 + (at // 3) * step_y + _TOP
        axes = _Axes(left, top, 0.8 * min(everywhere), 1.25 * max(everywhere), 0.0, 1.0)
        parts += _frame(axes, TITLES.get(score, score.replace("_", " ")))
        parts += [part for curve in curves for part in _draw(axes, curve)]
    for at, (label, colour, dash) in enumerate(legend):
        y = 34 + rows * step_y + at * _LINE_H + 4
        parts.append(_line(_LEFT, y, _LEFT + 36, y, colour, 2, dash))
        parts.append(_text(_LEFT + 44, y + 4, label))
    return "\n".join([*parts, "</svg>\n"])


def _who(row: Row) -> tuple[str, str]:
    return str(row.get("model", "")), str(row["method"])


def _legend_entries(summary: Sequence[Row]) -> list[tuple[str, str, str]]:
    """Label, colour and dash of each model's methods, then of the baselines, in order."""
    pairs = sorted(dict.fromkeys(_who(row) for row in summary), key=lambda pair: not pair[0])
    models = list(dict.fromkeys(model for model, _ in pairs if model))
    entries = []
    for model, method in pairs:
        own = [m for name, m in pairs if name == model]
        colour = COLOURS[models.index(model) % len(COLOURS)] if model else _GREY
        label = f"{model}, {method.removeprefix('model').removeprefix('+') or 'localizations'}"
        if method == "model+widefield":
            label = f"{model}, localizations + widefield"
        entries.append((label if model else method, colour, _DASHES[own.index(method) % 4]))
    return entries


def _curves(summary: Sequence[Row], score: str) -> list[_Curve]:
    pairs = sorted(dict.fromkeys(_who(row) for row in summary), key=lambda pair: not pair[0])
    curves = []
    for pair, (label, colour, dash) in zip(pairs, _legend_entries(summary), strict=True):
        points = [
            (row["density_per_um2"]["mean"], row[score]["mean"], row[score]["sem"] or 0.0)
            for row in summary
            if _who(row) == pair and row.get(score) and row["density_per_um2"]["mean"] > 0
        ]
        if points:
            curves.append(_Curve(label, colour, dash, sorted(points)))
    return curves


def _frame(axes: _Axes, title: str) -> list[str]:
    """Grid, ticks and names of a panel."""
    right, bottom = axes.left + _PANEL_W, axes.top + _PANEL_H
    parts = [_text(axes.left, axes.top - 10, title, size=13, weight="bold")]
    for n in range(6):
        value = axes.low + n * (axes.high - axes.low) / 5
        y = axes.y(value)
        parts.append(_line(axes.left, y, right, y, "#e2e2e2", 1))
        parts.append(_text(axes.left - 6, y + 4, f"{value:.1f}", anchor="end"))
    for value in _ticks(axes.x_low, axes.x_high):
        x = axes.x(value)
        parts.append(_line(x, axes.top, x, bottom, "#e2e2e2", 1))
        parts.append(_text(x, bottom + 16, f"{value:g}", anchor="middle"))
    parts.append(_line(axes.left, bottom, right, bottom, "#333333", 1))
    parts.append(_line(axes.left, axes.top, axes.left, bottom, "#333333", 1))
    middle = axes.left + _PANEL_W / 2
    parts.append(_text(middle, bottom + 34, "localizations per µm²", anchor="middle"))
    return parts


def _ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times the powers of ten between the ends."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    every = [m * 10.0**p for p in powers for m in (1, 2, 5)]
    return [value for value in every if low <= value <= high]


def _draw(axes: _Axes, curve: _Curve) -> list[str]:
    """Draw a line through the means, dots, and bars of one standard error to each side."""
    places = [(axes.x(x), axes.y(y)) for x, y, _ in curve.points]
    through = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    line = (
        f'<polyline points="{through}" fill="none" stroke="{curve.colour}" stroke-width="2"'
        f"{_dashed(curve.dash)}><title>{escape(curve.label)}</title></polyline>"
    )
    parts = [line]
    for (x, y), (_, mean, sem) in zip(places, curve.points, strict=True):
        if sem:
            parts.append(_line(x, axes.y(mean - sem), x, axes.y(mean + sem), curve.colour, 1))
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{curve.colour}"/>')
    return parts


def _line(
    x0: float, y0: float, x1: float, y1: float, colour: str, width: int, dash: str = ""
) -> str:
    return (
        f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" stroke="{colour}" '
        f'stroke-width="{width}"{_dashed(dash)}/>'
    )


def _dashed(dash: str) -> str:
    return f' stroke-dasharray="{dash}"' if dash else ""


def _text(
    x: float, y: float, text: str, *, size: int = 12, weight: str = "", anchor: str = ""
) -> str:
    more = f' font-weight="{weight}"' * bool(weight) + f' text-anchor="{anchor}"' * bool(anchor)
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}"{more}>{escape(text)}</text>'
