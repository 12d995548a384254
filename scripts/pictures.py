r"""The pictures of docs/structures.md: each structure drawn by the model that is chosen for it.

    for s in "nuclear pores" actin mitochondria spectrin; do annapalm-export simulate "FOLDER/$s" \
        --structure "$s" --fields 1 --density 20 --imperfect --seed 5; done
    python scripts/pictures.py FOLDER OUT

writes OUT/structures.png and OUT/structures_failures.png: a row for each structure, with the sparse
image, `dense`, `error` on the same scale, and the noise-free truth; grey is the square root of the
value, or meshes beside bundles would be black.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from annapalm import Grid, load_model, read_localizations
from annapalm.model.names import default_model
from annapalm.widefield.filter import gaussian_blur
from annapalm.widefield.pearson import pearson
from annapalm.write.colour import to_index
from annapalm.write.png import encode_png

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image = NDArray[np.float32]

STRUCTURES = {"nuclear pores": 160, "actin": 256, "mitochondria": 256, "spectrin": 256}
"""Edge of the window that is shown of each, px of 20 nm."""
CELL_PX, LINE_PX, LINE_GREY = 256, 4, 85
STEP_PX = 16
"""Windows begin at multiples of it."""
PERCENTILE = 99.5
"""Of the truth, and of `dense`, in the window: what is drawn white."""
SPARSE_TOP = 0.5
"""Of the sparse image, blurred by a pixel: three localizations in one place are drawn white."""


def main(folder: Path, out: Path) -> None:
    """Draw both pictures from the simulated fields in `folder`."""
    best, worst = [], []
    for structure, edge in STRUCTURES.items():
        planes = reconstruct(folder / structure, structure)
        places = windows(planes[3], planes[1], edge)
        full = max(amount for amount, _, _ in places)
        best.append(row(planes, max(places, key=lambda place: place[0])[2], edge))
        rich = [place for place in places if place[0] >= full / 2]
        worst.append(row(planes, min(rich, key=lambda place: place[1])[2], edge))
    out.mkdir(parents=True, exist_ok=True)
    for name, rows in (("structures", best), ("structures_failures", worst)):
        (out / f"{name}.png").write_bytes(encode_png(np.vstack(rows), greys(), level=9))


def reconstruct(folder: Path, structure: str) -> list[Image]:
    """Give sparse image, dense, error and truth of a simulated field, each [Y, X]."""
    truth: Image = np.load(folder / "field_truth.npz")["rate"]
    shape = (truth.shape[0], truth.shape[1])
    model = load_model(default_model(structure), device="cpu")
    result = model.reconstruct(
        read_localizations(folder / "field.csv"),
        grid=Grid(model.info.pixel_nm, (0.0, 0.0), shape),
        structure=structure,
    )
    return [result.counts, result.dense, result.error, truth]


def windows(truth: Image, dense: Image, edge: int) -> list[tuple[float, float, tuple[int, int]]]:
    """List windows: structure in each, Pearson's r of picture and truth, and where it begins."""
    found = []
    for y in range(0, truth.shape[0] - edge + 1, STEP_PX):
        for x in range(0, truth.shape[1] - edge + 1, STEP_PX):
            part = np.s_[y : y + edge, x : x + edge]
            alike = pearson(truth[part], dense[part])
            found.append((float(truth[part].sum(dtype=np.float64)), alike, (y, x)))
    return found


def row(planes: list[Image], place: tuple[int, int], edge: int) -> NDArray[np.uint8]:
    """Cut the window out of each plane and lay the four side by side, as greys."""
    y, x = place
    sparse, dense, error, truth = (plane[y : y + edge, x : x + edge] for plane in planes)
    high = float(np.percentile(dense, PERCENTILE))
    tops = (SPARSE_TOP, high, high, float(np.percentile(truth, PERCENTILE)))
    cells = [
        bordered(to_index(np.sqrt(part), np.sqrt(top)))
        for part, top in zip((gaussian_blur(sparse, 1.0), dense, error, truth), tops, strict=True)
    ]
    return np.hstack(cells)


def bordered(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bring a square to `CELL_PX` by the nearest pixels, with a line around it."""
    nearest = np.arange(CELL_PX) * image.shape[0] // CELL_PX
    return np.pad(image[np.ix_(nearest, nearest)], LINE_PX // 2, constant_values=LINE_GREY)


def greys() -> NDArray[np.uint8]:
    """Give a palette of even greys; that of the previews is not, for the eye's sake."""
    return np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
