"""Every released model under `models/`: it is complete, and it still gives its own test vectors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from annapalm.contract import OUTPUTS
from annapalm.model import load_model
from annapalm.model.names import DEFAULT_MODEL, DEFAULT_VERSION, MODEL_OF, default_model
from annapalm_export.release import gates
from annapalm_export.release.vectors import PER_MILLION, replay

MODELS = Path(__file__).parents[1] / "models"
RELEASED = sorted(MODELS.glob("*/*/model.onnx"))
NAMES = [f"{path.parent.parent.name}/{path.parent.name}" for path in RELEASED]
VECTORS = sorted(MODELS.glob("*/*/vectors/*.npz"))


def test_the_default_model_is_released() -> None:
    assert f"{DEFAULT_MODEL}/{DEFAULT_VERSION}" in NAMES


@pytest.mark.parametrize("structure", MODEL_OF)
def test_the_model_for_a_structure_is_released_and_knows_it(structure: str) -> None:
    info = load_model(default_model(structure), device="cpu").info
    assert structure in info.structures
    assert info.name == MODEL_OF[structure]


@pytest.mark.parametrize("path", RELEASED, ids=NAMES)
def test_a_release_is_complete(path: Path) -> None:
    names = {p.name for p in path.parent.iterdir()}
    assert names == {"model.onnx", "README.md", "numbers.json", "recipe.json", "vectors"}
    assert gates.size_gate(path, path.parents[1].name) == []
    info = load_model(path, device="cpu").info
    assert (info.name, info.version) == (path.parent.parent.name, path.parent.name)
    assert info.licence == "BSD-3-Clause"


@pytest.mark.parametrize("path", RELEASED, ids=NAMES)
def test_the_figures_of_a_release_pass_its_gates(path: Path) -> None:
    numbers = json.loads((path.parent / "numbers.json").read_text(encoding="utf-8"))
    assert gates.quality_gate(numbers["simulated"]) == []
    card = (path.parent / "README.md").read_text(encoding="utf-8")
    assert numbers["command"] in card
    for row in numbers["simulated"]:
        if row["method"] == "model":
            assert f"{row['ms_ssim']['mean']:.3f}" in card


@pytest.mark.parametrize("path", VECTORS, ids=[f"{p.parents[1].name}-{p.stem}" for p in VECTORS])
def test_vectors_are_reproduced(path: Path) -> None:
    model = path.parents[1] / "model.onnx"
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    assert max(replay(session, path).values()) <= PER_MILLION


def test_a_vector_that_is_not_reproduced_is_noticed(tmp_path: Path) -> None:
    path = VECTORS[0]
    with np.load(path, allow_pickle=False) as vector:
        changed = {name: vector[name] for name in vector}
    changed["dense"] = changed["dense"] * np.float32(1.01)
    np.savez(tmp_path / "changed.npz", allow_pickle=False, **changed)
    model = path.parents[1] / "model.onnx"
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    beyond = replay(session, tmp_path / "changed.npz")
    assert beyond["dense"] > PER_MILLION
    assert all(beyond[name] <= PER_MILLION for name in OUTPUTS if name != "dense")


@pytest.mark.parametrize("path", RELEASED, ids=NAMES)
def test_nothing_and_noise_draw_no_structure(path: Path) -> None:
    model = load_model(path, device="cpu")
    noise = np.random.default_rng(0).poisson(0.01, (640, 640)).astype(np.float32)
    for structure in model.info.structures:
        nothing = model.reconstruct(np.zeros((320, 320), np.float32), structure=structure)
        assert not nothing.dense.any()
        assert nothing.warnings
        result = model.reconstruct(noise, structure=structure, withhold=False)
        # Localizations at random are diffuse: less than a fifth of them may be called structure.
        assert result.dense.sum() < 0.2 * noise.sum(), structure
        given = model.reconstruct(noise, structure=structure)
        assert given.withheld, structure
        assert not given.dense.any(), structure
