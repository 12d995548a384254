"""Control against drug in simulation, measured where the truth is known.

Fields of a control and of a treated group are simulated, reconstructed by a model that has seen
controls alone, and measured with `annapalm.measure` like a user's. Beside the model stand the best
blur of the sparse image, the noise-free image (what the measures themselves can see), and the truth
from the simulator's own centre lines and rings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm.errors import AnnaPalmError
from annapalm.measure.bending import APART_NM, CHORD_NM
from annapalm.measure.field import PORES, curvature_of, measure_field
from annapalm.measure.intervals import corrected, interval
from annapalm_export.evaluate.baseline import BANDWIDTHS_NM, blur
from annapalm_export.evaluate.field import resample
from annapalm_export.evaluate.fields import DENSITIES, make_field, scored_scenes
from annapalm_export.evaluate.simulated import BLUR, MODEL
from annapalm_export.evaluate.suite import asked_for
from annapalm_export.seeds import EVALUATION_SEEDS, THRESHOLD_SEEDS
from annapalm_export.simulate import SceneOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from annapalm.measure.field import FieldMeasures
    from annapalm.model import Model
    from annapalm_export.evaluate.field import EvalField
    from annapalm_export.simulate import Scene

CONTROL, TREATED = "control", "treated"
TRUTH, NOISE_FREE = "truth", "noise-free image"
DRAWN = "model, drawn"
"""The model's values without the correction that `annapalm measure` makes."""

Values = dict[str, float | None]
"""Measure to value."""


class TooFewSeedsError(AnnaPalmError, ValueError):
    """The seeds that a study may use do not give as many fields as were asked for."""

    def __init__(self, made: int, wanted: int) -> None:
        super().__init__(
            f"Only {made} of {wanted} fields could be made of the seeds for this purpose. Ask for "
            "fewer."
        )


@dataclass(frozen=True, slots=True)
class Study:
    """Control against drug."""

    name: str
    structure: str
    treatment: str
    """Of `annapalm_export.simulate.treatments`."""
    amount_per_um2: float | None
    """Units of structure asked of the control; None: drawn for each field."""
    field_um: float = 10.0
    curvature_per_um: float | None = None
    """Root mean square curvature of the control's filaments; None: drawn for each field, between
    values tenfold apart, beside which twenty fields hardly show what a drug does to it."""

    def scene(self, group: str) -> SceneOptions:
        """Give the options of the scenes of a group."""
        return SceneOptions(
            field_um=self.field_um,
            empty_share=0.0,
            with_widefield=False,
            structure=self.structure,
            amount_per_um2=self.amount_per_um2,
            curvature_per_um=self.curvature_per_um,
            imperfect=True,
            treatment=self.treatment if group == TREATED else "control",
        )


STUDIES = {
    study.name: study
    for study in (
        Study("microtubules-1", "microtubules", "depolymerized", 2.0),
        Study("microtubules-dense-1", "microtubules", "depolymerized", 4.0),
        Study("microtubules-bent-1", "microtubules", "bent", 2.0, curvature_per_um=0.15),
        Study("actin-1", "actin", "sparse mesh", 4.0),
        Study("nuclear-pores-1", "nuclear pores", "control", None),
    )
}
"""By name. There is no drug for nuclear pores: the study shows their measures, and that two groups
of controls stay alike."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One field at one density: what each method says of it."""

    group: str
    density: float
    seed: int
    structure: str
    values: dict[str, Values]
    """Method to measures, as they are drawn."""
    doubtful_share: float | None
    model: str = ""
    """Name and version."""

    def value(self, method: str, measure: str) -> float | None:
        """Look up one value; those of the model with the correction."""
        if method != MODEL:
            return self.values[method].get(measure)
        drawn = self.values[DRAWN].get(measure)
        if drawn is None:
            return None
        return corrected(self.structure, self.model, measure, drawn, self.doubtful_share)

    def interval(self, measure: str) -> tuple[float, float] | None:
        """Give the interval of the model's value."""
        value = self.value(MODEL, measure)
        if value is None:
            return None
        return interval(self.structure, self.model, measure, value, self.doubtful_share)


