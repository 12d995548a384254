"""The wheel as users get it: built, installed with extra `cpu` where nothing else is, and run.

Only the standard library and pytest are imported here, so that CI can run this file on machines
that have no more (`make test-wheel`). `ANNAPALM_WHEEL` names a wheel that was built before; without
it one is built.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import zipfile
from array import array
from dataclasses import dataclass
from math import dist
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
NAMES = (ROOT / "runtime" / "annapalm" / "model" / "names.py").read_text(encoding="utf-8")
# Read, not imported: annapalm is not installed where this file runs.
DEFAULT_MODEL, DEFAULT_VERSION = (
    re.findall(rf'^DEFAULT_{name} = "(.+)"$', NAMES, re.MULTILINE)[0]
    for name in ("MODEL", "VERSION")
)

ABSENT = ("torch", "onnx", "onnxscript", "scipy", "skimage", "h5py", "pandas", "matplotlib")
"""What the lean runtime must do without: the first four train and export, the others are habits."""

FIELD_UM = 8
FILAMENTS = (
    ((500.0, 1000.0), (7500.0, 3000.0)),
    ((500.0, 5000.0), (7500.0, 4500.0)),
    ((6000.0, 500.0), (2500.0, 7500.0)),
)
"""(x, y) of both ends, in nm."""
EMITTERS_PER_UM = 7
BURST = 3
"""Localizations per emitter, in consecutive frames: with `EMITTERS_PER_UM` about 20 per µm, which
is some 300 frames of a published acquisition."""
PRECISION_NM = 12.0

NO_NETWORK = """
import sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.gethostbyname"):
        raise RuntimeError(f"network: {event} {arguments}")

