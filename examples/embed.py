"""annapalm inside other software: one warm model, arrays in, arrays out.

    python examples/embed.py [MODEL]

MODEL is the name of a released model or the path of an .onnx file; without it the default is used.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import annapalm
from annapalm.errors import CancelledError
from annapalm.render import render


def localizations_of_two_filaments(seed: int) -> annapalm.Localizations:
    """Make what an acquisition hands over: coordinates in nm and frames, as numpy arrays."""
    random = np.random.default_rng(seed)
    along = random.uniform(0.0, 10_000.0, 600)
    x_nm = along + random.normal(0.0, 12.0, along.size)
    y_nm = 5_000.0 + 1_500.0 * np.sin(along / 2_000.0) + random.normal(0.0, 12.0, along.size)
    y_nm[::2] = 10_000.0 - along[::2]
    inside = (x_nm >= 0.0) & (x_nm < 10_000.0)
    return annapalm.Localizations(
        x_nm=x_nm[inside],
        y_nm=y_nm[inside],
        frame=np.arange(along.size)[inside] // 2,
        field_nm=(10_000.0, 10_000.0),  # what the camera sees: 10 x 10 µm
    )


class Follow:
    """Progress as annapalm wants it: two methods, no base class."""

    def __init__(self, deadline_s: float) -> None:
        self._end = time.monotonic() + deadline_s

    def advance(self, done: int, total: int) -> None:
        """Show where it stands; on the thread that called `reconstruct`, so be quick."""
        print(f"  tile {done} of {total}")

    def cancelled(self) -> bool:
        """Return True to end the reconstruction before its next tile."""
        return time.monotonic() > self._end


def main() -> None:
    """Load once, then reconstruct as often, and from as many threads, as you like."""
    name = sys.argv[1] if len(sys.argv) > 1 else "microtubule"
    model = annapalm.load_model(name, device="auto")
    print(f"model {model.info.name} {model.info.version} on {model.device}")

    print("coordinates in, arrays out:")
    locs = localizations_of_two_filaments(seed=1)
    result = model.reconstruct(locs, progress=Follow(deadline_s=60.0))
    print(f"  dense {result.dense.shape} {result.dense.dtype}, sum {result.dense.sum():.0f}")
    print(f"  error {result.error.shape} {result.error.dtype}, sum {result.error.sum():.0f}")
    for warning in result.warnings:
        print(f"  warning: {warning}")

    print("counts in (an image [Y, X] of whole numbers), the same picture out:")
    counts, outside = render(locs, annapalm.Grid.around(locs, model.info.pixel_nm))
    same = model.reconstruct(counts)
    print(f"  equal: {np.array_equal(same.dense, result.dense)}, {outside} outside the field")

    print("one model, several threads:")
    with ThreadPoolExecutor(max_workers=2) as pool:
        fields = [localizations_of_two_filaments(seed) for seed in range(2, 6)]
        for number, field in enumerate(pool.map(model.reconstruct, fields), start=1):
            print(f"  field {number}: {field.dense.sum():.0f} localizations expected")

    print("cancelled by the host:")
    try:
        model.reconstruct(locs, progress=Follow(deadline_s=-1.0))
    except CancelledError as error:
        print(f"  {error}")

    print("errors are exceptions that say what to do:")
    try:
        model.reconstruct(np.full((64, 64), 0.5))
    except annapalm.AnnaPalmError as error:
        print(f"  {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
