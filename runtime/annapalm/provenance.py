"""The records that say where an image came from, in the words of `annapalm.write.schema`."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from annapalm.model import Model
    from annapalm.read import Table
    from annapalm.widefield import WidefieldImage
    from annapalm.write.schema import (
        DeviceRecord,
        ExtentSource,
        InputRecord,
        ModelRecord,
        SoftwareRecord,
        WidefieldInputRecord,
    )


def software_record(model: Model) -> SoftwareRecord:
    """Versions that can change a pixel."""
    return {
        "annapalm": version("annapalm"),
        "onnxruntime": model.device.onnxruntime,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def table_record(table: Table, rows: NDArray[np.int64], extent_from: ExtentSource) -> InputRecord:
    """Describe a table of which `rows` were used, and what decided the field of view."""
    frame = table.localizations.frame[rows]
    return {
        "path": str(table.path),
        "sha256": table.sha256,
        "size_bytes": table.path.stat().st_size,
        "kind": "table",
        "format": table.format,
        "rows": table.rows,
        "selected": len(rows),
        "frames": [int(frame.min()), int(frame.max())] if len(rows) else None,
        "camera_pixel_nm": table.camera_pixel_nm,
        "extent_from": extent_from,
        "unused_columns": list(table.unused_columns),
    }


def model_record(model: Model, structure: str | None) -> ModelRecord:
    """Describe the model; `structure` is as given to `Model.reconstruct`."""
    info = model.info
    return {
        "name": info.name,
        "version": info.version,
        "sha256": model.sha256,
        "contract": info.contract,
        "structure": structure or ", ".join(info.structures),
        "licence": info.licence,
    }


def device_record(model: Model) -> DeviceRecord:
    """Say what the model runs on, and why."""
    from annapalm.model.device import PROVIDERS

    choice = model.device
    return {
        "device": choice.device,
        "provider": PROVIDERS[choice.device],
        "threads": choice.threads,
        "reason": choice.reason,
    }


def widefield_record(image: WidefieldImage, path: Path) -> WidefieldInputRecord:
    """Describe the widefield image that was read from `path`."""
    rows, columns = image.pixels.shape
    return {
        "path": str(path),
        "sha256": sha256_of(path),
        "shape": [rows, columns],
        "pixel_nm": image.pixel_nm,
    }


def sha256_of(path: Path) -> str:
    """Hash a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