sys.addaudithook(refuse)
"""
"""`sitecustomize` of every process started here: whatever asks for the network fails."""

SAVE_DENSE = """
import sys, tifffile
image = tifffile.imread(sys.argv[1])
assert image.dtype == "float32" and image.shape[0] == 2, (image.dtype, image.shape)
image[0].tofile(sys.argv[2])
"""

LIST_MODULES = """
import importlib.util, json, sys
print(json.dumps([name for name in sys.argv[1:] if importlib.util.find_spec(name)]))
"""


@dataclass(frozen=True)
class Installed:
    """A fresh virtual environment with the wheel and extra `cpu`, far from the checkout."""

    folder: Path
    """Working directory of all that runs: holds `cell.csv`."""
    wheel: Path
    without_extra: subprocess.CompletedProcess[str]
    """What `annapalm-run cell.csv` said while no ONNX runtime was installed yet."""

    def program(self, name: str) -> Path:
        """Where the environment keeps a program."""
        windows = os.name == "nt"
        folder = self.folder / "venv" / ("Scripts" if windows else "bin")
        return folder / (f"{name}.exe" if windows else name)

    def run(self, program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment without network, without a variable of the checkout."""
        environ = {**_clean(), "PYTHONPATH": str(self.folder / "no-network")}
        return subprocess.run(
            [self.program(program), *arguments],
            cwd=self.folder,
            env=environ,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the wheel named by `ANNAPALM_WHEEL`, or build one from the checkout."""
    if named := os.environ.get("ANNAPALM_WHEEL"):
        return Path(named)
    folder = tmp_path_factory.mktemp("dist")
    _must(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, ROOT)
    (built,) = folder.glob("annapalm-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Install the wheel first without extra, to hear what it says, then with extra `cpu`."""
    folder = tmp_path_factory.mktemp("installed")
    (folder / "no-network").mkdir()
    (folder / "no-network" / "sitecustomize.py").write_text(NO_NETWORK, encoding="utf-8")
    _write_table(folder / "cell.csv")
    _must(sys.executable, "-m", "venv", folder / "venv")
    bare = Installed(folder, wheel, subprocess.CompletedProcess([], 0))
    _must(bare.program("python"), "-m", "pip", "install", wheel)
    said = bare.run("annapalm-run", "cell.csv", "-o", "without-extra")
    _must(bare.program("python"), "-m", "pip", "install", f"{wheel}[cpu]")
    return Installed(folder, wheel, said)


def test_the_wheel_holds_both_packages_the_default_model_and_the_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    wanted = {
        "annapalm/py.typed",
        "annapalm/cli/run.py",
        "annapalm/models/CHANGELOG.md",
        f"annapalm/models/{DEFAULT_MODEL}/{DEFAULT_VERSION}/model.onnx",
        "annapalm_export/py.typed",
        "annapalm_export/cli/__init__.py",
    }
    assert wanted - names == set()
    assert [name for name in names if name.endswith(".dist-info/licenses/LICENSE")]


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        folders = {name.split("/")[0] for name in archive.namelist()}
    assert {re.sub(r"-.*\.dist-info", ".dist-info", folder) for folder in folders} == {
        "annapalm",
        "annapalm_export",
        "annapalm.dist-info",
    }


def test_without_an_extra_the_error_gives_the_install_lines(installed: Installed) -> None:
    said = installed.without_extra
    assert said.returncode not in (0, 1)
    assert 'pip install "annapalm[cpu]"' in said.stderr
    assert 'pip install "annapalm[gpu]"' in said.stderr
    assert "Traceback" not in said.stderr
    assert not list((installed.folder / "without-extra").rglob("*.tif"))


def test_nothing_that_trains_or_exports_is_installed(installed: Installed) -> None:
    present = json.loads(installed.run("python", "-c", LIST_MODULES, *ABSENT, "numpy").stdout)
    assert present == ["numpy"]


def test_the_requirements_fit_together(installed: Installed) -> None:
    checked = installed.run("python", "-m", "pip", "check")
    assert checked.returncode == 0, checked.stdout


def test_the_network_is_really_shut_for_these_tests(installed: Installed) -> None:
    tried = installed.run("python", "-c", "import socket; socket.create_connection(('a', 1))")
    assert "network: socket.getaddrinfo" in tried.stderr


def test_version_names_package_runtime_and_model(installed: Installed) -> None:
    version = installed.wheel.name.split("-")[1]
    told = _succeed(installed.run("annapalm-run", "--version")).stdout
    assert f"annapalm {version}" in told
    assert re.search(r"onnxruntime \d+\.\d+", told)
    assert f"{DEFAULT_MODEL} {DEFAULT_VERSION}" in told


def test_a_table_becomes_a_dense_image_with_its_error_map(installed: Installed) -> None:
    told = _succeed(_reconstruct(installed, "out"))
    out = installed.folder / "out"
    assert sorted(path.name for path in out.iterdir()) == [
        ".annapalm",
        "cell.json",
        "cell.ome.tif",
        "cell.png",
        "report",
        "report.html",
        "run.json",
    ]
    (line,) = told.stdout.splitlines()
    assert (json.loads(line)["input"], json.loads(line)["status"]) == ("cell.csv", "done")
    record = _json(out / "cell.json")
    side = FIELD_UM * 50  # of 20 nm
    assert record["image"]["shape"] == [side, side]
    assert record["image"]["channels"] == ["dense", "error"]
    rows = len((installed.folder / "cell.csv").read_text(encoding="utf-8").splitlines()) - 1
    assert (record["counts"]["used"], record["counts"]["outside"]) == (rows, 0)
    assert record["provenance"]["model"]["name"] == "microtubule"
    assert record["provenance"]["device"]["device"] == "cpu"
    assert record["widefield"] is None


def test_the_default_model_draws_the_filaments_where_they_are(installed: Installed) -> None:
    _succeed(_reconstruct(installed, "drawn"))
    dense = _dense(installed, "drawn")
    assert len(dense) == (FIELD_UM * 50) ** 2
    assert min(dense) >= 0
    near = sum(value for index, value in enumerate(dense) if _distance_nm(index) < 100)
    assert near > 0.5 * sum(dense) > 0


def test_the_same_input_gives_the_same_bytes(installed: Installed) -> None:
    for folder in ("first", "second"):
        _succeed(_reconstruct(installed, folder))
    first, second = (
        (installed.folder / folder / "cell.ome.tif").read_bytes() for folder in ("first", "second")
    )
    assert first == second


def test_the_python_example_of_the_readme_runs_as_it_stands(installed: Installed) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(.*?)```", readme, re.DOTALL)
    assert example is not None
    _succeed(installed.run("python", "-W", "error", "-c", example[1]))


def _reconstruct(installed: Installed, out: str) -> subprocess.CompletedProcess[str]:
    field = f"{FIELD_UM}x{FIELD_UM}"
    return installed.run("annapalm-run", "cell.csv", "-o", out, "--field", field, "--jsonl")


def _write_table(path: Path) -> None:
    """Write a ThunderSTORM table of `FILAMENTS`: bursts of localizations in consecutive frames."""
    rng = random.Random(20180416)  # noqa: S311 - a fixed picture, no secret
    rows = []
    for start, end in FILAMENTS:
        for _ in range(round(dist(start, end) / 1000 * EMITTERS_PER_UM)):
            along, first = rng.random(), rng.randint(1, 300 - BURST)
            for frame in range(first, first + BURST):
                x, y = (a + along * (b - a) for a, b in zip(start, end, strict=True))
                x, y = rng.gauss(x, PRECISION_NM), rng.gauss(y, PRECISION_NM)
                rows.append(f"{frame},{x:.1f},{y:.1f},{PRECISION_NM}")
    header = '"frame","x [nm]","y [nm]","uncertainty [nm]"'
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def _dense(installed: Installed, out: str) -> array[float]:
    """Give the dense image as float32, row by row; read by tifffile in the lean environment."""
    _succeed(installed.run("python", "-c", SAVE_DENSE, f"{out}/cell.ome.tif", "dense.f32"))
    return array("f", (installed.folder / "dense.f32").read_bytes())


def _distance_nm(index: int) -> float:
    """How far the centre of a pixel of 20 nm lies from the nearest filament."""
    row, column = divmod(index, FIELD_UM * 50)
    point = (column + 0.5) * 20, (row + 0.5) * 20
    return min(_to_segment(point, start, end) for start, end in FILAMENTS)


def _to_segment(
    point: tuple[float, float], start: tuple[float, float], end: tuple[float, float]
) -> float:
    way = end[0] - start[0], end[1] - start[1]
    ahead = (point[0] - start[0]) * way[0] + (point[1] - start[1]) * way[1]
    share = min(1.0, max(0.0, ahead / (way[0] ** 2 + way[1] ** 2)))
    return dist(point, (start[0] + share * way[0], start[1] + share * way[1]))


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _succeed(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    assert done.returncode == 0, f"{done.args}\n{done.stdout}\n{done.stderr}"
    return done


def _must(*command: str | Path) -> None:
    """Run an installer's step outside the network guard; show what it said where it fails."""
    done = subprocess.run(
        command,
        env=_clean(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}"


def _clean() -> dict[str, str]:
    """Give the environment without what would lead Python back to the checkout."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "VIRTUAL_ENV", "ANNAPALM"))
    }
