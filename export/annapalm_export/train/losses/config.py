"""The entries of a recipe's section [loss]."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Literal, get_args

from annapalm.errors import InvalidValueError

CountModel = Literal["poisson", "negative_binomial"]
PictureScale = Literal["sqrt", "linear"]


@dataclass(frozen=True, slots=True)
class LossConfig:
    """Weights of the parts; all are means per localization or per pixel. 0 leaves a part out."""

    shape: float = 1.0
    """Shape of `dense` at the structure's held-out localizations: the backbone. 0 only to train a
    network by pictures alone, for comparison."""
    total: float = 0.5
    """Totals of structure and background."""
    everything: float = 0.5
    """Shape of dense + background at all held-out localizations, beside that of dense alone."""
    invented: float = 0.0
    """Structure drawn in crops that hold none, as a share of their localizations: `invented`."""
    noise_free: float = 0.5
    """Share of the target that is the simulation's noise-free rate instead of its held-out
    localizations: the same expectation over labels, without their noise. 0 on real tables."""
    teacher: str = ""
    """A run or released model whose pictures are learned from too (`train.teacher`); "": none."""
    taught: float = 0.5
    """Share of the shape's noise-free part that is the teacher's picture, where there is one."""
    error: float = 1.0
    """Likelihood of the error head (it shares no gradient with the rest)."""
    count_model: str = "poisson"
    """How totals scatter, a `CountModel`: see `likelihood.total_deviance`."""
    clump: float = 5.0
    """Localizations of one emitter in an input, for the negative binomial; at least 1. In the
    simulated blocks the mean over localizations is 2.6 to 12.6 (5 to 95 %), 5.5 at the median."""
    l1: float = 0.0
    """Mean absolute difference to the noise-free picture (simulated samples alone)."""
    ms_ssim: float = 0.0
    """1 - multi-scale structural similarity to the noise-free picture (likewise)."""
    picture_scale: str = "sqrt"
    """How rates become pictures, a `PictureScale`: see `pictures.picture`."""
    widefield: float = 0.0
    """Agreement of `widefield_estimate` with the widefield image, where there is one."""
    adversarial: float = 0.0
    """How real the picture looks to a critic that is trained beside the network."""
    adversarial_width: int = 64
    """Channels of the critic's first layer."""
    adversarial_learning_rate: float = 2e-4

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, float) and not (math.isfinite(value) and value >= 0):
                raise InvalidValueError(f.name, value, "a finite number of at least 0")
        for name in ("noise_free", "taught"):
            if getattr(self, name) > 1:
                raise InvalidValueError(name, getattr(self, name), "a share, 0 to 1")
        if self.clump < 1:
            raise InvalidValueError("clump", self.clump, "at least 1")
        if self.adversarial_width < 1:
            raise InvalidValueError("adversarial_width", self.adversarial_width, "at least 1")
        for name, known in (("count_model", CountModel), ("picture_scale", PictureScale)):
            if getattr(self, name) not in get_args(known):
                wanted = "one of " + ", ".join(get_args(known))
                raise InvalidValueError(name, getattr(self, name), wanted)
