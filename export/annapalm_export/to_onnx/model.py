"""From a checkpoint to a calibrated model file."""

from __future__ import annotations

import dataclasses
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
from annapalm_export.train.dataset import DataConfig, draw_crop, prepare
from annapalm_export.train.networks import load_network

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm_export.train.network import Student

LICENCE = "BSD-3-Clause"
PRIVATE = "not stated: weights learned from tables whose owners decide"
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
    checkpoint_path: Path,
    path: Path,
    name: str,
    version: str,
    fields: int = 24,
    looks: int | None = None,
    processes: int = 1,
) -> Made:
    """Fold, calibrate on `fields` held-out fields, measure the halo, and write `path`.

    `looks` takes the place of the recipe's `NetworkConfig.looks`: training looks once in any case.
    `processes` calibrate. Raises `CheckpointError` for a damaged checkpoint or one of another
    program version, and `InvalidValueError` for a number of looks or a kind of network that no file
    can hold.
    """
    loaded = load_network(checkpoint_path)
    recipe = loaded.recipe
    if looks is not None:
        loaded.network.config = dataclasses.replace(loaded.network.config, looks=looks)
        recipe["network"]["looks"] = looks
    model = inference_copy(loaded.network)
    psf_nm = model.config.psf_sigma_px * DEFAULT_PIXEL_NM
    structures = tuple(recipe["data"]["structures"])
    calibration = calibrate(model, psf_nm, fields, structures, processes)
    reach = measure_reach_px(model)
    info = ModelInfo(
        contract=CONTRACT_VERSION,
        name=name,
        version=version,
        pixel_nm=DEFAULT_PIXEL_NM,
        stride=STRIDE,
        halo_px=halo_for(reach),
        structures=structures,
        psf_sigma_nm=psf_nm,
        intervals=calibration.plain.intervals,
        intervals_widefield=calibration.widefield.intervals,
        density_range_per_um2=_densities(recipe),
        units=dict.fromkeys(OUTPUTS, _UNIT)
        | {"widefield_estimate": "localizations per quarter pixel over the exposure of the input"},
        training=describe(recipe, loaded.steps),
        licence=licence_of(recipe),
        weights_sha256=weights_sha256(model),
        structure_intervals=_own_intervals(calibration, structures),
        density_intervals=_curves(calibration, structures),
    )
    export_onnx(model, info, path)
    return Made(model, info, calibration, reach, loaded.steps, recipe)


def _own_intervals(
    calibration: Calibration, structures: tuple[str, ...]
) -> dict[str, dict[str, dict[str, float]]]:
    """Intervals of each structure; a model of one needs none beside its `intervals`."""
    if len(structures) == 1:
        return {}
    both = zip(structures, calibration.plain.own, calibration.widefield.own, strict=True)
    return {name: {"plain": plain, "widefield": lit} for name, plain, lit in both}


def _curves(
    calibration: Calibration, structures: tuple[str, ...]
) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Intervals of each structure at each density."""
    both = zip(structures, calibration.plain.curves, calibration.widefield.curves, strict=True)
    return {name: {"plain": plain, "widefield": lit} for name, plain, lit in both}


def describe(recipe: dict[str, Any], steps: int) -> str:
    """Say in a paragraph how the model was trained."""
    data, loss = recipe["data"], recipe["loss"]
    low, high = data["density"]
    return (
        f"Simulated {', '.join(data['structures'])} with blinking in time, {steps} steps of "
        f"{data['batch']} crops of {data['crop_px']} px. Input: blocks of consecutive frames with "
        f"{low:g} to {high:g} localizations per unit of structure (µm of filament or axon, pore, "
        "0.1 µm² of membrane); target: the localizations of the disjoint frames "
        f"(multinomial shape and Poisson total, weight {loss['total']:g}), with a share of "
        f"{loss['noise_free']:g} of the noise-free rate{_taught(loss)}; widefield image seen in "
        f"{data['widefield_share']:.0%} of the samples. {_looks(recipe)}{_earlier(recipe)}"
        f"{_averaged(recipe)}{_real(recipe)}"
    )


def _looks(recipe: dict[str, Any]) -> str:
    """Say what is drawn of one field; nothing where it is looked at once, as recipes of old do."""
    looks = recipe["network"].get("looks", 1)
    mirrored = f"Draws the mean of {looks} looks, at the field and its mirror images. "
    return mirrored if looks > 1 else ""


def _earlier(recipe: dict[str, Any]) -> str:
    """Say which runs the weights went through before the last one; nothing without any."""
    runs: list[dict[str, Any]] = recipe.get("earlier", [])
    said = [f"{run['steps']} steps of '{run['name']}'" for run in runs]
    return f"Before that: {', then '.join(said)}. " if said else ""


def _averaged(recipe: dict[str, Any]) -> str:
    """Say of which runs the weights are the mean; nothing where they are those of one."""
    lasts = [history[-1] for history in recipe.get("averaged", [])]
    said = [f"{run['steps']} steps of '{run['name']}'" for run in lasts]
    return f"The weights are the mean of those after {' and after '.join(said)}. " if said else ""


def _taught(loss: dict[str, Any]) -> str:
    """Say who taught; nothing where nobody did, as recipes of old do."""
    teacher = loss.get("teacher", "")
    return f", {loss['taught']:.0%} of it as {teacher} draws it" if teacher else ""


def licence_of(recipe: dict[str, Any]) -> str:
    """Give the project's licence, unless the weights have seen somebody's data."""
    return PRIVATE if recipe.get("real") else LICENCE


def _real(recipe: dict[str, Any]) -> str:
    """Say which real tables the weights have seen; those of a fine-tuned model's start count."""
    sessions: list[dict[str, Any]] = recipe.get("real", [])
    if not sessions:
        return "No real data."
    said = []
    for session in sessions:
        learned = sum("learned" in table for table in session["tables"])
        said.append(
            f"{1 - session['simulated_share']:.0%} of the crops from {learned} real table(s) of "
            f"{session['structure']}"
        )
    return f"Real data: {'; then '.join(said)}; held-out parts were not learned from."


def _densities(recipe: dict[str, Any]) -> tuple[float, float]:
    """5th and 95th percentile of the localizations per µm² of inputs drawn as in training."""
    known = {f.name for f in dataclasses.fields(DataConfig)}
    values = {key: value for key, value in recipe["data"].items() if key in known}
    pairs: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    config = DataConfig(**pairs)
    options = SceneOptions(**recipe["scene"])
    rng = np.random.default_rng(CALIBRATION_SEEDS.start)
    drawn = []
    for number, seed in enumerate(CALIBRATION_SEEDS[-40:]):
        name = config.structures[number % len(config.structures)]
        scene = simulate_scene(seed, dataclasses.replace(options, structure=name))
        if len(scene.localizations) < 200:
            continue
        ready = prepare(scene)
        samples = (draw_crop(rng, ready, config) for _ in range(10))
        drawn += [float(s["counts"].sum()) for s in samples]
    area_um2 = (config.crop_px * DEFAULT_PIXEL_NM / 1000) ** 2
    low, high = np.percentile(np.asarray(drawn) / area_um2, (5, 95))
    return round(float(low), 2), round(float(high), 1)