def samples(
    study: Study,
    model: Model,
    seeds: Mapping[str, range],
    number: int,
    *,
    bandwidths: Mapping[float, float] | None = None,
    densities: Sequence[float] = DENSITIES,
    done: Sequence[Sample] = (),
    keep: Callable[[list[Sample]], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> list[Sample]:
    """Simulate `number` fields of each group and measure them, by all methods, at each density.

    `seeds`: group to seeds; `bandwidths`: density to the bandwidth of the blur in nm, which is left
    out without. `done`: samples of an earlier call with the same arguments, which are not made
    again; `keep` is called with those of each new field. Raises `TooFewSeedsError`.
    """
    found = []
    for group, of_group in seeds.items():
        known = [sample for sample in done if sample.group == group][: number * len(densities)]
        found += known
        made = len(known) // len(densities)
        left = of_group[of_group.index(known[-1].seed) + 1 :] if known else of_group
        scenes = scored_scenes(max(densities), left, study.scene(group), with_widefield=False)
        for at in range(made, number):
            seed, scene = next(scenes, (None, None))
            if scene is None or seed is None:
                raise TooFewSeedsError(at, number)
            new = _samples_of(scene, seed, group, model, densities, bandwidths)
            keep(new)
            found += new
            say(f"{study.name}, {group}: field {at + 1} of {number}")
    return found


def _samples_of(
    scene: Scene,
    seed: int,
    group: str,
    model: Model,
    densities: Sequence[float],
    bandwidths: Mapping[float, float] | None,
) -> list[Sample]:
    fields = [make_field(scene, density, seed) for density in densities]
    known = {
        TRUTH: true_values(fields[0]),
        NOISE_FREE: _values(_measured(fields[0], fields[0].truth)),
    }
    return [_sample(field, group, seed, model, dict(known), bandwidths) for field in fields]


def _sample(
    field: EvalField,
    group: str,
    seed: int,
    model: Model,
    values: dict[str, Values],
    bandwidths: Mapping[float, float] | None,
) -> Sample:
    structure = asked_for(model, field.structure)
    result = model.reconstruct(field.counts, grid=field.grid, structure=structure)
    measured = measure_field(
        result.dense, result.error, field.grid, field.structure, radius_nm=_radius(field)
    )
    values[DRAWN] = _values(measured)
    if bandwidths is not None:
        blurred = blur(field.counts, bandwidths[field.density], field.grid.pixel_nm)
        values[BLUR] = _values(_measured(field, blurred))
    share = measured.doubtful_share
    drawn_by = f"{model.info.name}/{model.info.version}"
    return Sample(group, field.density, seed, field.structure, values, share, drawn_by)


def _measured(field: EvalField, image: NDArray[np.float32]) -> FieldMeasures:
    """Measure an image that has no error map."""
    nothing = np.zeros_like(image)
    return measure_field(image, nothing, field.grid, field.structure, radius_nm=_radius(field))


def _radius(field: EvalField) -> float:
    """Radius that a user would know: that of the labelled protein."""
    return float(np.median(field.rings[:, 2])) if len(field.rings) else 53.5


def _values(measured: FieldMeasures) -> Values:
    """Give what is drawn, without the persistence length: it is the curvature once more."""
    return {n: m.drawn for n, m in measured.measures.items() if n != "persistence_um"}


def true_values(field: EvalField) -> Values:
    """Measure the simulator's own lines or rings, by the same definitions."""
    if field.structure in PORES:
        seen = _inside(field.rings[:, :2], field)
        radius = float(field.rings[seen, 2].mean()) if seen.any() else None
        return {"pores_per_um2": seen.sum() / field.grid.area_um2, "radius_nm": radius}
    length, double, turned = 0.0, 0j, []
    for line in field.centre_lines:
        xy, step = resample(line)
        moves = np.diff(xy, axis=0)
        inside = _inside((xy[1:] + xy[:-1]) / 2, field)
        length += float(inside.sum()) * step / 1000
        double += (step * np.exp(2j * np.arctan2(moves[:, 1], moves[:, 0]))[inside]).sum() / 1000
        turned.append(_turned(xy, step, field))
    angles = np.concatenate(turned) if turned else np.empty(0)
    return {
        "length_um_per_um2": length / field.grid.area_um2,
        "order": abs(double) / length if length else None,
        "curvature_per_um": curvature_of(angles) if len(angles) else None,
    }


def _inside(xy: NDArray[np.float64], field: EvalField) -> NDArray[np.bool_]:
    x0, y0, x1, y1 = field.grid.extent_nm
    within: NDArray[np.bool_] = np.all((xy >= (x0, y0)) & (xy < (x1, y1)), axis=1)
    return within


def _turned(xy: NDArray[np.float64], step_nm: float, field: EvalField) -> NDArray[np.float64]:
    """Angles between chords of one centre line, as `annapalm.measure.bending` has them."""
    chord, apart = round(CHORD_NM / step_nm), round(APART_NM / step_nm)
    if len(xy) <= chord + apart:
        return np.empty(0)
    ends = [xy[k : len(xy) - chord - apart + k] for k in (0, chord, apart, chord + apart)]
    seen = np.logical_and(_inside(ends[0], field), _inside(ends[3], field))
    first, second = ends[1] - ends[0], ends[3] - ends[2]
    cross = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    turned: NDArray[np.float64] = np.abs(np.arctan2(cross, (first * second).sum(axis=1)))
    return turned[seen]


def choose_bandwidths(
    study: Study, number: int = 4, densities: Sequence[float] = DENSITIES
) -> dict[float, float]:
    """Choose the blur for each density whose main measure is nearest to the truth.

    On threshold fields of both groups; the main measure is the first: length or pores per µm².
    """
    misses: dict[tuple[float, float], list[float]] = {}
    for group, of_group in _halves(THRESHOLD_SEEDS).items():
        scenes = scored_scenes(max(densities), of_group, study.scene(group), with_widefield=False)
        for _ in range(number):
            seed, scene = next(scenes)
            for density in densities:
                field = make_field(scene, density, seed)
                truth = next(iter(true_values(field).values())) or 1e-9
                for nm in BANDWIDTHS_NM:
                    image = blur(field.counts, nm, field.grid.pixel_nm)
                    shown = next(iter(_values(_measured(field, image)).values())) or 1e-9
                    misses.setdefault((density, nm), []).append(abs(np.log(shown / truth)))
    return {
        density: min(BANDWIDTHS_NM, key=lambda nm: float(np.mean(misses[density, nm])))
        for density in densities
    }


def _halves(seeds: range) -> dict[str, range]:
    middle = len(seeds) // 2
    return {CONTROL: seeds[:middle], TREATED: seeds[middle:]}


def threshold_seeds() -> dict[str, range]:
    """Group to seeds from which corrections and intervals are taken: controls alone."""
    return {CONTROL: THRESHOLD_SEEDS}


def evaluation_seeds() -> dict[str, range]:
    """Group to seeds that give the figures."""
    return _halves(EVALUATION_SEEDS)
