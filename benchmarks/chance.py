"""What a score of lines is worth by chance: the same score with every localization moved away.

The best blur of localizations that were each moved at random by 200 or 400 nm shows how many there
are in which part of the field, and no line. What it scores all the same is what the score gives for
nothing: much where lines lie denser than its tolerance, as in a mesh. Threshold fields, no
evaluation fields; every method has the bandwidth and the threshold that suit it best on each field,
or, the model, the threshold. Needs the extra `export`:

    python benchmarks/chance.py --fields 6
    python benchmarks/chance.py --structure microtubules
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from annapalm import load_model
from annapalm.model.names import default_model
from annapalm.render import inside, render
from annapalm_export.evaluate.baseline import blurs
from annapalm_export.evaluate.structure_scores import LineScores, kind_of
from annapalm_export.evaluate.suite import asked_for
from annapalm_export.evaluate.suites.suite import in_distribution
from annapalm_export.markdown import table_lines

if TYPE_CHECKING:
    from annapalm.model import Model
    from annapalm.render import CountImage
    from annapalm_export.evaluate.field import EvalField

MOVED_NM = (200.0, 400.0)
"""Standard deviations along each axis; the score forgives 40 nm."""


def main() -> None:
    """Print mean scores per density, in Markdown."""
    options = _options()
    suite = in_distribution(options.structure)
    (condition,) = suite.conditions
    if not issubclass(kind_of(options.structure), LineScores):
        raise SystemExit(f"{options.structure}: it is not scored by its lines")
    model = load_model(options.model or default_model(options.structure), "cpu")
    moved = [f"best blur, moved by {nm:g} nm" for nm in MOVED_NM]
    lines = []
    for density in condition.densities:
        fields = condition.fields(density, suite.threshold_seeds)
        scores = [_scores(model, scene) for _, scene in islice(fields, options.fields)]
        lines.append([f"{density:g}", *(f"{mean:.3f}" for mean in np.mean(scores, axis=0))])
    print(f"F1 of {options.structure}, {options.fields} fields per density\n")
    print(*table_lines(("localizations/µm", "model", "best blur", *moved), lines), sep="\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--structure", default="actin", help="actin or microtubules")
    parser.add_argument("--model", help="released model or file; else the one for the structure")
    parser.add_argument("--fields", type=int, default=6, help="fields per density")
    options = parser.parse_args()
    if options.fields < 1:
        parser.error("--fields must be at least 1")
    return options


def _scores(model: Model, scene: EvalField) -> list[float]:
    """Best F1 of the model, of the best blur, and of the best blur of what was moved away."""
    kind = kind_of(scene.structure)(scene)
    structure = asked_for(model, scene.structure)
    drawn = model.reconstruct(scene.counts, grid=scene.grid, structure=structure).dense
    found = [float(kind.by_level(drawn).max())]
    for counts in (scene.counts, *(_moved(scene, nm) for nm in MOVED_NM)):
        images = blurs(counts, scene.grid.pixel_nm).values()
        found.append(max(float(kind.by_level(image).max()) for image in images))
    return found


def _moved(scene: EvalField, nm: float) -> CountImage:
    """Move each localization by a Gaussian of `nm`; what leaves the field is left out."""
    locs = scene.localizations
    if locs is None:
        raise TypeError  # fields of a suite have them
    x, y = np.random.default_rng(0).normal(0, nm, (2, len(locs)))
    away = replace(locs, x_nm=locs.x_nm + x, y_nm=locs.y_nm + y)
    return render(away.select(inside(away, scene.grid)), scene.grid)[0]


if __name__ == "__main__":
    main()
