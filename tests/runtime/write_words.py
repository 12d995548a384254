"""Words in which the tests of writing are said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from annapalm.grid import Grid
from annapalm.reconstruction import Reconstruction, WidefieldAgreement

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm.write.schema import (
        DeviceRecord,
        FieldEntry,
        ModelRecord,
        Provenance,
        RunHead,
        SoftwareRecord,
    )

SOFTWARE: SoftwareRecord = {
    "annapalm": "0.1.0",
    "onnxruntime": "1.32.0",
    "numpy": "2.4.6",
    "python": "3.11.2",
    "system": "Linux x86_64",
}
MODEL: ModelRecord = {
    "name": "microtubule",
    "version": "1.0.0",
    "sha256": "9f" * 32,
    "contract": "annapalm-1",
    "structure": "microtubules",
    "licence": "BSD-3-Clause",
}
DEVICE: DeviceRecord = {
    "device": "cpu",
    "provider": "CPUExecutionProvider",
    "threads": 2,
    "reason": "no CUDA device was found",
}


def a_result(shape: tuple[int, int] = (40, 60), **changes: Any) -> Reconstruction:
    """Make a result: a bright line with error on its right half, counts on the line."""
    rows, columns = shape
    dense = np.full(shape, 1e-4, np.float32)
    dense[rows // 2] = 0.25
    error = dense * np.float32(0.2)
    error[:, columns // 2 :] = dense[:, columns // 2 :] * 2
    counts = np.zeros(shape, np.float32)
    counts[rows // 2, ::3] = 1
    values: dict[str, Any] = {
        "dense": dense,
        "error": error,
        "background": np.full((-(-rows // 4), -(-columns // 4)), 2e-4, np.float32),
        "counts": counts,
        "grid": Grid(20.0, (400.0, -60.0), shape),
        "outside": 3,
        "exposure": 1.0,
        "warnings": ("The density is low.",),
        "intervals": {"0.9": 2.5},
        "timings_s": {"network": 0.71},
    }
    return Reconstruction(**(values | changes))


def an_agreement(shape: tuple[int, int] = (40, 60), rsp: float = 0.93) -> WidefieldAgreement:
    """Make an agreement with a widefield image that disagrees more from top to bottom."""
    error = np.repeat(np.linspace(0, 1, shape[0], dtype=np.float32)[:, None], shape[1], axis=1)
    return WidefieldAgreement(
        error=error, rsp=rsp, rse=0.21, shift_nm=(34.0, -12.5), psf_sigma_nm=131.0
    )


def a_provenance(path: str = "acquisition/cell.csv", **options: Any) -> Provenance:
    """Make a provenance record."""
    return {
        "software": SOFTWARE,
        "input": {
            "path": path,
            "sha256": "ab" * 32,
            "size_bytes": 123_456,
            "kind": "table",
            "format": "thunderstorm",
            "rows": 40_000,
            "selected": 35_322,
            "frames": [0, 299],
            "camera_pixel_nm": None,
            "extent_from": "data",
            "unused_columns": ["sigma [nm]"],
        },
        "widefield": None,
        "model": MODEL,
        "device": DEVICE,
        "options": {"exposure": 1.0, **options},
    }


def a_head(*fields: FieldEntry) -> RunHead:
    """Make what is said of the run of these fields as a whole."""
    return {
        "schema": "annapalm-run-1",
        "status": "failed" if any(f["status"] == "failed" for f in fields) else "done",
        "started": "2026-11-22T15:02:11+00:00",
        "seconds": 9.4,
        "command": ["annapalm-run", "acquisition", "-o", "results"],
        "software": SOFTWARE,
        "model": MODEL,
        "device": DEVICE,
        "shards": None,
    }


def names_in(folder: Path) -> set[str]:
    """List all that lies in a folder, hidden files too."""
    return {path.name for path in folder.iterdir()}
