"""The whole evaluation of a model: simulated fields with truth, and real tables without."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from annapalm.errors import InvalidValueError
from annapalm.grid import Grid
from annapalm.quality import GAP_FRAMES, heldout
from annapalm.render import render
from annapalm_export.evaluate.baseline import blurs
from annapalm_export.evaluate.simulated import (
    BLUR,
    MODEL,
    SPARSE,
    TRUTH,
    WITH_WIDEFIELD,
    FieldScorer,
    Row,
)
from annapalm_export.evaluate.structure_scores import kind_of
from annapalm_export.evaluate.turns import turned_spread

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from annapalm.localizations import Localizations
    from annapalm.reconstruction import Reconstruction
    from annapalm.render import RateImage
    from annapalm.widefield import WidefieldImage
    from annapalm_export.evaluate.field import EvalField
    from annapalm_export.evaluate.reconstructor import Reconstructor
    from annapalm_export.evaluate.structure_scores import StructureScores


__all__ = [
    "BLUR",
    "MODEL",
    "SPARSE",
    "TRUTH",
    "WITH_WIDEFIELD",
    "Row",
    "choose_levels",
    "evaluate_real",
    "evaluate_simulated",
    "reconstruct_both",
    "usual_levels",
]


def evaluate_simulated(
    model: Reconstructor,
    scenes: Iterable[EvalField],
    levels: Mapping[str, float] | None = None,
) -> list[Row]:
    """Score the model and its baselines on simulated fields; one row per field and method.

    `levels` are the thresholds from `choose_levels` on other fields of the structure. Methods: the
    model without and, where there is a widefield image, with it; the best blur (each score
    with the bandwidth that suits it best); the sparse image itself. Raises
    `InvalidValueError` for a field without structure: `stress.py` is for those.
    """
    rows: list[Row] = []
    for scene in scenes:
        scorer = FieldScorer(scene, usual_levels(scene.structure) | dict(levels or {}))
        spreads = turned_spread(model, scene, asked_for(model, scene.structure))
        turned = dict(zip((MODEL, WITH_WIDEFIELD), spreads, strict=False))
        rows += scorer.rows(reconstruct_both(model, scene), turned)
    return rows


def usual_levels(structure: str) -> dict[str, float]:
    """Threshold of each method where none was chosen."""
    names = (MODEL, WITH_WIDEFIELD, BLUR, SPARSE)
    return dict.fromkeys(names, kind_of(structure).DEFAULT_LEVEL)


def choose_levels(model: Reconstructor, validation: Iterable[EvalField]) -> dict[str, float]:
    """Choose each method's threshold: the best mean of what is scored, over validation fields.

    That is `structure_scores`' `MAIN` of the structure, F1 for filaments. The best blur may also
    choose its bandwidth per field; under `TRUTH` stands the threshold of the noise-free truth
    itself. Fields must be of one structure, and not test fields; those without anything to score
    have no say, and where none has any the dict is empty. Raises `InvalidValueError` without
    fields, or for several structures. Of equals, the lowest threshold.
    """
    tables = LevelTables()
    number = 0
    for scene in validation:
        number += 1
        tables.add_model(scene, reconstruct_both(model, scene))
        tables.add_baselines(scene)
    if not number:
        raise InvalidValueError("validation", "empty", "at least one field")
    return tables.best()


class LevelTables:
    """Score of each method at each threshold of one structure, field by field."""

    def __init__(self) -> None:
        self._scores: dict[str, list[Any]] = {}
        self._structure: str | None = None
        self._shown: tuple[EvalField, StructureScores] | None = None

    def add_model(self, scene: EvalField, results: Mapping[str, Reconstruction]) -> None:
        """Score reconstructions (method to result) of a validation field."""
        for method, result in results.items():
            self._add(method, scene, [result.dense])

    def add_baselines(self, scene: EvalField) -> None:
        """Score the best blur, the sparse image and the truth of a validation field."""
        self._add(BLUR, scene, blurs(scene.counts, scene.grid.pixel_nm).values())
        self._add(SPARSE, scene, [scene.counts])
        self._add(TRUTH, scene, [scene.truth])

    def best(self) -> dict[str, float]:
        """Threshold with the highest mean score, by method."""
        tried = kind_of(self._structure).LEVELS if self._structure is not None else ()
        return {m: tried[int(np.argmax(np.mean(s, axis=0)))] for m, s in self._scores.items()}

    def _add(self, method: str, scene: EvalField, images: Iterable[RateImage]) -> None:
        shown = self._of(scene)
        if shown.applies:
            best = np.max([shown.by_level(image) for image in images], axis=0)
            self._scores.setdefault(method, []).append(best)

    def _of(self, scene: EvalField) -> StructureScores:
        """Scores of the field, made once for all methods; refuse another structure's."""
        if self._shown is None or self._shown[0] is not scene:
            if self._structure not in (None, scene.structure):
                both = f"{self._structure} and {scene.structure}"
                raise InvalidValueError("validation fields", both, "of one structure")
            self._structure = scene.structure
            self._shown = scene, kind_of(scene.structure)(scene)
        return self._shown[1]


def evaluate_real(
    model: Reconstructor,
    name: str,
    locs: Localizations,
    widefield: WidefieldImage | None = None,
    *,
    structure: str | None = None,
    shares: Sequence[float] = heldout.SHARES,
    gap_frames: int = GAP_FRAMES,
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
        result = model.reconstruct(cut.seen, widefield, grid=grid, structure=structure)
        blurred, _ = heldout.best_blur(seen, held_out, grid.pixel_nm)
        densities = {
            MODEL if widefield is None else WITH_WIDEFIELD: result.total_rate(),
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


def reconstruct_both(model: Reconstructor, scene: EvalField) -> dict[str, Reconstruction]:
    """Run the model without and, where there is one, with the widefield image: by method.

    A field of another pixel than the model's is given as if it had the model's pixel: what happens
    to a user who does not know the pixel of a counts image (a table cannot be mistaken so, and a
    grid of another pixel is refused by the runtime).
    """
    grid, widefield = scene.grid, scene.widefield
    wanted = model.info.pixel_nm
    if grid.pixel_nm != wanted:
        if widefield is not None:
            widefield = replace(widefield, pixel_nm=widefield.pixel_nm * wanted / grid.pixel_nm)
        grid = Grid(wanted, grid.origin_nm, grid.shape)
    structure = asked_for(model, scene.structure)
    # Its table, where it can be given: a run judges drift and precision by it, and may warn.
    table = scene.localizations if grid is scene.grid else None
    source = scene.counts if table is None else table
    results = {MODEL: model.reconstruct(source, None, grid=grid, structure=structure)}
    if widefield is not None:
        results[WITH_WIDEFIELD] = model.reconstruct(
            source, widefield, grid=grid, structure=structure
        )
    return results


def asked_for(model: Reconstructor, structure: str) -> str | None:
    """Name the structure to a model of several; a model of one only is asked for that one."""
    return structure if len(model.info.structures) > 1 else None
