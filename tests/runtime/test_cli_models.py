"""`annapalm models`, `annapalm inspect`, and the example of an embedding host."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from cli_words import assert_ends, run_cli, write_table
from typer.testing import CliRunner

from annapalm.cli.models import app
from annapalm.model.names import DEFAULT_MODEL, DEFAULT_VERSION, MODEL_FILE, MODEL_OF, ReleasedModel

if TYPE_CHECKING:
    from typer.testing import Result

EXAMPLE = Path(__file__).parents[2] / "examples" / "embed.py"


def annapalm(*args: object) -> Result:
    """Run `annapalm` in this process."""
    return CliRunner().invoke(app, [str(arg) for arg in args])


@pytest.fixture
def released(
    tmp_path: Path, tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ReleasedModel:
    """Stand the tiny model where the default model is released."""
    path = tmp_path / "models" / DEFAULT_MODEL / DEFAULT_VERSION / MODEL_FILE
    path.parent.mkdir(parents=True)
    path.write_bytes(tiny_model_path.read_bytes())
    monkeypatch.setattr("annapalm.model.names.models_folder", lambda: tmp_path / "models")
    return ReleasedModel(DEFAULT_MODEL, DEFAULT_VERSION, path)


def test_models_lists_what_is_released(released: ReleasedModel) -> None:
    result = annapalm("models")
    assert_ends(result, 0)
    assert result.stdout == (
        f"{DEFAULT_MODEL}/{DEFAULT_VERSION}: microtubule, pixel 20 nm, 0.1 MB, BSD-3-Clause, "
        "default\n"
    )
    (line,) = annapalm("models", "--json").stdout.splitlines()
    facts = json.loads(line)
    assert facts["path"] == str(released.path)
    assert facts["default"] is True
    assert facts["chosen_for"] == ["microtubules"]
    assert len(facts["sha256"]) == 64


def test_every_structure_has_one_model_that_is_chosen_for_it() -> None:
    facts = [json.loads(line) for line in annapalm("models", "--json").stdout.splitlines()]
    chosen = [structure for model in facts for structure in model["chosen_for"]]
    assert sorted(chosen) == sorted(MODEL_OF)
    assert all(set(model["chosen_for"]) <= set(model["structures"]) for model in facts)
    assert annapalm("models").stdout.count(", chosen for ") == len(set(MODEL_OF.values())) - 1


def test_a_broken_release_is_named(released: ReleasedModel) -> None:
    released.path.write_bytes(b"broken")
    result = annapalm("models")
    assert_ends(result, 3)
    assert str(released.path) in result.stderr


def test_an_installation_without_models_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("annapalm.model.names.models_folder", lambda: tmp_path)
    result = annapalm("models")
    assert_ends(result, 3)
    assert "no released model came with this installation" in result.stderr


def test_a_model_is_inspected_by_name_and_by_path(released: ReleasedModel) -> None:
    for target in (DEFAULT_MODEL, f"{DEFAULT_MODEL}/{DEFAULT_VERSION}", released.path):
        result = annapalm("inspect", target)
        assert_ends(result, 0)
        assert "structures: microtubule\n" in result.stdout
        assert "density range per um2: 0.5 to 5,000\n" in result.stdout


def test_a_table_is_inspected(tmp_path: Path) -> None:
    source = write_table(tmp_path / "cell.csv", ["11,100,200,9", "30,1100,2200,9"])
    result = run_cli("inspect", source, name="annapalm")
    assert_ends(result, 0)
    for line in (
        "format: thunderstorm",
        "localizations: 2",
        "frames: 10 to 29",
        "x um: 0.1 to 1.1",
        "density per um2: 1",
        "camera field um: not known",
        "units: x: nm, y: nm, precision: nm",
        "first frame in file: 1",
        "precision nm: 9 / 9 / 9",
        "merged rows: not known",
    ):
        assert f"{line}\n" in result.stdout
    assert result.stdout.splitlines()[-1].endswith("@")  # the picture, its lower right corner
    facts = json.loads(annapalm("inspect", source, "--field", "4x5", "--json").stdout)
    assert facts["camera_field_um"] == [4.0, 5.0]
    assert facts["columns"]["precision"] == "uncertainty_xy [nm]"
    assert facts["unused_columns"] == []


def test_what_a_reader_noted_has_a_line_of_its_own_and_json_has_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Channel,Frame,X (nm),Y (nm)\n0,1,2,3\n0,2,30,40\n", encoding="utf-8")
    shown = annapalm("inspect", path).stdout
    assert "format: oni\n" in shown
    assert "\nnote: Where zero lies is not known for this table" in shown
    assert (
        "\nremark: The camera pixel, 100 nm, is that of picasso.yaml.\n"
        in annapalm("inspect", Path(__file__).parents[1] / "data" / "picasso.hdf5").stdout
    )
    (line,) = annapalm("inspect", path, "--json").stdout.splitlines()
    facts = json.loads(line)
    assert facts["notes"][0].startswith("Where zero lies")
    assert facts["precision_nm"] is None
    assert facts["units"] == {"x": "nm", "y": "nm"}


def test_an_empty_table_is_inspected(tmp_path: Path) -> None:
    result = annapalm("inspect", write_table(tmp_path / "none.csv", []))
    assert_ends(result, 0)
    assert "localizations: 0\n" in result.stdout


def test_an_image_of_counts_is_inspected(tmp_path: Path) -> None:
    counts = np.zeros((50, 100), np.uint16)
    counts[3, 4] = 7
    tifffile.imwrite(tmp_path / "counts.tif", counts)
    refused = annapalm("inspect", tmp_path / "counts.tif")
    assert_ends(refused, 1)
    assert "--pixel-size" in refused.stderr
    result = annapalm("inspect", tmp_path / "counts.tif", "--pixel-size", 20)
    assert_ends(result, 0)
    for line in ("size px: 100 x 50", "field um: 2 x 1", "localizations: 7", "highest count: 7"):
        assert f"{line}\n" in result.stdout


def test_what_cannot_be_inspected(tmp_path: Path) -> None:
    absent = annapalm("inspect", tmp_path / "absent.csv")
    assert_ends(absent, 2)
    assert "absent.csv does not exist" in absent.stderr
    bad = annapalm("inspect", write_table(tmp_path / "bad.csv", ["1,oops,3,4"]))
    assert_ends(bad, 1)
    assert "bad.csv, line 2" in bad.stderr
    (tmp_path / "broken.onnx").write_bytes(b"broken")
    assert_ends(annapalm("inspect", tmp_path / "broken.onnx"), 3)
    assert_ends(annapalm("inspect", tmp_path / "bad.csv", "--camera-pixel", 0), 2)


def test_the_example_of_an_embedding_host_runs(tiny_model_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, EXAMPLE, tiny_model_path],
        capture_output=True, encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip
    assert_ends(result, 0)
    assert "dense (500, 500) float32" in result.stdout
    assert "equal: True, 0 outside the field" in result.stdout
    assert "field 4: " in result.stdout
    assert "cancelled by the caller" in result.stdout
    assert "InvalidValueError: counts" in result.stdout
