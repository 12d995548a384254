"""From a name or a path to a model's file, checked; nothing of it is run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annapalm.model.check import MAX_MODEL_BYTES, check_model
from annapalm.model.errors import NotAModelError
from annapalm.model.names import find_model

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm.contract import ModelInfo


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model's file, read once and checked; nothing of it has been run."""

    path: Path
    data: bytes
    sha256: str
    """Of `data`, hexadecimal."""
    info: ModelInfo


def inspect_model(name_or_path: str | Path) -> ModelFile:
    """Find, read and check a model without running it; needs no ONNX Runtime.

    Raises `ModelNotFoundError` or one of the `ModelError` classes.
    """
    path = find_model(name_or_path)
    if not path.is_file():
        raise NotAModelError(str(path), "it is not a regular file")
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_MODEL_BYTES + 1)
    except OSError as error:
        raise NotAModelError(str(path), f"it cannot be read ({error.strerror})") from error
    info = check_model(data, str(path))
    return ModelFile(path, data, hashlib.sha256(data).hexdigest(), info)
