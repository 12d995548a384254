"""Tables of straight lines that blink, for tests of training on own tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tifffile

from annapalm.localizations import Localizations
from annapalm_export.simulate.files import write_thunderstorm

if TYPE_CHECKING:
    from pathlib import Path

SIZE_UM = (9.0, 4.0)
"""(width, height) of the field, which the tables do not say."""


def lines_table(
    seed: int = 0,
    number: int = 20_000,
    frames: int = 4_000,
    size_um: tuple[float, float] = SIZE_UM,
) -> Localizations:
    """Ten horizontal lines, 15 nm wide, in random frames; the corners of the field are hit."""
    rng = np.random.default_rng(seed)
    width, height = (1000 * side for side in size_um)
    x = rng.uniform(0.5, width - 0.5, number)
    y = height * (rng.integers(0, 10, number) + 0.5) / 10 + rng.normal(0, 15, number)
    x[:2], y[:2] = (0.5, width - 0.5), (0.5, height - 0.5)
    return Localizations(x, np.clip(y, 0.5, height - 0.5), rng.integers(0, frames, number))


def write_lines(folder: Path, stem: str, **options: int | tuple[float, float]) -> Path:
    """Write such a table as ThunderSTORM does; the path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}.csv"
    write_thunderstorm(lines_table(**options), path)  # type: ignore[arg-type] # by name
    return path


def write_widefield(folder: Path, stem: str, size_um: tuple[float, float] = SIZE_UM) -> Path:
    """Write a widefield image of the lines: bands of light, pixels of 100 nm."""
    columns, rows = (round(10 * side) for side in size_um)
    y = (np.arange(rows) + 0.5) / 10
    light = sum(np.exp(-(((y - size_um[1] * (i + 0.5) / 10) / 0.15) ** 2)) for i in range(10))
    pixels = np.round(100 + 1000 * np.repeat(np.asarray(light)[:, None], columns, axis=1))
    path = folder / f"{stem}_widefield.tif"
    tifffile.imwrite(
        path,
        pixels.astype(np.uint16),
        imagej=True,
        resolution=(10.0, 10.0),
        metadata={"unit": "um"},
    )
    return path
