"""Inputs with nothing to find: no localizations, noise without structure, an erased filament.

On these there is nothing to find. What counts is that nothing is invented, and that the error map
says so where something is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from annapalm_export.evaluate.baseline import blurs
from annapalm_export.evaluate.field import resample
from annapalm_export.evaluate.filaments import (
    DEFAULT_LEVEL,
    SMOOTHING_NM,
    TOLERANCE_NM,
    skeleton,
)
from annapalm_export.evaluate.simulated import BLUR, MODEL, FieldScorer, Row
from annapalm_export.evaluate.structure_scores import LineScores, kind_of
from annapalm_export.evaluate.suite import asked_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from annapalm.reconstruction import Reconstruction
    from annapalm.render import CountImage, RateImage
    from annapalm_export.evaluate.field import EvalField
    from annapalm_export.evaluate.reconstructor import Reconstructor
    from annapalm_export.evaluate.structure_scores import StructureScores

ERASED_NM = (200.0, 500.0, 1000.0, 2000.0)
"""Lengths of the filament pieces that are erased."""

_ALONE_NM = 200.0
"""An erased piece has no other filament nearer than this."""

_CLEARED_NM = 100.0
"""Localizations this near to an erased piece are removed: all of its own, and its background."""

_MARGIN_NM = 500.0
"""An erased piece stays this far from the border of the field."""

_WELL_LABELLED = 0.5
"""It has at least this share of the median rate: it would be found if it were not erased."""


def evaluate_empty(model: Reconstructor, like: EvalField) -> Row:
    """Reconstruct a field of the size of `like` without any localization.

    Every sum should be 0, and there should be a warning.
    """
    structure = asked_for(model, like.structure)
    nothing = np.zeros(like.grid.shape, np.float32)
    result = model.reconstruct(nothing, None, grid=like.grid, structure=structure)
    return {
        "input": "empty",
        "structure": like.structure,
        "method": MODEL,
        "dense_sum": float(result.dense.sum(dtype=np.float64)),
        "error_sum": float(result.error.sum(dtype=np.float64)),
        "background_sum": float(result.background.sum(dtype=np.float64)),
        "warnings": len(result.warnings),
    }


def evaluate_uniform(
    model: Reconstructor,
    reference: EvalField,
    levels: Mapping[str, float] | None = None,
    seed: int = 0,
) -> list[Row]:
    """Reconstruct as many localizations as `reference` has, spread at random over its field.

    A threshold relative to such a picture itself would always find something. So structure is
    drawn where it reaches the threshold that belongs to the method's picture of `reference`: what
    a viewer sees who sets the contrast on a good field. It is given in the unit that fits the
    structure (`drawn_pores_per_um2`, `drawn_share`) and, for every structure, as length of filament
    (`drawn_um_per_um2`); `..._reference` is what the picture of `reference` has of it. One row for
    the model and one for the blur that shows the structure of `reference` best. `drawn...` is what
    the network draws. A run withholds that where it sees that there is no structure (`withheld`):
    `shown_um_per_um2` is what is then left of it.
    """
    kind = kind_of(reference.structure)
    levels = dict.fromkeys((MODEL, BLUR), kind.DEFAULT_LEVEL) | dict(levels or {})
    grid, counts = reference.grid, uniform_counts(reference, seed)
    structure = asked_for(model, reference.structure)
    real = model.reconstruct(reference.counts, None, grid=grid, structure=structure)
    noise = shown = model.reconstruct(counts, None, grid=grid, structure=structure)
    if shown.withheld:  # what the network draws is asked for as well
        noise = model.reconstruct(counts, None, grid=grid, structure=structure, withhold=False)
    best = FieldScorer(reference, levels).best_blur()
    shows_best = f"bandwidth_nm.{kind.MAIN}"
    bandwidth = best[shows_best if shows_best in best else "bandwidth_nm.ms_ssim"]
    real_blur, noise_blur = (
        blurs(image, grid.pixel_nm, (bandwidth,))[bandwidth] for image in (reference.counts, counts)
    )
    number = float(counts.sum())
    background = float(noise.background_at_full_size().sum(dtype=np.float64))
    left = _drawn(shown.dense, real.dense, reference, levels[MODEL])["drawn_um_per_um2"]
    return [
        {
            "input": "uniform",
            "structure": reference.structure,
            "method": method,
            "field": reference.name,
            "density": reference.density,
            "density_per_um2": reference.density_per_um2,
            **_drawn(image, like, reference, levels[method]),
            "structure_share": float(image.sum(dtype=np.float64)) / number,
            "background_share": background / number if method == MODEL else None,
            "withheld": float(shown.withheld) if method == MODEL else None,
            "shown_um_per_um2": left if method == MODEL else None,
        }
        for method, image, like in (
            (MODEL, noise.dense, real.dense),
            (BLUR, noise_blur, real_blur),
        )
    ]


def _drawn(image: RateImage, like: RateImage, scene: EvalField, level: float) -> Row:
    """Measure what an image shows at the contrast of `like`, and what that itself shows."""
    kind = kind_of(scene.structure)
    row = _both(kind, image, like, scene, level)
    if not issubclass(kind, LineScores):
        row = _both(LineScores, image, like, scene, LineScores.DEFAULT_LEVEL) | row
    return row


def _both(
    kind: type[StructureScores], image: RateImage, like: RateImage, scene: EvalField, level: float
) -> Row:
    shown = kind.drawn(like, like, scene, level)
    reference = {f"{name}_reference": value for name, value in shown.items()}
    return kind.drawn(image, like, scene, level) | reference


def uniform_counts(reference: EvalField, seed: int) -> CountImage:
    """As many localizations as the field has, each in a pixel drawn at random: float32 [Y, X]."""
    rng = np.random.default_rng(seed)
    rows, columns = reference.grid.shape
    places = rng.integers(0, rows * columns, int(reference.counts.sum()))
    counts = np.bincount(places, minlength=rows * columns).reshape(rows, columns)
    return counts.astype(np.float32)


def evaluate_erased(
    model: Reconstructor,
    scene: EvalField,
    levels: Mapping[str, float] | None = None,
    lengths_nm: Sequence[float] = ERASED_NM,
) -> list[Row]:
    """Erase a lone piece of filament from the input, and ask whether it is bridged and doubted.

    One row per length for which the field holds a lone, labelled piece, hence none for a structure
    without filaments:
    - bridged: share of the piece that is drawn all the same (within 40 nm of the skeleton).
    - bridged_intact: the same before erasing.
    - doubt_ratio: error / dense on the piece, over the same before erasing; it should be above 1.
      None where the piece is not bridged: then nothing is claimed there.
    - coverage_0.9: share of its pixels whose nominal 90 % interval holds the truth (None where the
      model has no such interval).
    """
    if not scene.has_filaments:
        return []
    level = (levels or {}).get(MODEL, DEFAULT_LEVEL)
    structure = asked_for(model, scene.structure)
    intact = model.reconstruct(scene.counts, None, grid=scene.grid, structure=structure)
    rows: list[Row] = []
    lines = _lines_apart(scene)
    for length in lengths_nm:
        piece = _lone_piece(lines, length)
        if piece is None:
            continue
        counts = np.where(scene.near(piece, _CLEARED_NM), np.float32(0), scene.counts)
        erased = model.reconstruct(counts, None, grid=scene.grid, structure=structure)
        rows.append(
            {
                "input": "erased",
                "structure": scene.structure,
                "method": MODEL,
                "field": scene.name,
                "density": scene.density,
                "erased_nm": length,
            }
            | _scores_on(piece, replace(scene, counts=counts), intact, erased, level)
        )
    return rows


def _scores_on(
    piece: NDArray[np.float64],
    scene: EvalField,
    intact: Reconstruction,
    erased: Reconstruction,
    level: float,
) -> dict[str, Any]:
    on = scene.near(piece, SMOOTHING_NM)
    doubt = [
        float(r.error[on].sum()) / max(float(r.dense[on].sum()), 1e-12) for r in (erased, intact)
    ]
    bridged = [
        float(np.isfinite(_nearest(piece, skeleton(r.dense, scene.grid, level).xy_nm)).mean())
        for r in (erased, intact)
    ]
    k = erased.intervals.get("0.9")
    inside = np.abs(erased.dense - scene.truth)[on] <= (k or 0.0) * erased.error[on]
    return {
        "bridged": bridged[0],
        "bridged_intact": bridged[1],
        "doubt_ratio": doubt[0] / doubt[1] if bridged[0] > 0 and doubt[1] > 0 else None,
        "coverage_0.9": None if k is None else float(inside.mean()),
    }


def _nearest(xy: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance (nm) of each point to the nearest of others, infinite beyond the tolerance: [K]."""
    if not len(others):
        return np.full(len(xy), np.inf)
    distance: NDArray[np.float64]
    distance, _ = cKDTree(others).query(xy, distance_upper_bound=TOLERANCE_NM)
    return distance


