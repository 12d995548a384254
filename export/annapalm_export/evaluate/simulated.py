"""All scores of one simulated field: pictures, structure, error maps; model and baselines."""

from __future__ import annotations

from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from annapalm.errors import InvalidValueError
from annapalm.quality.structure import structure_mask
from annapalm.write.trust import doubtful_mask
from annapalm_export.evaluate import error_map
from annapalm_export.evaluate.baseline import blurs
from annapalm_export.evaluate.metrics import MsSsim, score_picture
from annapalm_export.evaluate.structure_scores import LineScores, best_of, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from annapalm.reconstruction import Reconstruction
    from annapalm.render import RateImage
    from annapalm_export.evaluate.field import EvalField

MODEL = "model"
WITH_WIDEFIELD = "model+widefield"
BLUR = "best blur"
SPARSE = "sparse"
TRUTH = "truth"
"""Not a method: under this name stands the threshold of the noise-free truth's own picture."""

Row = dict[str, Any]
"""One method on one field: names of scores to numbers, None where a score does not apply."""


FALSE_NM = 60.0
"""What is drawn further than this from the structure is false: the 40 nm of the filament scores
and half the width of a drawn filament."""

NEAR_90 = (0.80, 0.97)
"""What a nominal 90 % interval may cover in one field, unless the run warns of the field."""


def is_off(covered: float) -> bool:
    """Whether a nominal 90 % interval covers less or more than it may."""
    low, high = NEAR_90
    return not low <= covered <= high


