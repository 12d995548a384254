"""Fine-tuning: weights of another run, or a larger network or one of other structures from them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from annapalm_export.train import checkpoint
from annapalm_export.train.grow import grow, is_larger, misfit
from annapalm_export.train.weights import load_weights

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from annapalm_export.train.dataset import Batch
    from annapalm_export.train.network import Network

SETTLING = 16
"""Batches from which `settle_norms` takes moments."""
PER_STRUCTURE = ("side.weight", "structure_deep.weight", "switch.weight")
"""Ends of the names of convolutions that see one plane per structure, after any others."""


def start_from(path: Path, model: Network, structures: Sequence[str]) -> str:
    """Give `model` the averaged weights of a checkpoint or model file; return a line for the log.

    `structures` are those of `model`, in its order. What the old network does for a structure, the
    new one does for the structure of that name; structures that are not asked for are left behind.
    Where the old one knows but one structure, every new one begins as a copy of it, and is then as
    good as that was. Where `model` is wider or deeper, it draws what the smaller network did
    (`annapalm_export.train.grow`). Raises `CheckpointError` where the weights are not those of such
    a network.
    """
    state = load_weights(path)
    old, new = state.get("average"), model.state_dict()
    if not isinstance(old, dict):
        raise checkpoint.CheckpointError(path, "it holds no averaged weights to start from")
    known = _structures(state)
    fitted = {n: _fit(path, n, w, known, structures) if n in new else w for n, w in old.items()}
    if problem := misfit(fitted, model):
        raise checkpoint.CheckpointError(path, problem)
    line = f"starts from {path} (step {state.get('step', 'unknown')})"
    changed = ", ".join(name for name in old if fitted[name] is not old[name])
    if changed and len(known) == 1:
        line += f"; each of {len(structures)} structures begins as {known[0]} ({changed})"
    elif changed:
        line += f"; {', '.join(structures)} of {len(known)} structures ({changed})"
    if is_larger(fitted, model):
        before, after = (sum(w.numel() for w in weights.values()) for weights in (fitted, new))
        line += f"; grown from {before / 1e6:.2f} to {after / 1e6:.2f} million numbers"
    grow(fitted, model)
    return line


@torch.no_grad()
def settle_norms(model: Network, batches: Iterable[Batch]) -> None:
    """Give batch norms the moments of what they see on `batches`, and change no output.

    In training they go by the batch, and would bring every feature at once to the mean and variance
    that its norm has: not what the weights behind it learned, where the moments are of other crops,
    of a layer that is new, or of none, as in a model file, whose norms are folded
    (`annapalm_export.train.released`). Scale and offset take up the difference.
    """
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    sums: dict[nn.Module, list[Tensor]] = {norm: [] for norm in norms}

    def look(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0].double()
        mean = x.mean((0, 2, 3))
        sums[norm].append(torch.stack([torch.ones_like(mean), mean, (x**2).mean((0, 2, 3))]))

    hooks = [norm.register_forward_pre_hook(look) for norm in norms]
    was_training = model.training
    model.eval()
    try:
        for batch in batches:
            ones = torch.ones_like(batch.widefield_scale)
            model(batch.counts, batch.widefield, batch.widefield_scale, ones, batch.structure)
    finally:
        for hook in hooks:
            hook.remove()
        model.train(was_training)
    for norm in norms:
        _take_moments(norm, torch.stack(sums[norm]).sum(0))


def freeze_norms(model: Network) -> None:
    """Make batch norms of a model in training use the moments that they have.

    By the batch they go by other moments for every few crops, and what is trained is then not what
    is used: with those of the batch `structures` 1.1.2 explains crops worse by 0.036 bits. That
    freezing them at the end of a training helps is known: Wu, Johnson 2021, arXiv:2105.07576.
    """
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def _take_moments(norm: nn.BatchNorm2d, sums: Tensor) -> None:
    """Set mean and variance from sums [3,C] of 1, x and x², with scale and offset to match."""
    mean = sums[1] / sums[0]
    variance = (sums[2] / sums[0] - mean**2).clamp_min(0.0)
    old_mean, old_variance = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
    slope = norm.weight.double() / torch.sqrt(old_variance.double() + norm.eps)
    offset = norm.bias.double() + (mean - old_mean.double()) * slope
    norm.weight.copy_(slope * torch.sqrt(variance + norm.eps))
    norm.bias.copy_(offset)
    old_mean.copy_(mean)
    old_variance.copy_(variance)


def trained_before(path: Path) -> list[dict[str, Any]]:
    """List the runs that these weights went through, in order: name, steps, structures.

    Of runs from before this was kept the last alone is known.
    """
    state = load_weights(path)
    recipe = json.loads(state.get("recipe", "{}"))
    last = {
        "name": recipe.get("name", "unknown"),
        "steps": int(state.get("step", 0)),
        "structures": _structures(state),
    }
    if "averaged" in recipe:  # `annapalm_export.train.average`
        last["averaged"] = recipe["averaged"]
    return [*recipe.get("earlier", ()), last]


def _structures(state: Mapping[str, Any]) -> list[str]:
    """Name the structures of a checkpoint in the order of its planes; [] where it does not say."""
    return list(json.loads(state.get("recipe", "{}")).get("data", {}).get("structures", ()))


def _fit(path: Path, name: str, old: Tensor, known: Sequence[str], wanted: Sequence[str]) -> Tensor:
    """Return the old weight, of its planes per structure those of `wanted`, in that order."""
    same = list(known) in ([], list(wanted)) or len(known) == len(wanted) == 1
    if same or not name.endswith(PER_STRUCTURE) or old.ndim != 4:
        return old
    others = 3 if name.endswith("side.weight") else 0  # planes that are no structure
    planes = {structure: others + place for place, structure in enumerate(known)}
    if len(known) == 1:
        planes = dict.fromkeys(wanted, others)
    if absent := [structure for structure in wanted if structure not in planes]:
        message = f"it knows {', '.join(known)}, and not {absent[0]}"
        hint = "only a network of a single structure lends what it does to others"
        raise checkpoint.CheckpointError(path, f"{message}; {hint}")
    return old[:, [*range(others), *(planes[structure] for structure in wanted)]]
