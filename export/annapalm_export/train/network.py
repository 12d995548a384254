"""The student: a small U-Net behind a 4 x space-to-depth, fast on two CPU cores.

No normalisation depends on the crop: batch norm is folded at export, and nothing is pooled over
the image, so that a tile gives the same pixels as the whole field.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf

from annapalm.contract import QUARTER
from annapalm.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = ("student", "anet")
"""What `annapalm_export.train.networks.build_network` makes."""

TINY = 1e-30
"""Inputs below it are taken as 0: denormal numbers make a CPU up to 100 times slower."""
LOG_OFFSET = 4.0
"""exp(-4) = 0.018 localizations per pixel: where the rates of filaments lie."""
LEAST_LOG = -26.0
"""Least logarithm of a rate: float32 and a CPU still handle it as a normal number after every later
product."""
MIRRORS: tuple[tuple[int, ...], ...] = ((), (2,), (3,), (2, 3))
"""Axes of [N,C,H,W] to mirror for each look at a field. Turning by 90° would need square fields."""


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """Shape of a network; the defaults are the fast student.

    Raises `InvalidValueError` for a kind that does not exist and for numbers that make no network.
    """

    kind: str = "student"
    """One of `KINDS`: "student", or "anet", which is there to be compared with."""
    widths: tuple[int, int, int] = (48, 96, 128)
    """Channels at 1/4, 1/8 and 1/16 of the image's sides; multiples of 16 run fastest."""
    enter_convs: int = 0
    """Convolutions at 1/4 between the first one and the pooling."""
    deep_blocks: int = 2
    """Residual blocks of two convolutions at 1/16."""
    up_half_convs: int = 1
    """Convolutions at 1/8 after what comes up from 1/16 was added."""
    up_full_convs: int = 2
    """Convolutions at 1/4 after what comes up from 1/8 was added."""
    error_width: int = 32
    """Hidden channels of the error head (1 x 1: the features have the context already)."""
    ngf: int = 64
    """Channels of the first layer of an A-net, the only one of these shapes that it has; a
    student has no use for it."""
    looks: int = 1
    """1, or 4: what is drawn is the mean of the field and its three mirror images, each looked at
    by itself, at four times the work. Training looks once."""
    structures: int = 1
    psf_sigma_px: float = 6.25
    """PSF of `widefield_estimate`, in pixels of the full grid (125 nm at 20 nm)."""

    def __post_init__(self) -> None:
        """Check once; a recipe's values come through here."""
        if self.kind not in KINDS:
            raise InvalidValueError("network.kind", self.kind, f"one of {', '.join(KINDS)}")
        if len(self.widths) != 3 or not all(_whole(width, 1) for width in self.widths):
            raise InvalidValueError("network.widths", self.widths, "three whole numbers above 0")
        for name in ("error_width", "ngf", "structures"):
            if not _whole(getattr(self, name), 1):
                raise InvalidValueError(
                    f"network.{name}", getattr(self, name), "a whole number above 0"
                )
        if self.looks not in (1, len(MIRRORS)) or isinstance(self.looks, bool):
            raise InvalidValueError("network.looks", self.looks, f"1 or {len(MIRRORS)}")
        for name in ("enter_convs", "deep_blocks", "up_half_convs", "up_full_convs"):
            if not _whole(getattr(self, name), 0):
                raise InvalidValueError(
                    f"network.{name}", getattr(self, name), "a whole number, at least 0"
                )
        if not (math.isfinite(self.psf_sigma_px) and self.psf_sigma_px > 0):
            raise InvalidValueError("network.psf_sigma_px", self.psf_sigma_px, "finite and above 0")

    @classmethod
    def of_recipe(cls, values: Mapping[str, Any]) -> Self:
        """Make a shape from the plain values of a recipe, as JSON has them.

        Raises KeyError or TypeError where they are not those of a shape.
        """
        return cls(**dict(values, widths=tuple(values["widths"])))


def _whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


