"""What a suite is, and all suites that there are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from annapalm.errors import InvalidValueError
from annapalm.grid import DEFAULT_PIXEL_NM
from annapalm_export.evaluate.fields import DENSITIES, make_field, scored_scenes
from annapalm_export.evaluate.simulated import BLUR, MODEL, SPARSE, WITH_WIDEFIELD
from annapalm_export.evaluate.suites.alone import WIDEFIELD_ALONE
from annapalm_export.seeds import EVALUATION_SEEDS, THRESHOLD_SEEDS
from annapalm_export.simulate import SceneOptions
from annapalm_export.simulate.structures import STRUCTURES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from annapalm_export.evaluate.field import EvalField

Kind: TypeAlias = Literal["simulated", "trust", "cross-check", "real"]
"""How a suite is run: against a truth; with nothing to find; by held-out frames with structure
planted and erased; by the later frames of real tables."""

METHODS = (MODEL, WITH_WIDEFIELD, WIDEFIELD_ALONE, BLUR, SPARSE)
PLOTTED = (
    "ms_ssim",
    "ms_ssim_foreground",
    "f1",
    "f1_skeleton",
    "pore_f1",
    "ring_contrast",
    "period_contrast",
    "iou",
)
"""Scores that a plot shows, of those that a structure has."""

_CHOOSING_FROM = 40
"""Threshold seeds from here on are those of `Suite.for_choosing`."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One kind of simulated field."""

    name: str
    """Unlike any other of the suite."""
    scene: SceneOptions
    densities: tuple[float, ...] = DENSITIES
    """Localizations per unit of structure."""
    pixel_nm: float = DEFAULT_PIXEL_NM
    """Pixel of the image that is given to the model as if it were the model's own."""
    jitter_nm: float = 0.0
    """Standard deviation by which each localization is moved: a worse precision."""
    drift_nm: float = 0.0
    """By which the sample moves from the first frame to the last."""

    @property
    def structure(self) -> str:
        """Which structure is simulated."""
        return self.scene.structure

    def fields(self, density: float, seeds: Iterable[int]) -> Iterator[tuple[int, EvalField]]:
        """Yield seeds and their fields, passing over what cannot be scored at `density`."""
        for seed, scene in scored_scenes(density, seeds, self.scene):
            yield (
                seed,
                make_field(
                    scene,
                    density,
                    seed,
                    pixel_nm=self.pixel_nm,
                    jitter_nm=self.jitter_nm,
                    drift_nm=self.drift_nm,
                ),
            )


@dataclass(frozen=True, slots=True)
class Suite:
    """A test set: fields, methods and scores, fixed by name and version."""

    name: str
    version: int
    title: str
    """One line for the tables."""
    conditions: tuple[Condition, ...]
    kind: Kind = "simulated"
    methods: tuple[str, ...] = METHODS
    plotted: tuple[str, ...] = PLOTTED
    seeds: range = EVALUATION_SEEDS
    threshold_seeds: range = THRESHOLD_SEEDS
    """Fields on which thresholds are chosen; never those of `seeds`."""

    @property
    def label(self) -> str:
        """Name and version, as on the command line."""
        return f"{self.name}-{self.version}"

    @property
    def structures(self) -> tuple[str, ...]:
        """Structures that it shows, in order."""
        return tuple(dict.fromkeys(condition.structure for condition in self.conditions))

    def smaller(self, densities: Sequence[float] | None, field_um: float | None = None) -> Suite:
        """Keep only some densities (those of the suite that are named), or take smaller fields.

        For a quick look and for tests: the result has the same label, and figures of its own.
        """
        kept = []
        for one in self.conditions:
            wanted = tuple(d for d in one.densities if densities is None or d in densities)
            scene = one.scene if field_um is None else replace(one.scene, field_um=field_um)
            if wanted:
                kept.append(replace(one, densities=wanted, scene=scene))
        return replace(self, conditions=tuple(kept))

    def for_choosing(self) -> Suite:
        """Make the same suite on fields that are no evaluation fields: to choose between models.

        Its fields are threshold fields, and thresholds are chosen on others of them.
        """
        return replace(
            self,
            name=f"{self.name}-choosing",
            title=f"{self.title} (fields for choosing)",
            seeds=THRESHOLD_SEEDS[_CHOOSING_FROM:],
            threshold_seeds=THRESHOLD_SEEDS[:_CHOOSING_FROM],
        )


def threshold_condition(condition: Condition) -> Condition:
    """Where the thresholds for a condition are chosen: a user cannot know the shift.

    For a shifted one the fields of its structure as in the in-distribution suite; for those of
    an in-distribution suite the very same.
    """
    if condition.name == condition.structure:
        return condition
    known = in_distribution(condition.structure).conditions[0]
    return replace(known, scene=replace(known.scene, field_um=condition.scene.field_um))


