"""Images made coarser by whole factors, block by block, and brought back to their size.

A block is factor x factor pixels; the last ones of an image may be cut by its edge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.render import CountImage, RateImage


def pixels_per_block(shape: tuple[int, ...], factor: int) -> NDArray[np.float32]:
    """Pixels in each block of an image of `shape` (Y, X): float32 [ceil(Y/factor), ...]."""
    heights, widths = (
        np.minimum(factor, n - np.arange(0, n, factor)).astype(np.float32) for n in shape
    )
    return heights[:, None] * widths[None, :]


def block_mean(image: RateImage, factor: int) -> RateImage:
    """Average blocks of factor x factor px; a block cut by the edge averages what it has."""
    means: RateImage = _fold(image, factor, np.add) / pixels_per_block(image.shape, factor)
    return means


def block_max(image: CountImage, factor: int) -> CountImage:
    """Keep the largest count of each block, so that a single localization stays to be seen."""
    return _fold(image, factor, np.maximum)


def block_sum(image: CountImage, factor: int) -> CountImage:
    """Add up the counts of each block: a much smaller picture keeps how dense the dots are."""
    return _fold(image, factor, np.add)


def _fold(image: RateImage, factor: int, join: np.ufunc) -> RateImage:
    """Join the pixels of each block; a pass over whole rows, then one over the few columns left."""
    for axis in (0, 1):
        lines = image if axis == 0 else image.T
        joined = lines[::factor].copy()
        for offset in range(1, min(factor, len(lines))):
            part = lines[offset::factor]
            join(joined[: len(part)], part, out=joined[: len(part)])
        image = joined if axis == 0 else joined.T
    return image


def at_full_size(image: NDArray[Any], factor: int, shape: tuple[int, int]) -> NDArray[Any]:
    """Repeat each block onto its pixels: a new image of `shape`."""
    rows, columns = shape
    # Rows last: they are copied whole.
    return image.repeat(factor, axis=1)[:, :columns].repeat(factor, axis=0)[:rows]
