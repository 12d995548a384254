"""The whole evaluation of a model: simulated fields with truth, and real tables without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from annapalm.errors import InvalidValueError
from annapalm.grid import Grid
from annapalm.render import render
from annapalm_export.evaluate import heldout
from annapalm_export.evaluate.baseline import blurs
from annapalm_export.evaluate.filaments import DEFAULT_LEVEL, LEVELS, f1_by_level
from annapalm_export.evaluate.simulated import (
    BLUR,
    MODEL,
    SPARSE,
    WITH_WIDEFIELD,
    FieldScorer,
    Row,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from annapalm.contract import ModelInfo
    from annapalm.localizations import Localizations
    from annapalm.reconstruction import Reconstruction
    from annapalm.render import CountImage, RateImage
    from annapalm.widefield import WidefieldImage
    from annapalm_export.evaluate.field import EvalField


__all__ = [
    "BLUR",
    "MODEL",
    "SPARSE",
    "WITH_WIDEFIELD",
    "Reconstructor",
    "Row",
    "choose_levels",
    "evaluate_real",
    "evaluate_simulated",
    "reconstruct_both",
]


class Reconstructor(Protocol):
    """What is evaluated; `annapalm.Model` is one."""

    @property
    def info(self) -> ModelInfo:
        """What the model says of itself; its `intervals` are tested."""

    def reconstruct(
        self,
        localizations_or_counts: Localizations | CountImage,
        widefield: WidefieldImage | None = None,
        /,
        *,
        grid: Grid | None = None,
    ) -> Reconstruction:
        """Reconstruct one field of view."""


def evaluate_simulated(
    model: Reconstructor,
    scenes: Iterable[EvalField],
    levels: Mapping[str, float] | None = None,
) -> list[Row]:
    """Score the model and its baselines on simulated fields; one row per field and method.

    `levels` are the skeleton thresholds from `choose_levels` on other fields. Methods: the
    model without and, where there is a widefield image, with it; the best blur (each score
    with the bandwidth that suits it best); the sparse image itself. Raises
    `InvalidValueError` for a field without structure: `stress.py` is for those.
    """
    levels = dict.fromkeys((MODEL, WITH_WIDEFIELD, BLUR, SPARSE), DEFAULT_LEVEL) | dict(
        levels or {}
    )
    rows: list[Row] = []
    for scene in scenes:
        rows += FieldScorer(scene, levels).rows(reconstruct_both(model, scene))
    return rows


def choose_levels(model: Reconstructor, validation: Iterable[EvalField]) -> dict[str, float]:
    """Choose each method's skeleton threshold: the best mean F1 over validation fields.

    The best blur may also choose its bandwidth per field. Fields must not be test fields.
    Raises `InvalidValueError` without fields. Of equals, the lowest threshold.
    """
    tables: dict[str, list[Any]] = {}
    for scene in validation:
        points = scene.line_points()
        for method, result in reconstruct_both(model, scene).items():
            tables.setdefault(method, []).append(f1_by_level(result.dense, scene, points))
        blurred = blurs(scene.counts, scene.grid.pixel_nm).values()
        best = np.max([f1_by_level(image, scene, points) for image in blurred], axis=0)
        tables.setdefault(BLUR, []).append(best)
        tables.setdefault(SPARSE, []).append(f1_by_level(scene.counts, scene, points))
    if not tables:
        raise InvalidValueError("validation", "empty", "at least one field")
    return {method: LEVELS[int(np.argmax(np.mean(t, axis=0)))] for method, t in tables.items()}


def evaluate_real(
    model: Reconstructor,
    name: str,
    locs: Localizations,
    widefield: WidefieldImage | None = None,
    *,
    shares: Sequence[float] = heldout.SHARES,
    gap_frames: int = heldout.GAP_FRAMES,
) -> list[Row]:
    """Score the model and the best blur by the later localizations of a table; no truth needed.

    One row per share and method. The field is that of the whole table, or the camera's where it
    is known. The model's density is `dense` plus `background`; both densities get the uniform
    share that suits them best. Simulated tables may be given as well.
    """
    grid = Grid.around(locs, model.info.pixel_nm)
    rows: list[Row] = []
    for share in shares:
        cut = heldout.split_frames(locs, share, gap_frames)
        seen, _ = render(cut.seen, grid)
        held_out, _ = render(cut.held_out, grid)
        result = model.reconstruct(cut.seen, widefield, grid=grid)
        blurred, _ = heldout.best_blur(seen, held_out, grid.pixel_nm)
        densities = {
            MODEL if widefield is None else WITH_WIDEFIELD: _all_of(result),
            BLUR: blurred.image,
        }
        for method, density in densities.items():
            score = heldout.bits_per_localization(density, held_out)
            rows.append(
                {
                    "field": name,
                    "method": method,
                    "share": share,
                    "density_per_um2": float(seen.sum()) / grid.area_um2,
                    "seen": int(seen.sum()),
                    "held_out": int(held_out.sum()),
                    "seen_before_frame": cut.stop,
                    "held_out_from_frame": cut.resume,
                    "bits": score.bits,
                    "uniform_share": score.uniform_share,
                    "pearson_later": heldout.best_blur_pearson(seen, held_out, grid.pixel_nm)
                    if method == BLUR
                    else heldout.later_pearson(density, held_out, grid.pixel_nm),
                    "bandwidth_nm": blurred.bandwidth_nm if method == BLUR else None,
                    "total_ratio": float(density.sum()) / float(seen.sum()),
                }
            )
    return rows


def _all_of(result: Reconstruction) -> RateImage:
    """Rate of all localizations, of the structure and diffuse: float32 [Y, X]."""
    return result.dense + result.background_at_full_size()


def reconstruct_both(model: Reconstructor, scene: EvalField) -> dict[str, Reconstruction]:
    """Run the model without and, where there is one, with the widefield image: by method."""
    results = {MODEL: model.reconstruct(scene.counts, None, grid=scene.grid)}
    if scene.widefield is not None:
        results[WITH_WIDEFIELD] = model.reconstruct(scene.counts, scene.widefield, grid=scene.grid)
    return results
