"""Which seeds simulate what: disjoint, so that nothing is scored on what it was trained on."""

from __future__ import annotations

from annapalm.errors import AnnaPalmError

VALIDATION_SEEDS = range(1_000_000, 1_000_012)
"""Scenes on which training is watched and choices are made."""
THRESHOLD_SEEDS = range(1_100_000, 1_100_100)
"""Scenes on which each method's skeleton threshold is chosen."""
CALIBRATION_SEEDS = range(2_000_000, 2_000_400)
"""Scenes on which the error map of a trained network is calibrated."""
DOMAIN_SEEDS = range(2_500_000, 2_505_000)
"""Scenes from which the runtime learns what simulated fields look like."""
EVALUATION_SEEDS = range(3_000_000, 3_001_000)
"""Scenes that give the figures of a release; looked at by nothing else."""
TRAINING_SEEDS_FROM = 10_000_000
"""Scenes of training have seeds from here on."""


class TooFewSeedsError(AnnaPalmError, ValueError):
    """More fields are asked for than scenes hold enough localizations for."""

    def __init__(self, found: str) -> None:
        super().__init__(f"The seeds set aside for it give only {found}. Ask for fewer fields.")
