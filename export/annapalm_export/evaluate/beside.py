"""Simulated tables beside real ones, at the same density: numbers, and a picture."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING

import numpy as np

from annapalm.errors import InvalidValueError
from annapalm.grid import DEFAULT_PIXEL_NM, Grid
from annapalm.render import render
from annapalm.write.layout import Panel, lay_out
from annapalm.write.png import encode_png
from annapalm.write.preview import OCCUPIED_PERCENTILE, short
from annapalm.write.reduce import enlarge, occupied_high
from annapalm_export.evaluate.pairs import field_of
from annapalm_export.evaluate.statistics import SUMMARY, table_statistics
from annapalm_export.markdown import table_lines
from annapalm_export.simulate import simulate_scene
from annapalm_export.simulate.structures import structure_named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from annapalm.localizations import Localizations
    from annapalm.render import CountImage
    from annapalm_export.evaluate.statistics import StatisticsOptions
    from annapalm_export.simulate import Scene, SceneOptions

KINDS = {
    "simulated": (False, False),
    "simulated, imperfect": (True, False),
    "simulated, imperfect, stray": (True, True),
}
"""Headings, and `imperfect` and `stray` of each one's `SceneOptions`."""

_JUDGED_FIELD_UM = 12.8
"""Side of the field that `Structure.least_amount` speaks of."""
_PANEL_PX = 600
"""About the side of a panel: a smaller count image is enlarged by a whole factor towards it."""


def per_um2(locs: Localizations) -> float:
    """Localizations per µm² of field (`pairs.field_of`)."""
    width, height = field_of(locs)
    return len(locs) / (width * height / 1e6)


def first_of_density(locs: Localizations, density: float) -> Localizations:
    """Keep the first frames that hold `density` localizations per µm² of field, or all there are.

    The area is that of `pairs.field_of`, and stays the field of what is kept. Raises
    `InvalidValueError` for a density not above 0 or one that leaves fewer than two localizations.
    """
    if not (np.isfinite(density) and density > 0):
        raise InvalidValueError("density", density, "a finite number above 0, per µm²")
    width, height = field_of(locs)
    wanted = round(density * width * height / 1e6)
    if wanted < 2:
        must = f"enough for two localizations in {width * height / 1e6:.3g} µm²"
        raise InvalidValueError("density", density, must)
    placed = _from_corner(locs, (width, height))
    if wanted >= len(locs):
        return placed
    last = int(np.partition(locs.frame, wanted - 1)[wanted - 1])
    return placed.select(locs.frame <= last)


def _from_corner(locs: Localizations, field_nm: tuple[float, float]) -> Localizations:
    """State the field, and move it to (0, 0) where only the localizations' extent is known."""
    if locs.field_nm is not None:
        return locs
    return dataclasses.replace(
        locs,
        x_nm=locs.x_nm - locs.x_nm.min(),
        y_nm=locs.y_nm - locs.y_nm.min(),
        field_nm=field_nm,
    )


def scenes_with_structure(
    options: SceneOptions, first_seed: int, number: int, say: Callable[[str], None]
) -> Iterator[Scene]:
    """Simulate scenes of rising seeds; those with hardly any structure are passed over and said.

    As in the evaluation: `Structure.least_amount`, for the field's area, is the least; a cell's
    edge or a hole may leave a field almost empty. Raises `InvalidValueError` where not one seed
    in ten has as much.
    """
    structure = structure_named(options.structure)
    least = structure.least_amount * (options.field_um / _JUDGED_FIELD_UM) ** 2
    left = number
    for seed in range(first_seed, first_seed + 10 * number):
        scene = simulate_scene(seed, options)
        if scene.amount < least or len(scene.localizations) < 2:
            say(f"seed {seed}: only {scene.amount:.3g} {structure.unit}, passed over")
            continue
        yield scene
        left -= 1
        if not left:
            return
    must = f"such that scenes have {least:.3g} {structure.unit} and more; ask for a higher amount"
    raise InvalidValueError("options", options, must)


def simulated_summaries(
    options: SceneOptions,
    first_seed: int,
    number: int,
    density: float,
    statistics: StatisticsOptions | None = None,
    say: Callable[[str], None] = lambda _line: None,
) -> list[dict[str, float]]:
    """Summarise `scenes_with_structure`, each cut as `first_of_density` does.

    A scene whose whole acquisition is sparser is taken whole, and `say` is told.
    """
    found = []
    for scene in scenes_with_structure(options, first_seed, number, say):
        cut = first_of_density(scene.localizations, density)
        if len(cut) == len(scene.localizations):
            say(f"{per_um2(cut):.3g} localizations per µm² in all, taken whole")
        found.append(table_statistics(cut, statistics).summary)
    return found