def in_distribution(structure: str) -> Suite:
    """Newest suite of fields such as training shows of one structure."""
    return _IN_DISTRIBUTION[structure]


def release_suites(structures: Sequence[str]) -> tuple[Suite, ...]:
    """Suites on which a model of these structures is calibrated and released, one for each.

    A model of microtubules alone: `microtubules-1`, so that releases of it can be compared from
    1.0.0 on. Raises `InvalidValueError` for a structure that cannot be simulated.
    """
    if tuple(structures) == ("microtubules",):
        return (SUITES["microtubules-1"],)
    unknown = [name for name in structures if name not in _IN_DISTRIBUTION]
    if unknown:
        raise InvalidValueError("structures", unknown, f"among {', '.join(_IN_DISTRIBUTION)}")
    return tuple(_IN_DISTRIBUTION[name] for name in structures)


def suite_named(label: str) -> Suite:
    """Find a suite by name and version; raises `InvalidValueError` with those that there are."""
    if label not in SUITES:
        raise InvalidValueError("suite", label, f"one of {', '.join(SUITES)}")
    return SUITES[label]


def _perfect(structure: str) -> SceneOptions:
    return SceneOptions(empty_share=0.0, structure=structure)


def _imperfect(structure: str, kinetics: str = "any") -> SceneOptions:
    return SceneOptions(empty_share=0.0, structure=structure, kinetics=kinetics, imperfect=True)


def _usual(structure: str, version: int) -> Suite:
    """Fields such as training shows: kinetics between all presets, drift, defocus, misses."""
    condition = Condition(structure, _imperfect(structure))
    return Suite(structure.replace(" ", "-"), version, structure.capitalize(), (condition,))


_IN_DISTRIBUTION: dict[str, Suite] = {
    name: _usual(name, 2 if name == "microtubules" else 1) for name in STRUCTURES
}

_ALL = (
    Suite(
        "microtubules",
        1,
        "Microtubules as released with 1.0.0: in focus, evenly lit, without drift",
        (Condition("microtubules", _perfect("microtubules")),),
    ),
    *_IN_DISTRIBUTION.values(),
    Suite(
        "photophysics",
        1,
        "Kinetics of one kind of label alone",
        tuple(
            Condition(f"{name}, {preset}", _imperfect(name, preset), (5.0, 20.0))
            for name in STRUCTURES
            for preset in ("palm", "dstorm", "paint")
        ),
    ),
    Suite(
        "density",
        1,
        "Sparser and denser than the usual fields",
        tuple(Condition(f"{name}, far", _imperfect(name), (2.0, 100.0)) for name in STRUCTURES),
    ),
    Suite(
        "precision",
        1,
        "Localizations moved by 20 and 40 nm more (standard deviation)",
        tuple(
            Condition(f"{name}, {nm:g} nm worse", _imperfect(name), (20.0,), jitter_nm=nm)
            for name in STRUCTURES
            for nm in (20.0, 40.0)
        ),
    ),
    Suite(
        "drift",
        1,
        "A steady drift of 20 to 160 nm from the first frame to the last",
        tuple(
            Condition(f"{name}, {nm:g} nm drift", _imperfect(name), (5.0, 20.0), drift_nm=nm)
            for name in STRUCTURES
            for nm in (20.0, 40.0, 80.0, 160.0)
        ),
    ),
    Suite(
        "pixel",
        1,
        "Counts on pixels of 15 and 25 nm, given as if they were the model's",
        tuple(
            Condition(f"{name}, {nm:g} nm", _imperfect(name), (5.0, 20.0), pixel_nm=nm)
            for name in STRUCTURES
            for nm in (15.0, 25.0)
        ),
    ),
    Suite(
        "trust",
        1,
        "Inputs with nothing, or something else, to find",
        tuple(Condition(name, _imperfect(name), (5.0, 20.0)) for name in STRUCTURES),
        kind="trust",
        plotted=(),
    ),
    Suite(
        "cross-check",
        1,
        "Held-out frames against pictures with filaments of 1 µm planted and erased",
        tuple(
            Condition(name, _imperfect(name), (5.0, 10.0, 20.0, 50.0))
            for name in ("microtubules", "nuclear pores")
        ),
        kind="cross-check",
        plotted=(),
    ),
    Suite("real", 1, "Real tables, scored by their later frames", (), kind="real", plotted=()),
)

SUITES: dict[str, Suite] = {suite.label: suite for suite in _ALL}
"""By name and version."""
