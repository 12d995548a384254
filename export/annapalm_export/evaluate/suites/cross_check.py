"""The suite `cross-check-1`: what the cross-check finds of what is planted, and how quiet it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annapalm.cross_check import CrossCheck, CrossCheckError, check, split_halves
from annapalm.cross_check.check import LEVEL_Z
from annapalm.errors import InvalidValueError
from annapalm.quality.structure import structure_mask
from annapalm_export.evaluate.error_map import auroc
from annapalm_export.evaluate.planted import (
    PIECE_NM,
    drawn,
    false_pieces,
    joined,
    mass_on,
    pixels_near,
    returning_molecules,
    true_pieces,
)
from annapalm_export.evaluate.suite import asked_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annapalm.cross_check import Halves
    from annapalm.model import Model
    from annapalm.reconstruction import Reconstruction
    from annapalm.render import RateImage
    from annapalm_export.evaluate.field import EvalField
    from annapalm_export.evaluate.simulated import Row

_ON_NM = 60.0
"""A piece's pixels lie at most so far from its points."""
_ERASED_NM = 100.0
"""An erased piece is emptied so far: to the flank of what is drawn."""
_ERASED_EVERY = 5
"""Every fifth true piece is erased; they are told from all that are not."""
_DRAWN = 0.5
"""A true piece serves where the picture draws at least this share of the usual brightness."""

PIECE_COLUMNS = {
    "auroc_false": "AUROC, false",
    "auroc_false_region": "(by region)",
    "auroc_returning": "AUROC, false through returning molecules",
    "auroc_returning_region": "(by region)",
    "auroc_missing": "AUROC, missing",
    "auroc_missing_region": "(by region)",
    "found_false": "false pieces marked, by region",
    "found_missing": "missing pieces marked, by region",
}
FIELD_COLUMNS = {
    "truth_marked": "truth: field marked",
    "truth_marked_structure": "truth: structure marked",
    "marked": "model: field marked",
    "unconfirmed_share": "model: structure not borne out",
    "missing_on_structure": "model: structure called missing",
    "testable_share": "testable",
    "clump_factor": "clump factor",
    "misfit": "misfit",
    "contradicted": "called contradicted",
    "not_done": "not done",
}


def evaluate_cross_check(model: Model, scene: EvalField) -> list[Row]:
    """Cross-check one field as it is, and with filaments of 1 µm planted and erased: one row.

    - auroc_false: that a planted false piece is below a true, drawn one in mean z on the map;
      auroc_false_region: in the z of the piece as a region. It is as bright as `density` says.
    - auroc_returning: the same where the false piece is drawn through molecules that both halves
      show; auroc_missing: that an erased true piece is above one that was not erased.
    - truth_marked: share of the field at |z| >= 1.96 where the picture is the noise-free truth and
      its uniform background: a picture with nothing to find (nominally 0.05).
    - marked, unconfirmed_share, missing_on_structure: the same for the model's picture of the seen
      half, which is not the truth.
    A field that cannot be cross-checked gives a row with `not_done` 1. Scores of pieces only where
    the structure is made of filaments. Raises `InvalidValueError` for a scene without table.
    """
    if scene.localizations is None:
        raise InvalidValueError("scene", scene.name, "a field with its table of localizations")
    about = {"structure": scene.structure, "density": scene.density, "field": scene.name}
    structure = asked_for(model, scene.structure)
    try:
        halves = split_halves(scene.localizations)
    except CrossCheckError:
        return [about | {"unit": scene.unit, "method": "model", "not_done": 1.0}]
    half = model.reconstruct(
        halves.seen,
        grid=scene.grid,
        exposure=len(halves.held_out) / len(halves.seen),
        structure=structure,
    )
    scores = _quiet(scene, halves, half)
    if scene.has_filaments:
        scores |= _planted(scene, halves, half)
    return [about | {"unit": scene.unit, "method": "model", "not_done": 0.0} | scores]


