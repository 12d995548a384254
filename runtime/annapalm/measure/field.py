"""The measures of one field or region, from a dense image and its error map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from annapalm.errors import InvalidValueError
from annapalm.measure.bending import APART_NM, walk, without_short
from annapalm.measure.intervals import corrected, fitted_model, interval
from annapalm.measure.lines import LEVEL, SCALE_NM, find_lines
from annapalm.measure.pores import RADIUS_NM, detect_pores
from annapalm.measure.rings import fit_radii, ring_mean
from annapalm.widefield.filter import gaussian_blur
from annapalm.write.trust import DOUBT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.grid import Grid
    from annapalm.measure.lines import LinePixels
    from annapalm.render import RateImage

DETECTORS = {"microtubules": (SCALE_NM, LEVEL), "actin": (20.0, 0.02)}
"""Scale (nm) and level of `find_lines`, chosen on simulated threshold fields. The meshes of actin
are finer, and fainter beside its bundles, than what microtubules show."""
FILAMENTS = tuple(DETECTORS)
"""Structures that are measured as lines."""
PORES = ("nuclear pores",)
"""Structures that are measured as rings."""

UNITS = {
    "length_um_per_um2": "µm of filament per µm²",
    "order": "on a scale of 0 to 1",
    "curvature_per_um": "radians per µm",
    "persistence_um": "µm",
    "pores_per_um2": "pores per µm²",
    "radius_nm": "nm",
}
"""Names of all measures, with their units; those of filaments first."""

NOISE = 1.25
"""A line pixel or pore where the error is above this many times `dense` is noise and not counted.
Chosen on simulated threshold fields: there it keeps the number of localizations from deciding the
length that is drawn."""

DOUBTFUL_LIMIT = 0.5
"""Nothing is concluded from a field where more than this share of what was measured is doubtful
(`annapalm.write.trust.DOUBT`): the error map says of most of it that it may well be empty."""

_LEAST_BENDS = 100
"""Walkers that bends are told from; fewer lie on a line or two."""
_LEAST_DIRECTIONS = 20
_STRAIGHT = 0.005
"""Curvature per µm (a radius of 200 µm) that no field can tell from 0."""
_NORMAL_MEDIAN = 0.6745
"""Median of |x| for x of variance 1, normally distributed."""
_AROUND_NM = 20.0
"""Blur in which `dense` and `error` are compared: one pixel's error map is noisy."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One number and the interval of it."""

    drawn: float | None
    """What the image shows; None where the field does not show it."""
    value: float | None
    """What the truth is likely to be (`annapalm.measure.intervals.corrected`)."""
    low: float | None = None
    high: float | None = None
    """The truth lies between the two in 90 % of simulated fields (`annapalm.measure.intervals`);
    None where the structure has none."""


@dataclass(frozen=True, slots=True)
class FieldMeasures:
    """All measures of one field or region."""

    structure: str
    area_um2: float
    measures: dict[str, Measure]
    """By name, of `UNITS`."""
    doubtful_share: float | None
    """Share of the measured length, or of the pores, where the error map is above `dense`; None
    where nothing is drawn."""
    localizations_per_unit: float | None
    """Localizations of the structure per µm of line, or per pore: how well it was sampled."""
    fitted_to: str | None
    """The model whose pictures corrections and intervals were fitted to; None: there are none."""

    @property
    def conclusive(self) -> bool:
        """Whether the error map allows a conclusion at all (`DOUBTFUL_LIMIT`)."""
        return conclusive(self.doubtful_share)


def conclusive(doubtful_share: float | None) -> bool:
    """Say whether a field of that share of doubt allows a conclusion; an empty one does."""
    return doubtful_share is None or doubtful_share <= DOUBTFUL_LIMIT


def measure_field(
    dense: RateImage,
    error: RateImage,
    grid: Grid,
    structure: str,
    *,
    model: str = "",
    radius_nm: float = RADIUS_NM,
) -> FieldMeasures:
    """Measure a structure in `dense`, with its `error` map: both float32 [Y, X], >= 0.

    `model` (name/version) is what drew them, empty where that is not known; `radius_nm` is the
    expected radius of nuclear pores. Raises `InvalidValueError` for a structure
    that there are no measures of, and for images that are none or do not fit the grid.
    """
    for name, image in (("dense", dense), ("error", error)):
        if image.shape != grid.shape:
            raise InvalidValueError(f"{name}'s shape", image.shape, f"the grid's, {grid.shape}")
        if not np.isfinite(image).all() or (image.size and image.min() < 0):
            raise InvalidValueError(name, "negative or not finite", "finite and at least 0")
    if structure in FILAMENTS:
        values, doubtful, units = _filaments(dense, error, grid, structure)
    elif structure in PORES:
        values, doubtful, units = _pores(dense, error, grid, radius_nm)
    else:
        known = ", ".join((*FILAMENTS, *PORES))
        raise InvalidValueError("structure", structure, f"one of {known}: others have no measures")
    return FieldMeasures(
        structure,
        grid.area_um2,
        _with_intervals(values, structure, model, doubtful),
        doubtful,
        float(dense.sum(dtype=np.float64)) / units if units > 0 else None,
        fitted_model(structure, model),
    )