def lone_piece(scene: EvalField, length_nm: float) -> NDArray[np.float64] | None:
    """Find the piece of filament of this length that is furthest from all others.

    Returns its points float64 [K, 2], (x, y) in nm, 10 nm apart; None where no piece is well
    labelled throughout, half a micrometre inside the field, and 200 nm from other filaments.
    """
    return _lone_piece(_lines_apart(scene), length_nm)


def _lone_piece(lines: Sequence[_Line], length_nm: float) -> NDArray[np.float64] | None:
    best: tuple[float, NDArray[np.float64] | None] = (_ALONE_NM, None)
    for line in lines:
        points = round(length_nm / line.step_nm)
        if not 1 < points <= len(line.xy_nm):
            continue
        windows = np.lib.stride_tricks.sliding_window_view(line.apart_nm, points).min(axis=1)
        first = int(np.argmax(windows))
        if windows[first] > best[0]:
            best = (float(windows[first]), line.xy_nm[first : first + points])
    return best[1]


class _Line(NamedTuple):
    """A filament, resampled."""

    xy_nm: NDArray[np.float64]
    """float64 [K, 2]."""
    step_nm: float
    apart_nm: NDArray[np.float64]
    """Distance of each point to the nearest other filament, 0 where it is not usable: [K]."""


