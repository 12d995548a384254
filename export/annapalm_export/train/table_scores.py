"""Did training on own tables help? Bits per later localization of the part that was held out.

Always without the widefield image, and where there is one with it too: the trained model, the model
that it started from, and the best Gaussian blur of the same input (`evaluate.heldout`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annapalm.quality import heldout
from annapalm.render import render
from annapalm_export.evaluate.table import real_table, to_json
from annapalm_export.evaluate.trained import load_trained

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from annapalm.model import Model
    from annapalm.render import CountImage, RateImage
    from annapalm_export.train.division import Region
    from annapalm_export.train.own_data import OwnData

    Row = dict[str, Any]

TRAINED, STARTED, BLURRED = "trained", "started from", "best blur"
WITH_WIDEFIELD = " + widefield"
SQUARE_PX = 100
"""Side of the squares (2 µm) whose scores are taken as independent: longer than the structure that
one mistake spoils, and small enough that a stripe holds some tens of them."""
TOLD_APART = 2.0
"""Standard errors from which a difference is called one."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Bits per localization that one density is worth more than another."""

    than: str
    """The other method."""
    bits: float
    standard_error: float | None
    """Over squares of the held-out part; None where there are fewer than two."""
    with_widefield: bool = False

    @property
    def sign(self) -> int:
        """1 or -1 where the difference can be told from chance, else 0."""
        if self.standard_error is None or abs(self.bits) <= TOLD_APART * self.standard_error:
            return 0
        return 1 if self.bits > 0 else -1


@dataclass(frozen=True, slots=True)
class OwnScores:
    """All scores on the held-out part."""

    rows: tuple[Row, ...]
    """As `evaluate.suite.evaluate_real`: one per table, share seen and method."""
    differences: tuple[Difference, ...]
    """Of the trained model to the others, over all tables and shares."""
    sentences: tuple[str, ...]

    def markdown(self) -> str:
        """Render for people."""
        return "\n".join([*self.sentences, "", real_table(self.rows)])

    def json(self, own: OwnData, trained: Path, start: Path | None) -> str:
        """Render for machines."""
        differences = [
            {
                "than": d.than,
                "with_widefield": d.with_widefield,
                "bits": d.bits,
                "standard_error": d.standard_error,
            }
            for d in self.differences
        ]
        return to_json(
            {
                "checkpoint": str(trained),
                "start": None if start is None else str(start),
                **own.session(),
                "conclusion": list(self.sentences),
                "differences": differences,
                "rows": list(self.rows),
            }
        )


class _Sums:
    """Differences of log2 density and localizations, summed per square."""

    def __init__(self) -> None:
        self.gain: list[NDArray[np.float64]] = []
        self.weight: list[NDArray[np.float64]] = []

    def add(self, gain: NDArray[np.float64], weight: NDArray[np.float64]) -> None:
        self.gain.append(gain)
        self.weight.append(weight)


def score_own(trained: Path, start: Path | None, own: OwnData, device: str = "cpu") -> OwnScores:
    """Score `trained` and what it started from, checkpoint or model file, on what `own` holds out.

    For each of `heldout.SHARES`, the first frames of a held-out region are seen and the later ones
    scored. Raises `CheckpointError`, and `InvalidValueError` for a region too short to be cut.
    """
    kind: Any = device
    models = {TRAINED: load_trained(trained, kind)}
    if start is not None:
        models[STARTED] = load_trained(start, kind)
    rows: list[Row] = []
    sums: dict[tuple[str, bool], list[_Sums]] = {}
    for region in own.division.held_out:
        found = _score_region(models, region, own.structure, rows)
        for key, per_region in found.items():
            sums.setdefault(key, []).append(per_region)
    differences = tuple(_difference(*key, per_region) for key, per_region in sums.items())
    return OwnScores(tuple(rows), differences, tuple(conclude(differences)))


def _score_region(
    models: dict[str, Model], region: Region, structure: str, rows: list[Row]
) -> dict[tuple[str, bool], _Sums]:
    grid = region.grid
    sums: dict[tuple[str, bool], _Sums] = {}
    for share in heldout.SHARES:
        cut = heldout.split_frames(region.locs, share)
        seen, held_out = (render(locs, grid)[0] for locs in (cut.seen, cut.held_out))
        blurred, _ = heldout.best_blur(seen, held_out, grid.pixel_nm)
        for light in (False, True) if region.source.widefield is not None else (False,):
            densities = {
                name: _density(model, region, cut, structure, light=light)
                for name, model in models.items()
            }
            densities[BLURRED] = blurred.image
            logs = {name: _log2(image, held_out) for name, image in densities.items()}
            for name, image in densities.items():
                if name == BLURRED and light:
                    continue  # the blur knows no widefield image: its row is there already
                method = name + WITH_WIDEFIELD * light
                width = blurred.bandwidth_nm if name == BLURRED else None
                rows.append(_row(region, share, method, image, (seen, held_out), width))
            for name in densities:
                if name != TRAINED:
                    pair = _per_square(logs[TRAINED] - logs[name], held_out)
                    sums.setdefault((name, light), _Sums()).add(*pair)
    return sums