_Drawn: TypeAlias = tuple[dict[str, float | None], float | None, float]
"""Measures as drawn, the share of them that is doubtful, and how much there is: µm, or pores."""


def _filaments(dense: RateImage, error: RateImage, grid: Grid, structure: str) -> _Drawn:
    scale_nm, level = DETECTORS[structure]
    lines = find_lines(dense, grid.pixel_nm, scale_nm=scale_nm, level=level)
    blur_px = _AROUND_NM / grid.pixel_nm
    blurred = [gaussian_blur(image, blur_px) for image in (dense, error)]
    drawn, expected = (image[lines.row, lines.column] for image in blurred)
    lines = without_short(lines.where(expected <= NOISE * drawn), grid.shape, grid.pixel_nm)
    drawn, expected = (image[lines.row, lines.column] for image in blurred)
    doubted = expected > DOUBT * drawn
    length_um = float(lines.length_px.sum(dtype=np.float64)) * grid.pixel_nm / 1000
    doubtful = None
    if length_um > 0:
        doubtful = float(np.average(doubted, weights=lines.length_px))
    values = {"length_um_per_um2": length_um / grid.area_um2, **line_directions(lines, grid)}
    return values, doubtful, length_um


def line_directions(lines: LinePixels, grid: Grid) -> dict[str, float | None]:
    """Order parameter, curvature (per µm) and persistence length (µm) of lines on `grid`.

    The order is |mean exp(2i phi)| over the directions phi: 1 where all lines are parallel, 0 where
    they run evenly in all directions. The angle between two chords of one line, s apart, is taken
    as normally distributed with the spread that its median says: curvature is spread / s, and the
    persistence length P that of <cos angle> = exp(-s / 2P), the worm-like chain in the plane.
    """
    bends = walk(lines, grid.shape, grid.pixel_nm)
    order = curvature = persistence = None
    if len(bends.directions) >= _LEAST_DIRECTIONS:
        order = float(np.abs(np.exp(2j * bends.directions).mean()))
    if len(bends.turned) >= _LEAST_BENDS:
        curvature = curvature_of(bends.turned)
        persistence = persistence_of(curvature)
    return {"order": order, "curvature_per_um": curvature, "persistence_um": persistence}


def curvature_of(turned: NDArray[np.float64]) -> float:
    """Turn angles (radians) between chords `APART_NM` apart into a curvature, per µm."""
    return float(np.median(turned)) / _NORMAL_MEDIAN / (APART_NM / 1000)


def persistence_of(curvature_per_um: float | None) -> float | None:
    """Turn a curvature into the persistence length in µm; None for lines as good as straight."""
    if curvature_per_um is None or curvature_per_um < _STRAIGHT:
        return None
    return 1 / (curvature_per_um**2 * APART_NM / 1000)


def _pores(dense: RateImage, error: RateImage, grid: Grid, radius_nm: float) -> _Drawn:
    xy = detect_pores(dense, grid, radius_nm).xy_nm
    drawn, expected = (ring_mean(image, grid, xy, radius_nm) for image in (dense, error))
    counted = expected <= NOISE * drawn
    xy, doubted = xy[counted], (expected > DOUBT * drawn)[counted]
    doubtful = float(doubted.mean()) if len(xy) else None
    radius = float(np.mean(fit_radii(dense, grid, xy, radius_nm))) if len(xy) else None
    return {"pores_per_um2": len(xy) / grid.area_um2, "radius_nm": radius}, doubtful, len(xy)


def _with_intervals(
    values: dict[str, float | None], structure: str, model: str, doubtful: float | None
) -> dict[str, Measure]:
    measures = {}
    for name, drawn in values.items():
        if drawn is None:
            measures[name] = Measure(None, None)
            continue
        value = corrected(structure, model, name, drawn, doubtful)
        ends = interval(structure, model, name, value, doubtful)
        measures[name] = Measure(drawn, value, *(ends or (None, None)))
    bend = measures.get("curvature_per_um")
    if bend is not None:
        measures["persistence_um"] = Measure(
            persistence_of(bend.drawn),
            persistence_of(bend.value),
            persistence_of(bend.high),
            persistence_of(bend.low),
        )
    return measures
