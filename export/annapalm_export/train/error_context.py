"""What the error head needs to know beside what its hidden features keep of one place.

An expected error follows, first of all, what is drawn: the logarithms of the rates are there, and
from a few hidden features they can only be guessed. How sure a picture is depends on its
surroundings (is there a line that this piece belongs to?) and, with a widefield image, on whether
the picture explains the light: where structure is drawn and none shines, it is false. Both are
looked at on pixels of an eighth of the field's sides, where they cost little.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf

from annapalm.contract import QUARTER

PLANES = 3
"""Roots of the light seen and of the light that the picture explains, and whether there is any."""


class ErrorContext(nn.Module):
    """Factors on the expected error, as logarithms; the root of the rate before it has learned."""

    def __init__(self, features: int, width: int) -> None:
        """Take the channels of the features at 1/8, and those to look with."""
        super().__init__()
        self.drawn = nn.Conv2d(QUARTER**2, QUARTER**2, 1)
        self.features = nn.Conv2d(features, width, 1)
        self.light = nn.Conv2d(PLANES, width, 3, padding=1, bias=False)
        self.around = nn.Conv2d(width, width, 3, padding=1)
        self.factor = nn.Conv2d(width, 4, 1)
        with torch.no_grad():
            for conv in (self.drawn, self.factor):
                conv.weight.zero_()
                conv.get_parameter("bias").zero_()
            # The root of the rate: the error of a Poisson count is proportional to it.
            self.drawn.weight += 0.5 * torch.eye(QUARTER**2)[:, :, None, None]

    def forward(
        self, drawn: Tensor, features: Tensor, light: Tensor, explained: Tensor, present: Tensor
    ) -> Tensor:
        """Make what is added to the head's logarithms of errors: [N,16,H/4,W/4].

        `drawn` [N,16,H/4,W/4] are the logarithms of the rates, `features` [N,C,H/8,W/8]. `light`
        and `explained`, [N,1,H/4,W/4], are the widefield image and the one that the picture would
        give, uncalibrated, in localizations per quarter pixel at exposure 1, >= 0; `present` [N,1]
        is 0 where there is no widefield image, and then neither counts.
        """
        there = present[:, :, None, None]
        planes = torch.sqrt(nnf.avg_pool2d(torch.cat([light, explained], dim=1) * there, 2))
        known = there.expand(-1, -1, planes.shape[2], planes.shape[3])
        x = self.features(features) + self.light(torch.cat([planes, known], dim=1))
        x = nnf.relu(self.around(nnf.relu(x)))
        log: Tensor = self.drawn(drawn) + nnf.pixel_shuffle(self.factor(x), 2)
        return log
