"""From a checkpoint to a calibrated model file."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annapalm.contract import CONTRACT_VERSION, OUTPUTS, ModelInfo
from annapalm.grid import DEFAULT_PIXEL_NM
from annapalm_export.calibrate import Calibration, calibrate
from annapalm_export.seeds import CALIBRATION_SEEDS
from annapalm_export.simulate import SceneOptions, simulate_scene
from annapalm_export.to_onnx.graph import STRIDE, export_onnx, inference_copy, weights_sha256
from annapalm_export.to_onnx.halo import halo_for, measure_reach_px
from annapalm_export.train import checkpoint
from annapalm_export.train.dataset import DataConfig, draw_crop, prepare
from annapalm_export.train.network import NetworkConfig, Student

if TYPE_CHECKING:
    from pathlib import Path

LICENCE = "BSD-3-Clause"
STRUCTURES = ("microtubules",)
_UNIT = "localizations per pixel over the exposure of the input"


@dataclass(frozen=True, slots=True)
class Made:
    """A model file and what was measured while it was made."""

    model: Student
    """The network whose weights the file holds."""
    info: ModelInfo
    calibration: Calibration
    reach_px: int
    steps: int
    recipe: dict[str, Any]


def make_model(
    checkpoint_path: Path, path: Path, name: str, version: str, fields: int = 24
) -> Made:
    """Fold, calibrate on `fields` held-out fields, measure the halo, and write `path`.

    Raises `CheckpointError` for a damaged checkpoint or one of another program version.
    """
    state = checkpoint.load(checkpoint_path)
    try:
        recipe = json.loads(state["recipe"])
        network = dict(recipe["network"], widths=tuple(recipe["network"]["widths"]))
        model = Student(NetworkConfig(**network))
        model.load_state_dict(state["average"])
    except (KeyError, TypeError, RuntimeError) as problem:
        raise checkpoint.CheckpointError(
            checkpoint_path, f"not a checkpoint of this version of annapalm-export ({problem})"
        ) from problem
    model = inference_copy(model)
    psf_nm = model.config.psf_sigma_px * DEFAULT_PIXEL_NM
    calibration = calibrate(model, psf_nm, fields)
    reach = measure_reach_px(model)
    info = ModelInfo(
        contract=CONTRACT_VERSION,
        name=name,
        version=version,
        pixel_nm=DEFAULT_PIXEL_NM,
        stride=STRIDE,
        halo_px=halo_for(reach),
        structures=STRUCTURES,
        psf_sigma_nm=psf_nm,
        intervals=calibration.plain.intervals,
        intervals_widefield=calibration.widefield.intervals,
        density_range_per_um2=_densities(recipe),
        units=dict.fromkeys(OUTPUTS, _UNIT)
        | {"widefield_estimate": "localizations per quarter pixel over the exposure of the input"},
        training=describe(recipe, int(state["step"])),
        licence=LICENCE,
        weights_sha256=weights_sha256(model),
    )
    export_onnx(model, info, path)
    return Made(model, info, calibration, reach, int(state["step"]), recipe)


def describe(recipe: dict[str, Any], steps: int) -> str:
    """Say in a paragraph how the model was trained."""
    data, loss = recipe["data"], recipe["loss"]
    low, high = data["density_per_um"]
    return (
        f"Simulated microtubules with blinking in time, {steps} steps of {data['batch']} crops of "
        f"{data['crop_px']} px. Input: blocks of consecutive frames with {low:g} to {high:g} "
        "localizations per µm of filament; target: the localizations of the disjoint frames "
        f"(multinomial shape and Poisson total, weight {loss['total']:g}), with a share of "
        f"{loss['noise_free']:g} of the noise-free rate; widefield image seen in "
        f"{data['widefield_share']:.0%} of the samples. No real data."
    )


def _densities(recipe: dict[str, Any]) -> tuple[float, float]:
    """5th and 95th percentile of the localizations per µm² of inputs drawn as in training."""
    known = {f.name for f in dataclasses.fields(DataConfig)}
    values = {key: value for key, value in recipe["data"].items() if key in known}
    config = DataConfig(**dict(values, density_per_um=tuple(values["density_per_um"])))
    options = SceneOptions(**recipe["scene"])
    rng = np.random.default_rng(CALIBRATION_SEEDS.start)
    drawn = []
    for seed in CALIBRATION_SEEDS[-40:]:
        scene = simulate_scene(seed, options)
        if len(scene.localizations) < 200:
            continue
        ready = prepare(scene)
        samples = (draw_crop(rng, ready, config) for _ in range(10))
        drawn += [float(s["counts"].sum()) for s in samples]
    area_um2 = (config.crop_px * DEFAULT_PIXEL_NM / 1000) ** 2
    low, high = np.percentile(np.asarray(drawn) / area_um2, (5, 95))
    return round(float(low), 2), round(float(high), 1)