def comparison_table(
    real: Mapping[str, Mapping[str, float]],
    simulated: Mapping[str, Sequence[Mapping[str, float]]],
) -> str:
    """Markdown: a line per statistic, a column per real table and per kind of simulated scenes.

    Of simulated scenes the median and, in brackets, the 5 to 95 % range; a dash where a statistic
    is not defined. `real` and `simulated` map headings to summaries by the keys of `SUMMARY`.
    """
    heads = [*real, *(f"{name} ({len(scenes)} scenes)" for name, scenes in simulated.items())]
    rows = []
    for key, title in SUMMARY.items():
        cells = [_number(summary[key]) for summary in real.values()]
        cells += [_spread([scene[key] for scene in scenes]) for scenes in simulated.values()]
        if any(cell != "-" for cell in cells):
            rows.append([title, *cells])
    return "\n".join(table_lines(["statistic", *heads], rows)) + "\n"


def _number(value: float) -> str:
    if not np.isfinite(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _spread(values: Sequence[float]) -> str:
    known = [value for value in values if np.isfinite(value)]
    if not known:
        return "-"
    low, middle, high = np.quantile(known, (0.05, 0.5, 0.95))
    return f"{_number(middle)} ({_number(low)} to {_number(high)})"


def fullest_square(locs: Localizations, side_nm: float) -> Localizations:
    """Cut out the square with the most localizations, its corner on a raster of half a µm.

    Raises `InvalidValueError` where the field is smaller than the square.
    """
    placed = _from_corner(locs, field_of(locs))
    width, height = field_of(placed)
    if not 0 < side_nm <= min(width, height) * (1 + 1e-9):
        must = f"above 0 and at most the field's shorter side, {min(width, height):.0f} nm"
        raise InvalidValueError("side_nm", side_nm, must)
    step = 500.0
    corners = [
        (left, top)
        for left in np.arange(0, width - side_nm * (1 - 1e-9), step)
        for top in np.arange(0, height - side_nm * (1 - 1e-9), step)
    ]
    x, y = placed.x_nm, placed.y_nm
    held = [
        (x >= left) & (x < left + side_nm) & (y >= top) & (y < top + side_nm)
        for left, top in corners
    ]
    best = int(np.argmax([rows.sum() for rows in held]))
    cut = placed.select(held[best])
    return dataclasses.replace(
        cut,
        x_nm=cut.x_nm - corners[best][0],
        y_nm=cut.y_nm - corners[best][1],
        field_nm=(side_nm, side_nm),
    )


def picture(tables: Mapping[str, Localizations], pixel_nm: float = DEFAULT_PIXEL_NM) -> bytes:
    """Draw tables of one field size side by side as counts: a PNG.

    Each panel is as bright as its own occupied pixels say, as in the previews of `annapalm-run`.
    Raises `InvalidValueError` for no table, or fields of different sizes.
    """
    images = {name: render(t, Grid.around(t, pixel_nm))[0] for name, t in tables.items()}
    shapes = {image.shape for image in images.values()}
    if len(shapes) != 1:
        raise InvalidValueError("tables", f"of {len(shapes)} field sizes", "at least one, one size")
    up = max(1, round(_PANEL_PX / max(shapes.pop())))
    panels = [_panel(name, tables[name], image, up) for name, image in images.items()]
    return encode_png(lay_out(panels, pixel_nm / 1000 / up), level=9)


def real_beside_simulated(
    name: str, real: Localizations, options: SceneOptions, seed: int
) -> bytes:
    """Draw the fullest square of a real table beside the first scene of each of `KINDS`: a PNG.

    The square is as large as the simulated field, or as the real one allows; the scenes are cut
    to the square's density.
    """
    side_nm = min(options.field_um * 1000, *field_of(real))
    square = fullest_square(real, side_nm)
    tables = {name: square}
    for kind, (imperfect, stray) in KINDS.items():
        wanted = dataclasses.replace(
            options, field_um=side_nm / 1000, imperfect=imperfect, stray=stray
        )
        scene = next(scenes_with_structure(wanted, seed, 1, lambda _line: None))
        tables[kind] = first_of_density(scene.localizations, per_um2(square))
    return picture(tables)


def to_json(results: object) -> str:
    """Render as JSON text; what is not defined (NaN) is null."""
    return json.dumps(_defined(results), indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def _defined(value: object) -> object:
    if isinstance(value, dict):
        return {key: _defined(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_defined(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _panel(name: str, table: Localizations, image: CountImage, up: int) -> Panel:
    frames = int(np.ptp(table.frame)) + 1 if len(table) else 0
    return Panel(
        name=name,
        caption=f"{short(per_um2(table))} localizations per µm², {frames:,} frames",
        image=enlarge(image, up),
        colours="ember",
        contrast={
            "low": 0.0,
            "high": occupied_high(image, OCCUPIED_PERCENTILE),
            "rule": f"percentile {OCCUPIED_PERCENTILE:g} of the occupied pixels",
        },
        note="per pixel",
    )
