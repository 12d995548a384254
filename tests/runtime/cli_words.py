"""Words for the tests of the command line: make inputs, run the real command, judge a folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from typer.testing import CliRunner

from annapalm.cli.run import app

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from typer.testing import Result

HEADER = '"frame","x [nm]","y [nm]","uncertainty_xy [nm]"'
FIELD_NM = 4000.0
"""Edge of the field that `write_table` fills; 200 x 200 px."""


def rows_of_a_ring(count: int = 400, seed: int = 3) -> list[str]:
    """Make rows of a ThunderSTORM table: a ring of 1.2 µm in a field of 4 x 4 µm, 40 frames."""
    random = np.random.default_rng(seed)
    angle = random.uniform(0, 2 * np.pi, count)
    radius = 1200 + random.normal(0, 12, count)
    x, y = (FIELD_NM / 2 + radius * wave(angle) for wave in (np.cos, np.sin))
    frames = 1 + np.arange(count) * 40 // count
    return [f"{f},{a:.3f},{b:.3f},11.5" for f, a, b in zip(frames, x, y, strict=True)]


def write_table(path: Path, rows: Iterable[str] | None = None, header: str = HEADER) -> Path:
    """Write a ThunderSTORM table; without rows given, a ring."""
    lines = [header, *(rows_of_a_ring() if rows is None else rows)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_widefield(path: Path, pixels: tuple[int, int] = (40, 40), **options: Any) -> Path:
    """Write the widefield image of the ring: 40 x 40 camera pixels of 100 nm, background 100."""
    y, x = ((np.arange(n) + 0.5) * 100 - FIELD_NM / 2 for n in pixels)
    distance = np.hypot(y[:, None], x[None, :]) - 1200
    image = (100 + 800 * np.exp(-0.5 * (distance / 130) ** 2)).astype(np.uint16)
    given = {"resolution": (1e5, 1e5), "resolutionunit": "CENTIMETER"} | options
    tifffile.imwrite(path, image, **given)
    return path


def invoke(*args: object) -> Result:
    """Run `annapalm-run` in this process."""
    return CliRunner().invoke(app, [str(arg) for arg in args])


def command(name: str = "annapalm-run") -> str:
    """Find the installed console script."""
    found = shutil.which(name, path=sysconfig.get_path("scripts"))
    assert found, f"{name} is not installed beside this Python"
    return found


def run_cli(*args: object, name: str = "annapalm-run") -> subprocess.CompletedProcess[str]:
    """Run an installed command in a process of its own."""
    return subprocess.run(
        [command(name), *map(str, args)],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
        env=os.environ | {"COLUMNS": "100"},
    )


def assert_ends(result: Result | subprocess.CompletedProcess[str], code: int) -> None:
    """Compare the exit code, and show what was said where it differs."""
    got = result.returncode if isinstance(result, subprocess.CompletedProcess) else result.exit_code
    assert got == code, f"exit code {got}, not {code}:\n{result.stdout}\n{result.stderr}"
    assert "Traceback" not in result.stderr


def names_in(folder: Path) -> set[str]:
    """List the files below a folder, with forward slashes; not what a run remembers, nor pages."""
    found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    return {name for name in found if not name.startswith((".annapalm/", "report/"))}


def outputs_of(stem: str, *, preview: bool = True) -> set[str]:
    """Name the files of one input."""
    return {f"{stem}{suffix}" for suffix in (".ome.tif", *[".png"] * preview, ".json")}


RECORDS = {"run.json", "report.html"}


def assert_complete_or_absent(folder: Path, *, preview: bool = True) -> set[str]:
    """See that each field has all its files, whole, and that nothing else lies there.

    Returns the stems that are complete.
    """
    names = names_in(folder) - RECORDS
    stems = {name.removesuffix(".ome.tif") for name in names if name.endswith(".ome.tif")}
    assert names == {name for stem in stems for name in outputs_of(stem, preview=preview)}
    for stem in stems:
        json.loads((folder / f"{stem}.json").read_text(encoding="utf-8"))
        with (folder / f"{stem}.ome.tif").open("rb") as stream:
            assert np.isfinite(tifffile.imread(stream)).all()
        if preview:
            assert (folder / f"{stem}.png").read_bytes().endswith(b"IEND\xaeB`\x82")
    return stems


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))