class FieldScorer:
    """All scores of one simulated field; what depends on the truth alone is done once."""

    def __init__(self, scene: EvalField, levels: Mapping[str, float]) -> None:
        """Take a field and each method's threshold for the scores of the structure.

        Raises `InvalidValueError` for a field without structure: nothing to compare with.
        """
        if not scene.truth.any():
            raise InvalidValueError(f"truth of '{scene.name}'", "empty", "above 0 somewhere")
        self.scene = scene
        self.levels = levels
        self.kind = kind_of(scene.structure)
        self.shown = self.kind(scene, levels.get(TRUTH))
        self.foreground = scene.foreground()
        self.similarity = MsSsim(scene.truth, self.foreground)

    def rows(
        self,
        results: Mapping[str, Reconstruction],
        turned: Mapping[str, RateImage] | None = None,
    ) -> list[Row]:
        """Score reconstructions (method to result), the best blur, and the sparse image.

        `turned` holds the `turned_spread` of each method, an error map to be beaten.
        """
        return [*self.model_rows(results, turned), *self.baseline_rows()]

    def model_rows(
        self,
        results: Mapping[str, Reconstruction],
        turned: Mapping[str, RateImage] | None = None,
    ) -> list[Row]:
        """Score reconstructions; arguments as for `rows`."""
        others = turned or {}
        return [
            self._model(method, result, others.get(method)) for method, result in results.items()
        ]

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
            row["filament_um_per_um2"] = self._wanted_um / self.scene.grid.area_um2
        return row | scores

    def _image(self, method: str, image: RateImage) -> Row:
        return self._row(method, self._picture(image) | self._structure(method, image))

    @cached_property
    def _wanted_um(self) -> float:
        """Length of labelled centre lines within the field."""
        return self.scene.line_points().wanted_um

    def _structure(self, method: str, image: RateImage) -> Row:
        """Scores of what the picture shows of the structure, those that apply to it."""
        return self.shown.score(image, self.levels[method])

    def _picture(self, image: RateImage) -> Row:
        return asdict(score_picture(image, self.scene.truth, self.similarity))

    def _model(self, method: str, result: Reconstruction, turned: RateImage | None) -> Row:
        row = self._image(method, result.dense)
        counts = float(self.scene.counts.sum())
        background = float(result.background_at_full_size().sum(dtype=np.float64))
        row["total_ratio"] = float(result.dense.sum()) / float(self.scene.truth.sum())
        row["background_share"] = background / counts if counts else None
        judged = self.scene.judged(result.dense)
        false, missed = self.scene.false_and_missed(result.dense, FALSE_NM)
        row |= self._error_map(result, judged, turned) | self._false_lines(method, result)
        row |= self._found_out(result.error, judged, {"false": false, "missed": missed})
        row |= self._belief(result, false)
        row["warned"] = float(bool(result.warnings))
        covered = row.get("coverage_0.9_judged")
        if covered is not None:
            row["off_unwarned"] = float(is_off(covered) and not result.warnings)
        return row

    def _error_map(
        self, result: Reconstruction, judged: NDArray[np.bool_], turned: RateImage | None
    ) -> Row:
        true_error = np.abs(result.dense - self.scene.truth)
        maps = {"": result.error} | error_map.baseline_maps(
            result, true_error, self.scene.grid.pixel_nm, turned
        )
        scores: Row = {}
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
        return scores

    def _found_out(
        self,
        error: RateImage,
        judged: NDArray[np.bool_],
        parts: Mapping[str, NDArray[np.bool_]],
    ) -> Row:
        """Ask whether `error` is larger on what is false, and on what is missed, than elsewhere.

        `parts` are the pixels of either, as from `EvalField.false_and_missed`; they are told from
        all of the field, and from what is judged, where anything is.
        """
        scores: Row = {}
        for where, of in (("field", np.ones_like(judged)), ("judged", judged)):
            if of.any():
                for name, part in parts.items():
                    told = error_map.auroc_of_enough(error[of], part[of])
                    scores[f"auroc_{name}_{where}"] = told
        return scores

    def _false_lines(self, method: str, result: Reconstruction) -> Row:
        """Ask whether the error map knows which of the drawn lines are invented."""
        if not isinstance(self.shown, LineScores) or not self.shown.applies:
            return {}
        scores: Row = {}
        pixel_nm = self.scene.grid.pixel_nm
        drawn, false = self.shown.false(result.dense, self.levels[method])
        unbelieved = error_map.disbelief(result.dense, result.error, self.scene.counts, pixel_nm)
        for name, image in unbelieved.items():
            end = "" if name == "model" else f".{name}"
            scores[f"auroc_false{end}"] = error_map.auroc_false(drawn, false, image)
        return scores

    def _belief(self, result: Reconstruction, false: NDArray[np.bool_]) -> Row:
        """Share of the drawn that is `false`: where the map says to believe it, and where not."""
        drawn = structure_mask(result.dense)
        doubted = doubtful_mask(result.dense, result.error)
        shares: Row = {"doubted": _share(result.dense, drawn & doubted, drawn)}
        for name, part in (("believed", drawn & ~doubted), ("doubted", drawn & doubted)):
            shares[f"false_where_{name}"] = _share(result.dense, part & false, part)
        return shares | self._doubt(result, drawn, false)

    def _doubt(
        self, result: Reconstruction, drawn: NDArray[np.bool_], false: NDArray[np.bool_]
    ) -> Row:
        """Ask whether what the report marks first is what is false: error / dense of what is drawn.

        Told from the whole field, where nothing is drawn and so nothing marked, which is easy where
        most of it is black; and from true structure alone.
        """
        doubt = np.zeros(drawn.shape)
        np.divide(result.error, result.dense, out=doubt, where=drawn)
        scores: Row = {}
        for where, of in (("field", np.ones_like(drawn)), ("drawn", drawn)):
            scores[f"auroc_doubt_{where}"] = error_map.auroc_of_enough(doubt[of], false[of])
        return scores

    def best_blur(self) -> Row:
        """Give each score the bandwidth that suits it best: the strongest baseline of its kind."""
        blurred = blurs(self.scene.counts, self.scene.grid.pixel_nm)
        pictures = {nm: self._picture(image) for nm, image in blurred.items()}
        row: Row = {}
        for name in next(iter(pictures.values())):
            scored = [(p[name], nm) for nm, p in pictures.items() if p[name] is not None]
            best = (min if name == "nrmse" else max)(scored, default=(None, None))
            row[name], row[f"bandwidth_nm.{name}"] = best
        shown = {nm: self._structure(BLUR, image) for nm, image in blurred.items()}
        return self._row(BLUR, row | best_of(shown, self.kind))


def _share(dense: RateImage, part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> float | None:
    """Share of the localizations in `whole` that lie in `part`; None where there are none."""
    total = float(dense[whole].sum(dtype=np.float64))
    return float(dense[part].sum(dtype=np.float64)) / total if total > 0 else None
