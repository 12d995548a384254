"""A plan as curves over the number of frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annapalm.plan.choose import relative_likelihood
from annapalm.write.svg import COLOURS, DASHES, GREY, Curve, Guide, Panel, draw_panels
from annapalm.write.verdict import percent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from annapalm.plan.record import PlanRecord

_X = "frames of input"
_MODEL, _SAMPLING, _HALVES, _LATER = COLOURS[:4]

_LEGEND = (
    ("model, mean and standard deviation over blocks", _MODEL, DASHES[0]),
    ("model, block at the start", _MODEL, DASHES[1]),
    ("best Gaussian blur, block at the start", GREY, DASHES[2]),
    ("what sampling allows in the structure (Nyquist), block at the start", _SAMPLING, DASHES[0]),
    ("FRC of the halves of the block at the start", _HALVES, DASHES[0]),
    ("FRC of the model, block at the start, with the later frames", _LATER, DASHES[0]),
)


def plot_plan(record: PlanRecord, name: str) -> str:
    """Draw `record` as the text of an SVG image; `name` says of what."""
    steps = record["steps"]
    best = max(step["bits"] for step in steps)
    part = record["recommendation"]["structure_part"]

    def likelihood(bits: float) -> float:
        return relative_likelihood(bits, best, part)

    frames = [step["frames"] for step in steps]
    x_range = (0.8 * frames[0], 1.25 * frames[-1])
    chosen = _chosen(record)

    def panel(
        title: str,
        curves: list[Curve],
        y_range: tuple[float, float],
        *,
        y_log: bool = False,
        guides: tuple[Guide, ...] = (),
    ) -> Panel:
        drawn = [curve for curve in curves if curve.points]
        return Panel(title, _X, drawn, y_range, x_range, y_log, (*guides, *chosen))

    relative = [
        _mean((s["frames"], [likelihood(b["bits"]) for b in s["blocks"]]) for s in steps),
        _start([(s["frames"], s["relative_start"]) for s in steps]),
        _line(
            "best blur",
            GREY,
            DASHES[2],
            ((s["frames"], likelihood(s["blur_bits"])) for s in steps),
        ),
    ]
    pearson = [
        _mean((s["frames"], [b["pearson_later"] for b in s["blocks"]]) for s in steps),
        _start([(s["frames"], s["blocks"][0]["pearson_later"]) for s in steps]),
    ]
    lengths = [
        _line(
            "Nyquist", _SAMPLING, "", ((s["frames"], s["blocks"][0]["nyquist_nm"]) for s in steps)
        ),
        _line("FRC of halves", _HALVES, "", ((s["frames"], s["frc_halves_nm"]) for s in steps)),
        _line("FRC with later", _LATER, "", ((s["frames"], s["frc_later_nm"]) for s in steps)),
    ]
    density = [
        _mean((s["frames"], [b["density_per_um2"] for b in s["blocks"]]) for s in steps),
        _start([(s["frames"], s["blocks"][0]["density_per_um2"]) for s in steps]),
    ]
    target = record["resolution_nm"]
    panels = [
        panel(
            "Likelihood of a later localization, best = 1",
            relative,
            (0.0, max(1.0, *(p[1] + p[2] for c in relative for p in c.points))),
            guides=(
                Guide("y", record["share"], percent(record["share"])),
                Guide("y", likelihood(0.0), "empty field", "right"),
            ),
        ),
        panel("Pearson r with the later frames", pearson, (0.0, 1.0)),
        panel(
            "Resolution, nm",
            lengths,
            _span(lengths, target),
            y_log=True,
            guides=(Guide("y", target, f"{target:g} nm"),),
        ),
        panel("Localizations per µm²", density, _span(density), y_log=True),
    ]
    return draw_panels(name, panels, _LEGEND, columns=2)


def _chosen(record: PlanRecord) -> tuple[Guide, ...]:
    frames, verdict = record["recommendation"]["frames"], record["recommendation"]["verdict"]
    if frames is None:
        return ()
    return (Guide("x", frames, f"{'at least ' * (verdict == 'too_short')}{frames:,}"),)


def _mean(points: Iterable[tuple[int, list[float]]]) -> Curve:
    """Mean and standard deviation over the blocks of each number of frames."""
    drawn = [
        (float(x), float(np.mean(y)), float(np.std(y, ddof=1)) if len(y) > 1 else 0.0)
        for x, y in points
    ]
    return Curve("mean over blocks", _MODEL, DASHES[0], drawn)


def _start(points: list[tuple[int, float]]) -> Curve:
    return _line("at the start", _MODEL, DASHES[1], points)


def _line(label: str, colour: str, dash: str, points: Iterable[tuple[int, float | None]]) -> Curve:
    return Curve(label, colour, dash, [(float(x), y, 0.0) for x, y in points if y is not None])


def _span(curves: list[Curve], *more: float) -> tuple[float, float]:
    """Find ends of a logarithmic axis that holds all that is above 0, with some room."""
    values = [y for curve in curves for _, y, _ in curve.points if y > 0] + list(more)
    return (0.8 * min(values), 1.25 * max(values)) if values else (1.0, 10.0)
