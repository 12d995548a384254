"""Whatever was trained, to be scored: model files, and networks that are not exported.

The latter are run by torch behind the interface of a model. An A-net cannot become a model file
(its statistics are those of the image that it is given), and a training run may be scored before
its checkpoint is exported. Everything around the network is the runtime's own code (rendering,
widefield image, padding, checks), so that what is compared is the networks alone. The field is
padded once, with zeros to the right and below, to a multiple of the network's stride (256 px for an
A-net) and always run whole.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Literal

import torch

from annapalm.contract import CONTRACT_VERSION, INPUTS, OUTPUTS, ModelInfo
from annapalm.errors import InvalidValueError
from annapalm.grid import DEFAULT_PIXEL_NM
from annapalm.model import Model, SessionOptions, load_model
from annapalm.model.device import DeviceChoice
from annapalm.model.file import ModelFile
from annapalm.model.session import narrow
from annapalm_export.train.checkpoint import CheckpointError
from annapalm_export.train.networks import load_network
from annapalm_export.train.released import is_released
from annapalm_export.train.weights import find_weights

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from annapalm.model.session import Feeds, Results
    from annapalm_export.train.networks import Loaded, Network

WHOLE_PX = 2**24
"""The halo such a model names: larger than any field, so that none is ever cut into tiles."""
_UNIT = "localizations per pixel over the exposure of the input"


class TorchEngine:
    """An `annapalm.model.session.Engine` around a network in evaluation mode."""

    def __init__(self, network: Network, label: str, device: str = "cpu") -> None:
        self._network = network.eval().to(device)
        self._label, self._device = label, device

    def run(self, feeds: Feeds) -> Results:
        """Run one field, whole."""
        inputs = [torch.tensor(feeds[name], device=self._device) for name in INPUTS]
        with torch.inference_mode():
            results = [output.cpu().numpy() for output in self._network(*inputs)]
        return narrow(results, feeds, self._label)

    def release(self) -> None:
        """Give back what torch keeps on a GPU; on a CPU it keeps nothing."""
        if self._device == "cuda":
            torch.cuda.empty_cache()


def load_trained(
    wanted: str | Path,
    device: Literal["cpu", "cuda"] = "cpu",
    *,
    options: SessionOptions | None = None,
) -> Model:
    """Load what `wanted` names: a run's folder, a checkpoint, or a model by its name or its file.

    `options` are for a model's file; torch has its own. Raises `ModelNotFoundError`, what
    `load_model` does of a file that cannot be used, and what `load_checkpoint` does.
    """
    path = find_weights(wanted)
    if is_released(path):
        return load_model(path, device=device, options=options or SessionOptions())
    return load_checkpoint(path, device)


def load_checkpoint(
    path: Path,
    device: Literal["cpu", "cuda"] = "cpu",
    *,
    intervals: Mapping[str, float] | None = None,
) -> Model:
    """Load the averaged weights of a training run, of any kind of network, as a model.

    `intervals` are those of the model's information: none, as a checkpoint's error map is not
    calibrated. The model calls itself by the recipe's name and the steps of training, and never
    warns of a density. Raises `CheckpointError` for a file that is no checkpoint of this version,
    and `InvalidValueError` for a device that torch does not see.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise InvalidValueError("device", device, "cpu, as this torch sees no CUDA device")
    loaded = load_network(path)
    info = _info(path, loaded, dict(intervals or {}))
    data = path.read_bytes()
    file = ModelFile(path, data, hashlib.sha256(data).hexdigest(), info)
    engine = TorchEngine(loaded.network, f"{info.name} {info.version} ({path})", device)
    choice = DeviceChoice(
        device, device, "asked for", f"torch {torch.__version__}", torch.get_num_threads()
    )
    return Model(file, engine, choice, SessionOptions())


def _info(path: Path, loaded: Loaded, intervals: dict[str, float]) -> ModelInfo:
    config = loaded.network.config
    # Runs from before there were others are of microtubules.
    structures = tuple(loaded.recipe.get("data", {}).get("structures", ("microtubules",)))
    if len(structures) != config.structures:
        problem = f"its network has {config.structures} structures, its recipe {len(structures)}"
        raise CheckpointError(path, problem)
    quarter = {"widefield_estimate": "localizations per quarter pixel over the exposure"}
    return ModelInfo(
        contract=CONTRACT_VERSION,
        name=str(loaded.recipe.get("name", config.kind)),
        version=f"step-{loaded.steps}",
        pixel_nm=DEFAULT_PIXEL_NM,
        stride=loaded.network.stride,
        halo_px=WHOLE_PX,
        structures=structures,
        psf_sigma_nm=config.psf_sigma_px * DEFAULT_PIXEL_NM,
        intervals=intervals,
        intervals_widefield=intervals,
        density_range_per_um2=(0.0, math.inf),
        units=dict.fromkeys(OUTPUTS, _UNIT) | quarter,
        training=f"{config.kind}, checkpoint after {loaded.steps} steps, not exported",
        licence="not released",
        weights_sha256="",
    )