class Network(nn.Module, ABC):
    """What training, calibration and evaluation need of a network of whatever kind."""

    stride: ClassVar[int]
    """The sides of `counts` must be multiples of it, px."""
    config: NetworkConfig
    calibration: Tensor
    """float32 [2, S, 2]: factors without and with widefield image (first axis), for each structure,
    on `dense` and on `error` (last), set by `annapalm_export.calibrate`; 1 while training."""
    exact: bool
    """Give every pixel the same bits wherever in an image, and in an image of whatever size, it is
    computed; set for inference (`Student._log1p`)."""

    @abstractmethod
    def forward(
        self,
        counts: Tensor,
        widefield: Tensor,
        widefield_scale: Tensor,
        exposure: Tensor,
        structure: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return dense [N,1,H,W], error [N,1,H,W], background and widefield_estimate [N,1,H/4,W/4].

        Inputs, outputs and units are those of `annapalm.contract`.
        """

    def _register_calibration(self, structures: int) -> None:
        self.register_buffer("calibration", torch.ones((2, structures, 2)), persistent=False)

    def _factors(self, widefield_scale: Tensor, structure: Tensor) -> tuple[Tensor, Tensor]:
        """Calibration of `dense` and of `error`, [N,1,1,1] each, from inputs [N,1] and [N,S]."""
        absent, present = (structure @ factors for factors in self.calibration)
        both = torch.where(widefield_scale > 0, present, absent)
        return both[:, :1, None, None], both[:, 1:, None, None]


def _conv(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs, momentum=0.02),
        nn.ReLU(),
    )


def _convs(width: int, number: int) -> nn.Sequential:
    return nn.Sequential(*(_conv(width, width) for _ in range(number)))


class Residual(nn.Module):
    """Two convolutions around which the input is added."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convs = _convs(width, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Map [N,C,H,W] to the same shape."""
        out: Tensor = x + self.convs(x)
        return out


class CountsStem(nn.Module):
    """The first convolution over the counts: space-to-depth by 4, then 3 x 3."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(QUARTER**2, width, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map [N,1,H,W] to [N,C,H/4,W/4]."""
        out: Tensor = self.conv(nnf.pixel_unshuffle(x, QUARTER))
        return out

    def as_strided(self) -> nn.Conv2d:
        """Make the same map as one 12 x 12 convolution of stride 4.

        Without the transposed copy of the image it is three times as fast in ONNX Runtime; it is
        slower to train, hence the other form.
        """
        side = 3 * QUARTER
        conv = nn.Conv2d(1, self.conv.out_channels, side, QUARTER, QUARTER, bias=False)
        # [out, dy, dx, ky, kx] -> [out, ky, dy, kx, dx]
        weight = self.conv.weight.detach().unflatten(1, (QUARTER, QUARTER)).permute(0, 3, 1, 4, 2)
        conv.weight = nn.Parameter(weight.reshape(-1, 1, side, side).contiguous())
        return conv


class Student(Network):
    """The network of `annapalm.contract`: five inputs, four outputs, all per pixel.

    The structure enters as constant planes, beside the widefield image and again at 1/16. Batch
    norm uses running averages where it matters, so a constant plane is never subtracted again.
    """

    stride = 16
    """Space-to-depth by 4, then two poolings by 2."""
    smooth: Tensor
    psf: Tensor
    error_apart: bool
    """Whether the error head is kept from pulling on the trunk; off only to measure its reach."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        full, half, deep = config.widths
        self.stem: nn.Module = CountsStem(full)
        self.side = nn.Conv2d(3 + config.structures, full, 3, padding=1)
        # Counts are sparse: without a norm here the finest features start a hundred times smaller
        # than those that come up from below, and are learned slowly.
        self.enter_norm: nn.Module = nn.BatchNorm2d(full, momentum=0.02)
        self.enter = _convs(full, config.enter_convs)
        self.down1 = nn.Sequential(nn.MaxPool2d(2), _conv(full, half), _conv(half, half))
        self.down2 = nn.Sequential(nn.MaxPool2d(2), _conv(half, deep))
        self.structure_deep = nn.Conv2d(config.structures, deep, 1, bias=False)
        self.deep = nn.Sequential(*(Residual(deep) for _ in range(config.deep_blocks)))
        self.to_half = nn.Conv2d(deep, half, 1)
        self.up1 = _convs(half, config.up_half_convs)
        self.to_full = nn.Conv2d(half, full, 1)
        self.up2 = _convs(full, config.up_full_convs)
        self.dense_head = nn.Conv2d(full, QUARTER**2, 1)
        self.background_head = nn.Conv2d(deep, 1, 1)
        self.error_head = nn.Sequential(
            nn.Conv2d(full, config.error_width, 1),
            nn.ReLU(),
            nn.Conv2d(config.error_width, QUARTER**2, 1),
        )
        with torch.no_grad():  # most of a field is empty
            for head in (self.dense_head, self.background_head):
                torch.nn.init.constant_(head.get_parameter("bias"), -2.0)
        self.error_apart = True
        self._register_calibration(config.structures)
        self.exact = False
        self.register_buffer("smooth", gaussian(2.0), persistent=False)
        self.register_buffer("psf", gaussian(config.psf_sigma_px / QUARTER), persistent=False)

    def forward(
        self,
        counts: Tensor,
        widefield: Tensor,
        widefield_scale: Tensor,
        exposure: Tensor,
        structure: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Compute what `Network.forward` says."""
        many = self.config.looks > 1 and not self.training
        looks = [
            self._look(counts, widefield, widefield_scale, exposure, structure, mirror)
            for mirror in (MIRRORS if many else MIRRORS[:1])
        ]
        dense, error, background = (_mean(maps) for maps in zip(*looks, strict=True))
        estimate = widefield_of(dense, self.psf)
        return dense, error, background, estimate

    def _look(
        self,
        counts: Tensor,
        widefield: Tensor,
        widefield_scale: Tensor,
        exposure: Tensor,
        structure: Tensor,
        mirror: tuple[int, ...],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Draw dense, error and background of the field mirrored along axes, and mirror them back.

        No widefield image of its own is made: that of the mean is wanted.
        """
        counts, widefield = _mirrored(counts, mirror), _mirrored(widefield, mirror)
        x = self.stem(torch.sqrt(nnf.relu(counts - TINY)))
        x = x + self.side(self._side_planes(widefield, widefield_scale, structure))
        x0 = self.enter(nnf.relu(self.enter_norm(x)))
        x1 = self.down1(x0)
        x2 = self.down2(x1)
        x2 = self.deep(x2 + self.structure_deep(_planes(structure, x2)))
        x1 = self.up1(x1 + nnf.interpolate(self.to_half(x2), scale_factor=2.0, mode="nearest"))
        x0 = self.up2(x0 + nnf.interpolate(self.to_full(x1), scale_factor=2.0, mode="nearest"))
        gain = exposure[:, :, None, None]
        of_dense, of_error = self._factors(widefield_scale, structure)
        dense = nnf.pixel_shuffle(_rate(self.dense_head(x0)) * (of_dense * gain), QUARTER)
        # The error head learns from what the trunk knows and never pulls on it: the likelihood
        # alone decides the picture.
        seen = x0.detach() if self.error_apart else x0
        spread = _rate(self.error_head(seen)) * (of_error * gain)
        error = nnf.pixel_shuffle(spread, QUARTER)
        diffuse = _rate(self.background_head(x2))
        diffuse = nnf.interpolate(diffuse, scale_factor=float(QUARTER), mode="nearest")
        background = blur(diffuse, self.smooth) * gain
        return _mirrored(dense, mirror), _mirrored(error, mirror), _mirrored(background, mirror)

    def _side_planes(self, widefield: Tensor, widefield_scale: Tensor, structure: Tensor) -> Tensor:
        """Make what the first convolution sees beside the counts: [N,3+S,H/4,W/4].

        Fixed global scaling only. The widefield image is brought to localizations per quarter
        pixel; its square root (the scale of Poisson noise) and logarithm keep faint and bright
        parts apart.
        """
        light, present = light_per_localization(widefield, widefield_scale)
        faint = self._log1p(100.0 * light) / 4.0
        known = _planes(torch.cat([present, structure], dim=1), light)
        return torch.cat([torch.sqrt(light), faint, known], dim=1)

    def _log1p(self, x: Tensor) -> Tensor:
        """Logarithm of 1 + x for x >= 0.

        ONNX Runtime's float32 Log rounds differently in the vectorised body and in the remainder
        of each thread's share, so that a tile would differ from the whole field in the last bit.
        Through float64 every place rounds alike.
        """
        if not self.exact:
            return torch.log1p(x)
        return torch.log(1.0 + x.double()).to(x.dtype)


def _mirrored(image: Tensor, axes: tuple[int, ...]) -> Tensor:
    return torch.flip(image, axes) if axes else image


def _mean(maps: tuple[Tensor, ...]) -> Tensor:
    """Mean of images, added one after another: the same bits in a tile and in the whole."""
    total = maps[0]
    for image in maps[1:]:
        total = total + image
    return total if len(maps) == 1 else total * (1.0 / len(maps))


def light_per_localization(widefield: Tensor, widefield_scale: Tensor) -> tuple[Tensor, Tensor]:
    """Bring a widefield image [N,1,H/4,W/4] to localizations per quarter pixel, 0 where absent.

    Also returns [N,1], 1 where there is a widefield image and else 0.
    """
    present = (widefield_scale > 0).to(widefield.dtype)
    gain = present / torch.where(widefield_scale > 0, widefield_scale, 1.0)
    return nnf.relu(widefield - TINY) * gain[:, :, None, None], present


def widefield_of(dense: Tensor, psf: Tensor) -> Tensor:
    """Make the contract's `widefield_estimate` [N,1,H/4,W/4] from `dense` [N,1,H,W]."""
    return blur(nnf.avg_pool2d(dense, QUARTER) * QUARTER**2, psf)


def _planes(values: Tensor, like: Tensor) -> Tensor:
    """Spread values [N,C] over images [N,C,H,W] of the size of `like`."""
    return values[:, :, None, None].expand(-1, -1, like.shape[2], like.shape[3])


def _rate(log: Tensor) -> Tensor:
    """Turn what a head says into a rate > 0: its logarithm below 1 per pixel, linear above.

    As softplus, but of operations that every runtime rounds alike wherever in the image.
    """
    x = log - LOG_OFFSET
    return torch.exp(torch.clamp(x, LEAST_LOG, 0.0)) + nnf.relu(x)


def gaussian(sigma_px: float) -> Tensor:
    """Make a normalised Gaussian as a convolution weight [1,1,1,K], cut at 3.5 sigma."""
    radius = math.ceil(3.5 * sigma_px)
    axis = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma_px) ** 2)
    return (axis / axis.sum())[None, None, None]


def blur(image: Tensor, axis: Tensor) -> Tensor:
    """Blur [N,1,H,W] with a kernel of `gaussian` along x, then along y; outside is 0.

    Of one two-dimensional kernel ONNX Runtime would make a matrix product, whose order of
    summation depends on the size of the image.
    """
    reach = axis.shape[-1] // 2
    along_x = nnf.conv2d(image, axis, padding=(0, reach))
    return nnf.conv2d(along_x, axis.transpose(2, 3), padding=(reach, 0))
