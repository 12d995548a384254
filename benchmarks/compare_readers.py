"""What annapalm reads, beside what other programs' libraries read from the same files.

    pip install "picassosr==0.11.3" "locan==0.22.0" "scipy>=1.13"
    PYTHONPATH=runtime python benchmarks/compare_readers.py

Prints the largest difference of each column: in nm, frames, photons. locan holds lengths as float32
and does not swap DECODE's axes, which is done here.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from locan.locan_io import locdata
from picasso import io
from scipy.io import loadmat

from annapalm.read import TableOptions, read_table

DATA = Path(__file__).parents[1] / "tests" / "data"
ROWS, PIXEL_NM = 200_000, 130


def compare(name: str, ours: object, theirs: object) -> None:
    """Print how far two columns are apart."""
    one, other = np.asarray(ours, float), np.asarray(theirs, float)
    difference = np.abs(one - other).max()
    print(f"{name:34} {len(one):8,} {len(other):8,} rows, largest difference {difference:.3g}")


def with_picasso(folder: Path) -> None:
    """Write a simulated table as Picasso does, in each of its formats, and read it back."""
    random = np.random.default_rng(5)
    lateral = {name: random.uniform(0, 255, ROWS).astype("f4") for name in ("x", "y")}
    ones = dict.fromkeys(("sx", "sy", "bg"), np.ones(ROWS, "f4"))
    precision = {name: random.uniform(0.05, 0.2, ROWS).astype("f4") for name in ("lpx", "lpy")}
    frame = np.sort(random.integers(0, 20_000, ROWS)).astype("u4")
    photons = random.lognormal(7, 0.5, ROWS).astype("f4")
    table = pd.DataFrame({"frame": frame, **lateral, "photons": photons, **ones, **precision})
    info = [{"Width": 256, "Height": 256, "Frames": 20_000}, {"Pixelsize": PIXEL_NM}]

    io.save_locs(str(folder / "a.hdf5"), table, info)
    ours = read_table(folder / "a.hdf5").localizations
    theirs, _ = io.load_locs(str(folder / "a.hdf5"))
    compare("picasso x", ours.x_nm, (theirs["x"].astype("f8") + 0.5) * PIXEL_NM)
    compare("picasso y", ours.y_nm, (theirs["y"].astype("f8") + 0.5) * PIXEL_NM)
    compare("picasso frame", ours.frame, theirs["frame"])
    compare("picasso photons", ours.photons, theirs["photons"])

    io.export_smap(str(folder / "a_sml.mat"), table, info)
    smap = read_table(folder / "a_sml.mat").localizations
    loc = loadmat(folder / "a_sml.mat")["saveloc"]["loc"][0, 0]
    compare("smap, MATLAB 7, x (scipy)", smap.x_nm, loc["xnm"][0, 0].ravel())
    compare("smap, MATLAB 7, y (scipy)", smap.y_nm, loc["ynm"][0, 0].ravel())
    compare("smap, MATLAB 7, frame (scipy)", smap.frame + 1, loc["frame"][0, 0].ravel())

    io.export_txt_nis(str(folder / "nis.txt"), table, info)
    options = TableOptions(columns=("x=X", "y=Y", "frame=Length"), unit="nm", first_frame=1)
    nis = read_table(folder / "nis.txt", options).localizations
    compare("picasso for NIS x, 0.01 nm", nis.x_nm + PIXEL_NM / 2, ours.x_nm)
    compare("picasso for NIS frame", nis.frame, ours.frame)


def with_locan() -> None:
    """Read the small files of the tests."""
    readers = {
        "thunderstorm.csv": locdata.thunderstorm_io.load_thunderstorm_file,
        "elyra.txt": locdata.elyra_io.load_Elyra_file,
        "oni.csv": locdata.nanoimager_io.load_Nanoimager_file,
        "rapidstorm.txt": locdata.rapidstorm_io.load_rapidSTORM_file,
        "smap_sml.mat": locdata.smap_io.load_SMAP_file,
        "decode.h5": locdata.decode_io.load_decode_file,
        "shareloc.smlm": locdata.smlm_io.load_SMLM_file,
    }
    for name, reader in readers.items():
        theirs = reader(str(DATA / name)).data
        ours = read_table(DATA / name)
        x, y = (theirs[c if c in theirs else c[-1]] for c in ("position_x", "position_y"))
        if name == "decode.h5":
            x, y = (axis.astype("f8") * 100 + 50 for axis in (y, x))
        compare(f"locan {name} x", ours.localizations.x_nm, x)
        compare(f"locan {name} y", ours.localizations.y_nm, y)
        first = ours.first_frame or 0
        compare(f"locan {name} frame", ours.localizations.frame + first, theirs["frame"])


def main() -> None:
    """Compare with each."""
    with tempfile.TemporaryDirectory() as folder:
        with_picasso(Path(folder))
    with_locan()


if __name__ == "__main__":
    main()
