"""Which models are released, and which one is the default.

Imported by `--help` and `--version`: the standard library only.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from annapalm.model.errors import ModelNotFoundError, StructureError

DEFAULT_MODEL = "microtubule"
DEFAULT_VERSION = "1.3.0"
MODEL_OF = {
    "microtubules": DEFAULT_MODEL,
    "nuclear pores": "structures",
    "actin": "actin",
    "mitochondria": "mitochondria",
    "spectrin": "spectrin",
}
"""Structure to the model that is the best of the released ones for it."""
MODEL_FILE = "model.onnx"


class ReleasedModel(NamedTuple):
    """A model that came with annapalm."""

    name: str
    version: str
    path: Path
    """The ONNX file."""


def models_folder() -> Path:
    """Folder of the released models: inside the wheel, or `models/` of a checkout."""
    package = Path(__file__).resolve().parents[1]
    checkout = package.parents[1]
    if not (package / "models").is_dir() and (checkout / "pyproject.toml").is_file():
        return checkout / "models"
    return package / "models"


def released_models(folder: Path | None = None) -> list[ReleasedModel]:
    """List the models that came with annapalm, by name, the newest version of each first."""
    found = [
        ReleasedModel(path.parent.parent.name, path.parent.name, path)
        for path in (folder or models_folder()).glob(f"*/*/{MODEL_FILE}")
    ]
    found.sort(key=lambda model: _numbers(model.version), reverse=True)
    return sorted(found, key=lambda model: model.name)


def default_model(structure: str | None) -> str:
    """Name the best released model for a structure; the default one where none is asked for.

    Raises `StructureError` for a structure that no released model knows.
    """
    if structure is None:
        return DEFAULT_MODEL
    if structure not in MODEL_OF:
        raise StructureError(structure, None, tuple(MODEL_OF))
    return MODEL_OF[structure]


def chosen_for(model: ReleasedModel) -> tuple[str, ...]:
    """Name the structures that are drawn with this version unless another model is asked for."""
    if find_model(model.name) != model.path:
        return ()
    return tuple(structure for structure, name in MODEL_OF.items() if name == model.name)


def find_model(name_or_path: str | Path, folder: Path | None = None) -> Path:
    """Find a model by released name, by `name/version`, or by path of a file or its folder.

    A text is looked up among the released models first, so that a folder of the same name in the
    working directory cannot take the place of one; a `Path` is always a path. A name alone means
    the newest version, of the default model `DEFAULT_VERSION`.
    Raises `ModelNotFoundError`, which names what there is.
    """
    released = released_models(folder)
    if isinstance(name_or_path, str):
        wanted = name_or_path
        if wanted == DEFAULT_MODEL:
            wanted = f"{DEFAULT_MODEL}/{DEFAULT_VERSION}"
        for model in released:
            if wanted in (model.name, f"{model.name}/{model.version}"):
                return model.path
    path = Path(name_or_path)
    if (path / MODEL_FILE).is_file():
        return path / MODEL_FILE
    if path.exists() and not path.is_dir():
        return path
    known = tuple(f"{model.name}/{model.version}" for model in released)
    raise ModelNotFoundError(str(name_or_path), known)


def _numbers(version: str) -> tuple[tuple[int, str], ...]:
    """Sort key under which 1.10.0 is newer than 1.9.0."""
    return tuple((int(p), "") if p.isdecimal() else (-1, p) for p in version.split("."))
