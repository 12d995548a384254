"""Make the small simulated files beside this script; `python make.py` writes the same bytes again.

One acquisition, 60 localizations along a bent filament in a field of 6.4 x 4.8 µm, written in each
way that annapalm reads, so that a test can ask for the same localizations from all of them.
"""

from pathlib import Path

import numpy as np
import tifffile

HERE = Path(__file__).parent
ROWS = 60
CAMERA_PIXEL_NM = 100
PIXEL_NM = 20
FIELD_NM = (6400, 4800)


def simulate() -> dict[str, np.ndarray]:
    """Draw positions to 0.1 nm, so that every unit can write them exactly; frames from 0."""
    rng = np.random.default_rng(2)
    along = rng.uniform(0, 1, ROWS)
    x = 300 + 5800 * along + rng.normal(0, 12, ROWS)
    y = 800 + 3000 * along**2 + rng.normal(0, 12, ROWS)
    return {
        "frame": np.sort(rng.integers(3, 300, ROWS)),
        "x": np.round(x, 1),
        "y": np.round(y, 1),
        "z": np.round(rng.normal(0, 150, ROWS), 1),
        "precision": np.round(rng.uniform(5, 20, ROWS), 2),
        "photons": np.round(rng.lognormal(7, 0.5, ROWS), 1),
    }


def main() -> None:
    """Write every file."""
    t = simulate()
    rows = list(zip(*(t[k].tolist() for k in t), strict=True))
    quoted = '"id","frame","x [nm]","y [nm]","z [nm]","intensity [photon]","uncertainty_xy [nm]"\n'
    lines = [
        f"{i},{f + 1},{x:.1f},{y:.1f},{z:.1f},{n:.1f},{s:.2f}\n"
        for i, (f, x, y, z, s, n) in enumerate(rows, 1)
    ]
    _write("thunderstorm.csv", quoted + "".join(lines))
    tabs = "id\tframe\tx [um]\ty [um]\tuncertainty [nm]\tintensity [ADU]\r\n"
    lines = [
        f"{i}.0\t{f + 1}.0\t{x / 1000:.4f}\t{y / 1000:.4f}\t{s:.2f}\t{n:.1f}\r\n"
        for i, (f, x, y, _, s, n) in enumerate(rows, 1)
    ]
    _write("thunderstorm.xls", tabs + "".join(lines))
    lines = [f"{y:.1f} {x:.1f} {z:.1f} {z * 1.1:.2f} {f}\n" for f, x, y, z, _, _ in rows]
    _write("headerless.txt", "".join(lines))
    pixel = CAMERA_PIXEL_NM
    lines = [f"{f} {x / pixel:.3f} {y / pixel:.3f} {n:.1f}\n" for f, x, y, _, _, n in rows]
    _write("comment_header.csv", "# frame, x, y, Intensity\n" + "".join(lines))
    shape = FIELD_NM[1] // PIXEL_NM, FIELD_NM[0] // PIXEL_NM
    counts = np.zeros(shape, np.uint16)
    np.add.at(counts, ((t["y"] // PIXEL_NM).astype(int), (t["x"] // PIXEL_NM).astype(int)), 1)
    tifffile.imwrite(
        HERE / "counts.tif",
        counts,
        imagej=True,
        compression="zlib",
        resolution=(1000 / PIXEL_NM, 1000 / PIXEL_NM),
        metadata={"unit": "um", "axes": "YX"},
    )


def _write(name: str, text: str) -> None:
    (HERE / name).write_bytes(text.encode())


if __name__ == "__main__":
    main()
