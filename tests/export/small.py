"""A recipe small enough to train in seconds, for tests."""

from __future__ import annotations

from annapalm_export.simulate import SceneOptions
from annapalm_export.train.config import OptimizerConfig, OutputConfig, Recipe
from annapalm_export.train.dataset import DataConfig
from annapalm_export.train.network import NetworkConfig

SMALL = Recipe(
    name="small",
    data=DataConfig(crop_px=64, batch=2, pool=2, crops_per_scene=4),
    scene=SceneOptions(field_um=4.0, frames=2000, amount_per_um2=3.0),
    network=NetworkConfig(widths=(16, 16, 16), deep_blocks=1, error_width=8),
    optimizer=OptimizerConfig(steps=4, warmup_steps=1, learning_rate=1e-3),
    output=OutputConfig(log_every=2, checkpoint_every=2, preview_every=4, workers=0),
)
