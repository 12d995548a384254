"""The networks by name: made from a recipe, read from a checkpoint, and what they cost."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from annapalm.contract import QUARTER
from annapalm.errors import InvalidValueError
from annapalm_export.train import checkpoint
from annapalm_export.train.anet import ANet
from annapalm_export.train.network import KINDS, Network, NetworkConfig, Student
from annapalm_export.train.weights import load_weights

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "Cost",
    "Loaded",
    "Network",
    "build_network",
    "load_network",
    "measure_cost",
    "network_stride",
]

_CLASSES: dict[str, type[Student | ANet]] = dict(zip(KINDS, (Student, ANet), strict=True))


@dataclass(frozen=True, slots=True)
class Loaded:
    """A trained network, in evaluation mode, and how it came about."""

    network: Network
    recipe: dict[str, Any]
    """As `annapalm_export.train.config.Recipe`, in plain values."""
    steps: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What a network costs, wherever it runs."""

    parameters: int
    macs_per_px: float
    """Multiplications with addition in all convolutions, per pixel of `counts`."""


def network_stride(config: NetworkConfig) -> int:
    """Of what the sides of `counts` must be multiples for such a network, px."""
    return _CLASSES[config.kind].stride


def build_network(config: NetworkConfig) -> Network:
    """Make the network that `config.kind` names, with random weights."""
    return _CLASSES[config.kind](config)


def load_network(path: Path) -> Loaded:
    """Read the averaged weights of a checkpoint, of any kind of network, or of a model file.

    Raises `CheckpointError` for a damaged checkpoint or one of another program version.
    """
    state = load_weights(path)
    try:
        recipe = json.loads(state["recipe"])
        network = build_network(NetworkConfig.of_recipe(recipe["network"]))
        network.load_state_dict(state["average"])
        steps = int(state["step"])
    except (KeyError, TypeError, RuntimeError, json.JSONDecodeError, InvalidValueError) as problem:
        raise checkpoint.CheckpointError(
            path, f"not a checkpoint of this version of annapalm-export ({problem})"
        ) from problem
    return Loaded(network.eval(), recipe, steps)


def measure_cost(network: Network) -> Cost:
    """Count parameters, and the work on a field of 2 x 2 strides, without computing it."""
    side = 2 * network.stride
    with torch.device("meta"):
        images = [torch.zeros((1, 1, n, n)) for n in (side, side // QUARTER)]
        one, structure = torch.ones((1, 1)), torch.zeros((1, network.config.structures))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        copy.deepcopy(network).eval().to("meta")(*images, one, one, structure)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    # The counter takes a multiplication and an addition as two.
    return Cost(parameters, counter.get_total_flops() / 2 / side**2)
