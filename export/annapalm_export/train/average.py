"""The mean of trained networks: of runs that went on from one another, or from the same weights.

Such runs lie in one valley of the loss, and the mean of their weights is better than most of them
("model soups": Wortsman et al. 2022, arXiv:2203.05482); that of a fine-tuned network and the one it
began with keeps more of what the latter could (WiSE-FT: Wortsman et al. 2021, arXiv:2109.01903).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch

from annapalm.errors import InvalidValueError
from annapalm_export.simulate.files import ExistingOutputError
from annapalm_export.to_onnx.graph import inference_copy
from annapalm_export.train import checkpoint
from annapalm_export.train.network import NetworkConfig, Student
from annapalm_export.train.networks import Loaded, load_network
from annapalm_export.train.own_data import sessions
from annapalm_export.train.released import unfold
from annapalm_export.train.start import trained_before
from annapalm_export.train.weights import CHECKPOINT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def average(paths: Sequence[Path], folder: Path) -> Path:
    """Write the mean of the weights of checkpoints or model files into `folder`/checkpoint.pt.

    A path that is given twice counts twice. Norms are folded into the convolutions first, for each
    run has moments of its own. The recipe is that of the last path; its `averaged` says what each
    of them went through, its `real` which tables any of them has seen. Such a checkpoint can be
    exported, released or begun with, and not be resumed. Raises `InvalidValueError` for fewer than
    two paths or another kind of network than a student, `CheckpointError` where the networks or
    their structures are not alike, and `ExistingOutputError` where there is a checkpoint already.
    """
    target = folder / CHECKPOINT
    if target.exists():
        raise ExistingOutputError(target, "Choose another folder.")
    if len(paths) < 2:
        raise InvalidValueError("runs", len(paths), "two or more to take the mean of")
    loaded = [load_network(path) for path in paths]
    first, last = loaded[0], loaded[-1]
    for path, other in zip(paths, loaded, strict=True):
        if _kind(other) != _kind(first):
            problem = f"its network or its structures are others than those of {paths[0]}"
            raise checkpoint.CheckpointError(path, problem)
    weights = [dict(inference_copy(each.network).named_parameters()) for each in loaded]
    # Summed in float64: the mean of equal weights is these weights, bit for bit.
    mean = {
        name: torch.stack([w[name].double() for w in weights]).mean(0).to(weight.dtype)
        for name, weight in weights[0].items()
    }
    seen = {"averaged": [trained_before(path) for path in paths], "real": _seen(paths)}
    state = {
        "step": last.steps,
        "average": unfold(Student(last.network.config), mean),
        "recipe": json.dumps(last.recipe | seen),
    }
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint.save(target, state)
    return target


def _kind(loaded: Loaded) -> tuple[NetworkConfig, list[str]]:
    """Return what must be alike: the network's shape, and what its structure input means."""
    return loaded.network.config, list(loaded.recipe["data"]["structures"])


def _seen(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Real tables that any of them has learned from, each session once."""
    found: list[dict[str, Any]] = []
    for path in paths:
        for session in sessions(path):
            before = {**session, "run": False}
            if before not in found:
                found.append(before)
    return found
