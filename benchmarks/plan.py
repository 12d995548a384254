"""What the number of frames that `annapalm plan` recommends reaches where the truth is known.

Each simulated acquisition is cut in two: the plan is made from its left half and tried on its
right half, as on the next cell. Printed per scene: the recommendation; what it reaches on the
right half by later localizations, from the start and on the mean of blocks (the promise: the
share asked for, of the best); the best blur of as many frames; what it reaches by the noise-free
truth.

    python benchmarks/plan.py --scenes 6 --seeds validation --share 0.8
"""

from __future__ import annotations

import argparse
from statistics import fmean
from typing import TYPE_CHECKING

from annapalm import Grid, load_model
from annapalm.plan.choose import choose, relative_likelihood
from annapalm.plan.design import cut
from annapalm.plan.errors import PlanError
from annapalm.plan.options import SHARE, PlanOptions
from annapalm.plan.score import score_acquisition
from annapalm.quality.heldout import bits_per_localization
from annapalm_export.evaluate.metrics import MsSsim, score_picture
from annapalm_export.seeds import EVALUATION_SEEDS, VALIDATION_SEEDS
from annapalm_export.simulate import SceneOptions, simulate_scene

if TYPE_CHECKING:
    from annapalm import Localizations, Model
    from annapalm.plan.score import Scores
    from annapalm.render import RateImage
    from annapalm_export.simulate.scene import Scene

HEAD = (
    "   seed  share  verdict      frames     of  loc/um2 | right: start   mean   blur | "
    "truth: likelihood  MS-SSIM, best"
)


def halves(scene: Scene) -> list[tuple[Localizations, Grid, RateImage]]:
    """Cut a scene at its middle column: localizations, grid and true rate of each half."""
    rows, columns = scene.grid.shape
    pixel, middle = scene.grid.pixel_nm, columns // 2
    cut = []
    for start, stop in ((0, middle), (middle, columns)):
        grid = Grid(pixel, (start * pixel, 0.0), (rows, stop - start))
        x = scene.localizations.x_nm
        inside = (x >= start * pixel) & (x < stop * pixel)
        cut.append((scene.localizations.select(inside), grid, scene.rate[:, start:stop]))
    return cut


def try_one(model: Model, seed: int, options: SceneOptions, shares: list[float]) -> None:
    """Plan on the left half of a scene and try the plan on its right half."""
    scene = simulate_scene(seed, options)
    (left, left_grid, _), (right, right_grid, truth) = halves(scene)
    several = len(model.info.structures) > 1
    structure = scene.structure if several else None
    try:
        scores = score_acquisition(model, left, left_grid, structure=structure)
    except PlanError as error:
        print(f"{seed}  {error}")
        return
    for share in shares:
        choice = choose(scores, share)
        text = f"{seed}  {share:>5g}  {choice.verdict:11}"
        if choice.frames is None or choice.frames == choice.best_frames:
            print(f"{text}{choice.frames or 0:>8,}{choice.best_frames:>7,}")
            continue
        try:
            most = cut(right, PlanOptions(share))[0].most  # in which the halves differ a little
            tried = PlanOptions(share, frames=(choice.frames, min(choice.best_frames, most)))
            found = score_acquisition(model, right, right_grid, tried, structure=structure)
        except PlanError as error:
            print(f"{text}  {error}")
            continue
        print(text + _tried(model, found, right, right_grid, truth, structure))


def _tried(
    model: Model,
    found: Scores,
    right: Localizations,
    grid: Grid,
    truth: RateImage,
    structure: str | None,
) -> str:
    """Say what the recommended frames reach on the right half, beside the best."""
    frames, first = found.design.steps, found.design.first
    (few, *_), (best, *_) = found.blocks
    mean = [fmean(b.bits for b in row) for row in found.blocks]
    blocks = (right.in_frames(first, first + n) for n in frames)
    images = [model.reconstruct(b, grid=grid, structure=structure).dense for b in blocks]
    bits = [bits_per_localization(image, truth).bits for image in images]
    prepared = MsSsim(truth)
    alike = [score_picture(image, truth, prepared).ms_ssim for image in images]
    part = best.structure_part
    start = relative_likelihood(few.bits, best.bits, part)
    on_mean = relative_likelihood(mean[0], mean[1], part)
    blur = relative_likelihood(found.starts[0].blur_bits, best.bits, part)
    return (
        f"{frames[0]:>8,}{frames[1]:>7,}{few.density_per_um2:>9.1f} |"
        f"{start:>13.2f}{on_mean:>7.2f}{blur:>7.2f} |"
        f"{2 ** (bits[0] - bits[1]):>18.2f}{alike[0]:>9.3f}{alike[1]:>6.3f}"
    )


def main() -> None:
    """Try the plan on simulated scenes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="microtubule")
    parser.add_argument("--structure", default="microtubules")
    parser.add_argument("--kinetics", default="any")
    parser.add_argument("--scenes", type=int, default=6)
    parser.add_argument("--seeds", choices=("validation", "evaluation"), default="validation")
    parser.add_argument("--field-um", type=float, default=12.8)
    parser.add_argument("--amount", type=float, default=1.5, help="units of structure per um2")
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--share", type=float, action="append")
    given = parser.parse_args()
    seeds = VALIDATION_SEEDS if given.seeds == "validation" else EVALUATION_SEEDS
    options = SceneOptions(
        field_um=given.field_um,
        frames=given.frames,
        empty_share=0.0,
        with_widefield=False,
        structure=given.structure,
        kinetics=given.kinetics,
        amount_per_um2=given.amount,
    )
    model = load_model(given.model, "cpu")
    print(HEAD)
    for seed in list(seeds)[: given.scenes]:
        try_one(model, seed, options, given.share or [SHARE])


if __name__ == "__main__":
    main()
