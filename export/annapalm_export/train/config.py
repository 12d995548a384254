"""The recipe of a training run, read from a TOML file."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from types import UnionType
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from annapalm.errors import AnnaPalmError, InvalidValueError
from annapalm_export.simulate import SceneOptions
from annapalm_export.train.dataset import DataConfig
from annapalm_export.train.losses import LossConfig
from annapalm_export.train.network import NetworkConfig
from annapalm_export.train.networks import network_stride

if TYPE_CHECKING:
    from pathlib import Path


class RecipeError(AnnaPalmError, ValueError):
    """A recipe names something that does not exist or gives a value of the wrong kind."""

    def __init__(self, path: Path | str, section: str, problem: str) -> None:
        super().__init__(f"{path}, section [{section}]: {problem}. Correct the recipe.")


@dataclass(frozen=True, slots=True)
class OptimizerConfig:
    """How the weights are moved."""

    steps: int = 12_000
    warmup_steps: int = 200
    learning_rate: float = 2e-3
    """Peak; falls to 1 % of it along a cosine."""
    weight_decay: float = 1e-4
    clip_norm: float = 1.0
    average: float = 0.999
    """Decay of the exponential moving average of the weights; the average is what is released."""
    frozen_norms: bool = False
    """Keep the moments that batch norms begin with, so that what is trained is what is used. For
    runs that go on from trained weights (`--start`): others have none yet."""
    seed: int = 1


@dataclass(frozen=True, slots=True)
class OutputConfig:
    """What a run writes while it works."""

    log_every: int = 50
    checkpoint_every: int = 500
    preview_every: int = 1000
    workers: int = 1
    """Processes that simulate beside the training."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides a training run."""

    name: str = "microtubule"
    data: DataConfig = field(default_factory=DataConfig)
    scene: SceneOptions = field(default_factory=SceneOptions)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    output: OutputConfig = field(default_factory=OutputConfig)

    def __post_init__(self) -> None:
        """Check what concerns two sections: structures, and crops that the network can take."""
        if self.network.structures != len(self.data.structures):
            must = f"{len(self.data.structures)}, as many as the data's"
            raise InvalidValueError("network.structures", self.network.structures, must)
        stride = network_stride(self.network)
        if self.data.crop_px % stride:
            must = f"a multiple of {stride} for this network"
            raise InvalidValueError("data.crop_px", self.data.crop_px, must)


_SECTIONS: dict[str, type[Any]] = {
    "data": DataConfig,
    "scene": SceneOptions,
    "network": NetworkConfig,
    "loss": LossConfig,
    "optimizer": OptimizerConfig,
    "output": OutputConfig,
}


def read_recipe(path: Path) -> Recipe:
    """Read a recipe; a key that is left out keeps its default.

    Raises `RecipeError` for an unknown section or key and for a value of the wrong kind.
    """
    try:
        text = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise RecipeError(path, "-", f"this is not TOML ({problem})") from problem
    name = text.pop("name", Recipe().name)
    if not isinstance(name, str):
        raise RecipeError(path, "-", "'name' must be text")
    sections: dict[str, Any] = {}
    for section, values in text.items():
        if section not in _SECTIONS or not isinstance(values, dict):
            raise RecipeError(path, section, f"known sections are {', '.join(_SECTIONS)}")
        sections[section] = _build(path, section, values)
    if "structure" in text.get("scene", {}):
        raise RecipeError(path, "scene", "'structure' is said by 'structures' in [data]")
    network = sections.get("network", NetworkConfig())
    if "structures" in text.get("network", {}):
        raise RecipeError(path, "network", "'structures' follows from 'structures' in [data]")
    number = len(sections.get("data", DataConfig()).structures)
    sections["network"] = dataclasses.replace(network, structures=number)
    try:
        return Recipe(name=name, **sections)
    except InvalidValueError as problem:
        raise RecipeError(path, "-", str(problem).rstrip(".")) from problem


def _build(path: Path, section: str, values: dict[str, Any]) -> object:
    kind = _SECTIONS[section]
    hints = get_type_hints(kind)
    known = [f.name for f in dataclasses.fields(kind)]
    checked = {}
    for key, value in values.items():
        if key not in known:
            raise RecipeError(path, section, f"'{key}' is unknown; known are {', '.join(known)}")
        given = tuple(value) if isinstance(value, list) else value
        wanted = _plain_type(hints[key])
        if wanted is float and type(given) is int:
            given = float(given)
        if type(given) is not wanted:
            raise RecipeError(path, section, f"'{key}' is {value!r}, not {wanted.__name__}")
        checked[key] = given
    try:
        return kind(**checked)
    except InvalidValueError as problem:
        raise RecipeError(path, section, str(problem).rstrip(".")) from problem


def _plain_type(hint: Any) -> type[Any]:  # noqa: ANN401 - an annotation can be anything
    """Reduce `tuple[float, float]` to tuple and `float | None` to float."""
    origin = get_origin(hint)
    plain: type[Any] = get_args(hint)[0] if origin is UnionType else origin or hint
    return plain
