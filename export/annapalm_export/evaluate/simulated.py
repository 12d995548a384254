"""All scores of one simulated field: pictures, structure, error maps; model and baselines."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from annapalm.errors import InvalidValueError
from annapalm.write.trust import doubtful_mask, structure_mask
from annapalm_export.evaluate import error_map
from annapalm_export.evaluate.baseline import blurs
from annapalm_export.evaluate.field import LinePoints
from annapalm_export.evaluate.filaments import (
    DEFAULT_LEVEL,
    is_false,
    score_skeleton,
    skeleton,
)
from annapalm_export.evaluate.metrics import MsSsim, score_picture

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from annapalm.reconstruction import Reconstruction
    from annapalm.render import RateImage
    from annapalm_export.evaluate.field import EvalField
    from annapalm_export.evaluate.filaments import Skeleton

MODEL = "model"
WITH_WIDEFIELD = "model+widefield"
BLUR = "best blur"
SPARSE = "sparse"
TRUTH = "truth"
"""Not a method: under this name stands the threshold of the noise-free truth's own skeleton."""

Row = dict[str, Any]
"""One method on one field: names of scores to numbers, None where a score does not apply."""


FALSE_NM = 60.0
"""What is drawn further than this from the structure is false: the 40 nm of the filament scores
and half the width of a drawn filament."""


