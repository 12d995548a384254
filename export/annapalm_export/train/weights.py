"""Trained weights, wherever they lie: in the checkpoint of a run or in a released model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from annapalm.model.names import find_model, released_models
from annapalm_export.train import checkpoint
from annapalm_export.train.released import is_released, read_released

CHECKPOINT = "checkpoint.pt"


def find_weights(wanted: str | Path) -> Path:
    """Find what to begin with: a run's folder, a checkpoint, or a model by its name or its file.

    A text is looked up among the released models first, as by `find_model`. Returns the path of a
    checkpoint or of a model file. Raises `ModelNotFoundError`.
    """
    names = {n for m in released_models() for n in (m.name, f"{m.name}/{m.version}")}
    if isinstance(wanted, str) and wanted in names:
        return find_model(wanted)
    path = Path(wanted)
    if (path / CHECKPOINT).is_file():
        return path / CHECKPOINT
    if path.is_file():
        return path
    return find_model(wanted)


def load_weights(path: Path) -> dict[str, Any]:
    """Read step, averaged weights and recipe of a checkpoint or a model file.

    Raises `CheckpointError`.
    """
    return read_released(path) if is_released(path) else checkpoint.load(path)
