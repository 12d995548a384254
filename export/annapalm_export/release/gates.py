"""What a model must show before it is released; each gate returns why not, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annapalm.model import SessionOptions, load_model
from annapalm_export.evaluate.simulated import BLUR, MODEL, WITH_WIDEFIELD

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from annapalm.model import Model
    from annapalm_export.evaluate.field import EvalField
    from annapalm_export.evaluate.simulated import Row
    from annapalm_export.to_onnx.parity import Parity

MAX_BYTES = 8_000_000
"""A model travels inside the wheel."""
COVERAGE_90 = (0.85, 0.95)
"""Allowed coverage of the nominal 90 % interval near structure, drawn or true."""
LEAST_SPEARMAN = 0.5
"""Rank correlation of the error map with the true error near structure, drawn or true."""


def size_gate(path: Path) -> list[str]:
    """Refuse files that do not belong in a wheel."""
    size = path.stat().st_size
    return [f"the file has {size:,} bytes, more than {MAX_BYTES:,}"] if size > MAX_BYTES else []


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
    for counts in (field.counts, field.counts[:, :21], field.counts[:21]):  # narrow ones too
        first = None
        for threads, model in models.items():
            for tile_px in (None, 2 * model.info.halo_px + 8 * model.info.stride):
                result = model.reconstruct(counts, tile_px=tile_px)
                first = first or result
                failures += [
                    f"'{name}' of {list(counts.shape)} px in {result.tiles} pieces on {threads} "
                    "threads differs from that of the whole field on one thread"
                    for name in ("dense", "error", "background")
                    if not np.array_equal(getattr(result, name), getattr(first, name))
                ]
    return failures


def empty_gate(model: Model) -> list[str]:
    """Refuse what draws a filament through a single localization."""
    one = np.zeros((160, 160), np.float32)
    one[80, 80] = 1
    total = float(model.reconstruct(one).dense.sum())
    if total > 3:
        return [f"a single localization gives a picture of {total:.1f}"]
    return []


def quality_gate(summary: Sequence[Row]) -> list[str]:
    """Above the oracle KDE at every density, and an error map that can be believed.

    `summary` as `evaluate.table.summarise` makes it from the protocol's simulated rows.
    """
    means = {
        (row["density_per_um"], row["method"]): {
            name: score["mean"] for name, score in row.items() if isinstance(score, dict)
        }
        for row in summary
    }
    failures = []
    for (density, method), scores in means.items():
        if method not in (MODEL, WITH_WIDEFIELD):
            continue
        where, blur = f"{method} at {density:g} localizations per µm", means[density, BLUR]
        failures += [
            f"{where}: {name} {scores[name]:.3f} is not above the best blur's {blur[name]:.3f}"
            for name in ("ms_ssim", "pearson", "f1")
            if scores[name] <= blur[name]
        ]
        coverage, spearman = scores["coverage_0.9_judged"], scores["spearman_judged"]
        if not COVERAGE_90[0] <= coverage <= COVERAGE_90[1]:
            failures.append(f"{where}: the nominal 90 % interval covers {coverage:.1%}")
        if spearman < LEAST_SPEARMAN:
            failures.append(f"{where}: rank correlation of error map and error {spearman:.2f}")
    return failures