def _density(
    model: Model, region: Region, cut: heldout.Split, structure: str, *, light: bool
) -> RateImage:
    """Rate of all localizations, of the structure and diffuse, on the region's grid."""
    image = region.source.widefield if light else None
    chosen = structure if structure in model.info.structures else None
    return model.reconstruct(cut.seen, image, grid=region.grid, structure=chosen).total_rate()


def _row(
    region: Region,
    share: float,
    method: str,
    density: RateImage,
    images: tuple[CountImage, CountImage],
    bandwidth_nm: float | None,
) -> Row:
    (seen, held_out), grid = images, region.grid
    score = heldout.bits_per_localization(density, held_out)
    return {
        "field": region.source.stem,
        "method": method,
        "share": share,
        "density_per_um2": float(seen.sum()) / grid.area_um2,
        "seen": int(seen.sum()),
        "held_out": int(held_out.sum()),
        "bits": score.bits,
        "uniform_share": score.uniform_share,
        "pearson_later": heldout.best_blur_pearson(seen, held_out, grid.pixel_nm)
        if bandwidth_nm is not None
        else heldout.later_pearson(density, held_out, grid.pixel_nm),
        "bandwidth_nm": bandwidth_nm,
        "total_ratio": float(density.sum()) / float(seen.sum()),
    }


def _log2(density: RateImage, held_out: CountImage) -> NDArray[np.float64]:
    """Logarithm of what `heldout.bits_per_localization` scores, in pixels with a hit; else 0."""
    share = heldout.bits_per_localization(density, held_out).uniform_share
    total = float(density.sum(dtype=np.float64))
    logs = np.zeros(density.shape)
    hit = held_out > 0
    relative = density[hit].astype(np.float64) * (density.size / total) if total else 0.0
    logs[hit] = np.log2((1 - share) * relative + share)
    return logs


def _per_square(
    gain: NDArray[np.float64], held_out: CountImage
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum gains and localizations over squares of `SQUARE_PX`: float64 [K] each."""
    starts = [np.arange(0, n, SQUARE_PX) for n in held_out.shape]
    both = (gain * held_out, held_out.astype(np.float64))
    summed, number = (
        np.add.reduceat(np.add.reduceat(image, starts[0], axis=0), starts[1], axis=1).ravel()
        for image in both
    )
    return summed, number


def _difference(name: str, with_widefield: bool, regions: list[_Sums]) -> Difference:  # noqa: FBT001 - half of a key
    """Average over localizations, with the standard error of a ratio over squares.

    The shares seen of one square are summed first: they are of the same structure.
    """
    gain = np.concatenate([np.sum(r.gain, axis=0) for r in regions])
    weight = np.concatenate([np.sum(r.weight, axis=0) for r in regions])
    gain, weight = gain[weight > 0], weight[weight > 0]
    mean, number = float(gain.sum() / weight.sum()), len(gain)
    error = None
    if number > 1:
        scatter = float(((gain - mean * weight) ** 2).sum()) * number / (number - 1)
        error = float(np.sqrt(scatter) / weight.sum())
    return Difference(name, mean, error, with_widefield)


def conclude(differences: tuple[Difference, ...]) -> list[str]:
    """Say in plain sentences whether training helped, and whether the model is worth using."""
    sentences = []
    for difference in differences:
        image = ", with the widefield image" if difference.with_widefield else ""
        measured = _measured(difference)
        if difference.than == STARTED:
            verdict = {
                1: "Training on these tables helped",
                0: "Whether training on these tables helped cannot be told from this held-out part",
                -1: "Training on these tables did harm: use the model it started from",
            }[difference.sign]
            other = "the model that it started from"
        else:
            verdict = {
                1: "The model beats every Gaussian blur",
                0: "The model cannot be told from the best Gaussian blur",
                -1: "The model is worse than the best Gaussian blur and must not be used",
            }[difference.sign]
            other = "the best blur"
        sentences.append(
            f"{verdict}{image}: {measured} bits per held-out localization over {other}."
        )
    if not any(d.than == STARTED for d in differences):
        sentences.append(
            "The run started from random weights, so that there is no model to compare with; give "
            "one with --start."
        )
    return sentences


def _measured(difference: Difference) -> str:
    if difference.standard_error is None:
        return f"{difference.bits:+.3f}"
    return f"{difference.bits:+.3f} ± {difference.standard_error:.3f}"
