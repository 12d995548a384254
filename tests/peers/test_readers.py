"""The same files, read by the programs of others: locan and Picasso must see what annapalm sees."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest

from annapalm.read import TableOptions, read_localizations

if TYPE_CHECKING:
    from numpy.typing import NDArray

os.environ["QT_QPA_PLATFORM"] = "offscreen"  # Picasso imports Qt, and there is no screen here

with warnings.catch_warnings():  # theirs are theirs
    warnings.simplefilter("ignore")
    import locan
    from picasso import io as picasso_io

DATA = Path(__file__).parents[1] / "data"
PIXEL_NM = 100.0
"""Camera pixel of the files that are in camera pixels."""
HALF_PIXEL = 0.5
"""Where zero is the centre of the first camera pixel, annapalm measures from its edge."""


class Seen(NamedTuple):
    """What a program says of a file: float64 [N] in nm from the edge, and frames from 0."""

    x_nm: NDArray[np.float64]
    y_nm: NDArray[np.float64]
    frame: NDArray[np.int64]


def by_locan(
    name: str,
    reader: str,
    *,
    first_frame: int = 0,
    unit_nm: float = 1.0,
    shift_px: float = 0.0,
    turned: bool = False,
) -> Seen:
    """Read by `locan`; it leaves unit, origin, first frame and the order of axes as they are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = getattr(locan, f"load_{reader}_file")(DATA / name).data
    x, y = (found[f"position_{axis}"].to_numpy(float) for axis in ("yx" if turned else "xy"))
    x_nm, y_nm = (v * unit_nm + shift_px * PIXEL_NM for v in (x, y))
    return Seen(x_nm, y_nm, found["frame"].to_numpy(np.int64) - first_frame)


def by_picasso(name: str) -> Seen:
    """Read by Picasso, whose zero is the centre of the first camera pixel."""
    found, info = picasso_io.load_locs(str(DATA / name))
    pixel_nm = next(part["Pixelsize"] for part in info if "Pixelsize" in part)
    x_nm, y_nm = ((found[axis].to_numpy(float) + HALF_PIXEL) * pixel_nm for axis in "xy")
    return Seen(x_nm, y_nm, found["frame"].to_numpy(np.int64))


LOCAN = {
    "thunderstorm.csv": {"reader": "thunderstorm", "first_frame": 1},
    "elyra.txt": {"reader": "Elyra", "first_frame": 1},
    "oni.csv": {"reader": "Nanoimager"},
    "rapidstorm.txt": {"reader": "rapidSTORM", "shift_px": HALF_PIXEL},
    "shareloc.smlm": {"reader": "SMLM"},
    "smap_sml.mat": {"reader": "SMAP", "first_frame": 1},
    # It keeps DECODE's camera pixels, row first.
    "decode.h5": {"reader": "decode", "unit_nm": PIXEL_NM, "shift_px": HALF_PIXEL, "turned": True},
}
PICASSO = ("picasso.hdf5", "picasso_embedded.hdf5")
OPTIONS = {"rapidstorm.txt": TableOptions(camera_pixel_nm=PIXEL_NM)}


@pytest.mark.parametrize("name", [*LOCAN, *PICASSO])
def test_another_program_sees_the_same_localizations(name: str) -> None:
    other = by_picasso(name) if name in PICASSO else by_locan(name, **LOCAN[name])  # type: ignore[arg-type]
    ours = read_localizations(DATA / name, OPTIONS.get(name, TableOptions()))
    assert len(ours) == len(other.frame) == 60
    np.testing.assert_array_equal(ours.frame, other.frame)
    # Both programs keep float32: a thousandth of a nm here.
    np.testing.assert_allclose(ours.x_nm, other.x_nm, rtol=0, atol=2e-3)
    np.testing.assert_allclose(ours.y_nm, other.y_nm, rtol=0, atol=2e-3)


@pytest.mark.parametrize(
    ("export", "name", "first_frame"),
    [("export_smap", "x_sml.mat", 1), ("export_thunderstorm", "x.csv", 0)],
)
def test_what_picasso_writes_for_others_is_read(
    export: str, name: str, first_frame: int, tmp_path: Path
) -> None:
    own = DATA / "picasso.hdf5"
    getattr(picasso_io, export)(str(tmp_path / name), *picasso_io.load_locs(str(own)))
    found = read_localizations(tmp_path / name, TableOptions(first_frame=first_frame))
    expected = read_localizations(own)
    np.testing.assert_array_equal(found.frame, expected.frame)
    # Its exports move nothing: zero stays in the centre of the first pixel (docs/inputs.md).
    shift_nm = HALF_PIXEL * PIXEL_NM
    np.testing.assert_allclose(found.x_nm + shift_nm, expected.x_nm, rtol=0, atol=2e-3)
    np.testing.assert_allclose(found.y_nm + shift_nm, expected.y_nm, rtol=0, atol=2e-3)
