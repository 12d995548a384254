"""What training asks for, each part behind an entry of the recipe's section [loss].

The backbone is the likelihood of localizations that the network never saw (`likelihood`). Pictures
(`pictures`), the widefield image (`widefield`) and a critic (`adversarial`) may be added to it; all
of them are off unless a recipe gives them a weight.
"""

from annapalm_export.train.losses.combined import training_loss
from annapalm_export.train.losses.config import LossConfig
from annapalm_export.train.losses.likelihood import (
    FLOOR,
    PRIOR_TOTAL,
    invented,
    laplace_nll,
    shape_nll,
    total_deviance,
)

__all__ = [
    "FLOOR",
    "PRIOR_TOTAL",
    "LossConfig",
    "invented",
    "laplace_nll",
    "shape_nll",
    "total_deviance",
    "training_loss",
]
