"""What is scored of which structure, beside the picture itself: lines, pores, areas, a lattice.

One class per way of scoring, made for one field; `KINDS` says which belongs to which structure.
Each has one threshold per method, which is chosen on validation fields (`suite.LevelTables`), the
same way for every method.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from annapalm.measure.pores import DEFAULT_LEVEL as PORE_LEVEL
from annapalm.measure.pores import RADIUS_NM
from annapalm_export.evaluate import area, filaments, hallucination, pores
from annapalm_export.evaluate.field import STRUCTURE_SHARE, LinePoints
from annapalm_export.evaluate.period import score_period

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from annapalm.render import RateImage
    from annapalm_export.evaluate.field import EvalField

Scores = dict[str, Any]
"""Names of scores to numbers, None where a score does not apply."""

Deciders = dict[str, tuple[str, ...]]
"""A score to those that go with it: the best blur shows all of them at the bandwidth at which the
first is best."""

PERIOD_FOUND_NM = 10.0
"""A period this near to the true one is found; by chance that happens in one field of nine, the
range that is searched being 180 nm wide."""

_LINES = ("f1", "precision", "recall", "false_um_per_um2", "missed_um_per_um2")


class StructureScores(ABC):
    """How one structure is scored on one field."""

    LEVELS: ClassVar[tuple[float, ...]]
    """Thresholds tried on validation fields."""
    DEFAULT_LEVEL: ClassVar[float]
    """Threshold where none was chosen."""
    MAIN: ClassVar[str]
    """The score by which the threshold, and the bandwidth of the blur that shows the structure
    best, are chosen."""
    DECIDERS: ClassVar[Deciders]

    def __init__(self, scene: EvalField, truth_level: float | None = None) -> None:
        """Take a field and the threshold of the truth's own picture, if one was chosen."""
        self._scene = scene
        self._truth_level = self.DEFAULT_LEVEL if truth_level is None else truth_level

    @property
    @abstractmethod
    def applies(self) -> bool:
        """Whether the field has what is scored; without it `score` gives nothing."""

    @abstractmethod
    def score(self, image: RateImage, level: float) -> Scores:
        """Score an image [Y, X] of the field at a threshold."""

    @abstractmethod
    def by_level(self, image: RateImage) -> NDArray[np.float64]:
        """Give `MAIN` at each of `LEVELS`: float64 [len(LEVELS)]."""

    @classmethod
    @abstractmethod
    def drawn(
        cls, image: RateImage, like: RateImage, scene: EvalField, level: float
    ) -> dict[str, float]:
        """Measure how much `image` shows at the contrast of `like`, in the unit that fits."""


class LineScores(StructureScores):
    """Filaments far enough apart to be told apart: against their centre lines.

    And, beside that, against the skeleton of the truth's own picture, where bundles closer than the
    resolution are one line in either.
    """

    LEVELS = filaments.LEVELS
    DEFAULT_LEVEL = filaments.DEFAULT_LEVEL
    MAIN = "f1"
    DECIDERS: ClassVar[Deciders] = {
        "f1": _LINES,
        "f1_skeleton": tuple(f"{name}_skeleton" for name in _LINES[:3]),
    }

    @property
    def applies(self) -> bool:
        """Whether there are filaments."""
        return self._scene.has_filaments

    @cached_property
    def points(self) -> LinePoints:
        """Lines that should be drawn; what is drawn elsewhere is false."""
        return self._scene.line_points()

    @cached_property
    def traced(self) -> LinePoints:
        """Skeleton of the truth's own picture, as lines that should be drawn."""
        drawn = filaments.skeleton(self._scene.truth, self._scene.grid, self._truth_level)
        return LinePoints(drawn.xy_nm, drawn.length_nm, np.ones(len(drawn.xy_nm), dtype=bool))

    def score(self, image: RateImage, level: float) -> Scores:
        """Score the skeleton of an image against both."""
        if not self.applies:
            return {}
        drawn = filaments.skeleton(image, self._scene.grid, level)
        field_um2 = self._scene.grid.area_um2
        score = filaments.score_skeleton(drawn, self.points, field_um2)
        traced = filaments.score_skeleton(drawn, self.traced, field_um2)
        lines = {name: getattr(score, name) for name in _LINES}
        return lines | {f"{name}_skeleton": getattr(traced, name) for name in _LINES[:3]}

    def by_level(self, image: RateImage) -> NDArray[np.float64]:
        """F1 against the centre lines."""
        return filaments.f1_by_level(image, self._scene, self.points, self.LEVELS)

    def false(self, image: RateImage, level: float) -> tuple[filaments.Skeleton, NDArray[np.bool_]]:
        """Draw the lines of an image, and say which of their pixels are false: bool [K]."""
        drawn = filaments.skeleton(image, self._scene.grid, level)
        return drawn, filaments.is_false(drawn, self.points)

    @classmethod
    def drawn(
        cls, image: RateImage, like: RateImage, scene: EvalField, level: float
    ) -> dict[str, float]:
        """Length of filament, in µm per µm²."""
        length = hallucination.false_filaments(image, like, scene.grid, level)
        return {"drawn_um_per_um2": length}