def _quiet(scene: EvalField, halves: Halves, half: Reconstruction) -> Row:
    """Measure what is marked in a picture as it is, and in the truth."""
    share = len(halves.held_out) / max(len(halves.held_out) + len(halves.seen), 1)
    truth = scene.truth * np.float32(share)
    diffuse = max(len(halves.held_out) - float(truth.sum(dtype=np.float64)), 1.0) / truth.size
    right = check(truth + np.float32(diffuse), halves.held_out, halves.seen, scene.grid)
    there = scene.there()
    found = _check(scene, halves, half.total_rate(), structure_mask(half.dense))
    return {
        "truth_marked": _marked(right, np.ones_like(there)),
        "truth_marked_structure": _marked(right, there) if there.any() else None,
        "marked": _marked(found, np.ones_like(there)),
        "unconfirmed_share": found.unconfirmed_share,
        "missing_on_structure": float((found.z[there] >= LEVEL_Z).mean()) if there.any() else None,
        "testable_share": found.testable_share,
        "clump_factor": found.clump_factor,
        "misfit": found.misfit,
        "contradicted": float(found.contradicted),
    }


def _planted(scene: EvalField, halves: Halves, half: Reconstruction) -> Row:
    """Plant, erase, and tell what was planted from true pieces that the picture draws."""
    rng = np.random.default_rng([int(scene.counts.sum()), len(halves.seen)])
    rate, mask = half.total_rate(), structure_mask(half.dense)
    share = len(halves.held_out) / (len(halves.held_out) + len(halves.seen))
    per_um = scene.density * share
    usual = per_um * PIECE_NM / 1000
    true = [
        (points, on)
        for points in true_pieces(scene)
        if mass_on(rate, on := pixels_near(points, _ON_NM, scene.grid)) >= _DRAWN * usual
    ]
    lines = false_pieces(scene, rng)
    false = [(points, pixels_near(points, _ON_NM, scene.grid)) for points in lines]
    if not true or not false:
        return {}
    planted = rate + drawn(lines, per_um, scene.grid)
    erased = true[::_ERASED_EVERY]
    gone = np.zeros_like(mask)
    for points, _ in erased:
        gone |= pixels_near(points, _ERASED_NM, scene.grid)
    emptied = np.where(gone, np.minimum(rate, np.float32(np.median(rate))), rate)
    seen, held_out = returning_molecules(lines, per_um, rng)
    joint = type(halves)(
        joined(halves.seen, seen),
        joined(halves.held_out, held_out),
        halves.cuts,
        halves.burst_frames,
        halves.cut_share,
    )
    intact = _scores(_check(scene, halves, rate, mask), true)
    in_false = _scores(_check(scene, halves, planted, mask), false)
    in_returning = _scores(_check(scene, joint, planted, mask), false)
    in_erased = _scores(_check(scene, halves, emptied, mask), erased)
    row: Row = {
        "found_false": float((in_false[1] <= -LEVEL_Z).mean()),
        "found_missing": float((in_erased[1] >= LEVEL_Z).mean()),
    }
    for at, ending in enumerate(("", "_region")):
        row[f"auroc_false{ending}"] = _auroc(-in_false[at], -intact[at])
        row[f"auroc_returning{ending}"] = _auroc(-in_returning[at], -intact[at])
        row[f"auroc_missing{ending}"] = _auroc(in_erased[at], intact[at])
    return row


def _scores(
    found: CrossCheck, pieces: Sequence[tuple[NDArray[np.float64], NDArray[np.bool_]]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean z on the map of each piece, and its z as a region."""
    on_map = [float(found.z[on].mean()) for _, on in pieces]
    return np.array(on_map), np.array([found.region(on).z for _, on in pieces])


def _auroc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    scores = np.concatenate([positive, negative])
    return auroc(scores, np.arange(len(scores)) < len(positive))


def _check(
    scene: EvalField, halves: Halves, rate: RateImage, structure: NDArray[np.bool_]
) -> CrossCheck:
    return check(rate, halves.held_out, halves.seen, scene.grid, structure=structure)


def _marked(found: CrossCheck, where: NDArray[np.bool_]) -> float:
    return float((np.abs(found.z[where]) >= LEVEL_Z).mean())
