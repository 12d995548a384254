"""`annapalm-export` as a user types it: what it writes, and how it refuses."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from small import SMALL
from typer.testing import CliRunner

from annapalm_export.cli import app
from annapalm_export.train.loop import train

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

RUNNER = CliRunner()
SIMULATE = ["--field-um", "4", "--frames", "1500", "--amount", "3"]


def _run(*words: object) -> Result:
    return RUNNER.invoke(app, [str(word) for word in words])


def _program(*words: object) -> subprocess.CompletedProcess[str]:
    code = "from annapalm_export.cli import main; main()"
    command = [sys.executable, "-c", code, *map(str, words)]
    # Wide and plain, so that no message is broken over lines of a box.
    environment = {**os.environ, "COLUMNS": "250", "NO_COLOR": "1", "TERM": "dumb"}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, env=environment
    )


def test_simulate_writes_a_numbered_set_and_names_the_files(tmp_path: Path) -> None:
    result = _run("simulate", tmp_path, "--fields", 2, "--seed", 4, "--density", 20, *SIMULATE)
    assert result.exit_code == 0, result.output
    names = {p.name for p in tmp_path.iterdir()}
    kinds = (".csv", "_widefield.tif", "_truth.npz", "_truth.json")
    assert names == {f"field_{n}{kind}" for n in (4, 5) for kind in kinds}
    assert set(result.output.split()) == {str(p) for p in tmp_path.iterdir()}


def test_simulate_without_truth_or_widefield_writes_the_table_alone(tmp_path: Path) -> None:
    _run("simulate", tmp_path, "--no-truth", "--no-widefield", "--name", "a", *SIMULATE)
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--density", "0"], "must be above 0, not 0"),
        (["--density", "1e6"], "localizations per µm of filament asked for, but only"),
        (["--amount", "-1"], "must be above 0, not -1"),
        (["--curvature", "2.5"], "above 0 and at most 2, not 2.5"),
        (["--curvature", "nan"], "above 0 and at most 2, not nan"),
        (["--curvature", "0.1", "--structure", "actin"], "of microtubules alone, not of actin"),
        (["--structure", "cilia"], "'cilia' is not one of: microtubules, nuclear pores"),
        (["--kinetics", "slow"], "'slow' is not one of: any, palm, dstorm, paint"),
        (["--fields", "0"], "Invalid value for '--fields'"),
        (["--field-um", "900"], "Invalid value for '--field-um'"),
        (["--seed", "-3"], "Invalid value for '--seed'"),
        (["--frames", "5"], "Invalid value for '--frames'"),
    ],
)
def test_simulate_refuses_what_it_cannot_do(
    tmp_path: Path, options: list[str], problem: str
) -> None:
    result = _program("simulate", tmp_path, *SIMULATE, *options)
    assert result.returncode == 2
    assert problem in " ".join(result.stderr.replace("│", " ").split())
    assert not list(tmp_path.iterdir())


def test_simulate_replaces_nothing_unasked(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("mine")
    result = _program("simulate", tmp_path, "--name", "a", *SIMULATE)
    assert result.returncode == 1
    assert "a.csv exists" in result.stderr
    assert "Traceback" not in result.stderr
    assert (tmp_path / "a.csv").read_text() == "mine"


def test_train_refuses_devices_that_are_not_there(tmp_path: Path, repository: Path) -> None:
    recipe = repository / "export" / "recipes" / "microtubule.toml"
    result = _program("train", recipe, "-o", tmp_path / "run", "--device", "tpu")
    assert result.returncode == 2
    assert "'tpu' is neither cpu nor cuda" in result.stderr
    assert not (tmp_path / "run").exists()


def test_train_names_a_wrong_recipe(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("[data]\nbatches = 3")
    result = _program("train", recipe, "-o", tmp_path / "run")
    assert result.returncode == 1
    assert "'batches' is unknown" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two steps of training: a network that knows nothing yet."""
    recipe = dataclasses.replace(SMALL, optimizer=dataclasses.replace(SMALL.optimizer, steps=2))
    return train(recipe, tmp_path_factory.mktemp("run"), say=lambda _line: None)


def test_export_writes_a_calibrated_model_that_the_runtime_loads(
    checkpoint: Path, tmp_path: Path
) -> None:
    from annapalm.model import load_model

    path = tmp_path / "model.onnx"
    result = _run("export", checkpoint, "-o", path, "--name", "mine", "--fields", 8)
    assert result.exit_code == 0, result.output
    info = load_model(path, device="cpu").info
    assert (info.name, info.version) == ("mine", "0.0.0")
    for intervals in (info.intervals, info.intervals_widefield):
        factors = [intervals[p] for p in ("0.5", "0.8", "0.9", "0.95")]
        assert factors == sorted(factors)
    low, high = info.density_range_per_um2
    assert 0 <= low < high
    again = _run("export", checkpoint, "-o", path, "--fields", 8)
    assert again.exit_code == 1


def test_export_takes_the_folder_of_a_run_and_says_one_line(
    checkpoint: Path, tmp_path: Path
) -> None:
    result = _program("export", checkpoint.parent, "-o", tmp_path / "mine.onnx", "--fields", 8)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""  # torch's exporter would tell of packages that it does not need
    assert result.stdout.startswith(f"{tmp_path / 'mine.onnx'}: halo ")
    assert result.stdout.count("\n") == 1


def test_a_model_that_knows_nothing_is_not_released(checkpoint: Path, tmp_path: Path) -> None:
    words = ["--name", "naive", "--version", "1.0.0", "--models", tmp_path / "models"]
    result = _program("release", checkpoint, *words, "--fields", 2, "--calibration-fields", 8)
    assert result.returncode == 3, result.stderr
    assert "naive/1.0.0 is not released, and no folder was written" in result.stderr
    assert not list((tmp_path / "models").rglob("*.onnx"))


def test_a_released_version_is_never_replaced(checkpoint: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "mine" / "1.0.0"
    folder.mkdir(parents=True)
    words = ["--name", "mine", "--version", "1.0.0", "--models", tmp_path / "models"]
    result = _program("release", checkpoint, *words)
    assert result.returncode == 1
    assert "1.0.0 exists" in result.stderr


def test_a_file_that_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(b"garbage")
    result = _program("export", path, "-o", tmp_path / "model.onnx")
    assert result.returncode == 1
    assert "checkpoint.pt: not a readable checkpoint" in result.stderr
    assert not (tmp_path / "model.onnx").exists()
