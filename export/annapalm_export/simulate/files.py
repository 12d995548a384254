"""A simulated acquisition as files: what a microscope would have written, and the truth."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import tifffile

from annapalm.errors import AnnaPalmError

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm.localizations import Localizations
    from annapalm_export.simulate.scene import Scene

_HEADER = '"frame","x [nm]","y [nm]","intensity [photon]","uncertainty [nm]"'


class ExistingOutputError(AnnaPalmError, FileExistsError):
    """A file that would be written is there already."""

    def __init__(
        self, path: Path, remedy: str = "Choose another folder, or pass --overwrite."
    ) -> None:
        super().__init__(f"{path} exists. {remedy}")


def block_of_density(scene: Scene, density: float, rng: np.random.Generator) -> tuple[int, int]:
    """Choose consecutive frames (start, stop) of a stated density, at a random time.

    They hold about `density` structural localizations per unit of structure. Raises
    `ValueError` when the whole acquisition holds fewer.
    """
    rows = np.flatnonzero(scene.from_structure)
    wanted = max(int(density * scene.amount), 1)
    if wanted >= len(rows):
        message = (
            f"{density:g} localizations per {scene.unit} asked for, but only "
            f"{scene.per_unit:.0f} simulated"
        )
        raise ValueError(message)
    first = int(rng.integers(0, len(rows) - wanted))
    frame = scene.localizations.frame
    start, stop = int(frame[rows[first]]), int(frame[rows[first + wanted]])
    return start, max(stop, start + 1)


def write_scene(
    scene: Scene,
    folder: Path,
    name: str,
    frames: tuple[int, int] | None = None,
    *,
    truth: bool = True,
    overwrite: bool = False,
) -> list[Path]:
    """Write `name`.csv (ThunderSTORM), `name`_widefield.tif and the truth; return the paths.

    `frames` (start, stop) restricts the table; the widefield image covers the same field. The
    truth is `name`_truth.npz (rate: float32 [Y, X], localizations per pixel over the frames
    written; from_structure: bool per row; line_0, line_1, ...: centre lines [K, 2] in nm; rings
    [R, 3]: x, y, radius in nm) and `name`_truth.json (what was drawn). Raises
    `ExistingOutputError` rather than replace a file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    locs, origin = scene.localizations, scene.from_structure
    rows = np.ones(len(locs), dtype=bool)
    if frames is not None:
        rows = (locs.frame >= frames[0]) & (locs.frame < frames[1])
    paths = {"table": folder / f"{name}.csv"}
    if scene.widefield is not None:
        paths["widefield"] = folder / f"{name}_widefield.tif"
    if truth:
        paths |= {"truth": folder / f"{name}_truth.npz", "record": folder / f"{name}_truth.json"}
    if not overwrite:
        for path in paths.values():
            if path.exists():
                raise ExistingOutputError(path)
    write_thunderstorm(locs.select(rows), paths["table"])
    if scene.widefield is not None:
        pixel_um = scene.widefield.pixel_nm / 1000
        tifffile.imwrite(
            paths["widefield"],
            np.round(scene.widefield.pixels).astype(np.uint16),
            imagej=True,
            resolution=(1 / pixel_um, 1 / pixel_um),
            metadata={"unit": "um"},
        )
    if truth:
        share = origin[rows].sum() / max(origin.sum(), 1)
        lines = {f"line_{i}": line for i, line in enumerate(scene.truth.centre_lines)}
        np.savez_compressed(
            paths["truth"],
            allow_pickle=False,
            rate=(scene.rate * share).astype(np.float32),
            from_structure=origin[rows],
            rings=scene.truth.rings,
            **lines,
        )
        record = {
            **scene.parameters,
            "structure": scene.structure,
            "amount": scene.amount,
            "unit": scene.unit,
            "period_nm": scene.truth.period_nm,
            "frames": list(frames) if frames else None,
            "localizations": int(rows.sum()),
            "pixel_nm": scene.grid.pixel_nm,
        }
        paths["record"].write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return list(paths.values())


def write_thunderstorm(locs: Localizations, path: Path) -> None:
    """Write a ThunderSTORM table: frames from 1, nm, as its exporter does."""
    columns = [
        locs.frame + 1.0,
        locs.x_nm,
        locs.y_nm,
        np.full(len(locs), np.nan) if locs.photons is None else locs.photons,
        np.full(len(locs), np.nan) if locs.precision_nm is None else locs.precision_nm,
    ]
    form = ("%d", "%.1f", "%.1f", "%.0f", "%.1f")
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(_HEADER + "\n")
        np.savetxt(file, np.column_stack(columns), fmt=form, delimiter=",")