class TracedScores(LineScores):
    """Actin: only against the skeleton of the truth's own picture.

    Its centre lines are bundle axes and, besides, each filament of meshes of down to 30 nm. There
    40 nm around the lines cover up to half of the field, so that much of what any picture shows is
    true by chance, and what is missed no method could resolve: in the skeleton of the noise-free
    truth itself are 0.4 to 0.8 of the lines. That skeleton is what an ideal picture shows of
    bundles and mesh alike, and it hardly depends on noise: drawn again from 2,000 localizations
    per µm, or blurred by 15 nm more, the truth agrees with itself with an F1 of 0.90 to 0.98, or
    0.82 to 0.99, where the best blur of 20 per µm has 0.4 to 0.6 (five fields of 8 µm, of the
    suite's threshold seeds). Its threshold is fixed: most centre lines are in it at 0.1 and 0.2.
    What is false is then further than 40 nm from all of this skeleton.
    """

    MAIN = "f1_skeleton"
    DECIDERS: ClassVar[Deciders] = {"f1_skeleton": tuple(f"{name}_skeleton" for name in _LINES)}

    def __init__(self, scene: EvalField, truth_level: float | None = None) -> None:
        """Take a field; `truth_level` is not asked for, see above."""
        del truth_level
        super().__init__(scene)

    @cached_property
    def points(self) -> LinePoints:
        """The skeleton of the truth's own picture."""
        return self.traced

    def score(self, image: RateImage, level: float) -> Scores:
        """Score the skeleton of an image against that of the truth."""
        if not self.applies:
            return {}
        drawn = filaments.skeleton(image, self._scene.grid, level)
        score = filaments.score_skeleton(drawn, self.traced, self._scene.grid.area_um2)
        return {f"{name}_skeleton": getattr(score, name) for name in _LINES}


class PoreScores(StructureScores):
    """Nuclear pores: drawn, missed and invented ones, and whether they are rings."""

    LEVELS = pores.LEVELS
    DEFAULT_LEVEL = PORE_LEVEL
    MAIN = "pore_f1"
    DECIDERS: ClassVar[Deciders] = {
        "pore_f1": (
            "pore_f1",
            "pore_precision",
            "pore_recall",
            "false_pores_per_um2",
            "missed_pores_per_um2",
        ),
        "radius_bias_nm": ("radius_bias_nm", "radius_spread_nm"),
        "ring_contrast": ("ring_contrast",),
    }

    @property
    def applies(self) -> bool:
        """Whether there are labelled pores."""
        return len(self._scene.rings) > 0

    def score(self, image: RateImage, level: float) -> Scores:
        """Score the pores found in an image against the true ones."""
        if not self.applies:
            return {}
        score = pores.score_pores(image, self._scene.grid, self._scene.rings, level)
        return {
            "pore_f1": score.f1,
            "pore_precision": score.precision,
            "pore_recall": score.recall,
            "false_pores_per_um2": score.false_per_um2,
            "missed_pores_per_um2": score.missed_per_um2,
            "radius_bias_nm": score.radius_bias_nm,
            "radius_spread_nm": score.radius_spread_nm,
            "ring_contrast": score.ring_contrast,
        }

    def by_level(self, image: RateImage) -> NDArray[np.float64]:
        """F1 of the pores."""
        return pores.f1_by_level(image, self._scene.grid, self._scene.rings, self.LEVELS)

    @classmethod
    def drawn(
        cls, image: RateImage, like: RateImage, scene: EvalField, level: float
    ) -> dict[str, float]:
        """Pores per µm², of the radius of the field's own where it has any."""
        radius = float(np.median(scene.rings[:, 2])) if len(scene.rings) else RADIUS_NM
        found = hallucination.false_pores(image, like, scene.grid, level, radius_nm=radius)
        return {"drawn_pores_per_um2": found}


