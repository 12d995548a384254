"""What a model must show before it is released; each gate returns why not, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annapalm.model import SessionOptions, load_model
from annapalm_export.evaluate.simulated import BLUR, MODEL, WITH_WIDEFIELD
from annapalm_export.evaluate.suite import asked_for
from annapalm_export.evaluate.table import density_heading

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from annapalm.model import Model
    from annapalm_export.evaluate.field import EvalField
    from annapalm_export.evaluate.simulated import Row
    from annapalm_export.to_onnx.parity import Parity

MAX_BYTES = 8_000_000
"""A model travels inside the wheel."""
QUALITY = "quality"
"""What the name of a large model says, so that nobody takes one for a fast one."""
MAX_QUALITY_BYTES = 16_000_000
COVERAGE_90 = (0.85, 0.95)
"""Allowed coverage of the nominal 90 % interval near structure, drawn or true."""
GATED = {"f1": ("pearson", "f1"), "pore_f1": ("pore_f1",)}
"""A score to those that, where a structure has it, must be above the best blur's like MS-SSIM.

So microtubules and nuclear pores. Actin has no `f1` (its meshes are denser than any score of
lines can tell apart); for areas and lattices there is none: a blur may cover an area as well."""
LEAST_SPEARMAN = 0.5
"""Rank correlation of the error map with the true error near structure, drawn or true."""

MAX_INVENTED_UM_PER_UM2 = 0.02
"""Filament in the picture of localizations at random, at the contrast of a real field: mean over
fields. No picture that a run gives may have more, nor what the network draws before the run
withholds it, but for:"""
KNOWN_TO_INVENT = {"spectrin": 0.5, "actin": 0.1, "mitochondria": 0.03}
"""What a network may draw where none has done better yet without losing what is there: a few
localizations per µm of axon, or of a mesh, look like noise (docs/training.md has what was tried).
Lower it with the model that does better."""


def size_gate(path: Path, name: str) -> list[str]:
    """Refuse files that do not belong in a wheel; a model named `QUALITY` may be larger."""
    size = path.stat().st_size
    most = MAX_QUALITY_BYTES if QUALITY in name else MAX_BYTES
    return [f"the file has {size:,} bytes, more than {most:,}"] if size > most else []


def parity_gate(parity: Parity) -> list[str]:
    """Refuse a file that does not compute what was trained."""
    if parity.passed:
        return []
    return [f"torch and ONNX Runtime differ by {parity.worst} of each output's largest value"]


def tiling_gate(path: Path, field: EvalField) -> list[str]:
    """Refuse what gives another picture, in any bit, in tiles than whole or on other threads."""
    models = {
        threads: load_model(path, device="cpu", options=SessionOptions(threads=threads))
        for threads in (1, 2, 5)
    }
    failures = []
    structure = asked_for(models[1], field.structure)
    for counts in (field.counts, field.counts[:, :21], field.counts[:21]):  # narrow ones too
        first = None
        for threads, model in models.items():
            for tile_px in (None, 2 * model.info.halo_px + 8 * model.info.stride):
                result = model.reconstruct(counts, tile_px=tile_px, structure=structure)
                first = first or result
                failures += [
                    f"'{name}' of {list(counts.shape)} px in {result.tiles} pieces on {threads} "
                    "threads differs from that of the whole field on one thread"
                    for name in ("dense", "error", "background")
                    if not np.array_equal(getattr(result, name), getattr(first, name))
                ]
    return failures


def empty_gate(model: Model) -> list[str]:
    """Refuse what draws a structure through a single localization."""
    one = np.zeros((160, 160), np.float32)
    one[80, 80] = 1
    totals = {
        name: float(model.reconstruct(one, structure=name).dense.sum())
        for name in model.info.structures
    }
    several = len(totals) > 1
    return [
        f"a single localization gives a picture of {total:.1f}" + f" of {name}" * several
        for name, total in totals.items()
        if total > 3
    ]


def quality_gate(summary: Sequence[Row]) -> list[str]:
    """Above the oracle KDE for every structure and density, and an error map to be believed.

    `summary` as `evaluate.table.summarise` makes it from the protocol's simulated rows, or has
    made it: releases before there were structures name none, and their density is per µm.
    MS-SSIM counts everywhere, and what `GATED` adds where it is scored.
    """
    means = {
        (row.get("structure"), _density(row), row["method"]): {
            name: score["mean"] for name, score in row.items() if isinstance(score, dict)
        }
        for row in summary
    }
    units = {row.get("structure"): row.get("unit") for row in summary}
    failures = []
    for (structure, density, method), scores in means.items():
        if method not in (MODEL, WITH_WIDEFIELD):
            continue
        blur = means[structure, density, BLUR]
        per = density_heading(units[structure]).replace("/", " per ", 1)
        where = f"{method} at {density:g} {per}"
        if len(units) > 1:
            where = f"{structure}: {where}"
        wanted = ["ms_ssim"]
        wanted += [name for score, names in GATED.items() if score in blur for name in names]
        failures += [
            f"{where}: {name} {scores[name]:.3f} is not above the best blur's {blur[name]:.3f}"
            for name in wanted
            if scores[name] <= blur[name]
        ]
        coverage, spearman = scores["coverage_0.9_judged"], scores["spearman_judged"]
        if not COVERAGE_90[0] <= coverage <= COVERAGE_90[1]:
            failures.append(f"{where}: the nominal 90 % interval covers {coverage:.1%}")
        if spearman < LEAST_SPEARMAN:
            failures.append(f"{where}: rank correlation of error map and error {spearman:.2f}")
    return failures


def noise_gate(summary: Sequence[Row]) -> list[str]:
    """Refuse what draws structure where as many localizations as in a field lie at random.

    `summary` as `evaluate.table.summarise` makes it from the protocol's stress rows.
    """
    failures = []
    for row in summary:
        if (row["input"], row["method"]) != ("uniform", MODEL):
            continue
        structure = row.get("structure")
        limits = {
            "drawn": KNOWN_TO_INVENT.get(str(structure), MAX_INVENTED_UM_PER_UM2),
            "shown": MAX_INVENTED_UM_PER_UM2,
        }
        for what, most in limits.items():
            length = row[f"{what}_um_per_um2"]["mean"]
            if length >= most:
                failures.append(
                    f"{structure}: {length:.3f} µm of filament per µm² are {what} in localizations "
                    f"at random, {most:g} or more"
                )
    return failures


def _density(row: Row) -> float:
    density: float = row["density"] if "density" in row else row["density_per_um"]
    return density
