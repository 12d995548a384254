"""A model of several structures: one is named, and has intervals of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from contract_model import build_model, model_info

from annapalm import load_model
from annapalm.grid import Grid
from annapalm.model.errors import StructureError
from annapalm.quality.structure import structure_per_um2

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm import Model


def counts_of(shape: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(0).poisson(0.05, shape) + np.eye(*shape, dtype=np.int64)


@pytest.fixture(scope="module")
def two_structures(tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = tmp_path_factory.mktemp("two") / "two.onnx"
    info = model_info(name="two", structures=("microtubule", "pore"))
    path.write_bytes(build_model(info).SerializeToString())
    return load_model(path, "cpu")


def test_a_structure_is_chosen_by_its_name(two_structures: Model) -> None:
    counts = counts_of((64, 64))
    first, second = (
        two_structures.reconstruct(counts, structure=s) for s in ("microtubule", "pore")
    )
    np.testing.assert_allclose(second.dense, 2 * first.dense, rtol=1e-6)


def test_each_structure_has_intervals_of_its_own_where_they_were_calibrated(
    tmp_path: Path,
) -> None:
    own = {
        name: {"plain": {"0.9": factor}, "widefield": {"0.9": factor + 1}}
        for name, factor in (("microtubule", 3.0), ("pore", 5.0))
    }
    info = model_info(name="two", structures=("microtubule", "pore"), structure_intervals=own)
    path = tmp_path / "two.onnx"
    path.write_bytes(build_model(info).SerializeToString())
    model = load_model(path, device="cpu")
    assert model.info.structure_intervals == own
    counts, light = counts_of((64, 64)), np.ones((16, 16), np.float32)
    assert model.reconstruct(counts, structure="pore").intervals == {"0.9": 5.0}
    assert model.reconstruct(counts, light, structure="microtubule").intervals == {"0.9": 4.0}
    nothing = np.zeros_like(light)
    assert model.reconstruct(counts, nothing, structure="pore").intervals == {"0.9": 5.0}


def with_curves(tmp_path: Path, plain: dict[str, list[float]]) -> Model:
    lit = {"per_um2": [1.0], "0.9": [7.0]}
    info = model_info(density_intervals={"microtubule": {"plain": plain, "widefield": lit}})
    path = tmp_path / "curves.onnx"
    path.write_bytes(build_model(info).SerializeToString())
    return load_model(path, device="cpu")


def test_intervals_follow_the_density_on_the_drawn_structure(tmp_path: Path) -> None:
    counts = counts_of((64, 64))
    seen = structure_per_um2(
        counts,
        with_curves(tmp_path, {"per_um2": [1.0], "0.9": [3.0]}).reconstruct(counts).dense,
        Grid(20.0, (0.0, 0.0), counts.shape),
    )
    model = with_curves(tmp_path, {"per_um2": [seen / 10, seen * 10], "0.9": [4.0, 2.0]})
    assert model.reconstruct(counts).intervals["0.9"] == pytest.approx(3.0)
    light = np.ones((16, 16), np.float32)
    assert model.reconstruct(counts, light).intervals == {"0.9": 7.0}
    assert model.reconstruct(np.zeros((64, 64))).intervals == {"0.9": 4.0}


@pytest.mark.parametrize(
    ("per_um2", "factor"), [(0.0, 4.0), (1.0, 4.0), (10.0, 3.0), (100.0, 2.0), (1e9, 2.0)]
)
def test_beyond_the_known_densities_intervals_are_those_of_the_last(
    per_um2: float, factor: float
) -> None:
    known = {"per_um2": [1.0, 100.0], "0.9": [4.0, 2.0]}
    info = model_info(density_intervals={"microtubule": {"plain": known, "widefield": known}})
    assert info.intervals_of(None, widefield=True, per_um2=per_um2)["0.9"] == pytest.approx(factor)
    assert info.intervals_of(None, widefield=False) == info.intervals


def test_a_structure_is_never_guessed(two_structures: Model, tiny_model: Model) -> None:
    with pytest.raises(StructureError, match="No structure was named; the model two"):
        two_structures.reconstruct(counts_of((8, 8)))
    with pytest.raises(StructureError, match="Structure 'actin' is unknown"):
        tiny_model.reconstruct(counts_of((8, 8)), structure="actin")
    tiny_model.reconstruct(counts_of((8, 8)), structure="microtubule")
