"""The picture for the eye: sparse, dense and error side by side, with scale and contrast."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm.blocks import block_max, block_mean
from annapalm.contract import QUARTER
from annapalm.write.layout import Panel, lay_out
from annapalm.write.png import encode_png
from annapalm.write.reduce import block_factor, enlarge, occupied_high, structure_high

if TYPE_CHECKING:
    from annapalm.cross_check import CrossCheck
    from annapalm.reconstruction import Reconstruction, WidefieldAgreement
    from annapalm.write.schema import PanelRecord

MAX_PANEL_PX = 1280
"""Longer side of a panel: a field of 2560 px is halved."""
MIN_PANEL_PX = 640
"""A smaller image is enlarged by a whole factor towards this."""
STRUCTURE_PERCENTILE = 99.0
"""Of the structure (`annapalm.quality.structure`); the brightest crossings are drawn saturated."""
OCCUPIED_PERCENTILE = 90.0
"""Of the pixels that hold a localization: low, because most of them hold one."""
WIDEFIELD_NM = 300.0
"""About the width of a point in a widefield image: averaged so far, dense has its contrast."""
DENSE, ERROR = "expected localizations", "expected absolute error of dense"
"""Captions."""
MOST_Z = 4.0
"""Of the cross-check, drawn brightest: 1 in 30,000 by chance."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A preview and how bright its panels are drawn."""

    png: bytes
    contrast: dict[str, PanelRecord]


def make_preview(result: Reconstruction) -> Preview:
    """Draw the panels of `result` as one PNG, and say how its contrast was chosen."""
    shape = result.grid.shape
    down, up = block_factor(shape, MAX_PANEL_PX), max(1, MIN_PANEL_PX // max(shape))
    panels = make_panels(result, down, up)
    canvas = lay_out(panels, result.grid.pixel_nm / 1000 * down / up)
    return Preview(encode_png(canvas), {p.name: p.contrast for p in panels})


def make_panels(result: Reconstruction, down: int, up: int) -> list[Panel]:
    """Make the panels, `down` times smaller and `up` times larger, and choose their contrast."""
    sparse = block_max(result.counts, down)
    dense, error = block_mean(result.dense, down), block_mean(result.error, down)
    used = int(result.counts.sum(dtype=np.float64))
    high = structure_high(dense, result.grid, result.exposure, STRUCTURE_PERCENTILE)
    panels = [
        Panel(
            name="sparse",
            caption=f"{used:,} localizations, {short(used / result.grid.area_um2)} per µm²",
            image=enlarge(sparse, up),
            colours="grey",
            contrast=_contrast(
                occupied_high(sparse, OCCUPIED_PERCENTILE),
                f"percentile {OCCUPIED_PERCENTILE:g} of the occupied pixels",
            ),
            note="per pixel" if down == 1 else f"highest of {down} \u00d7 {down} pixels",
        ),
        Panel(
            name="dense",
            caption=DENSE if not result.withheld else "nothing drawn: it looks like background",
            image=enlarge(dense, up),
            colours="ember",
            contrast=_contrast(high, f"percentile {STRUCTURE_PERCENTILE:g} of the structure"),
            note="per pixel",
        ),
        Panel(
            name="error",
            caption=ERROR if not result.withheld else "what would have been drawn",
            image=enlarge(error, up),
            colours="tide",
            contrast=_contrast(high, "the same as dense"),
            note="per pixel, scale of dense",
        ),
    ]
    if result.widefield is not None:
        panels.append(_widefield_panel(result, result.widefield, down, up))
    if result.cross_check is not None:
        panels.append(_cross_check_panel(result.cross_check, down, up))
    return panels


def short(value: float) -> str:
    """Write a number with three significant digits, without an exponent where that is readable."""
    if value == 0 or 0.001 <= abs(value) < 1000:
        return f"{value:.3g}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1e}"


def _widefield_panel(
    result: Reconstruction, agreement: WidefieldAgreement, down: int, up: int
) -> Panel:
    """Draw the disagreement on the scale of the structure itself, so that agreement looks dark."""
    seen = max(1, round(WIDEFIELD_NM / result.grid.pixel_nm))
    per_quarter = block_mean(result.dense, seen) * np.float32(QUARTER**2)
    high = structure_high(
        per_quarter, result.grid, result.exposure * QUARTER**2, STRUCTURE_PERCENTILE
    )
    rsp = f"RSP {agreement.rsp:.2f}" if math.isfinite(agreement.rsp) else "RSP not defined"
    return Panel(
        name="widefield_error",
        caption=f"disagreement with the widefield image, {rsp}",
        image=enlarge(block_mean(agreement.error, down), up),
        colours="orchid",
        contrast=_contrast(
            high, f"percentile {STRUCTURE_PERCENTILE:g} of dense averaged over {WIDEFIELD_NM:g} nm"
        ),
        note=f"per {QUARTER} \u00d7 {QUARTER} pixels",
    )


def _cross_check_panel(found: CrossCheck, down: int, up: int) -> Panel:
    """Draw the signed z on a scale of its own: what is within chance looks dark."""
    return Panel(
        name="cross_check",
        caption="left of the scale: not borne out, right: missing",
        image=enlarge(block_mean(found.z, down), up),
        colours="accord",
        contrast={"low": -MOST_Z, "high": MOST_Z, "rule": f"fixed; {found.level_z:g} is 5 %"},
        note="z of held-out localizations",
    )


def _contrast(high: float, rule: str) -> PanelRecord:
    return {"low": 0.0, "high": high, "rule": rule}
