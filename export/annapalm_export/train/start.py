"""Fine-tuning: weights of another run, or a network of more structures grown from them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch

from annapalm_export.train import checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

PER_STRUCTURE = ("side.weight", "structure_deep.weight", "switch.weight")
"""Ends of the names of convolutions that see one plane per structure, after any others."""


def start_from(path: Path, model: nn.Module) -> str:
    """Give `model` the averaged weights of the checkpoint at `path`; return a line for the log.

    Where the checkpoint knows one structure and `model` several, what the network does for the one
    is copied for each: it is then as good for a new structure as it was for the old. Raises
    `CheckpointError` where a weight is missing, unknown or of another shape.
    """
    state = checkpoint.load(path)
    old, new = state.get("average"), model.state_dict()
    if not isinstance(old, dict):
        raise checkpoint.CheckpointError(path, "it holds no averaged weights to start from")
    if missing := sorted(set(new) ^ set(old)):
        problem = f"it belongs to another kind of network ({missing[0]} is in one of the two alone)"
        raise checkpoint.CheckpointError(path, problem)
    fitted = {name: _fit(path, name, old[name], new[name]) for name in new}
    model.load_state_dict(fitted)
    line = f"starts from {path} (step {state.get('step', 'unknown')})"
    grown = [name for name in new if old[name].shape != new[name].shape]
    if grown:
        more = new[grown[0]].shape[1] - old[grown[0]].shape[1]
        line += f"; {more} new structure(s) begin as copies of its only one ({', '.join(grown)})"
    return line


def trained_before(path: Path) -> list[dict[str, Any]]:
    """List the runs that a checkpoint's weights went through, in order: name, steps, structures.

    Of runs from before this was kept the last alone is known.
    """
    state = checkpoint.load(path)
    recipe = json.loads(state.get("recipe", "{}"))
    last = {
        "name": recipe.get("name", "unknown"),
        "steps": int(state.get("step", 0)),
        "structures": list(recipe.get("data", {}).get("structures", ())),
    }
    return [*recipe.get("earlier", ()), last]


def _fit(path: Path, name: str, old: Tensor, new: Tensor) -> Tensor:
    """Return the old weight, its one structure's column repeated where `new` has more of them."""
    if old.shape == new.shape:
        return old
    problem = f"'{name}' is {list(old.shape)} there and {list(new.shape)} in this recipe's network"
    if not name.endswith(PER_STRUCTURE) or old.ndim != 4 or new.ndim != 4:
        raise checkpoint.CheckpointError(path, problem)
    rest = (old.shape[0], *old.shape[2:]) == (new.shape[0], *new.shape[2:])
    more = new.shape[1] - old.shape[1]
    others = 3 if name.endswith("side.weight") else 0  # planes that are no structure
    if not rest or more < 0 or old.shape[1] != others + 1:
        hint = "only a network of one structure can be given more of them"
        raise checkpoint.CheckpointError(path, f"{problem}; {hint}")
    return torch.cat([old, *[old[:, -1:]] * more], dim=1)
