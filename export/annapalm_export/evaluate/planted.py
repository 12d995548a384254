"""Filaments that are drawn where nothing is, and erased where one is: what a check should find."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.spatial import cKDTree

from annapalm.localizations import Localizations
from annapalm_export.evaluate.field import resample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annapalm.grid import Grid
    from annapalm.render import RateImage
    from annapalm_export.evaluate.field import EvalField

PIECE_NM = 1000.0
"""Length of a planted or erased piece, and of the true ones that it is told from."""
PLANTED = 8
"""At most so many false pieces in a field; they are apart, so one picture holds them all."""
WIDTH_NM = 30.0
"""Standard deviation across a planted filament: as drawn ones have."""
_AWAY_NM = 200.0
"""A false piece lies at least so far from all labelled structure."""
_MARGIN_NM = 500.0
_WELL_LABELLED = 0.3
"""A true piece has everywhere at least this share of the median rate on centre lines."""
_APART_NM = 1500.0
_TRIES = 4000
_STEP_NM = 10.0


def false_pieces(scene: EvalField, rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """Straight pieces of 1 µm where no truth lies: points float64 [K, 2], (x, y) in nm."""
    away = distance_transform_edt(~scene.there(), sampling=scene.grid.pixel_nm)
    x0, y0, x1, y1 = scene.grid.extent_nm
    margin = _MARGIN_NM + PIECE_NM / 2
    along = np.arange(-PIECE_NM / 2, PIECE_NM / 2, _STEP_NM)[:, None] + _STEP_NM / 2
    centres: list[NDArray[np.float64]] = []
    pieces = []
    for _ in range(_TRIES):
        centre = rng.uniform((x0 + margin, y0 + margin), (x1 - margin, y1 - margin))
        turn = rng.uniform(0, np.pi)
        points = centre + along * np.array([np.cos(turn), np.sin(turn)])
        column, row = _pixels(points, scene.grid)
        if away[row, column].min() < _AWAY_NM:
            continue
        if any(np.hypot(*(centre - other)) < _APART_NM for other in centres):
            continue
        centres.append(centre)
        pieces.append(points)
        if len(pieces) == PLANTED:
            break
    return pieces


def true_pieces(scene: EvalField) -> list[NDArray[np.float64]]:
    """Pieces of 1 µm of the true filaments, labelled throughout, one after the other."""
    pieces = []
    for line in scene.centre_lines:
        xy, step = resample(line)
        number = round(PIECE_NM / step)
        starts = range(0, len(xy) - number + 1, number)
        pieces += [xy[first : first + number] for first in starts]
    if not pieces:
        return []
    ends = np.cumsum([len(points) for points in pieces])
    every = np.concatenate(pieces)
    x0, y0, x1, y1 = scene.grid.extent_nm
    inner = (every >= (x0 + _MARGIN_NM, y0 + _MARGIN_NM)) & (
        every < (x1 - _MARGIN_NM, y1 - _MARGIN_NM)
    )
    usable = np.split(inner.all(axis=1) & scene.labelled(every, _WELL_LABELLED), ends[:-1])
    return [points for points, each in zip(pieces, usable, strict=True) if each.all()]


def pixels_near(points: NDArray[np.float64], distance_nm: float, grid: Grid) -> NDArray[np.bool_]:
    """Pixels whose centre lies within `distance_nm` of one of the points: bool [Y, X]."""
    near = np.zeros(grid.shape, dtype=bool)
    column, row = _pixels(points, grid)
    reach = int(np.ceil(distance_nm / grid.pixel_nm))
    top, left = max(int(row.min()) - reach, 0), max(int(column.min()) - reach, 0)
    part = near[top : int(row.max()) + reach + 1, left : int(column.max()) + reach + 1]
    i, j = np.indices(part.shape)
    x = (j + left + 0.5) * grid.pixel_nm + grid.origin_nm[0]
    y = (i + top + 0.5) * grid.pixel_nm + grid.origin_nm[1]
    away, _ = cKDTree(points).query(np.stack([x, y], axis=-1), distance_upper_bound=distance_nm)
    part[...] = np.isfinite(away)
    return near


def drawn(pieces: Sequence[NDArray[np.float64]], per_um: float, grid: Grid) -> RateImage:
    """Picture of filaments of `per_um` localizations per µm: float32 [Y, X]."""
    image = np.zeros(grid.shape)
    for points in pieces:
        column, row = _pixels(points, grid)
        np.add.at(image, (row, column), per_um * PIECE_NM / 1000 / len(points))
    rate: RateImage = gaussian_filter(image, WIDTH_NM / grid.pixel_nm, mode="constant").astype(
        np.float32
    )
    return rate


def returning_molecules(
    pieces: Sequence[NDArray[np.float64]], per_um: float, rng: np.random.Generator
) -> tuple[Localizations, Localizations]:
    """Molecules along the pieces that both halves show, four localizations each in either.

    `per_um` localizations per µm in each half; 12 nm precision. What a picture that was drawn
    through a few sticking dyes rests on.
    """
    number = max(round(per_um * PIECE_NM / 1000 / 4), 1)
    homes = [points[rng.integers(len(points), size=number)] for points in pieces]
    places = np.repeat(np.concatenate(homes), 4, axis=0) if homes else np.empty((0, 2))
    halves = []
    for _ in range(2):
        xy = places + rng.normal(0, 12, places.shape)
        halves.append(
            Localizations(xy[:, 0].copy(), xy[:, 1].copy(), np.zeros(len(xy), dtype=np.int64))
        )
    return halves[0], halves[1]


def joined(table: Localizations, more: Localizations) -> Localizations:
    """One table of places and frames of both."""
    return Localizations(
        np.concatenate([table.x_nm, more.x_nm]),
        np.concatenate([table.y_nm, more.y_nm]),
        np.concatenate([table.frame, more.frame]),
        field_nm=table.field_nm,
    )


def mass_on(image: RateImage, mask: NDArray[np.bool_]) -> float:
    """Sum of an image over a mask."""
    return float(image[mask].sum(dtype=np.float64))


def _pixels(points: NDArray[np.float64], grid: Grid) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Column and row of the pixel of each point inside the grid."""
    place = np.floor((points - np.asarray(grid.origin_nm)) / grid.pixel_nm).astype(np.int64)
    return place[:, 0], place[:, 1]
