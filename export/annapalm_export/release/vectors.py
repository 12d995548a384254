"""Test vectors: inputs and outputs that any host, in any language, can replay.

One `.npz` per case (a zip of `.npy` arrays) with the contract's five inputs and four outputs under
their names. The outputs were computed by ONNX Runtime's CPU provider in fp32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from annapalm.contract import INPUTS, OUTPUTS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from annapalm.contract import ModelInfo

SIZES_IN_STRIDES = ((1, 1, 1), (1, 2, 3), (2, 4, 4))
"""Batch, rows, columns: the smallest image, an oblong one, and a batch of two."""
TOLERANCE = 1e-4
"""Largest difference on another machine or provider, relative to the output's largest value."""
PER_MILLION = 100
"""Pixels per million that may differ by more."""


def write_vectors(session: Any, info: ModelInfo, folder: Path) -> list[Path]:  # noqa: ANN401
    """Write the vectors of a model, with and without a widefield image; return their paths."""
    folder.mkdir(parents=True)
    paths = []
    for batch, rows, columns in SIZES_IN_STRIDES:
        for with_widefield in (False, True):
            inputs = _inputs(info, (batch, rows, columns), with_widefield=with_widefield)
            outputs = session.run(list(OUTPUTS), inputs)
            kind = "widefield" if with_widefield else "plain"
            path = folder / f"{batch}x{rows * info.stride}x{columns * info.stride}-{kind}.npz"
            np.savez_compressed(
                path, allow_pickle=False, **inputs, **dict(zip(OUTPUTS, outputs, strict=True))
            )
            paths.append(path)
    return paths


def replay(session: Any, path: Path) -> dict[str, float]:  # noqa: ANN401
    """Run a vector and return, per output, the pixels per million beyond `TOLERANCE`."""
    with np.load(path, allow_pickle=False) as vector:
        outputs = session.run(list(OUTPUTS), {name: vector[name] for name in INPUTS})
        beyond = {}
        for name, got in zip(OUTPUTS, outputs, strict=True):
            want = vector[name]
            limit = TOLERANCE * float(np.abs(want).max())
            beyond[name] = 1e6 * float(np.mean(np.abs(got - want) > limit))
    return beyond


def _inputs(
    info: ModelInfo, size: tuple[int, int, int], *, with_widefield: bool
) -> dict[str, NDArray[np.float32]]:
    """Make a line of localizations on a sparse ground, and the light of that line."""
    batch, rows, columns = size
    height, width = rows * info.stride, columns * info.stride
    rng = np.random.default_rng([batch, rows, columns])
    counts = rng.poisson(0.005, (batch, 1, height, width))
    diagonal = np.arange(min(height, width))
    counts[:, 0, diagonal, diagonal] += rng.poisson(0.4, (batch, len(diagonal)))
    light = counts.reshape(batch, 1, height // 4, 4, width // 4, 4).sum((3, 5)) * 50.0
    scale = light.sum((1, 2, 3)) / np.maximum(counts.sum((1, 2, 3)), 1)
    present = float(with_widefield)
    structure = np.zeros((batch, len(info.structures)))
    structure[:, 0] = 1
    inputs = {
        "counts": counts,
        "widefield": light * present,
        "widefield_scale": scale[:, None] * present,
        "exposure": np.linspace(1, 2, batch)[:, None],
        "structure": structure,
    }
    return {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in inputs.items()}
