"""Make a release: export, calibrate, pass every gate, then write the folder in one step."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from annapalm.model import load_model
from annapalm_export.evaluate.protocol import run_protocol
from annapalm_export.evaluate.suites import release_suites
from annapalm_export.evaluate.table import to_json
from annapalm_export.release import gates
from annapalm_export.release.card import write_card
from annapalm_export.release.errors import ReleaseRefusedError
from annapalm_export.release.vectors import write_vectors
from annapalm_export.seeds import CALIBRATION_SEEDS
from annapalm_export.simulate.files import ExistingOutputError
from annapalm_export.to_onnx.model import make_model
from annapalm_export.to_onnx.parity import check_parity
from annapalm_export.train.released import is_released

if TYPE_CHECKING:
    from collections.abc import Callable

    from annapalm.model import Model

COMMAND = "annapalm-export evaluate {name}/{version} --fields {fields}"


def release(
    checkpoint: Path,
    models: Path,
    name: str,
    version: str,
    fields: int,
    calibration_fields: int,
    say: Callable[[str], None],
    processes: int = 1,
    looks: int | None = None,
) -> Path:
    """Release `models`/`name`/`version` from a checkpoint or model file and return the folder.

    `looks` is as for `to_onnx.model.make_model`. The folder holds model.onnx, README.md (the card),
    numbers.json, recipe.json and vectors/. Raises `ExistingOutputError` if that version exists (a
    release is never edited) and `ReleaseRefusedError` if a gate is not passed: then there is no
    folder, and what was measured lies beside the checkpoint, of a model file beside `models`
    (refused-NAME-VERSION.json).
    """
    folder = models / name / version
    if folder.exists():
        raise ExistingOutputError(folder, "A release is never replaced: choose another --version.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".release-") as temporary:
        staged = Path(temporary) / version
        staged.mkdir()
        path = staged / "model.onnx"
        made = make_model(checkpoint, path, name, version, calibration_fields, looks, processes)
        calibrated = made.calibration.plain.fields
        say(f"exported: halo {made.info.halo_px} px, calibrated on {calibrated} fields")
        failures = gates.size_gate(path, name) + gates.parity_gate(check_parity(made.model, path))
        model = load_model(path, device="cpu")
        failures += _behaviour(path, model)
        if failures:  # the long evaluation would not mend it
            raise ReleaseRefusedError(f"{name}/{version}", tuple(failures))
        result = run_protocol(model, fields, say, processes)
        summary = result.summary()
        failures += gates.quality_gate(summary["simulated"])
        failures += gates.noise_gate(summary["stress"])
        command = COMMAND.format(name=name, version=version, fields=fields)
        numbers = to_json({"command": command, **summary})
        if failures:
            beside = models if is_released(checkpoint) else checkpoint
            figures = beside.with_name(f"refused-{name}-{version}.json")
            figures.write_text(numbers, encoding="utf-8")
            raise ReleaseRefusedError(f"{name}/{version}", tuple(failures), figures)
        (staged / "README.md").write_text(write_card(made, result, command), encoding="utf-8")
        (staged / "numbers.json").write_text(numbers, encoding="utf-8")
        recipe = to_json({**made.recipe, "steps_done": made.steps})
        (staged / "recipe.json").write_text(recipe, encoding="utf-8")
        write_vectors(_session(path), made.info, staged / "vectors")
        shutil.move(staged, folder)
    return folder


def _behaviour(path: Path, model: Model) -> list[str]:
    failures = gates.empty_gate(model)
    for suite in release_suites(model.info.structures):
        _, field = next(suite.conditions[0].fields(20.0, CALIBRATION_SEEDS))
        failures += gates.tiling_gate(path, field)
    return failures


def _session(path: Path):  # type: ignore[no-untyped-def]  # noqa: ANN202 - onnxruntime is untyped
    import onnxruntime

    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
