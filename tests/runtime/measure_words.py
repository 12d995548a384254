"""Words for the tests of measuring: pictures of lines whose length and bend are known, results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from write_words import a_provenance, a_result

from annapalm.grid import Grid
from annapalm.write import write_field

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

WIDTH_PX = 1.2
"""Standard deviation of a drawn line: 24 nm."""


def a_line(shape: tuple[int, int], angle: float, through: tuple[float, float]) -> Any:
    """Draw an endless line in direction `angle` (radians) through (x, y) px: float32 [Y, X]."""
    y, x = np.indices(shape)
    across = -(x - through[0]) * np.sin(angle) + (y - through[1]) * np.cos(angle)
    return np.exp(-((across / WIDTH_PX) ** 2) / 2).astype(np.float32)


def a_circle(shape: tuple[int, int], radius_px: float) -> Any:
    """Draw a circle in the middle: float32 [Y, X]."""
    y, x = np.indices(shape)
    across = np.hypot(x - shape[1] / 2, y - shape[0] / 2) - radius_px
    return np.exp(-((across / WIDTH_PX) ** 2) / 2).astype(np.float32)


def parallel_lines(lines: int = 5, seed: int = 0, shape: tuple[int, int] = (300, 300)) -> Any:
    """Draw nearly horizontal lines, far apart, at random heights: float32 [Y, X]."""
    rng = np.random.default_rng(seed)
    heights = (np.arange(lines) + rng.uniform(0.3, 0.7, lines)) * shape[0] / lines
    image = np.zeros(shape, np.float32)
    for height in heights:
        image = np.maximum(image, a_line(shape, 0.03, (shape[1] / 2, height)))
    return image


def a_grid(shape: tuple[int, int] = (300, 300)) -> Grid:
    """Give the grid of pictures of that shape."""
    return Grid(20.0, (0.0, 0.0), shape)


def write_result(
    stem: Path,
    dense: NDArray[np.float32],
    *,
    doubt: float = 0.2,
    structure: str = "microtubules",
    version: str = "1.0.0",
    **changes: Any,
) -> Path:
    """Write what annapalm-run would of a picture whose error is `doubt` times it; the image."""
    provenance = a_provenance()
    model = {**provenance["model"], "structure": structure, "version": version}
    given = {"grid": a_grid(dense.shape), "counts": np.zeros_like(dense)} | changes
    rows, columns = dense.shape
    result = a_result(
        dense.shape,
        dense=dense,
        error=(dense * np.float32(doubt)).astype(np.float32),
        background=np.zeros((-(-rows // 4), -(-columns // 4)), np.float32),
        **given,
    )
    provenance["model"] = model  # type: ignore[typeddict-item]  # the same keys
    return write_field(result, stem, provenance, overwrite=False, preview=False).paths[0]
