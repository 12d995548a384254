"""Curves as the text of an SVG image: panels side by side, a legend below, nothing but text."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from xml.sax.saxutils import escape

from annapalm.errors import InvalidValueError
from annapalm.write.text import clean_text

if TYPE_CHECKING:
    from collections.abc import Sequence

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
"""Okabe and Ito's palette, which colour-blind readers tell apart."""
GREY = "#6b6b6b"
DASHES = ("", "7 3", "2 3", "9 3 2 3")
"""Patterns of lines; the first is drawn through."""

_PANEL_W, _PANEL_H = 300, 230
_LEFT, _TOP, _RIGHT, _BOTTOM = 52, 44, 14, 46
_LINE_H = 18
_HEAD_H = 34
_TICKS = 6


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a panel."""

    label: str
    colour: str
    dash: str
    points: list[tuple[float, float, float]]
    """(x, y, half the length of the bar about y, or 0), by rising x."""


@dataclass(frozen=True, slots=True)
class Guide:
    """A straight line across a panel, where something is decided."""

    axis: Literal["x", "y"]
    """The axis on which `value` lies; the line stands across it."""
    value: float
    label: str
    """Written beside it; may be empty."""
    at: Literal["left", "right"] = "left"
    """The end at which the label of a line across the y axis stands."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One diagram; x is logarithmic. What lies outside the y range is drawn on its edge."""

    title: str
    x_title: str
    curves: Sequence[Curve]
    y_range: tuple[float, float]
    """Lowest and highest value of the axis."""
    x_range: tuple[float, float]
    """The same for x; both above 0."""
    y_log: bool = False
    """Logarithmic as well; both ends of `y_range` are then above 0."""
    guides: Sequence[Guide] = ()

    def __post_init__(self) -> None:
        """Refuse axes without length."""
        for name, (low, high), log in (
            ("x_range", self.x_range, True),
            ("y_range", self.y_range, self.y_log),
        ):
            if not (math.isfinite(low) and math.isfinite(high) and low < high) or (
                log and low <= 0
            ):
                must = "finite, from low to high, above 0 on a logarithmic axis"
                raise InvalidValueError(name, (low, high), must)


