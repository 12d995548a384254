"""The weights of a released model, to go on from: nobody else has the run that made it.

A model file holds the network with its norms folded into the convolutions
(`annapalm_export.to_onnx.graph.inference_copy`). Here they are unfolded again, as norms that change
nothing; `annapalm_export.train.start.settle_norms` gives them the moments that training needs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import onnx
import torch
from onnx import numpy_helper
from torch import nn

from annapalm.contract import QUARTER
from annapalm.errors import InvalidValueError
from annapalm_export.train.checkpoint import CheckpointError
from annapalm_export.train.network import NetworkConfig, Student

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

RECIPE = "recipe.json"
SUFFIX = ".onnx"


def is_released(path: Path) -> bool:
    """Tell whether a path names a model file and not a checkpoint."""
    return path.suffix == SUFFIX


def read_released(path: Path) -> dict[str, Any]:
    """Read model.onnx and the recipe.json beside it as a checkpoint's step, average and recipe.

    The network that takes over these weights computes what the file does, bit for bit up to the
    calibration. Raises `CheckpointError` where there is no recipe or it is not that of the file.
    """
    try:
        recipe = json.loads(path.with_name(RECIPE).read_text(encoding="utf-8"))
        config = NetworkConfig.of_recipe(recipe["network"])
        network = Student(config)
        step = int(recipe.pop("steps_done"))
    except OSError as problem:
        message = f"there is no {RECIPE} beside it, as a released model has ({problem.strerror})"
        raise CheckpointError(path, message) from problem
    except (KeyError, TypeError, ValueError, InvalidValueError) as problem:
        raise CheckpointError(path, f"{RECIPE} beside it cannot be used ({problem})") from problem
    if config.kind != "student":
        raise CheckpointError(path, f"a network of kind '{config.kind}' is in no model file")
    try:
        graph = onnx.load(path).graph
    except Exception as problem:  # onnx raises those of protobuf, too
        raise CheckpointError(path, f"not a readable model ({problem})") from problem
    folded = {w.name: torch.from_numpy(numpy_helper.to_array(w).copy()) for w in graph.initializer}
    try:
        state = unfold(network, folded)
        network.load_state_dict(state)
    except (KeyError, RuntimeError) as problem:
        message = f"its weights are not those of the network in {RECIPE}, as built today"
        raise CheckpointError(path, f"{message} ({problem})") from problem
    return {"step": step, "average": state, "recipe": json.dumps(recipe)}


def unfold(network: Student, folded: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Name folded weights, as of a model file, as `network` does; its norms change nothing."""
    state = dict(network.state_dict())
    side = 3 * QUARTER
    stem = folded["stem.weight"].reshape(-1, 3, QUARTER, 3, QUARTER)
    if stem[0].numel() != side**2:
        raise KeyError("stem.weight")
    # The other way round than `CountsStem.as_strided`: [out, ky, dy, kx, dx] -> [out, dy, dx, ..].
    state["stem.conv.weight"] = stem.permute(0, 2, 4, 1, 3).flatten(1, 2).contiguous()
    biases = _still(network, state)
    for name in state:
        if name.startswith("stem.") or _is_of_norm(name, biases):
            continue
        state[name] = folded[name]
    for conv, norm in biases.items():
        if norm != "enter_norm":
            state[f"{norm}.bias"] = folded[f"{conv}.bias"]
    return state


def _still(network: Student, state: dict[str, Tensor]) -> dict[str, str]:
    """Make every norm one that changes nothing; return which convolution it follows, by names."""
    follows = {}
    for name, module in network.named_modules():
        if not isinstance(module, nn.BatchNorm2d):
            continue
        parent, _, _ = name.rpartition(".")
        follows[f"{parent}.0" if parent else "side"] = name
        moments = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1 - module.eps}
        for part, value in moments.items():
            state[f"{name}.{part}"] = torch.full_like(state[f"{name}.{part}"], value)
    return follows


def _is_of_norm(name: str, follows: Mapping[str, str]) -> bool:
    return name.rpartition(".")[0] in follows.values()
