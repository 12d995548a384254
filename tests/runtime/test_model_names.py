"""Finding a model by name, by version, by path."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from annapalm import load_model
from annapalm.model import inspect_model
from annapalm.model.errors import ModelNotFoundError, NotAModelError, StructureError
from annapalm.model.names import (
    DEFAULT_MODEL,
    DEFAULT_VERSION,
    ReleasedModel,
    default_model,
    find_model,
    models_folder,
    released_models,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Lay out released models: the default one, and `pores` in three versions."""
    for name in (f"{DEFAULT_MODEL}/{DEFAULT_VERSION}", f"{DEFAULT_MODEL}/99.0.0",
                 "pores/1.9.0", "pores/1.10.0", "pores/1.10.0rc1"):  # fmt: skip
        path = tmp_path / "models" / name / "model.onnx"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x")
    (tmp_path / "models" / "CHANGELOG.md").write_text("not a model")
    return tmp_path / "models"


def test_released_models_are_listed_by_name_the_newest_first(folder: Path) -> None:
    assert released_models(folder)[2:] == [
        ReleasedModel("pores", "1.10.0", folder / "pores" / "1.10.0" / "model.onnx"),
        ReleasedModel("pores", "1.10.0rc1", folder / "pores" / "1.10.0rc1" / "model.onnx"),
        ReleasedModel("pores", "1.9.0", folder / "pores" / "1.9.0" / "model.onnx"),
    ]


def test_a_structure_finds_its_model_and_an_unknown_one_the_list() -> None:
    assert default_model(None) == default_model("microtubules") == DEFAULT_MODEL
    assert default_model("nuclear pores") == "structures"
    known = "the released models know: microtubules, nuclear pores, actin, mitochondria, spectrin"
    with pytest.raises(StructureError, match=f"Structure 'hair' is unknown; {known}"):
        default_model("hair")


def test_a_name_means_the_newest_version_and_the_default_its_own(folder: Path) -> None:
    assert find_model("pores", folder) == folder / "pores" / "1.10.0" / "model.onnx"
    default = folder / DEFAULT_MODEL / DEFAULT_VERSION / "model.onnx"
    assert find_model(DEFAULT_MODEL, folder) == default


def test_a_version_is_taken_at_its_word(folder: Path) -> None:
    assert find_model("pores/1.9.0", folder) == folder / "pores" / "1.9.0" / "model.onnx"


def test_a_path_is_a_file_or_the_folder_of_one(folder: Path) -> None:
    file = folder / "pores" / "1.9.0" / "model.onnx"
    assert find_model(file, folder) == find_model(str(file), folder) == file
    assert find_model(file.parent, folder) == file


def test_a_released_name_is_not_hidden_by_a_file_of_that_name(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pores").write_bytes(b"something else")
    assert find_model("pores", folder).parent.parent == folder / "pores"
    assert find_model(Path("pores"), folder) == Path("pores")


def test_an_unknown_name_is_an_error_that_lists_the_known(folder: Path) -> None:
    with pytest.raises(ModelNotFoundError) as caught:
        find_model("actin", folder)
    assert "There is no model 'actin'" in str(caught.value)
    assert "pores/1.10.0" in str(caught.value)


@pytest.mark.parametrize("wanted", ["", "..", "pores/2.0.0", "../models", "pores/1.9.0/"])
def test_a_folder_without_a_model_is_no_model(wanted: str, folder: Path) -> None:
    with pytest.raises(ModelNotFoundError):
        find_model(wanted, folder)


def test_no_model_at_all_says_that_the_installation_is_incomplete(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="Released models: none"):
        find_model("microtubule", tmp_path)


def test_models_lie_in_the_package_or_in_the_checkout() -> None:
    assert models_folder().name == "models"
    assert models_folder().is_dir()


def test_a_model_that_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        return
    pipe = tmp_path / "pipe.onnx"
    os.mkfifo(pipe)  # opening it would wait for a writer, for ever
    with pytest.raises(NotAModelError, match="it is not a regular file"):
        inspect_model(pipe)


def test_a_text_file_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("frame,x [nm],y [nm]\n")
    with pytest.raises(NotAModelError, match=r"table\.csv is not an ONNX model"):
        load_model(path, "cpu")


def test_names_and_version_need_neither_numpy_nor_onnxruntime() -> None:
    code = (
        "import sys; from annapalm.model.names import released_models; released_models();"
        "from annapalm.model.device import onnxruntime_distribution; onnxruntime_distribution();"
        "assert not {'numpy', 'onnxruntime', 'tifffile'} & set(sys.modules), 'loaded too much'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