def _lines_apart(scene: EvalField) -> list[_Line]:
    """Resample all filaments and measure how far each is from the others.

    Two filaments differ in at least one binary digit of their numbers: the nearest point of
    another is the nearest of those whose number has another digit, over all digits. So a mesh of
    a thousand lines needs twenty trees, not a thousand.
    """
    lines = [resample(line) for line in scene.centre_lines]
    if not lines:
        return []
    number = np.repeat(np.arange(len(lines)), [len(xy) for xy, _ in lines])
    every = np.concatenate([xy for xy, _ in lines])
    usable = _usable(scene, every)
    apart = np.where(usable, np.inf, 0.0)
    for digit in range((len(lines) - 1).bit_length()):
        is_set = (number >> digit & 1).astype(bool)
        for here in (is_set, ~is_set):
            asked = np.flatnonzero(here & usable)
            nearest, _ = cKDTree(every[~here]).query(every[asked])
            apart[asked] = np.minimum(apart[asked], nearest)
    cuts = np.flatnonzero(np.diff(number)) + 1
    return [
        _Line(xy, step, each) for (xy, step), each in zip(lines, np.split(apart, cuts), strict=True)
    ]


def _usable(scene: EvalField, xy: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points are well labelled and far enough from the border: bool [K]."""
    x0, y0, x1, y1 = scene.grid.extent_nm
    inner = (xy >= (x0 + _MARGIN_NM, y0 + _MARGIN_NM)) & (xy < (x1 - _MARGIN_NM, y1 - _MARGIN_NM))
    return inner.all(axis=1) & scene.labelled(xy, _WELL_LABELLED)