class AreaScores(StructureScores):
    """Mitochondria: the area that is drawn, against where the truth is bright.

    The true area is drawn like any other, at `field.STRUCTURE_SHARE`. Dice and IoU forgive nothing;
    areas further than 40 nm from the other one are false, or missed.
    """

    LEVELS = area.LEVELS
    DEFAULT_LEVEL = area.DEFAULT_LEVEL
    MAIN = "dice"
    DECIDERS: ClassVar[Deciders] = {
        "dice": (
            "dice",
            "iou",
            "area_precision",
            "area_recall",
            "false_um2_per_um2",
            "missed_um2_per_um2",
        ),
        "boundary_f1": ("boundary_f1",),
    }

    @property
    def applies(self) -> bool:
        """Whether there is any true area."""
        return bool(self._true.any())

    @cached_property
    def _true(self) -> NDArray[np.bool_]:
        """The true area: bool [Y, X]."""
        return area.drawn_area(self._scene.truth, self._scene.grid, STRUCTURE_SHARE)

    def score(self, image: RateImage, level: float) -> Scores:
        """Score the area that is drawn in an image."""
        if not self.applies:
            return {}
        grid = self._scene.grid
        drawn = area.drawn_area(image, grid, level)
        exact = area.score_area(drawn, self._true, grid, 0.0)
        near = area.score_area(drawn, self._true, grid)
        return {
            "dice": exact.dice,
            "iou": exact.iou,
            "area_precision": near.precision,
            "area_recall": near.recall,
            "false_um2_per_um2": near.false_um2_per_um2,
            "missed_um2_per_um2": near.missed_um2_per_um2,
            "boundary_f1": near.boundary_f1,
        }

    def by_level(self, image: RateImage) -> NDArray[np.float64]:
        """Dice of the area."""
        return area.dice_by_level(image, self._scene.grid, self._true, self.LEVELS, 0.0)

    @classmethod
    def drawn(
        cls, image: RateImage, like: RateImage, scene: EvalField, level: float
    ) -> dict[str, float]:
        """Share of the field that is drawn."""
        return {"drawn_share": hallucination.false_area(image, like, scene.grid, level)}


class LatticeScores(AreaScores):
    """Spectrin: its period along the axons, and the area of its stripes.

    The period needs no threshold. Dice asks whether the stripes are where they are: a smooth
    tube covers the gaps as well.
    """

    DECIDERS: ClassVar[Deciders] = AreaScores.DECIDERS | {
        "period_bias_nm": ("period_bias_nm", "period_nm", "period_found"),
        "period_contrast": ("period_contrast", "period_modulation"),
    }

    def score(self, image: RateImage, level: float) -> Scores:
        """Score the area that is drawn, and what repeats along the axons."""
        scene = self._scene
        found = score_period(image, scene.grid, scene.centre_lines, scene.period_nm)
        if found is None:
            return super().score(image, level)
        known = found.bias_nm is not None and abs(found.bias_nm) <= PERIOD_FOUND_NM
        return super().score(image, level) | {
            "period_contrast": found.contrast,
            "period_nm": found.period_nm,
            "period_bias_nm": found.bias_nm,
            "period_found": float(known),
            "period_modulation": found.modulation,
        }


KINDS: dict[str, type[StructureScores]] = {
    "microtubules": LineScores,
    "nuclear pores": PoreScores,
    "actin": TracedScores,
    "mitochondria": AreaScores,
    "spectrin": LatticeScores,
}
"""How each structure is scored."""


def kind_of(structure: str) -> type[StructureScores]:
    """How a structure is scored; one that `KINDS` does not know, by its centre lines if any."""
    return KINDS.get(structure, LineScores)


def best_of(scored: Mapping[float, Scores], kind: type[StructureScores]) -> Scores:
    """Choose a bandwidth for each score that decides, and show with it the scores that go with it.

    `scored` are the scores by bandwidth (nm), from the narrowest; of equals the first is taken.
    Under `bandwidth_nm.` + `MAIN` stands the bandwidth that shows the structure best.
    """
    row: Scores = {}
    shows_best: Scores = {}
    for decider, names in kind.DECIDERS.items():
        known = [nm for nm in scored if scored[nm].get(decider) is not None]
        if known:
            best = max(known, key=lambda nm: _goodness(decider, scored[nm][decider]))
            row |= {name: scored[best][name] for name in names}
            if decider == kind.MAIN:
                shows_best[f"bandwidth_nm.{decider}"] = best
    return row | shows_best


def _goodness(name: str, value: float) -> float:
    return -abs(value) if "bias" in name else value
