"""Simulated acquisitions with known truth: filaments, labels, photophysics, widefield image."""

from __future__ import annotations

from annapalm_export.simulate.scene import Scene, SceneOptions, simulate_scene

__all__ = ["Scene", "SceneOptions", "simulate_scene"]
