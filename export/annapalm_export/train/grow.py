"""A larger network that begins as a smaller trained one: nothing that was learned is learned anew.

Wider layers, more blocks at 1/16 and more convolutions elsewhere are put in so that every output
stays what it was, up to the new blocks, which begin faint. What training adds is capacity. Sources:
Net2Net (Chen, Goodfellow, Shlens 2016, arXiv:1511.05641) for the idea and for layers that begin as
the identity; new channels begin with random inputs and unheard, in place of copies of old ones.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import torch
from torch import nn

from annapalm_export.train.network import Student

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

FAINT = 0.1
"""Scale of the last norm of a new residual block: at 0 its ReLU would let no gradient through."""
_MORE = re.compile(r"^(enter|up1|up2|deep)\.(\d+)\.")
"""What a student may have more of; `deep` are residual blocks, the others convolutions."""


def misfit(old: Mapping[str, Tensor], new: nn.Module) -> str | None:
    """Say why `new` is no larger form of the network of the weights `old`; None where it is.

    The same network is one of them. Students alone have larger forms.
    """
    state = new.state_dict()
    may_grow = isinstance(new, Student)
    odd = [n for n in state if n not in old and not (may_grow and _MORE.match(n))]
    if odd := sorted({*odd, *(set(old) - set(state))}):
        return f"it belongs to another kind of network ({odd[0]} is in one of the two alone)"
    for name in old:
        there, here = old[name].shape, state[name].shape
        larger = may_grow and len(there) == len(here) and all(map(int.__le__, there, here))
        if there != here and not larger:
            return f"'{name}' is {list(there)} there and {list(here)} in this recipe's network"
    return None


@torch.no_grad()
def grow(old: Mapping[str, Tensor], new: nn.Module) -> None:
    """Give `new` the weights `old` of a smaller network; `misfit` must have found nothing.

    Norms of what is new have no moments yet: see `annapalm_export.train.start.settle_norms`.
    """
    for name, weight in new.state_dict().items():
        if name in old:
            _put_inside(weight, old[name])
    for name, module in new.named_modules():
        if not isinstance(module, nn.Conv2d | nn.BatchNorm2d) or f"{name}.weight" in old:
            continue
        if name.startswith("deep."):
            if re.search(r"convs\.1\.1$", name):  # the norm behind the block's last convolution
                module.weight.fill_(FAINT)
        elif isinstance(module, nn.Conv2d):
            # Behind a ReLU: what comes in is positive, and passes.
            nn.init.dirac_(module.weight)


def _put_inside(new: Tensor, old: Tensor) -> None:
    """Set the part of a weight that `old` has; old outputs do not hear new inputs."""
    if new.ndim > 1:
        new[: old.shape[0]] = 0.0
    new[tuple(slice(side) for side in old.shape)] = old


def is_larger(old: Mapping[str, Tensor], new: nn.Module) -> bool:
    """Tell whether `new` has layers or channels that the weights `old` have not."""
    state = new.state_dict()
    return any(name not in old or old[name].shape != state[name].shape for name in state)
