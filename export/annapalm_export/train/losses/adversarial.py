"""A critic that tells reconstructions from noise-free pictures: least-squares GAN, PatchGAN.

The loss of the original (its weight there: 1 beside 20 for the picture). It asks only that a
picture be one that could be true, so it rewards invented structure as long as that looks real:
off by default, and here to be measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf

from annapalm.contract import QUARTER
from annapalm_export.train.losses.combined import known_truth
from annapalm_export.train.losses.pictures import picture

if TYPE_CHECKING:
    from annapalm_export.train.dataset import Batch
    from annapalm_export.train.losses.config import LossConfig


class Critic(nn.Module):
    """PatchGAN (Isola et al. 2017, doi:10.1109/CVPR.2017.632): one verdict per 70 x 70 px patch.

    4 x 4 convolutions of 1, 2, 4, 8 times `width` channels and 1, the last two of stride 1;
    LeakyReLU 0.2; batch norm by the current batch's moments except in the first and last (it never
    leaves training, so the rule against such statistics does not bind it); weights N(0, 0.02).
    """

    def __init__(self, planes: int, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(planes, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for wide, stride in ((2, 2), (4, 2), (8, 1)):
            norm = nn.BatchNorm2d(width * wide, track_running_stats=False)
            conv = nn.Conv2d(width * wide // 2, width * wide, 4, stride, 1, bias=False)
            layers += [conv, norm, nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width * 8, 1, 4, 1, 1))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, 0.0, 0.02)

    def forward(self, picture: Tensor, condition: Tensor) -> Tensor:
        """Judge pictures [N,1,H,W], sides at least 32 px, given what the network saw [N,C,H,W].

        Returns [N,1,h,w], towards 1 for true and towards 0 for made.
        """
        verdict: Tensor = self.layers(torch.cat([picture, condition], dim=1))
        return verdict


class Adversary:
    """The critic with its optimizer: what to add to a loss, and how the critic learns.

    Least squares (Mao et al. 2017, doi:10.1109/ICCV.2017.304) with targets 1 and 0:
    the network minimises mean (D(made) - 1)² / 2, the critic the mean of
    (D(true) - 1)² / 2 + D(made)² / 2. Adam with beta1 0.5, as the original.
    """

    def __init__(self, config: LossConfig, structures: int, device: str) -> None:
        self.scale = config.picture_scale
        # Counts, light, presence of a widefield image, structures; and the picture.
        self.critic = Critic(4 + structures, config.adversarial_width).to(device)
        self.optimizer = torch.optim.Adam(
            self.critic.parameters(), lr=config.adversarial_learning_rate, betas=(0.5, 0.999)
        )

    def fool(self, dense: Tensor, batch: Batch) -> Tensor:
        """Return the network's loss for `dense` [N,1,H,W]; 0 where no sample has a known truth.

        Pictures of real tables are not judged: the critic knows the truth of simulations alone.
        """
        known = known_truth(batch)
        if not bool(known.any()):
            return dense.sum() * 0.0
        made = picture(dense[known], batch.ratio[known], self.scale)
        self.critic.requires_grad_(requires_grad=False)
        verdict = self.critic(made, _condition(batch)[known])
        self.critic.requires_grad_(requires_grad=True)
        loss: Tensor = 0.5 * ((verdict - 1) ** 2).mean()
        return loss

    def learn(self, dense: Tensor, batch: Batch) -> float:
        """Take one step of the critic on what the network drew; return its loss."""
        known = known_truth(batch)
        if not bool(known.any()):
            return 0.0
        made = picture(dense.detach()[known], batch.ratio[known], self.scale)
        true = picture(batch.rate[known], batch.ratio[known], self.scale)
        condition = _condition(batch)[known]
        loss = 0.5 * ((self.critic(true, condition) - 1) ** 2).mean()
        loss = loss + 0.5 * (self.critic(made, condition) ** 2).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())

    def state_dict(self) -> dict[str, Any]:
        """Return everything that a resumed run needs."""
        return {"critic": self.critic.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a state; KeyError, RuntimeError or ValueError where it belongs elsewhere."""
        self.critic.load_state_dict(state["critic"])
        self.optimizer.load_state_dict(state["optimizer"])


def _condition(batch: Batch) -> Tensor:
    """Make the inputs as planes of the full size, scaled as the network does: [N,3+S,H,W]."""
    scale = batch.widefield_scale[:, :, None, None]
    present = (scale > 0).to(scale.dtype)
    light = torch.sqrt(batch.widefield * present / torch.where(scale > 0, scale, 1.0))
    light = nnf.interpolate(light, scale_factor=float(QUARTER), mode="nearest")
    known = torch.cat([present, batch.structure[:, :, None, None]], dim=1)
    planes = known.expand(-1, -1, *batch.counts.shape[2:])
    return torch.cat([torch.sqrt(batch.counts), light, planes], dim=1)