def draw_panels(
    title: str, panels: Sequence[Panel], legend: Sequence[tuple[str, str, str]], columns: int = 3
) -> str:
    """Draw panels, `columns` of them beside each other, with a legend of (label, colour, dash)."""
    columns = max(min(len(panels), columns), 1)
    rows = max(math.ceil(len(panels) / columns), 1)
    step_x, step_y = _LEFT + _PANEL_W + _RIGHT, _TOP + _PANEL_H + _BOTTOM
    width = columns * step_x
    height = _HEAD_H + rows * step_y + len(legend) * _LINE_H + 12
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">'
    )
    parts = [
        head,
        f'<rect width="{width}" height="{height}" fill="white"/>',
        _text(_LEFT, 24, title, size=16, weight="bold"),
    ]
    for at, panel in enumerate(panels):
        left = (at % columns) * step_x + _LEFT
        top = _HEAD_H + (at // columns) * step_y + _TOP
        axes = _Axes(left, top, panel)
        parts += _frame(axes)
        parts += [part for curve in panel.curves for part in _draw(axes, curve)]
        parts += [part for guide in panel.guides for part in _guide(axes, guide)]
    for at, (label, colour, dash) in enumerate(legend):
        y = _HEAD_H + rows * step_y + at * _LINE_H + 4
        parts.append(_line(_LEFT, y, _LEFT + 36, y, colour, 2, dash))
        parts.append(_text(_LEFT + 44, y + 4, label))
    return "\n".join([*parts, "</svg>\n"])


@dataclass(frozen=True, slots=True)
class _Axes:
    """A panel in its place."""

    left: float
    top: float
    panel: Panel

    def x(self, value: float) -> float:
        """Pixel of a value on the x axis."""
        return self.left + _share(value, self.panel.x_range, log=True) * _PANEL_W

    def y(self, value: float) -> float:
        """Pixel of a value on the y axis."""
        return self.top + (1 - _share(value, self.panel.y_range, log=self.panel.y_log)) * _PANEL_H


def _share(value: float, ends: tuple[float, float], *, log: bool) -> float:
    """Place of a value between two ends, 0 to 1."""
    low, high = ends
    inside = min(max(value, low), high)
    if log:
        return math.log(inside / low) / math.log(high / low)
    return (inside - low) / (high - low)


def _frame(axes: _Axes) -> list[str]:
    """Grid, ticks and names of a panel."""
    right, bottom = axes.left + _PANEL_W, axes.top + _PANEL_H
    panel = axes.panel
    parts = [_text(axes.left, axes.top - 10, panel.title, size=13, weight="bold")]
    for value in (_powers if panel.y_log else _even)(*panel.y_range):
        y = axes.y(value)
        parts.append(_line(axes.left, y, right, y, "#e2e2e2", 1))
        parts.append(_text(axes.left - 6, y + 4, f"{value:g}", anchor="end"))
    for value in _powers(*panel.x_range):
        x = axes.x(value)
        parts.append(_line(x, axes.top, x, bottom, "#e2e2e2", 1))
        parts.append(_text(x, bottom + 16, f"{value:g}", anchor="middle"))
    parts.append(_line(axes.left, bottom, right, bottom, "#333333", 1))
    parts.append(_line(axes.left, axes.top, axes.left, bottom, "#333333", 1))
    middle = axes.left + _PANEL_W / 2
    parts.append(_text(middle, bottom + 34, panel.x_title, anchor="middle"))
    return parts


def _powers(low: float, high: float) -> list[float]:
    """1, 2 and 5 times the powers of ten between the ends; over long ranges the powers alone."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = [m * 10.0**p for p in range(first, last + 1) for m in (1, 2, 5)]
    inside = [value for value in every if low <= value <= high]
    if len(inside) <= 2 * _TICKS:
        return inside
    return [10.0**p for p in range(first, last + 1) if low <= 10.0**p <= high]


def _even(low: float, high: float) -> list[float]:
    """Equal steps of 1, 2 or 5 times a power of ten between the ends, about `_TICKS` of them."""
    least = (high - low) / _TICKS
    decade = 10.0 ** math.floor(math.log10(least))
    step = next(m * decade for m in (1, 2, 5, 10) if m * decade >= least * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(n * step, 12) for n in range(first, last + 1)]


def _draw(axes: _Axes, curve: Curve) -> list[str]:
    """Draw a line through the values, dots, and the bars."""
    places = [(axes.x(x), axes.y(y)) for x, y, _ in curve.points]
    through = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    line = (
        f'<polyline points="{through}" fill="none" stroke="{curve.colour}" stroke-width="2"'
        f"{_dashed(curve.dash)}><title>{_escaped(curve.label)}</title></polyline>"
    )
    parts = [line]
    for (x, y), (_, mean, bar) in zip(places, curve.points, strict=True):
        if bar:
            parts.append(_line(x, axes.y(mean - bar), x, axes.y(mean + bar), curve.colour, 1))
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{curve.colour}"/>')
    return parts


def _guide(axes: _Axes, guide: Guide) -> list[str]:
    right, bottom = axes.left + _PANEL_W, axes.top + _PANEL_H
    if guide.axis == "y":
        y = axes.y(guide.value)
        line = _line(axes.left, y, right, y, "#333333", 1, DASHES[1])
        beside, anchor = (right - 4, "end") if guide.at == "right" else (axes.left + 4, "")
        return [line, _text(beside, y - 4, guide.label, size=11, anchor=anchor)]
    x = axes.x(guide.value)
    line = _line(x, axes.top, x, bottom, "#333333", 1, DASHES[1])
    before = x > axes.left + _PANEL_W / 2
    beside, anchor = (x - 4, "end") if before else (x + 4, "")
    return [line, _text(beside, bottom - 6, guide.label, size=11, anchor=anchor)]


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
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}"{more}>{_escaped(text)}</text>'


def _escaped(text: str) -> str:
    return escape(clean_text(text))
