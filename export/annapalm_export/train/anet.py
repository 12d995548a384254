"""The A-net: the network of the paper, there to be compared with and never released.

Built from the description of its MIT-licensed part (AnetLib) and the paper, Ouyang et al. 2018,
doi:10.1038/nbt.4106: a pix2pix U-Net of 8 + 8 layers. What is its own weakness is kept: batch norm
takes the moments of the image it is given, also at prediction, so that every pixel depends on the
whole image and no tile can be stitched; and at batch 1 the structure switch cancels in all encoder
layers but the first.

Where the original leaves no choice but to differ, it is said here:

- Inputs are scaled as the student's are (square roots of localizations), not normalised per crop:
  the two then differ in the network alone.
- The picture of the original, a tanh, has no unit. Here it is taken from 0 to 1 and multiplied by
  `PICTURE_TOP`; for dark pixels (1 + tanh(x)) / 2 = sigmoid(2x) is an exponential, so that rates of
  all magnitudes can be said.
- It has no error map of its own without a widefield image: `error` is one constant, which the
  error's loss fits. `background` is 0: it knows none.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf

from annapalm.contract import QUARTER
from annapalm.errors import InvalidValueError
from annapalm_export.train.network import (
    LOG_OFFSET,
    TINY,
    Network,
    NetworkConfig,
    gaussian,
    light_per_localization,
    widefield_of,
)

WIDTHS = (1, 2, 4, 8, 8, 8, 8, 8)
"""Channels of the encoder layers, in units of `NetworkConfig.ngf`."""
INITIAL_SIGMA = 0.02
"""Standard deviation of the weights before training."""
PICTURE_TOP = 10.0
"""Localizations per pixel where the picture is white: above the brightest rates of training, a few
per pixel where filaments with 120 localizations per µm cross."""
DARK = -3.0
"""Where the picture begins, before its tanh: 0.025 localizations per pixel. Begun at grey (5 per
pixel), training is first busy with getting dark."""
DROPPED = 0.5
"""Share of the features that the three innermost decoder layers lose while training."""


class BatchMoments(nn.Module):
    """Batch norm without memory: the moments are always those of the batch at hand.

    Unlike torch's own it takes a single pixel: its variance is 0, and the offset is what is left.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """Map [N,C,H,W] to the same shape, mean `bias` and standard deviation |`weight`|."""
        return torch.batch_norm(
            x,
            self.weight,
            self.bias,
            running_mean=None,
            running_var=None,
            training=True,
            momentum=0.0,
            eps=1e-5,
            cudnn_enabled=torch.backends.cudnn.enabled,
        )


class Encode(nn.Module):
    """LeakyReLU, 4 x 4 convolution of stride 2, the structure's offset, batch norm."""

    def __init__(self, inputs: int, outputs: int, structures: int, *, first: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False)
        self.switch = nn.Conv2d(structures, outputs, 1, bias=False)
        self.norm = nn.Identity() if first else BatchMoments(outputs)
        self.slope = 1.0 if first else 0.2

    def forward(self, x: Tensor, structure: Tensor) -> Tensor:
        """Map [N,C,H,W] and [N,S,1,1] to [N,C',H/2,W/2]."""
        x = self.conv(x if self.slope == 1.0 else nnf.leaky_relu(x, self.slope))
        out: Tensor = self.norm(x + self.switch(structure))
        return out


class Decode(nn.Module):
    """ReLU, nearest x 2, 3 x 3 convolution, batch norm, dropout."""

    def __init__(self, inputs: int, outputs: int, *, dropped: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm = BatchMoments(outputs)
        self.dropout = nn.Dropout(dropped)

    def forward(self, x: Tensor) -> Tensor:
        """Map [N,C,H,W] to [N,C',2H,2W]."""
        x = nnf.interpolate(nnf.relu(x), scale_factor=2.0, mode="nearest")
        out: Tensor = self.dropout(self.norm(self.conv(x)))
        return out


class ANet(Network):
    """The generator; needs sides that are multiples of 256, and gives what `Network` says."""

    stride = 256
    psf: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.ngf * width for width in WIDTHS]
        self.encoder = nn.ModuleList(
            Encode(inputs, outputs, config.structures, first=number == 0)
            for number, (inputs, outputs) in enumerate(zip([2, *widths], widths, strict=False))
        )
        # From the innermost one outward; each but the first also sees the encoder's layer.
        outputs = widths[-2::-1]
        inputs = [widths[-1], *(2 * width for width in outputs)]
        self.decoder = nn.ModuleList(
            Decode(i, o, dropped=DROPPED if number < 3 else 0.0)
            for number, (i, o) in enumerate(zip(inputs, outputs, strict=False))
        )
        self.picture = nn.Conv2d(inputs[-1], 1, 3, padding=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, 0.0, INITIAL_SIGMA)
        nn.init.constant_(self.picture.get_parameter("bias"), DARK)
        self.error_log = nn.Parameter(torch.zeros(()))
        self.exact = False
        self._register_calibration(config.structures)
        self.register_buffer("psf", gaussian(config.psf_sigma_px / QUARTER), persistent=False)

    def forward(
        self,
        counts: Tensor,
        widefield: Tensor,
        widefield_scale: Tensor,
        exposure: Tensor,
        structure: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Compute what `Network.forward` says.

        Raises `InvalidValueError` for sides that are not multiples of 256: eight layers halve them.
        """
        shape = (int(counts.shape[2]), int(counts.shape[3]))
        if shape[0] % self.stride or shape[1] % self.stride:
            must = f"multiples of {self.stride} px for an A-net (data.crop_px in a recipe)"
            raise InvalidValueError("the sides of counts", shape, must)
        light, _ = light_per_localization(widefield, widefield_scale)
        light = nnf.interpolate(
            torch.sqrt(light), scale_factor=float(QUARTER), mode="bilinear", align_corners=False
        )
        picture = self._picture(
            torch.cat([torch.sqrt(nnf.relu(counts - TINY)), light], dim=1),
            structure[:, :, None, None],
        )
        gain = exposure[:, :, None, None]
        of_dense, of_error = self._factors(widefield_scale, structure)
        dense = picture * (PICTURE_TOP * of_dense * gain)
        constant = torch.exp(self.error_log - LOG_OFFSET) * of_error * gain
        background = torch.zeros_like(widefield)
        return dense, constant.expand_as(dense), background, widefield_of(dense, self.psf)

    def _picture(self, planes: Tensor, structure: Tensor) -> Tensor:
        """Make the picture [N,1,H,W], from 0 to 1, of the input planes [N,2,H,W]."""
        seen = []
        x = planes
        for encode in self.encoder:
            x = encode(x, structure)
            seen.append(x)
        seen.pop()
        for decode in self.decoder:
            x = torch.cat([decode(x), seen.pop()], dim=1)
        x = nnf.interpolate(nnf.relu(x), scale_factor=2.0, mode="nearest")
        # (1 + tanh(x)) / 2, without losing what is dark to rounding.
        return torch.sigmoid(2.0 * self.picture(x))