class FieldScorer:
    """All scores of one simulated field; what depends on the truth alone is done once."""

    def __init__(self, scene: EvalField, levels: Mapping[str, float]) -> None:
        """Take a field and each method's skeleton threshold.

        Raises `InvalidValueError` for a field without structure: nothing to compare with.
        """
        if not scene.truth.any():
            raise InvalidValueError(f"truth of '{scene.name}'", "empty", "above 0 somewhere")
        self.scene = scene
        self.levels = levels
        self.points: LinePoints = scene.line_points()
        self.traced: LinePoints | None = None
        if scene.has_filaments:
            level = levels.get(TRUTH, DEFAULT_LEVEL)
            self.traced = _as_points(skeleton(scene.truth, scene.grid, level))
        self.foreground = scene.foreground()
        self.similarity = MsSsim(scene.truth, self.foreground)

    def rows(self, results: Mapping[str, Reconstruction]) -> list[Row]:
        """Score reconstructions (method to result), the best blur, and the sparse image."""
        return [*self.model_rows(results), *self.baseline_rows()]

    def model_rows(self, results: Mapping[str, Reconstruction]) -> list[Row]:
        """Score reconstructions: method to result."""
        return [self._model(method, result) for method, result in results.items()]

    def baseline_rows(self) -> list[Row]:
        """Score the best blur and the sparse image, which no model has to do with."""
        return [self.best_blur(), self._image(SPARSE, self.scene.counts)]

    def _row(self, method: str, scores: Row) -> Row:
        row: Row = {
            "field": self.scene.name,
            "structure": self.scene.structure,
            "unit": self.scene.unit,
            "method": method,
            "density": self.scene.density,
            "density_per_um2": self.scene.density_per_um2,
        }
        if self.scene.has_filaments:
            row["filament_um_per_um2"] = self.points.wanted_um / self.scene.grid.area_um2
        return row | scores

    def _image(self, method: str, image: RateImage) -> Row:
        return self._row(method, self._picture(image) | self._structure(method, image))

    def _structure(self, method: str, image: RateImage) -> Row:
        """Scores of what the picture shows of the structure, those that apply to it."""
        return self._filaments(method, image) if self.traced is not None else {}

    def _picture(self, image: RateImage) -> Row:
        return asdict(score_picture(image, self.scene.truth, self.similarity))

    def _filaments(self, method: str, image: RateImage) -> Row:
        """Against the centre lines, and against the skeleton of the truth's own picture.

        The second skeletonises both: bundles closer than the resolution are one line in either.
        """
        drawn = skeleton(image, self.scene.grid, self.levels[method])
        area = self.scene.grid.area_um2
        score = score_skeleton(drawn, self.points, area)
        names = ("f1", "precision", "recall", "false_um_per_um2", "missed_um_per_um2")
        row = {name: getattr(score, name) for name in names}
        if self.traced is not None:
            traced = score_skeleton(drawn, self.traced, area)
            row |= {f"{name}_skeleton": getattr(traced, name) for name in names[:3]}
        return row

    def _model(self, method: str, result: Reconstruction) -> Row:
        row = self._image(method, result.dense)
        counts = float(self.scene.counts.sum())
        background = float(result.background_at_full_size().sum(dtype=np.float64))
        row["total_ratio"] = float(result.dense.sum()) / float(self.scene.truth.sum())
        row["background_share"] = background / counts if counts else None
        return row | self._error_map(method, result) | self._belief(result)

    def _error_map(self, method: str, result: Reconstruction) -> Row:
        pixel_nm = self.scene.grid.pixel_nm
        true_error = np.abs(result.dense - self.scene.truth)
        maps = {"": result.error} | error_map.baseline_maps(
            result.dense, self.scene.counts, true_error, pixel_nm
        )
        scores: Row = {}
        judged = self.scene.judged(result.dense)
        regions = (("field", None), ("foreground", self.foreground), ("judged", judged))
        for where, mask in regions:
            if mask is not None and not mask.any():
                continue
            scorer = error_map.ErrorMapScorer(true_error, mask)
            for name, image in maps.items():
                score = scorer.score(image, {} if name else result.intervals)
                end = f"_{where}" + (f".{name}" if name else "")
                scores |= {f"coverage_{n}{end}": c for n, c in score.coverage.items()}
                scores |= {f"{s}{end}": getattr(score, s) for s in ("ause", "spearman", "ence")}
        return scores | self._false_lines(method, result)

    def _false_lines(self, method: str, result: Reconstruction) -> Row:
        """Ask whether the error map knows which of the drawn lines are invented."""
        if self.traced is None:
            return {}
        scores: Row = {}
        pixel_nm = self.scene.grid.pixel_nm
        drawn = skeleton(result.dense, self.scene.grid, self.levels[method])
        false = is_false(drawn, self.points)
        unbelieved = error_map.disbelief(result.dense, result.error, self.scene.counts, pixel_nm)
        for name, image in unbelieved.items():
            end = "" if name == "model" else f".{name}"
            scores[f"auroc_false{end}"] = error_map.auroc_false(drawn, false, image)
        return scores

    def _belief(self, result: Reconstruction) -> Row:
        """Share of what is drawn that is false: where the map says to believe it, and where not."""
        drawn = structure_mask(result.dense)
        doubted = doubtful_mask(result.dense, result.error)
        false = ~self.scene.near_structure(FALSE_NM)
        shares: Row = {"doubted": _share(result.dense, drawn & doubted, drawn)}
        for name, part in (("believed", drawn & ~doubted), ("doubted", drawn & doubted)):
            shares[f"false_where_{name}"] = _share(result.dense, part & false, part)
        return shares

    def best_blur(self) -> Row:
        """Give each score the bandwidth that suits it best: the strongest baseline of its kind."""
        blurred = blurs(self.scene.counts, self.scene.grid.pixel_nm)
        pictures = {nm: self._picture(image) for nm, image in blurred.items()}
        row: Row = {}
        for name in next(iter(pictures.values())):
            scored = [(p[name], nm) for nm, p in pictures.items() if p[name] is not None]
            best = (min if name == "nrmse" else max)(scored, default=(None, None))
            row[name], row[f"bandwidth_nm.{name}"] = best
        return self._row(BLUR, row | self._best_structure(blurred))

    def _best_structure(self, blurred: Mapping[float, RateImage]) -> Row:
        """Scores of the structure at the bandwidth that shows it best."""
        if self.traced is None:
            return {}
        lines = {nm: self._filaments(BLUR, image) for nm, image in blurred.items()}
        best = max(lines, key=lambda nm: lines[nm]["f1"])
        skeletons = max(lines, key=lambda nm: lines[nm]["f1_skeleton"])
        traced = {n: lines[skeletons][n] for n in lines[skeletons] if n.endswith("_skeleton")}
        return lines[best] | traced | {"bandwidth_nm.f1": best}


def _as_points(drawn: Skeleton) -> LinePoints:
    """Take a skeleton for the centre lines to be drawn."""
    return LinePoints(drawn.xy_nm, drawn.length_nm, np.ones(len(drawn.xy_nm), dtype=bool))


def _share(dense: RateImage, part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> float | None:
    """Share of the localizations in `whole` that lie in `part`; None where there are none."""
    total = float(dense[whole].sum(dtype=np.float64))
    return float(dense[part].sum(dtype=np.float64)) / total if total > 0 else None
