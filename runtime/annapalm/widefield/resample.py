"""A camera image onto other pixels: the mean, over each, of the image drawn in straight lines.

```
  camera pixels  |    o    |    o    |    o    |     o: values at the centres, joined by lines and
                      ·─────────·                       continued level beyond the outermost
  target pixels     |    |    |    |    |    |       each: the mean height of the line above it
```

For target pixels smaller than the camera's this is bilinear interpolation, for larger ones the
mean over their area, and between the two there is no step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annapalm.contract import QUARTER

if TYPE_CHECKING:
    from numpy.typing import NDArray


def resample(
    image: NDArray[np.float32],
    pixel_nm: float,
    edges_nm: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> NDArray[np.float32]:
    """Average float32 [Y, X], whose pixels begin at 0 and are `pixel_nm` wide, between edges.

    `edges_nm` are the (y, x) edges of the target's pixels, rising, float64 [Y' + 1] and [X' + 1];
    the result is float32 [Y', X'] in the unit of `image`.
    """
    rows, columns = edges_nm
    narrow = _mean_between(image.astype(np.float64), rows / pixel_nm - 0.5)
    return _mean_between(narrow.T, columns / pixel_nm - 0.5).T.astype(np.float32)


def _mean_between(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average along axis 0 between `edges`, in units of pixels from the first centre."""
    last = len(values) - 1
    # Antiderivative of the line at whole positions: the sum of trapezia so far.
    whole = np.zeros_like(values)
    np.cumsum((values[1:] + values[:-1]) / 2, axis=0, out=whole[1:])
    inside = np.clip(edges, 0, last)
    left = np.minimum(inside.astype(np.int64), max(last - 1, 0))
    right = np.minimum(left + 1, last)
    t = (inside - left)[:, None]
    area = whole[left] + t * values[left] + t**2 / 2 * (values[right] - values[left])
    beyond = edges - inside  # level continuation: below 0 on the left, above 0 on the right
    area += np.where(beyond < 0, beyond, 0)[:, None] * values[0]
    area += np.where(beyond > 0, beyond, 0)[:, None] * values[-1]
    mean: NDArray[np.float64] = np.diff(area, axis=0) / np.diff(edges)[:, None]
    return mean


def quarter_sum(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sum 4 x 4 pixels: float32 [Y, X] to [ceil(Y/4), ceil(X/4)], filled up with zeros."""
    rows, columns = (-(-n // QUARTER) for n in image.shape)
    fill = ((0, rows * QUARTER - image.shape[0]), (0, columns * QUARTER - image.shape[1]))
    whole = np.pad(image, fill) if any(after for _, after in fill) else image
    tall = sum((whole[step::QUARTER] for step in range(1, QUARTER)), start=whole[::QUARTER])
    return sum((tall[:, step::QUARTER] for step in range(1, QUARTER)), start=tall[:, ::QUARTER])
